"""What a search finds is what a scan of all contacts finds, whatever was written, merged, split and erased before."""

import sqlite3
import time
import unicodedata
from random import Random
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contacts import search
from contacts.models import Contact, ExternalId, SearchTerm
from contacts.services import search_index
from tests.contacts.world import SYSTEMS, Sent, World

pytestmark = pytest.mark.django_db

NAMES = ("José", "jose", "Müller", "Van der Berg", "O\u2019Brien-Smith", "Łukasz", "Ørsted", "İnci", "王芳", "Jan", "")
EMAILS = ("jan@example.com", "Jose.Muller@example.com", "j@example.org", "müller@exämple.com", "")
PHONES = (
    "+31 6 12345678",
    "06-12345678",
    "0031 (0)6 1234 5678",
    "+1 617 555 0101",
    "0612",
    "ext. 5",
    "+49 612345678",
    "",
)
IDS = ("1", "10", "W-7", "w-70", "É1", "001", "+31")
QUERIES = (
    *("j", "jo", "JOSE", "josé m", "muller", "Müller, José", "van der", "der b", "berg", "o'brien", "smith", "obrien"),
    *("jan@", "JAN@EXAMPLE.COM", "@", "müller@", "lukasz", "orsted", "inci", "王", "芳", " jan  ", "j%", "_", "\x00j"),
    *("1", "10", "W-7", "w", "e1", "00", "0", "+", "06", "0612", "612", "+31", "+31 6 12", "0031612", "31612", "+316"),
    *("(06) 12", "1 617", "617", "+49", "x", "ext", "5", "."),
)


def plain(text: str) -> str:
    """Letters without accents in lower case, one space between words."""
    text = unicodedata.normalize("NFKD", text.casefold())
    text = "".join(each for each in text if not unicodedata.combining(each) and ord(each) > 31)
    for letter, latin in (("ø", "o"), ("ł", "l"), ("\u0131", "i")):
        text = text.replace(letter, latin)
    return " ".join(text.split())


def spoken(text: str) -> list[str]:
    return "".join(each if each.isalnum() else " " for each in plain(text)).split()


def dial(text: str) -> str:
    """From abroad: +, country, number; the account is in the Netherlands."""
    digits = "".join(each for each in text.replace("(0)", "") if each.isdigit() or each == "+")
    if digits.startswith("00"):
        digits = f"+{digits[2:]}"
    if not digits.startswith("+"):
        return f"+31{digits.lstrip('0')}" if digits.lstrip("0") else ""
    return digits


def at_home(abroad: str) -> str:
    for code in ("+31", "+49", "+1"):
        if abroad.startswith(code):
            return f"0{abroad.removeprefix(code)}"
    return ""


def is_found(query: str, contact: Contact, ids: list[str]) -> bool:
    """By reading the contact: whether anything that it is found by begins like anything that the query may mean."""
    values, sought = contact.values, {plain(query)}
    if "@" not in query:
        last, comma, first = query.partition(",")
        sought.add(" ".join(spoken(f"{first} {last}" if comma and first.strip() else query)))
    typed = "".join(query.split()).translate(str.maketrans("", "", "().-/"))
    if typed.strip("+").isdecimal() or typed == "+":
        sought |= {f"+{typed[2:]}"} if typed.startswith("00") else {typed}
        sought |= set() if typed[0] in "+0" else {f"+{typed}", f"0{typed}"}
    names = [spoken(" ".join(filter(None, map(values.get, ("firstName", "infix", "lastName")))))]
    names.append(spoken(values.get("organisation", "")))
    numbers = [dial(values[name]) for name in ("phoneNumber", "mobileNumber") if values.get(name)]
    texts = [plain(each) for each in [*ids, values.get("email", "")]]
    texts += [" ".join(name[start:]) for name in names for start in range(len(name))]
    texts += [form for number in numbers if number for form in (number, at_home(number))]
    return any(text.startswith(each) for text in texts for each in sought if each)


def scan(world: World, query: str) -> set[UUID]:
    ids: dict[UUID, list[str]] = {}
    for contact, value in ExternalId.objects.for_account(world.account).values_list("contact_id", "value"):
        ids.setdefault(contact, []).append(value)
    there = Contact.objects.for_account(world.account).filter(merged_into=None)
    return {each.pk for each in there if is_found(query, each, ids.get(each.pk, []))}


