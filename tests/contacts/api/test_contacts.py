"""The calls on one contact: what they answer, by which address, and in how many queries."""

import json
from typing import Any
from uuid import UUID

import pytest
from pytest_django import DjangoAssertNumQueries

from accounts.actor import SYSTEM
from accounts.models import Account, AuditEvent
from contacts.models import Contact, ContactBook, ExternalId, Policy, RuleSet, Write
from contacts.services import fields
from tests import factories
from tests.system import System

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


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def forms(own: str) -> tuple[str, str]:
    return f"/contacts/{own}", f"/contact?external_id={own}"


def reject_conflicts(account: Account) -> None:
    RuleSet.objects.for_account(account).update(policy=Policy.REJECT)


def test_a_new_contact_is_created_and_shown_whole(crm: System) -> None:
    answer = crm.call(
        "POST", "/contacts", {"external_id": "1001", "values": {"email": " Jan@example.com ", "infix": ""}}
    )
    assert answer.status_code == 201
    assert answer["ETag"] == '"1"'
    body = answer.json()
    contact = body.pop("contact")
    assert body == {"outcome": "created", "matched_by": None, "warnings": []}
    assert UUID(contact.pop("id")).version == 7
    assert contact.pop("created_at") == contact.pop("updated_at")
    assert contact == {
        "external_id": "1001",
        "external_ids": {"externalCustomerId": ["1001"]},
        "values": {"email": "Jan@example.com"},
        "version": 1,
    }


def test_sending_again_changes_nothing_and_other_values_make_a_version(crm: System) -> None:
    crm.send("1001", firstName="Jan")
    again = crm.call("POST", "/contacts", {"external_id": "1001", "values": {"firstName": "Jan"}})
    assert (again.status_code, again["ETag"]) == (200, '"1"')
    assert (again.json()["outcome"], again.json()["matched_by"]) == ("unchanged", {"external_id": True})
    other = crm.call("POST", "/contacts", {"external_id": "1001", "values": {"firstName": "Johan"}})
    assert (other.json()["outcome"], other["ETag"]) == ("updated", '"2"')


def test_a_rule_links_two_systems_and_each_finds_it_by_its_own_id(crm: System, shop: System) -> None:
    first = crm.send("1001", email="jan@example.com")["contact"]
    linked = shop.call("POST", "/contacts", {"external_id": "1001", "values": {"email": "JAN@example.com"}})
    assert linked.status_code == 200
    assert (linked.json()["outcome"], linked.json()["matched_by"]) == ("linked", {"rule": 1, "fields": ["email"]})
    found = shop.find("1001")
    assert found["id"] == first["id"]
    assert found["external_ids"] == {"externalCustomerId": ["1001"], "webshopCustomerId": ["1001"]}


@pytest.mark.parametrize("text", ["1001", "-7", "0", "-0", "123456789012345678901234567890"])
def test_an_integer_is_taken_as_its_source_text(crm: System, text: str) -> None:
    headers = {"authorization": crm.authorization}
    body = f'{{"external_id":  {text} , "values": {{}}}}'
    sent = crm.client.post("/api/v1/contacts", body, content_type="application/json", headers=headers)
    assert sent.json()["contact"]["external_id"] == text
    assert crm.find(text)["id"] == sent.json()["contact"]["id"]


@pytest.mark.parametrize("form", [0, 1])
def test_put_creates_and_then_empties_what_it_no_longer_sends(crm: System, form: int) -> None:
    path = forms("1001")[form]
    assert crm.call("PUT", path, {"values": {"firstName": "Jan", "city": "Utrecht"}}).status_code == 201
    answer = crm.call("PUT", path, {"external_id": "1001", "values": {"firstName": "Jan"}})
    assert (answer.status_code, answer.json()["outcome"]) == (200, "updated")
    assert answer.json()["contact"]["values"] == {"firstName": "Jan"}


