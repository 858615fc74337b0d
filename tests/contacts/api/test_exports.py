"""POST /exports: all contacts of an account as a file, behind a link that expires."""

import csv
import io
import json
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from accounts.actor import SYSTEM
from accounts.models import Account, AuditEvent
from contacts.models import Contact, FilePart, Job
from contacts.services import exports, fields, files, jobs, merges
from tests import factories
from tests.system import System
from tests.work import work

pytestmark = pytest.mark.django_db


@pytest.fixture
def account() -> Account:
    return factories.AccountFactory.create()


@pytest.fixture
def crm(account: Account) -> System:
    return System(factories.authentication_for(account, system="CRM"))


@pytest.fixture
def shop(account: Account, crm: System) -> System:
    return System(factories.authentication_for(account, factories.id_field(account), system="Shop"))


def exported(system: System, query: str = "") -> Any:
    """What has become of an export in the end."""
    answer = system.call("POST", f"/exports{query}")
    assert answer.status_code == 202, answer.json()
    assert answer.json()["link"] is None
    assert answer["Location"] == f"/api/v1/exports/{answer.json()['id']}"
    work()
    told = system.call("GET", f"/exports/{answer.json()['id']}").json()
    assert told["state"] == "completed"
    return told


def opened(link: str) -> Any:
    """By somebody who has the link and nothing else."""
    return Client().get(urlsplit(link).path)


def content(link: str) -> str:
    answer = opened(link)
    assert answer.status_code == 200
    return b"".join(answer.streaming_content).decode()


def test_a_csv_has_every_contact_with_its_ids_and_values(account: Account, crm: System, shop: System) -> None:
    one = crm.send("1", email="jan@example.com", firstName="Jan")["contact"]
    two = crm.send("2", firstName="Müller, Piet")["contact"]
    shop.send("W1", email="jan@example.com")
    gone = crm.send("3", firstName="Kees")["contact"]
    merges.merge(account=account, survivor_id=UUID(two["id"]), loser_id=UUID(gone["id"]), by=SYSTEM)
    told = exported(crm)
    text = content(told["link"])
    assert text.startswith("\ufeffid,externalCustomerId,webshopCustomerId,email,")
    rows = {row["id"]: row for row in csv.DictReader(io.StringIO(text.removeprefix("\ufeff")))}
    assert rows.keys() == {one["id"], two["id"]}
    assert (rows[one["id"]]["webshopCustomerId"], rows[one["id"]]["email"]) == ("W1", "jan@example.com")
    assert rows[two["id"]]["externalCustomerId"] == "2; 3"
    assert rows[two["id"]]["firstName"] == "Müller, Piet"
    assert (told["contacts"], told["size"], told["failure"]) == (2, len(text.encode()), None)


def test_ndjson_has_the_contacts_as_the_api_shows_them(crm: System) -> None:
    for number in range(3):
        crm.send(str(number), firstName="Jan")
    lines = content(exported(crm, "?format=ndjson")["link"]).splitlines()
    listed = crm.call("GET", "/contacts").json()["contacts"]
    assert [json.loads(line) for line in lines] == [
        {name: value for name, value in each.items() if name != "external_id"} for each in listed
    ]


def test_no_cell_begins_a_formula(account: Account, crm: System) -> None:
    fields.add_contact_field(account=account, name="age", label="", type="integer", choices=(), by=SYSTEM)
    crm.call("POST", "/contacts", {"external_id": "=1", "values": {"age": -5, "firstName": "=cmd()"}})
    [row] = csv.DictReader(io.StringIO(content(exported(crm)["link"])))
    assert (row["externalCustomerId"], row["age"], row["firstName"]) == ("'=1", "'-5", "'=cmd()")


def test_a_link_expires_and_can_be_had_anew(crm: System) -> None:
    told = exported(crm)
    with time_machine.travel(timezone.now() + timedelta(minutes=61)):
        assert opened(told["link"]).status_code == 404
        anew = crm.call("GET", f"/exports/{told['id']}").json()
        assert opened(anew["link"]).status_code == 200
    assert opened(told["link"][:-1] + "x").status_code == 404


def test_an_account_without_contacts_has_a_csv_with_its_columns_only(crm: System) -> None:
    [header] = content(exported(crm)["link"]).splitlines()
    assert header.startswith("\ufeffid,externalCustomerId,email,")
    assert content(exported(crm, "?format=ndjson")["link"]) == ""


def test_a_suspended_accounts_link_opens_nothing(account: Account, crm: System) -> None:
    told = exported(crm)
    Account.objects.filter(pk=account.pk).update(suspended_at=timezone.now(), suspended_by="test")
    assert opened(told["link"]).status_code == 404


def test_who_exported_and_who_opened_it_stands_in_the_activity(account: Account, crm: System) -> None:
    opened(exported(crm)["link"])
    events = AuditEvent.objects.filter(account_id=account.pk, action__startswith="export.").order_by("pk")
    assert list(events.values_list("action", "actor")) == [
        ("export.started", crm.issued.authentication.key),
        ("export.downloaded", "link"),
    ]


def test_a_file_is_deleted_in_time_and_its_link_with_it(crm: System) -> None:
    told = exported(crm)
    Job.all_accounts.update(ended_at=timezone.now() - timedelta(days=8))
    files.delete_old()
    assert not FilePart.all_accounts.exists()
    assert opened(told["link"]).status_code == 404
    assert crm.call("GET", f"/exports/{told['id']}").json()["link"] is None


def test_another_accounts_contacts_and_exports_are_not_there(crm: System) -> None:
    stranger = System(factories.authentication_for(factories.AccountFactory.create()))
    stranger.send("1", email="jan@example.com")
    told = exported(crm)
    assert "jan@" not in content(told["link"])
    answer = stranger.call("GET", f"/exports/{told['id']}")
    assert (answer.status_code, answer.json()["code"]) == (404, "export_not_found")


def test_an_export_that_is_interrupted_goes_on_where_it_was(crm: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "CHUNK", 2)
    monkeypatch.setattr(files, "PART", 100)
    monkeypatch.setattr(jobs, "FIRST_DELAY", timedelta(0))
    for number in range(7):
        crm.send(str(number), firstName="Jan")
    undisturbed = content(exported(crm)["link"])
    step, calls = jobs.step, []

    def fail_often(**kwargs: Any) -> None:
        calls.append(1)
        if len(calls) % 2:
            raise RuntimeError
        step(**kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(jobs, "step", fail_often)
        disturbed = content(exported(crm)["link"])
    assert disturbed == undisturbed
    assert len(calls) == 10
    assert Contact.all_accounts.count() == 7


def test_an_unknown_format_is_refused(crm: System) -> None:
    answer = crm.call("POST", "/exports?format=xlsx")
    assert [(each["pointer"], each["code"]) for each in answer.json()["errors"]] == [("format", "invalid_choice")]
