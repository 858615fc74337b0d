"""GET /contacts: which contacts, in pages."""

from datetime import timedelta
from typing import Any
from urllib.parse import quote
from uuid import UUID, uuid4

import pytest
from django.db import connection
from pytest_django import DjangoAssertNumQueries

from accounts.actor import SYSTEM
from accounts.models import Account
from contacts.models import Contact
from contacts.services import merges
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


def listed(system: System, query: str = "") -> list[Any]:
    """All pages of a list."""
    contacts, cursor = list[Any](), ""
    while True:
        answer = system.call("GET", f"/contacts?{query}{cursor}")
        assert answer.status_code == 200, answer.json()
        page = answer.json()
        contacts += page["contacts"]
        if page["next_cursor"] is None:
            return contacts
        cursor = f"&cursor={quote(page['next_cursor'])}"


def own_ids(contacts: list[Any]) -> list[str]:
    return [contact["external_id"] for contact in contacts]


def test_pages_have_each_contact_once_in_the_order_of_change(crm: System) -> None:
    for number in range(7):
        crm.send(str(number), firstName="Jan")
    crm.send("2", firstName="Piet")
    expected = ["0", "1", "3", "4", "5", "6", "2"]
    for size in (1, 3, 7, 1000):
        assert own_ids(listed(crm, f"page_size={size}")) == expected
    assert listed(crm)[-1] == crm.find("2")


def test_a_contact_that_changes_between_two_pages_is_not_missed(crm: System) -> None:
    for number in range(4):
        crm.send(str(number), firstName="Jan")
    first = crm.call("GET", "/contacts?page_size=2").json()
    crm.send("3", firstName="Piet")
    crm.send("0", firstName="Piet")
    rest = crm.call("GET", f"/contacts?cursor={first['next_cursor']}").json()
    assert own_ids(first["contacts"]) == ["0", "1"]
    assert own_ids(rest["contacts"]) == ["2", "3", "0"]


def test_updated_since_is_an_instant_with_an_offset(crm: System, account: Account) -> None:
    for number in range(3):
        crm.send(str(number), firstName="Jan")
    at = crm.find("1")["updated_at"]
    assert own_ids(listed(crm, f"updated_since={at}")) == ["1", "2"]
    row = Contact.objects.for_account(account).order_by("pk")[1]
    elsewhere = (row.updated_at + timedelta(hours=5)).isoformat().replace("+00:00", "+05:00")
    assert own_ids(listed(crm, f"updated_since={elsewhere}")) == ["1", "2"]
    later = (row.updated_at + timedelta(days=1)).isoformat()
    assert listed(crm, f"updated_since={quote(later)}") == []


def test_a_contact_is_found_by_its_address_in_any_case(crm: System) -> None:
    crm.send("1", email="Jan@Example.com")
    crm.send("2", email="piet@example.com")
    crm.send("3", firstName="jan@example.com")
    assert own_ids(listed(crm, "email=JAN@example.COM")) == ["1"]
    assert listed(crm, "email=nobody@example.com") == []
    with connection.cursor() as cursor:
        assert "contacts_contact_email" in connection.introspection.get_constraints(cursor, "contacts_contact")


def test_linked_tells_what_the_own_system_knows(crm: System, shop: System) -> None:
    crm.send("1", email="jan@example.com")
    crm.send("2", email="piet@example.com")
    shop.send("W1", email="piet@example.com")
    shop.send("W2", email="kees@example.com")
    assert own_ids(listed(shop, "linked=true")) == ["W1", "W2"]
    [unknown] = listed(shop, "linked=false")
    assert (unknown["external_id"], unknown["external_ids"]) == (None, {"externalCustomerId": ["1"]})
    assert len(listed(shop)) == 3


def test_contacts_are_found_by_their_ids_merged_ones_too(crm: System, account: Account) -> None:
    ids = [crm.send(str(number), firstName="Jan")["contact"]["id"] for number in range(4)]
    for loser, survivor in ((0, 1), (1, 2)):
        merges.merge(account=account, survivor_id=UUID(ids[survivor]), loser_id=UUID(ids[loser]), by=SYSTEM)
    found = listed(crm, "&".join(f"id={pk}" for pk in [ids[3], ids[0], str(uuid4()), ids[1], ids[0]]))
    survivor = listed(crm, f"id={ids[2]}")[0]
    assert found == [
        listed(crm, f"id={ids[3]}")[0],
        survivor | {"id": ids[0], "merged_into": ids[1]},
        survivor | {"id": ids[1], "merged_into": ids[2]},
    ]
    assert survivor["external_ids"] == {"externalCustomerId": ["2", "1", "0"]} or "merged_into" not in survivor
    assert [contact["id"] for contact in listed(crm)] == [ids[3], ids[2]]


def test_another_accounts_contacts_are_not_there(crm: System) -> None:
    stranger = System(factories.authentication_for(factories.AccountFactory.create()))
    theirs = stranger.send("1", email="jan@example.com")["contact"]["id"]
    for query in ("", "email=jan@example.com", f"id={theirs}", "linked=true"):
        assert listed(crm, query) == []


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("page_size=0", "out_of_range"),
        ("page_size=1001", "out_of_range"),
        ("page_size=x", "out_of_range"),
        ("page_size=1&page_size=1", "too_many"),
        ("cursor=", "invalid_cursor"),
        ("cursor=nonsense", "invalid_cursor"),
        ("cursor=é", "invalid_cursor"),
        ("cursor=MjAyNg==", "invalid_cursor"),
        ("updated_since=yesterday", "invalid_datetime"),
        ("updated_since=2026-11-23T09:00:00", "invalid_datetime"),
        ("updated_since=", "required"),
        ("updated_since=%00", "invalid_characters"),
        ("email=nobody", "invalid_email"),
        ("email=", "required"),
        ("linked=yes", "invalid_choice"),
        ("id=1", "invalid_id"),
        (f"id={uuid4()}&linked=true", "stands_alone"),
        ("limit=1", "unknown_parameter"),
    ],
)
def test_a_wrong_parameter_is_named(crm: System, query: str, expected: str) -> None:
    answer = crm.call("GET", f"/contacts?{query}")
    assert answer.status_code == 422
    [error] = answer.json()["errors"]
    assert (error["pointer"], error["code"]) == (query.partition("=")[0], expected)


def test_all_that_is_wrong_is_told_at_once(crm: System) -> None:
    errors = crm.call("GET", "/contacts?page_size=0&linked=x&email=x").json()["errors"]
    assert {error["pointer"] for error in errors} == {"page_size", "linked", "email"}


def test_a_page_takes_the_same_few_queries_however_long(
    crm: System, shop: System, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(5):
        crm.send(str(number), email=f"{number}@example.com")
        shop.send(f"W{number}", email=f"{number}@example.com")
    for size in (1, 5):
        with django_assert_num_queries(4):  # one of them looks up the key
            assert crm.call("GET", f"/contacts?page_size={size}&linked=true").status_code == 200