def test_put_leaves_what_others_wrote(crm: System, shop: System) -> None:
    crm.send("1", email="jan@example.com", city="Utrecht")
    shop.send("2", email="jan@example.com", street="Kade")
    assert shop.call("PUT", "/contacts/2", {"values": {}}).json()["contact"]["values"] == {
        "email": "jan@example.com",
        "city": "Utrecht",
    }


@pytest.mark.parametrize("form", [0, 1])
def test_patch_changes_the_named_values_and_never_creates(crm: System, form: int) -> None:
    path = forms("1001")[form]
    assert code(crm.call("PATCH", path, {"values": {"firstName": "Jan"}})) == (404, "contact_not_found")
    assert not Contact.all_accounts.exists()
    crm.send("1001", firstName="Jan", city="Utrecht")
    answer = crm.call("PATCH", path, {"values": {"city": None}})
    assert (answer.status_code, answer.json()["contact"]["values"]) == (200, {"firstName": "Jan"})


@pytest.mark.parametrize("form", [0, 1])
def test_delete_unlinks_and_keeps_the_contact(crm: System, account: Account, form: int) -> None:
    path = forms("1001")[form]
    contact = crm.send("1001", email="jan@example.com")["contact"]
    answer = crm.call("DELETE", path)
    assert (answer.status_code, answer.content) == (204, b"")
    assert Contact.objects.for_account(account).filter(pk=contact["id"]).exists()
    for method in ("GET", "PATCH", "DELETE"):
        body: Any = {"values": {}} if method == "PATCH" else None
        assert code(crm.call(method, path, body)) == (404, "contact_not_found")
    event = AuditEvent.objects.get(action="external_id.unlinked")
    assert (event.actor, event.address) == (crm.issued.authentication.key, "127.0.0.1")
    assert event.request_id == answer["X-Request-Id"]
    assert "1001" not in json.dumps([event.object_label, event.before, event.after])


def test_ids_are_found_trimmed_and_told_apart_by_case(crm: System) -> None:
    contact = crm.send("  aB ", firstName="Jan")["contact"]
    assert contact["external_id"] == "aB"
    assert crm.find("aB ")["id"] == contact["id"]
    assert crm.find("ab")["code"] == "contact_not_found"


def test_an_id_of_another_system_is_not_found(crm: System, shop: System) -> None:
    crm.send("1001", firstName="Jan")
    for method in ("GET", "DELETE", "PATCH"):
        body: Any = {"values": {}} if method == "PATCH" else None
        assert code(shop.call(method, "/contacts/1001", body)) == (404, "contact_not_found")


def test_another_account_is_not_seen_at_all(crm: System) -> None:
    contact = crm.send("1001", firstName="Jan")["contact"]
    other = System(factories.authentication_for(factories.AccountFactory.create()))
    assert other.find("1001")["code"] == "contact_not_found"
    named = other.call("POST", "/contacts", {"external_id": "1", "values": {}, "link_to": contact["id"]})
    nowhere = {"external_id": "1", "values": {}, "link_to": "01a20932-16f4-773f-881d-da8cb245f306"}
    assert code(named) == (404, "contact_not_found")
    assert named.json() == other.call("POST", "/contacts", nowhere).json()


def test_link_to_names_a_contact_or_conflicts(crm: System, shop: System) -> None:
    contact = crm.send("1", firstName="Jan")["contact"]
    linked = shop.call("PUT", "/contacts/W-1", {"values": {}, "link_to": contact["id"].upper()})
    assert (linked.json()["outcome"], linked.json()["matched_by"]) == ("linked", {"link_to": True})
    second = shop.call("POST", "/contacts", {"external_id": "W-2", "values": {}, "link_to": contact["id"]})
    assert code(second) == (409, "id_conflict")
    assert second.json()["candidates"] == [contact["id"]]
    free = shop.call("POST", "/contacts", {"external_id": "W-3", "values": {}, "link_to": None})
    assert free.json()["outcome"] == "created"


