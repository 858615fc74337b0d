"""What load balancers and monitoring hear."""

import json
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.actor import SYSTEM
from integrations.models import Authentication
from integrations.services import authentications
from tests.config.environment import PRODUCTION, run
from tests.factories import AccountFactory, authentication_for

ASK = """
import django, sys; django.setup()
from django.test import Client
for path in sys.argv[1:]:
    response = Client().get(path, headers={"host": "concord.example.com"})
    print(response.status_code, response.content.decode())
"""


@pytest.fixture
def live(db: None) -> Authentication:
    """A live authentication under pepper 1, which the tests' settings have."""
    issued = authentication_for(AccountFactory.create())
    return issued.authentication


def test_a_living_process_says_so_without_asking_the_database(client: Client) -> None:
    response = client.get("/healthz")  # any query would fail here: the test has no database
    assert (response.status_code, response.json()) == (200, {"status": "ok"})
    assert "no-store" in response["Cache-Control"]


@pytest.mark.usefixtures("live")
def test_it_is_ready_with_a_database_all_migrations_and_all_peppers(
    client: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    client.get("/readyz")
    with django_assert_max_num_queries(3):
        response = client.get("/readyz")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


@pytest.mark.usefixtures("live")
def test_a_missing_pepper_is_named_by_its_number(client: Client, settings: Settings) -> None:
    settings.API_KEY_PEPPERS = {7: b"x" * 32}
    response = client.get("/readyz")
    assert response.status_code == 503
    assert "lacks number 1" in response.json()["problems"][0]
    with pytest.raises(SystemCheckError, match="lacks number 1"):
        call_command("check", database=["default"])


def test_a_pepper_that_only_revoked_authentications_need_is_not_missed(
    client: Client, settings: Settings, live: Authentication
) -> None:
    authentications.revoke(authentication=live, by=SYSTEM)
    settings.API_KEY_PEPPERS = {7: b"x" * 32}
    assert client.get("/readyz").status_code == 200
    call_command("check", database=["default"])


def test_the_pepper_of_an_old_secret_is_missed_until_its_grace_ends(
    client: Client, settings: Settings, live: Authentication
) -> None:
    settings.API_KEY_PEPPERS = {**settings.API_KEY_PEPPERS, 7: b"x" * 32}
    authentications.rotate(authentication=live, secret_version=1, by=SYSTEM)
    settings.API_KEY_PEPPERS = {7: b"x" * 32}
    assert "lacks number 1" in client.get("/readyz").json()["problems"][0]
    authentications.end_grace(authentication=live, by=SYSTEM)
    assert client.get("/readyz").status_code == 200


@pytest.mark.django_db
def test_an_unapplied_migration_is_not_ready(client: Client) -> None:
    MigrationRecorder(connection).record_unapplied("integrations", "0003_catalogue")
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json()["problems"] == ["Migrations to apply: 1. Run: manage.py migrate"]


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_only_reading_is_allowed(client: Client, path: str) -> None:
    assert client.post(path).status_code == 405


def test_without_a_database_it_is_alive_and_not_ready_and_keeps_the_password_to_itself(tmp_path: Path) -> None:
    environment = PRODUCTION | {
        "DATABASE_URL": f"sqlite:///{tmp_path}/missing/concord.sqlite3",
        "STATIC_ROOT": str(tmp_path),
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }
    manifest = {"version": "1.1", "paths": {"css/some.css": "css/some.css"}, "hash": ""}
    (tmp_path / "staticfiles.json").write_text(json.dumps(manifest))
    done = run("-c", ASK, "/healthz", "/readyz", environment=environment)
    assert done.returncode == 0, done.stderr
    alive, ready = done.stdout.splitlines()
    assert alive == '200 {"status": "ok"}'
    assert ready.startswith("503 ")
    assert json.loads(ready[4:])["problems"] == ["The database can't be reached."]


def test_without_static_files_production_is_not_ready(tmp_path: Path) -> None:
    environment = PRODUCTION | {"STATIC_ROOT": str(tmp_path), "DJANGO_SETTINGS_MODULE": "config.settings"}
    done = run("-c", ASK, "/readyz", environment=environment)
    assert done.returncode == 0, done.stderr
    assert "Run: manage.py collectstatic" in done.stdout
