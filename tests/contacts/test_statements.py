"""The engine's SQL: a fixed number of statements, each restricted to the acting account."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.actor import SYSTEM
from contacts import explain
from contacts.models import ReviewItem
from contacts.services import erasure, merges, reviews, rules, splits
from contacts.services.rules import Draft
from tests.contacts.world import SYSTEMS, Sent, World

pytestmark = pytest.mark.django_db

SHOP, CRM, ERP = SYSTEMS
THREE_RULES = (("email",), ("lastName", "postalCode"), ("lastName", "city", "phoneNumber"))

MENTION = re.compile(r'\b(FROM|JOIN|INTO|UPDATE)\s+"?(contacts_\w+)"?(?:\s+(?:AS\s+)?(?!WHERE|SET|ON|ORDER)(\w+))?')
CAPTURED = list[tuple[str, Sequence[Any]]]


@contextmanager
def captured() -> Iterator[CAPTURED]:
    """The statements that run inside, with their parameters."""
    found: CAPTURED = []

    def note(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        found.extend((sql, row) for row in (params if many else [params or ()]))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        yield found


def equals_account(sql: str, params: Sequence[Any], name: str, account: int) -> bool:
    """Whether `name`.account_id = account stands in the statement; the table's name may be left out where it is
    the only one."""
    for found in re.finditer(rf'(?:"?{name}"?\.)?"?account_id"? = %s', sql):
        qualified = found[0].startswith((name, f'"{name}"'))
        if (qualified or "JOIN" not in sql) and params[sql[: found.start()].count("%s")] == account:
            return True
    return False


def as_list(value: Any) -> list[Any]:
    """The elements of an array parameter."""
    return value if isinstance(value, list) and all(isinstance(each, int) for each in value) else []


def unrestricted(sql: str, params: Sequence[Any], account: int) -> list[str]:
    """The contact tables of a statement that are not narrowed to the account."""
    loose = []
    for verb, table, alias in MENTION.findall(sql):
        if verb == "INTO":
            narrowed = "account_id" in sql and any(
                each == account or set(as_list(each)) == {account} for each in params
            )
            if "DO UPDATE" in sql:
                target = sql.split("ON CONFLICT")[1].split(")", maxsplit=1)[0]
                narrowed &= "account_id" in target or equals_account(sql, params, table, account)
        else:
            narrowed = equals_account(sql, params, alias or table, account)
        if not narrowed:
            loose.append(f"{verb} {table}: {sql}")
    return loose


def people(first: int, count: int) -> list[Sent]:
    """Records that reach all that a chunk may do: repeated people, links by each rule, conflicts, keys gained, lost
    and combined of sent and stored values, an emptied value, a crowd."""
    records = []
    for number in range(first, first + count):
        values = person(number) | {"email": f"p{number // 2}@example.com", "city": None if number % 3 else "Ede"}
        records.append(Sent(str(number if number % 10 else number + 1), values))
    return records


def person(number: int) -> dict[str, str | None]:
    return {
        "email": f"p{number}@example.com",
        "lastName": "Jansen",
        "postalCode": f"{number}",
        "phoneNumber": f"+3161234{number:04d}",
    }


def write_and_count(world: World, records: list[Sent]) -> int:
    with CaptureQueriesContext(connection) as queries:
        world.write(CRM, records)
    return len(queries)


def test_one_ten_and_a_thousand_records_take_the_same_number_of_statements() -> None:
    counts = {}
    for size in (1, 10, 1000):
        world = World(THREE_RULES)
        world.write(SHOP, [Sent(str(number), person(number) | {"city": "Ede"}) for number in range(1000)])
        # Each is linked by a rule, gains a key and loses another, and comes to be like another contact; three of ten
        # come twice.
        records = [
            Sent(str(number), {"email": f"p{number}@example.com", "postalCode": str(number + 1), "city": None})
            for number in (each * 7 // 10 for each in range(size))
        ]
        counts[size] = write_and_count(world, records)
    assert len(set(counts.values())) == 1, counts
    assert counts[1] <= 30


def test_what_there_is_nothing_of_takes_no_statement() -> None:
    world = World(THREE_RULES)
    every = write_and_count(world, people(0, 1000))
    new = write_and_count(world, [Sent("new", {"email": "new@example.com"})])
    again = write_and_count(world, [Sent("new", {"email": "new@example.com"})])
    assert again < new < every


def test_every_contact_table_in_every_statement_is_restricted_to_the_account() -> None:
    world = World(THREE_RULES)
    account = world.account
    with captured() as statements:
        world.write(SHOP, people(0, 60))
        world.write(CRM, people(0, 60))
        world.write(CRM, [Sent("7", {"email": "p1@example.com"}, "replace"), Sent("x", {}, "patch")])
        one, other, third, *_ = world.ids()
        world.write(ERP, [Sent("1", {}, link_to=0)])
        world.unlink(ERP, "1")
        world.write(ERP, [Sent("1", {"email": "p0@example.com"})])
        merged = merges.merge(account=account, survivor_id=one, loser_id=other, by=SYSTEM)
        merges.undo(account=account, merge_id=merged.pk, by=SYSTEM)
        apart = splits.split(account=account, id_field_id=world.id_fields[SHOP].pk, external_id="2", by=SYSTEM)
        splits.edit(account=account, contact_id=apart, values={"city": "Goes"}, by=SYSTEM)
        item = ReviewItem.objects.for_account(account).filter(state="open").first()
        reviews.not_a_match(account=account, item_id=item.pk, by=SYSTEM)
        explain.explanation(account_id=account.pk, contact_id=one)
        rules.publish(account=account, draft=Draft([["email"], ["phoneNumber"]]), by=SYSTEM)
        merges.merge(account=account, survivor_id=one, loser_id=third, by=SYSTEM)
        erasure.erase(account=account, contact_id=one, by=SYSTEM)
        world.write(SHOP, [Sent("0", {}), Sent("2", {})])
    loose = [fault for sql, params in statements for fault in unrestricted(sql, params, account.pk)]
    assert loose == []
    tables = {table for sql, _ in statements for _, table, _ in MENTION.findall(sql)}
    assert len(tables) >= 14, tables


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM contacts_contact WHERE id = %s",
        'SELECT * FROM "contacts_contact" WHERE "contacts_contact"."account_id" = %s OR id = %s',
        "SELECT * FROM contacts_contact a CROSS JOIN contacts_externalid id WHERE a.account_id = %s AND id.id = %s",
        "UPDATE contacts_contact SET version = %s WHERE account_id = 7",
        "INSERT INTO contacts_contact (id) VALUES (%s)",
        "INSERT INTO contacts_contact (account_id, id) VALUES (7, %s) ON CONFLICT (id) DO UPDATE SET version = 1",
    ],
)
def test_a_planted_loose_statement_is_found(sql: str) -> None:
    assert unrestricted(sql, [6, 7], 7)