def test_a_rejecting_rule_set_answers_with_the_candidates(account: Account, crm: System, shop: System) -> None:
    one, two = (crm.send(own, email="jan@example.com")["contact"]["id"] for own in ("1", "2"))
    reject_conflicts(account)
    answer = shop.call("POST", "/contacts", {"external_id": "W", "values": {"email": "jan@example.com"}})
    assert code(answer) == (409, "ambiguous_match")
    assert answer["Content-Type"] == "application/problem+json"
    assert sorted(answer.json()["candidates"]) == sorted([one, two])
    assert shop.find("W")["code"] == "contact_not_found"


def test_a_body_may_name_its_own_id_field_and_no_other(crm: System, shop: System) -> None:
    body = {"external_id": "1", "values": {}, "id_field": "webshopCustomerId"}
    assert shop.call("POST", "/contacts", body).status_code == 201
    refused = crm.call("POST", "/contacts", body)
    assert code(refused) == (403, "id_field_not_yours")
    assert "externalCustomerId" in refused.json()["detail"]
    results = crm.call("POST", "/batch", {"records": [body, {"external_id": "2", "values": {}}]}).json()["results"]
    assert [result["status"] for result in results] == [403, 201]
    assert results[0]["problem"]["code"] == "id_field_not_yours"


def test_a_body_may_repeat_the_address_and_not_contradict_it(crm: System) -> None:
    for method, path in [(method, path) for method in ("PUT", "PATCH") for path in forms("1001")]:
        assert crm.call(method, path, {"external_id": 1001, "values": {}}).status_code in {200, 201}
        answer = crm.call(method, path, {"external_id": "1002", "values": {}})
        assert [(e["pointer"], e["code"]) for e in answer.json()["errors"]] == [("/external_id", "mismatch")]


def test_all_errors_come_at_once_in_the_order_of_the_body(crm: System) -> None:
    body = {
        "external_id": "",
        "values": {"email": "jan", "nope": "x", "birthday": "x", "webshopCustomerId": "1"},
        "link_to": "x",
        "extra": 1,
    }
    answer = crm.call("POST", "/contacts", body)
    assert {(error["pointer"], error["code"]) for error in answer.json()["errors"]} == {
        ("/extra", "unknown_field"),
        ("/external_id", "required"),
        ("/values/email", "invalid_email"),
        ("/values/nope", "unknown_field"),
        ("/values/birthday", "invalid_date"),
        ("/values/webshopCustomerId", "unknown_field"),
        ("/link_to", "invalid_id"),
    }
    assert [crm.call("POST", "/contacts", body).json() for _ in range(3)] == [answer.json()] * 3


def test_an_id_field_sent_as_a_value_is_explained(crm: System, shop: System) -> None:
    values = {"externalCustomerId": "1", "webshopCustomerId": "2", "unheardOf": "3"}
    errors = crm.call("POST", "/contacts", {"external_id": "1", "values": values}).json()["errors"]
    own, other, unknown = (error["detail"] for error in errors)
    assert "send the id as external_id" in own
    assert "id field of another system" in other
    assert "GET /fields" in unknown


def test_phones_that_are_none_are_stored_with_a_warning(crm: System) -> None:
    answer = crm.send("1", phoneNumber="call me")
    assert answer["warnings"] == [{"code": "invalid_phone", "field": "phoneNumber"}]
    assert answer["contact"]["values"] == {"phoneNumber": "call me"}


def test_the_fields_say_which_id_field_is_yours(account: Account, shop: System) -> None:
    body = shop.call("GET", "/fields").json()
    plain = {"choices": [], "retired": False}
    assert body["fields"][0] == {"name": "email", "label": "E-mail", "type": "email"} | plain
    assert body["id_fields"] == [
        {
            "name": "externalCustomerId",
            "label": "External customer id",
            "source_system": "CRM",
            "yours": False,
            "retired": False,
        },
        {
            "name": "webshopCustomerId",
            "label": "webshopCustomerId",
            "source_system": "Shop",
            "yours": True,
            "retired": False,
        },
    ]


