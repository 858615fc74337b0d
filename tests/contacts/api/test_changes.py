"""GET /changes: the change feed."""

from typing import Any
from uuid import UUID

import pytest
from pytest_django import DjangoAssertNumQueries

from accounts.actor import SYSTEM
from accounts.models import Account
from contacts import pages
from contacts.services import erasure, merges
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


def page(system: System, query: str = "") -> Any:
    answer = system.call("GET", f"/changes?{query}")
    assert answer.status_code == 200, answer.json()
    return answer.json()


def brief(changes: list[Any]) -> list[tuple[int, str, list[str]]]:
    return [(each["number"], each["kind"], each["fields"]) for each in changes]


def test_changes_come_in_order_with_the_contact_as_it_is_now(crm: System) -> None:
    assert page(crm) == {"changes": [], "next_cursor": 0, "has_more": False}
    first = crm.send("1", firstName="Jan", lastName="Jansen")
    crm.send("2", firstName="Kees")
    crm.send("1", firstName="Piet")
    crm.send("1", firstName="Piet")  # changes nothing
    told = page(crm)
    assert brief(told["changes"]) == [
        (1, "created", ["firstName", "lastName"]),
        (2, "created", ["firstName"]),
        (3, "updated", ["firstName"]),
    ]
    assert told["changes"][0]["at"] == first["contact"]["created_at"]
    assert [each["contact_id"] for each in told["changes"]] == [crm.find(own)["id"] for own in ("1", "2", "1")]
    assert [each["contact"] for each in told["changes"]] == [crm.find(own) for own in ("1", "2", "1")]
    assert (told["next_cursor"], told["has_more"]) == (3, False)


def test_who_was_away_goes_on_where_they_were(crm: System) -> None:
    for number in range(5):
        crm.send(str(number), firstName="Jan")
    numbers, cursor = list[int](), 0
    while True:
        told = page(crm, f"cursor={cursor}&page_size=2")
        numbers += [each["number"] for each in told["changes"]]
        cursor = told["next_cursor"]
        if not told["has_more"]:
            break
    assert numbers == [1, 2, 3, 4, 5]
    assert page(crm, f"cursor={cursor}") == {"changes": [], "next_cursor": 5, "has_more": False}
    crm.send("6", firstName="Jan")
    assert [each["number"] for each in page(crm, f"cursor={cursor}")["changes"]] == [6]


def test_two_systems_do_not_echo(crm: System, shop: System) -> None:
    crm.send("1", email="jan@example.com")
    shop.send("W1", email="jan@example.com", firstName="Jan")
    shop.send("W2", email="piet@example.com")
    assert brief(page(crm, "exclude_own=true")["changes"]) == [(2, "updated", ["firstName"]), (3, "created", ["email"])]
    told = page(shop, "exclude_own=true")
    assert brief(told["changes"]) == [(1, "created", ["email"])]
    assert (told["next_cursor"], told["has_more"]) == (3, False)
    assert len(page(shop, "exclude_own=false")["changes"]) == 3
    assert page(crm, "exclude_own=true&page_size=1") | {"changes": None} == {
        "changes": None,
        "next_cursor": 2,
        "has_more": True,
    }


def test_many_changes_of_ones_own_are_gone_through_in_parts(
    crm: System, shop: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "SCANNED", 2)
    for number in range(5):
        crm.send(str(number), firstName="Jan")
    shop.send("W1", firstName="Jan")
    cursors, numbers, more = [0], list[int](), True
    while more:
        told = page(crm, f"exclude_own=true&cursor={cursors[-1]}")
        cursors.append(told["next_cursor"])
        numbers += [each["number"] for each in told["changes"]]
        more = told["has_more"]
    assert (cursors, numbers) == ([0, 2, 4, 6], [6])


def test_merged_and_erased_contacts_leave_a_trace(crm: System, account: Account) -> None:
    ids = [UUID(crm.send(str(number), firstName="Jan")["contact"]["id"]) for number in range(3)]
    merges.merge(account=account, survivor_id=ids[0], loser_id=ids[1], by=SYSTEM)
    erasure.erase(account=account, contact_id=ids[2], by=SYSTEM)
    told = {each["contact_id"]: each for each in page(crm)["changes"]}
    loser, gone = told[str(ids[1])], told[str(ids[2])]
    assert (loser["kind"], loser["contact"]["merged_into"]) == ("merged", str(ids[0]))
    assert (gone["kind"], gone["contact"]) == ("erased", None)


@pytest.mark.parametrize("cursor", ["-1", "x", "", "1.5", "9" * 30, "7"])
def test_a_cursor_that_can_not_be_is_refused(crm: System, cursor: str) -> None:
    crm.send("1", firstName="Jan")
    answer = crm.call("GET", f"/changes?cursor={cursor}")
    assert answer.status_code == 422
    assert [(e["pointer"], e["code"]) for e in answer.json()["errors"]] == [("cursor", "invalid_cursor")]


def test_another_accounts_changes_are_not_there(crm: System) -> None:
    stranger = System(factories.authentication_for(factories.AccountFactory.create()))
    stranger.send("1", email="jan@example.com")
    assert page(crm)["changes"] == []


def test_a_page_takes_the_same_few_queries_however_long(
    crm: System, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(5):
        crm.send(str(number), email=f"{number}@example.com")
    for size in (1, 5):
        with django_assert_num_queries(5):  # one of them looks up the key
            page(crm, f"page_size={size}&exclude_own=false")
