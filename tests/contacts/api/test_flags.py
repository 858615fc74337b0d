"""`dry_run`, `erase` and `explain`: what changes the meaning of a call."""

from typing import Any
from uuid import UUID

import pytest
from django.apps import apps
from pytest_django import DjangoAssertNumQueries

from accounts.actor import SYSTEM
from accounts.models import Account
from contacts.models import Contact
from contacts.services import erasure, splits
from tests import factories
from tests.system import System

pytestmark = pytest.mark.django_db

VALUES = {"email": "jan@example.com", "firstName": "Jan"}
WRITES: list[tuple[str, str, Any]] = [
    ("POST", "/contacts", {"external_id": "2", "values": {"email": "new@example.com"}}),
    ("POST", "/contacts", {"external_id": "1", "values": {"firstName": "Piet"}}),
    ("PUT", "/contacts/1", {"values": {"firstName": "Piet"}}),
    ("PATCH", "/contact?external_id=1", {"values": {"firstName": None}}),
    ("DELETE", "/contacts/1", None),
    ("DELETE", "/contacts/own?erase=true", None),
    ("POST", "/batch", {"records": [{"external_id": "1", "values": {"firstName": "Piet"}}, {"external_id": ""}]}),
]


@pytest.fixture
def account() -> Account:
    return factories.AccountFactory.create()


@pytest.fixture
def crm(account: Account) -> System:
    return System(factories.authentication_for(account, system="CRM"))


@pytest.fixture
def shop(account: Account, crm: System) -> System:
    return System(factories.authentication_for(account, factories.id_field(account), system="Shop"))


def all_rows() -> dict[str, list[Any]]:
    """Every row of every table that a write could touch."""
    models = [*apps.get_app_config("contacts").get_models(), *apps.get_app_config("accounts").get_models()]
    return {model._meta.label: list(model._base_manager.order_by("pk").values()) for model in models}


def without_ids(answer: Any) -> tuple[int, Any]:
    """Status and body, instants and the ids of new contacts aside."""
    body = answer.json() if answer.content else None
    for part in [body, *(body or {}).get("results", [])]:
        contact = (part or {}).get("contact")
        if isinstance(contact, dict):
            for name in ("id", "created_at", "updated_at"):
                contact.pop(name)
    return answer.status_code, body


@pytest.mark.parametrize(("method", "path", "body"), WRITES)
def test_a_dry_run_answers_as_the_real_call_and_writes_nothing(
    crm: System, shop: System, method: str, path: str, body: Any
) -> None:
    crm.send("1", **VALUES)
    crm.send("own", email="own@example.com")
    shop.send("1", email="jan@example.com", city="Ede")
    before = all_rows()
    dry = crm.call(method, f"{path}{'&' if '?' in path else '?'}dry_run=true", body)
    assert all_rows() == before
    real = crm.call(method, path, body)
    assert without_ids(dry) == without_ids(real)
    assert all_rows() != before


@pytest.mark.parametrize("query", ["dry_run=yes", "dry_run=", "dry_run=true&dry_run=true", "dry_run=True"])
def test_a_flag_says_true_or_false_once(crm: System, query: str) -> None:
    answer = crm.call("POST", f"/contacts?{query}", {"external_id": "1", "values": {}})
    assert answer.status_code == 422
    assert answer.json()["errors"] == [
        {
            "pointer": "dry_run",
            "code": "invalid_choice",
            "detail": "Write dry_run=true or dry_run=false, once, or leave it out.",
        }
    ]
    assert not Contact.all_accounts.exists()
    assert crm.call("POST", "/contacts?dry_run=false", {"external_id": "1", "values": {}}).status_code == 201


def test_a_contact_explains_itself(account: Account, crm: System, shop: System) -> None:
    crm.send("1", **VALUES)
    answer = shop.call("POST", "/contacts", {"external_id": "W-7", "values": VALUES | {"firstName": "J."}})
    request_id = answer["X-Request-Id"]
    contact = answer.json()["contact"]
    splits.edit(account=account, contact_id=UUID(contact["id"]), values={"city": "Ede"}, by=SYSTEM)

    explained = crm.call("GET", "/contacts/1?explain=true").json()["explanation"]

    first = explained["values"]["firstName"]
    assert first["written_by"] == {"id_field": "webshopCustomerId", "external_id": "W-7"}
    assert first["matched_by"] == {"rule_set": 1, "rule": 1, "fields": ["email"]}
    assert (first["request_id"], first["authentication"]) == (request_id, str(shop.issued.authentication.pk))
    assert first["replaced"]["written_by"] == {"id_field": "externalCustomerId", "external_id": "1"}
    email = explained["values"]["email"]
    assert email["written_by"]["external_id"] == "1"
    assert [each["written_by"]["external_id"] for each in email["also_sent_by"]] == ["W-7"]
    assert explained["values"]["city"]["written_by"] == {"person": "system"}
    linked = {each["external_id"]: each["matched_by"] for each in explained["external_ids"]}
    assert linked == {"1": None, "W-7": first["matched_by"]}
    assert "explanation" not in crm.find("1")


def test_an_explanation_costs_the_same_however_many_systems_wrote(
    crm: System, shop: System, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    crm.send("1", **VALUES)
    for _ in range(2):
        with django_assert_num_queries(9):
            assert crm.call("GET", "/contacts/1?explain=true").status_code == 200
        shop.send("1", **VALUES)
        shop.send("1", email="jan@example.com", city="Ede")


def test_a_system_erases_its_own_contact_and_may_send_it_again(crm: System, shop: System) -> None:
    crm.send("1", **VALUES)
    shop.send("1", email="jan@example.com")
    refused = crm.call("DELETE", "/contacts/1?erase=true")
    assert (refused.status_code, refused.json()["code"]) == (409, "linked_elsewhere")
    assert shop.call("DELETE", "/contacts/1").status_code == 204
    assert crm.call("DELETE", "/contacts/1?erase=true").status_code == 204
    assert crm.call("GET", "/contacts/1").status_code == 404
    assert crm.send("1", **VALUES)["outcome"] == "created"


def test_what_a_person_erased_is_gone_for_every_write(account: Account, crm: System) -> None:
    contact = crm.send("1", **VALUES)["contact"]
    erasure.erase(account=account, contact_id=UUID(contact["id"]), by=SYSTEM)
    body = {"external_id": "1", "values": VALUES}
    calls = [("POST", "/contacts"), ("PUT", "/contacts/1"), ("PATCH", "/contacts/1"), ("DELETE", "/contacts/1")]
    for method, path in [*calls, ("DELETE", "/contacts/1?erase=true")]:
        answer = crm.call(method, path, body if method != "DELETE" else None)
        assert (answer.status_code, answer.json()["code"]) == (410, "contact_erased"), (method, path)
    (result,) = crm.batch([body])
    assert (result["status"], result["problem"]["code"]) == (410, "contact_erased")
    assert crm.call("GET", "/contacts/1").status_code == 404
