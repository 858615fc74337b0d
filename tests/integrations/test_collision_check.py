"""Before a second system is linked: what its numbers and addresses would meet."""

import re
from typing import Any

import pytest
from django.apps import apps
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.actor import SYSTEM
from contacts.services import rules
from contacts.services.rules import Draft
from tests.conftest import Cast, SignIn
from tests.factories import authentication_for, id_field
from tests.integrations.pages import error_of, path
from tests.system import System

pytestmark = pytest.mark.django_db

SAMPLE = """Klantnummer;E-mailadres
1001;new@example.com
1002;jan@example.com
W-1;twins@example.com
W-2;new@example.com

1002;jan@example.com
W-3;
;lost@example.com
W-4;nobody
W-5;a;b
"""


@pytest.fixture
def crm(cast: Cast) -> System:
    crm = System(authentication_for(cast.account, system="CRM"))
    crm.send("1001", email="jan@example.com")
    crm.send("1002", email="twins@example.com")
    crm.send("1003", email="twins@example.com")
    return crm


@pytest.fixture
def admin(cast: Cast, sign_in: SignIn) -> Client:
    return sign_in(cast.admin)


def check(client: Client, cast: Cast, sample: str = SAMPLE, **more: Any) -> Any:
    return client.post(path("collision-check", cast.account), {"sample": sample, **more})


def row_counts() -> dict[str, int]:
    return {model._meta.label: model._base_manager.count() for model in apps.get_models()}


def text_of(answer: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


@pytest.mark.usefixtures("crm")
def test_it_counts_what_a_sample_would_meet_and_writes_nothing(
    admin: Client, cast: Cast, capfd: pytest.CaptureFixture[str]
) -> None:
    admin.get(path("collision-check", cast.account))
    before = row_counts()
    assert before["contacts.Contact"] == 3
    with CaptureQueriesContext(connection) as queries:
        answer = check(admin, cast)
    assert answer.status_code == 200
    assert row_counts() == before
    writing = [each["sql"] for each in queries if not each["sql"].lstrip().startswith(("SELECT", "WITH"))]
    assert writing == []
    found = answer.context["found"]
    assert [(field.name, count) for field, count in found.equal] == [("externalCustomerId", 2)]
    assert (found.records, found.linked, found.again) == (6, [(1, 1)], 1)
    # W-1 finds two contacts, W-2 the one that 1001 made, and 1001 and W-3 are new.
    assert (found.ambiguous, found.id_conflicts, found.created, found.rejects) == (1, 1, 2, False)
    assert [number for number, _ in found.unreadable] == [9, 10, 11]
    said = text_of(answer)
    assert "CRM 2 of 6 equal" in said
    assert "An extra id field is needed" in said
    assert f"{path('request-new', cast.account)}?kind=id_field" in answer.content.decode()
    assert answer["Cache-Control"] == "no-store"
    assert "jan@example.com" not in capfd.readouterr().err


@pytest.mark.usefixtures("crm")
def test_a_free_id_field_is_named_and_a_used_one_is_not_free(admin: Client, cast: Cast) -> None:
    id_field(cast.account, "webshopCustomerId")
    said = text_of(check(admin, cast, "77, someone@example.com"))
    assert "None of the numbers is in use by another system." in said
    assert "webshopCustomerId is free for this system" in said


@pytest.mark.usefixtures("crm")
def test_what_the_rules_refuse_is_counted_as_that(admin: Client, cast: Cast) -> None:
    rules.publish(account=cast.account, draft=Draft(rules=(("email",),), policy="reject"), by=SYSTEM)
    found = check(admin, cast).context["found"]
    assert (found.ambiguous, found.id_conflicts, found.rejects) == (1, 1, True)


@pytest.mark.usefixtures("crm")
def test_each_line_may_have_its_own_delimiter(admin: Client, cast: Cast) -> None:
    found = check(admin, cast, "Number;E-mail\n1001,new@example.com\n1002\tother@example.com\n7;x@example.com").context[
        "found"
    ]
    assert [count for _, count in found.equal] == [2]
    assert (found.records, found.unreadable) == (3, [])


def test_a_file_does_as_well(admin: Client, cast: Cast) -> None:
    body = "\ufeffnumber,email\n1,a@example.com\n".encode()
    found = check(admin, cast, "", file=SimpleUploadedFile("s.csv", body)).context["found"]
    assert (found.records, found.created, found.equal) == (1, 1, [])


@pytest.mark.parametrize(
    ("sample", "reason"),
    [
        ("", "Paste some lines, or choose a file."),
        ("number;email", "Paste some lines"),
        ("1;a;b", "Line 1: Write a number and an e-mail address"),
        ("\n".join(map(str, range(5002))), "Send at most 5,000 lines"),
        ("\x00", "Null characters are not allowed."),
    ],
)
def test_what_is_no_sample_is_refused(sample: str, reason: str, admin: Client, cast: Cast) -> None:
    answer = check(admin, cast, sample)
    assert answer.status_code == 422
    assert reason in error_of("sample", answer.content.decode()).replace("&#x27;", "'")


def test_a_file_that_is_too_large_or_no_text_is_refused(admin: Client, cast: Cast) -> None:
    for body, reason in ((b"1" * 1_000_001, "larger than 1 MB"), (b"\x81\x8d", "no text in UTF-8")):
        answer = check(admin, cast, "", file=SimpleUploadedFile("s.csv", body))
        assert (answer.status_code, reason in text_of(answer)) == (422, True)