def all_found(world: World, query: str, size: int) -> list[UUID]:
    """All pages, one after the other; the first says how many there are."""
    found, after, more = list[UUID](), None, True
    count = None
    while more:
        page = search.page(account_id=world.account.pk, query=query, after=after, size=size)
        found += [row.id for row in page.rows]
        assert len(page.rows) <= size
        assert (page.count is None) == (after is not None)
        count = count or page.count
        after, more = page.next, page.next is not None
        assert not more or len(page.rows) == size
    assert count == search.Count(len(found))
    return found


def random_values(random: Random) -> dict[str, str | None]:
    choices: dict[str, Any] = {
        **dict.fromkeys(("firstName", "lastName", "organisation"), NAMES),
        "infix": ("van der", "de", None),
        "email": EMAILS,
        "phoneNumber": PHONES,
        "mobileNumber": PHONES,
    }
    return {name: random.choice(of) or None for name, of in choices.items() if random.random() < 0.6}


def live(world: World, random: Random) -> None:
    """One thing that happens to contacts."""
    system, names = random.choice(SYSTEMS), list(world.names.values()) or [0]
    records = [Sent(random.choice(IDS), random_values(random)) for _ in range(random.randint(1, 4))]
    random.choice(
        [
            *[lambda: world.write(system, records)] * 4,
            lambda: world.merge(random.choice(names), random.choice(names)),
            lambda: world.undo(random.randint(0, 2)),
            lambda: world.split(system, random.choice(IDS)),
            lambda: world.unlink(system, random.choice(IDS)),
            lambda: world.edit(random.choice(names), random_values(random)),
            lambda: world.erase(random.choice(names)),
            lambda: world.erase_own(system, random.choice(IDS)),
        ]
    )()


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(seed=st.integers(0, 2**32))
def test_a_search_finds_what_a_scan_finds(seed: int) -> None:
    random = Random(seed)
    world, other = World(), World()
    other.write(SYSTEMS[0], [Sent(each, random_values(random)) for each in IDS])
    search_index.catch_up(account=other.account)
    for _ in range(random.randint(1, 12)):
        live(world, random)
        if random.random() < 0.5:
            search_index.catch_up(account=world.account)
    assert search_index.catch_up(account=world.account) == 0
    for query in QUERIES:
        found = all_found(world, query, size=random.randint(2, 5))
        assert len(found) == len(set(found)), query
        assert set(found) == scan(world, query), query
    left = SearchTerm.objects.for_account(world.account).values_list("contact_id", flat=True)
    assert set(left) <= set(
        Contact.objects.for_account(world.account).filter(merged_into=None).values_list("pk", flat=True)
    )


@pytest.mark.sqlite
def test_terms_of_a_contact_are_looked_up_by_the_contact() -> None:
    """And not by reading all of the account, which SQLite would do with any other index."""
    world = World()
    world.write(SYSTEMS[0], [Sent("1", {"firstName": "Jan"})])
    with CaptureQueriesContext(connection) as captured:
        search_index.catch_up(account=world.account)
        search.page(account_id=world.account.pk, query="j", after=None, size=5)
    reads = [query["sql"] for query in captured if "contacts_searchterm" in query["sql"] and "SELECT" in query["sql"]]
    reads = [sql for sql in reads if "held" in sql or "before" in sql]
    with connection.cursor() as cursor:
        for sql in reads:
            cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
            steps = [step for *_, step in cursor.fetchall() if step.startswith(("SEARCH held", "SEARCH before"))]
            assert steps, sql
            assert all("contacts_searchterm_contact (account_id=? AND contact_id=?)" in step for step in steps), steps
    assert len(reads) == 2


@pytest.mark.sqlite
@pytest.mark.django_db(transaction=True)
def test_who_searches_does_not_wait_for_who_writes() -> None:
    """PostgreSQL's side of this stands in test_search_threads."""
    world = World()
    world.write(SYSTEMS[0], [Sent("1", {"firstName": "Jan"})])
    with sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        assert search_index.catch_up(account=world.account) == 1
        assert time.monotonic() - began < 5
        other.execute("ROLLBACK")
    other.close()
    assert search_index.catch_up(account=world.account) == 0
