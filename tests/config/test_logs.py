"""What the logs say, and what they must never say. The lines are made by a process with the settings of each kind."""

import json
import logging
import tempfile
from pathlib import Path

import pytest
from django.db import IntegrityError, transaction

from accounts.models import User
from integrations import credentials
from tests import leaks
from tests.config.environment import PRODUCTION, run
from tests.factories import UserFactory

# A site with one page that fails while a secret is in a local variable and in the error's own message
SITE = """
import sys, django, types
from django.http import HttpResponse
from django.urls import path
django.setup()

def fails(request, external_id):
    held = sys.argv[1]
    raise ValueError("could not use " + held)

def works(request, external_id):
    import logging, structlog
    logging.getLogger("some.library").warning("library says %s", sys.argv[1])
    structlog.get_logger("concord").info("ours", value=sys.argv[1])
    return HttpResponse("fine")

def says(status):
    return lambda request, *arguments, **more: HttpResponse(status=status)

urls = types.ModuleType("urls")
urls.handler404, urls.handler500 = says(404), says(500)
urls.urlpatterns = [path("fails/<external_id>", fails), path("works/<external_id>", works)]
sys.modules["urls"] = urls
from django.conf import settings
from django.test import Client
settings.ROOT_URLCONF = "urls"
host = "concord.example.com" if settings.PRODUCTION else "localhost"
client = Client(raise_request_exception=False, headers={"host": host})
for page in ("works/jan%40example.com", "fails/jan%40example.com", "nowhere/jan%40example.com"):
    client.get("/" + page + "?secret=" + sys.argv[1], secure=True, headers={
        "authorization": "Token ck_x:" + sys.argv[1], "x-request-id": "request-" + page[:5]})
"""


@pytest.fixture(scope="module")
def secret() -> str:
    return credentials.issue({1: b"x" * 32}).secret


def lines(environment: dict[str, str], secret: str) -> list[str]:
    with tempfile.TemporaryDirectory() as empty:
        more = {"DJANGO_SETTINGS_MODULE": "config.settings", "STATIC_ROOT": empty}
        done = run("-c", SITE, secret, environment=environment | more)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    return done.stderr.splitlines()


def test_production_logs_one_json_object_a_line(secret: str) -> None:
    events = [json.loads(line) for line in lines(PRODUCTION, secret)]
    assert [event["event"] for event in events] == [
        "library says cs_…",
        "ours",
        "request_finished",
        "request_failed",
        "request_finished",
    ]
    assert [event["request_id"] for event in events] == ["request-works"] * 3 + ["request-fails", "request-nowhe"]
    assert [event.get("request") for event in events[2:]] == [
        "GET /works/<external_id>",
        "GET /fails/<external_id>",
        "GET (no route)",
    ]
    assert [event.get("code") for event in events[2:]] == [200, 500, 404]
    assert events[2]["milliseconds"] >= 0
    assert all(event["timestamp"].endswith("Z") and event["logger"] for event in events)


def test_a_failure_is_logged_with_its_trace(secret: str) -> None:
    failed = next(json.loads(line) for line in lines(PRODUCTION, secret) if "request_failed" in line)
    assert failed["level"] == "error"
    assert "Traceback (most recent call last)" in failed["exception"]
    assert "in fails" in failed["exception"]
    assert "ValueError: could not use cs_…" in failed["exception"]


@pytest.mark.parametrize("production", [True, False])
def test_neither_secrets_nor_headers_nor_external_ids_are_logged(production: bool, secret: str, tmp_path: Path) -> None:
    written = "\n".join(lines(PRODUCTION if production else {"LOCAL_DIR": str(tmp_path)}, secret))
    assert "request_failed" in written
    for word in (secret, secret[3:], "ck_x", "Token ", "jan@", "jan%40", "concord.example.com"):
        assert word not in written, word


def test_locally_a_failure_is_readable(secret: str, tmp_path: Path) -> None:
    written = lines({"LOCAL_DIR": str(tmp_path)}, secret)
    assert not any(line.startswith("{") for line in written)
    assert any("request_failed" in line for line in written)
    assert "Traceback (most recent call last):" in written


@pytest.mark.django_db
def test_the_row_that_a_database_error_quotes_is_left_out() -> None:
    user = UserFactory.create()
    with leaks.LogBook() as book:
        try:
            with transaction.atomic():
                User.objects.create(email=user.email)
        except IntegrityError:
            logging.getLogger("concord").exception("could not")
    written = next(line for line in book.lines if line.startswith("{") and "could not" in line)
    assert "IntegrityError" in json.loads(written)["exception"]
    assert user.email not in written