QUERIES = ("x=1", "%C3%A9=1", "format=json", "external_id=1", "Dry_run=true")
UNKNOWN = {
    "GET": ("dry_run=true", "erase=true"),
    "POST": ("explain=true", "erase=true", "page_size=1"),
    "PUT": ("explain=true", "erase=true"),
    "PATCH": ("explain=true", "erase=true"),
    "DELETE": ("explain=true",),
}
CONDITIONS = ("Idempotency-Key", "If-Match", "If-Unmodified-Since")
HONOURED = {
    ("POST", "/contacts"): {"Idempotency-Key", "If-Match"},
    ("PUT", "/contacts/1"): {"If-Match"},
    ("PATCH", "/contacts/1"): {"If-Match"},
    ("DELETE", "/contacts/1"): {"If-Match"},
    ("POST", "/batch"): {"Idempotency-Key"},
}
CALLS = [
    ("GET", "/me"),
    ("GET", "/changes"),
    ("GET", "/contacts"),
    ("GET", "/fields"),
    ("POST", "/contacts"),
    ("GET", "/contacts/1"),
    ("PUT", "/contacts/1"),
    ("PATCH", "/contacts/1"),
    ("DELETE", "/contacts/1"),
    ("POST", "/batch"),
]


@pytest.mark.parametrize(("method", "path"), CALLS)
def test_a_parameter_or_condition_that_is_not_honoured_is_refused(crm: System, method: str, path: str) -> None:
    crm.send("1", firstName="Jan")
    before = list(Contact.all_accounts.values()), ExternalId.all_accounts.count(), Write.all_accounts.count()
    for query in QUERIES + UNKNOWN[method] + (("atomic=true",) if path != "/batch" else ()):
        answer = crm.call(method, f"{path}?{query}", {"external_id": "1", "values": {"firstName": "x"}})
        assert code(answer) == (422, "validation_failed"), query
        assert answer.json()["errors"][0]["code"] == "unknown_parameter"
    refused = {*CONDITIONS, "If-None-Match"} if method != "GET" else {*CONDITIONS}
    for header in refused - HONOURED.get((method, path), set()):
        answer = crm.call(method, path, {"external_id": "1", "values": {"firstName": "x"}}, {header: "1"})
        assert [(e["pointer"], e["code"]) for e in answer.json()["errors"]] == [(header, "unknown_header")]
    assert before == (list(Contact.all_accounts.values()), ExternalId.all_accounts.count(), Write.all_accounts.count())


def test_reads_cost_the_same_however_much_there_is(
    account: Account, crm: System, shop: System, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    crm.send("1", email="jan@example.com")
    for number in range(3):
        shop.send(str(number), email=f"{number}@example.com")
    shop.send("W", email="jan@example.com")
    for path, queries in (("/contacts/1", 3), ("/contact?external_id=1", 3), ("/fields", 3), ("/me", 1)):
        with django_assert_num_queries(queries):  # one of them looks up the key
            assert crm.call("GET", path).status_code == 200
    fields.add_id_field(account=account, name="third", label="", by=SYSTEM)
    with django_assert_num_queries(3):
        crm.call("GET", "/fields")


def test_a_wrong_body_is_refused_before_the_contacts_are_locked(
    crm: System, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    crm.send("1", firstName="Jan")
    with django_assert_num_queries(2):  # the key, and the names of the fields
        crm.call("POST", "/contacts", {"external_id": "1", "values": {"nope": "x"}})
    with django_assert_num_queries(2):
        crm.call("POST", "/batch", {"records": [{"external_id": "1", "values": {"nope": "x"}}] * 20})


def test_what_is_written_names_the_authentication_and_the_request(crm: System, account: Account) -> None:
    answer = crm.call("POST", "/contacts", {"external_id": "1", "values": {"firstName": "Jan"}})
    [write] = Write.objects.for_account(account)
    assert write.authentication_id == crm.issued.authentication.pk
    assert write.request_id == answer["X-Request-Id"]
    assert ContactBook.objects.for_account(account).count() == 1
