"""`If-Match` and `atomic`: writes that are made only if something else is so."""

from typing import Any
from uuid import UUID

import pytest

from accounts.actor import SYSTEM
from accounts.models import Account, AuditEvent
from contacts.models import Change, Contact, ExternalId, Write
from contacts.services import erasure
from tests import factories
from tests.system import System

pytestmark = pytest.mark.django_db

VALUES = {"values": {"firstName": "Piet"}}
WRITES = [
    ("POST", "/contacts", {"external_id": "1", **VALUES}),
    ("PUT", "/contacts/1", VALUES),
    ("PATCH", "/contact?external_id=1", VALUES),
    ("DELETE", "/contacts/1", None),
    ("DELETE", "/contacts/1?erase=true", None),
]


@pytest.fixture
def account() -> Account:
    return factories.AccountFactory.create()


@pytest.fixture
def crm(account: Account) -> System:
    return System(factories.authentication_for(account, system="CRM"))


def rows() -> list[Any]:
    models = (Contact, ExternalId, Change, Write, AuditEvent)
    return [list(model._base_manager.order_by("pk").values()) for model in models]


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


@pytest.mark.parametrize(("method", "path", "body"), WRITES)
def test_a_stale_version_is_refused_and_nothing_is_written(crm: System, method: str, path: str, body: Any) -> None:
    crm.send("1", firstName="Jan")
    crm.send("1", firstName="Joan")
    before = rows()
    for stale in ('"1"', '"3"', '"1", "3"', 'W/"2"', '"x"', f'"{"2" * 30}"', '""'):
        answer = crm.call(method, path, body, {"If-Match": stale})
        assert code(answer) == (412, "version_mismatch"), stale
        assert answer["Content-Type"] == "application/problem+json"
    assert rows() == before


@pytest.mark.parametrize("good", ['"2"', '"1", "2"', '"1" ,W/"2","2"', " * "])
@pytest.mark.parametrize(("method", "path", "body"), WRITES)
def test_the_version_that_the_contact_has_is_accepted(
    crm: System, method: str, path: str, body: Any, good: str
) -> None:
    crm.send("1", firstName="Jan")
    crm.send("1", firstName="Joan")
    assert crm.call("GET", "/contacts/1")["ETag"] == '"2"'
    assert crm.call(method, path, body, {"If-Match": good}).status_code in {200, 204}


@pytest.mark.parametrize("method_path", [("POST", "/contacts"), ("PUT", "/contacts/1")])
def test_a_contact_that_is_not_there_has_no_version(crm: System, method_path: tuple[str, str]) -> None:
    method, path = method_path
    body = {"external_id": "1", **VALUES}
    for wanted in ("*", '"1"'):
        assert code(crm.call(method, path, body, {"If-Match": wanted})) == (412, "version_mismatch")
    assert not Contact.all_accounts.exists()


def test_other_refusals_come_first(account: Account, crm: System) -> None:
    stale = {"If-Match": '"7"'}
    assert code(crm.call("PATCH", "/contacts/1", VALUES, stale)) == (404, "contact_not_found")
    assert code(crm.call("DELETE", "/contacts/1", None, stale)) == (404, "contact_not_found")
    contact = crm.send("1", firstName="Jan")["contact"]
    erasure.erase(account=account, contact_id=UUID(contact["id"]), by=SYSTEM)
    assert code(crm.call("PUT", "/contacts/1", VALUES, stale)) == (410, "contact_erased")


@pytest.mark.parametrize("wrong", ["2", '"2', "", '"1" "2"', "*, *"])
def test_an_etag_that_is_none_is_named(crm: System, wrong: str) -> None:
    crm.send("1", firstName="Jan")
    answer = crm.call("PATCH", "/contacts/1", VALUES, {"If-Match": wrong})
    assert [(each["pointer"], each["code"]) for each in answer.json()["errors"]] == [("If-Match", "invalid_etag")]


def test_an_atomic_batch_is_written_whole(crm: System) -> None:
    records = [{"external_id": str(number), **VALUES} for number in range(3)]
    answer = crm.call("POST", "/batch?atomic=true", {"records": records})
    assert answer.status_code == 200
    assert [each["status"] for each in answer.json()["results"]] == [201] * 3
    assert Contact.all_accounts.count() == 3


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"external_id": "", "values": {}}, 422),
        ({"external_id": "9", "values": {}, "link_to": "01a20932-16f4-773f-881d-da8cb245f306"}, 404),
    ],
)
def test_an_atomic_batch_with_a_refused_record_writes_nothing(crm: System, wrong: dict[str, Any], status: int) -> None:
    crm.send("1", firstName="Jan")
    before = rows()
    records = [{"external_id": "1", **VALUES}, wrong, {"external_id": "2", **VALUES}]
    answer = crm.call("POST", "/batch?atomic=true", {"records": records})
    assert answer.status_code == 207
    results = answer.json()["results"]
    assert [(each["index"], each["status"]) for each in results] == [(0, 409), (1, status), (2, 409)]
    assert [each["problem"]["code"] == "batch_refused" for each in results] == [True, False, True]
    assert rows() == before
    assert crm.call("POST", "/batch?atomic=false", {"records": records}).status_code == 207
    assert rows() != before
