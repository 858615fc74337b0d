"""P8: the settings' list and search of contacts in a large account beside the same in a small one, in process with the
whole stack; and how fast contacts become searchable beside how fast the engine writes them.

Run as `python -m tests.bench.settings_pages --contacts N [--json FILE]` on the database of DATABASE_URL.
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from threading import Event
from typing import Any
from uuid import UUID

from tests.bench.database import fresh_database, seconds, settle
from tests.bench.report import Finding, write

MUST = 3.0
FEW = 1_000
ROUNDS, RUNS, WARM_UP = 40, 3, 3
LATE = 0.95

Ask = Callable[[int], str]
"""Number of a round → the page's query string."""


def kinds(base: Any) -> dict[str, Ask]:
    """What is asked of an account: of everything one that finds few, and one that finds all."""
    from django.utils.http import urlencode

    from contacts.models import Contact
    from contacts.pages import Position
    from contacts.search import Place
    from contacts.views.finding import place_text
    from tests.bench.mix import values

    contacts = Contact.objects.for_account(base.account).order_by("-updated_at", "-pk")
    updated_at, pk = contacts.values_list("updated_at", "pk")[base.size // 2]

    def somebody(number: int) -> dict[str, str]:
        return values(base.first + Random(number).randrange(base.size))

    def asked(query: str, **more: str) -> str:
        return urlencode({"q": query, **more})

    def name(number: int) -> str:
        person = somebody(number)
        return f"{person['firstName']} {person['lastName']}"

    middle = place_text(Place("first250 last250", UUID(int=0)))
    return {
        "list": lambda _: "",
        "list, from its middle on": lambda _: urlencode({"after": place_text(Position(updated_at, pk))}),
        "e-mail address": lambda number: asked(somebody(number)["email"]),
        "e-mail addresses, all of them": lambda _: asked("person"),
        "whole name": lambda number: asked(name(number)),
        "first letters of all names": lambda _: asked("fi"),
        "first letters of all names, from their middle on": lambda _: asked("fi", after=middle),
        "phone number": lambda number: asked(somebody(number)["phoneNumber"]),
        "first digits of all phone numbers": lambda _: asked("06"),
        "external id": lambda number: asked(str(base.first + Random(number).randrange(base.size))),
        "first digit of all external ids": lambda _: asked(str(base.first)[0]),
        "nothing": lambda number: asked(f"nobody{number}"),
    }


def late(times: list[float]) -> float:
    """The time that one in twenty takes longer than."""
    return sorted(times)[int(LATE * len(times))]


def measure(contacts: int) -> list[Finding]:
    """Of each kind of page both accounts take turns, each asked for its own people."""
    from contacts.services import search_index
    from tests.bench.mix import Base

    few = Base(FEW)
    start = time.perf_counter()
    many = Base(contacts)
    written = time.perf_counter() - start
    indexed = seconds(lambda: search_index.catch_up_all(stopping=Event()))
    settle()
    findings = compare(few, many)
    speeds = f"indexing {(contacts + FEW) / indexed:,.0f}, engine {contacts / written:,.0f}"
    what = "indexing for the search ÷ writing by the engine"
    return [*findings, Finding("P8", what, [written / indexed], None, figures={"contacts/s": speeds})]


def compare(few: Any, many: Any) -> list[Finding]:
    """Both accounts, page by page."""
    pages = {base.size: opened(base) for base in (few, many)}
    findings = []
    for kind in kinds(few):
        runs: list[dict[int, list[float]]] = []
        for run in range(RUNS):
            runs.append({size: [] for size in pages})
            for number in range(-WARM_UP, ROUNDS):
                for size in sorted(pages, reverse=number % 2 == 0):
                    took = pages[size](kind, run * ROUNDS + number)
                    runs[run][size] += [took] if number >= 0 else []
        all_times = {size: late([took for run in runs for took in run[size]]) for size in pages}
        findings.append(
            Finding(
                "P8",
                f"{kind}: with {many.size:,} contacts ÷ {few.size:,}",
                [late(run[many.size]) / late(run[few.size]) for run in runs],
                MUST,
                least=False,
                figures={"p95 in ms": ", ".join(f"{size:,} {took:.1f}" for size, took in all_times.items())},
            )
        )
    return findings


def opened(base: Any) -> Callable[[str, int], float]:
    """How long a page of an account takes its owner, in milliseconds, by kind and number of the round."""
    from django.test import Client
    from django.urls import reverse

    from accounts.actor import SYSTEM
    from accounts.models import Role
    from accounts.services import members
    from tests import factories

    owner, client = factories.UserFactory.create(), Client()
    client.force_login(owner)
    members.add_member(account=base.account, user=owner, role=Role.OWNER, by=SYSTEM)
    address, asks = reverse("contacts", kwargs={"account_number": base.account.number}), kinds(base)

    def milliseconds(kind: str, number: int) -> float:
        start = time.perf_counter()
        answer = client.get(f"{address}?{asks[kind](number)}")
        took = (time.perf_counter() - start) * 1000
        assert answer.status_code == 200, answer.content
        assert (b"<tbody>" in answer.content) == (kind != "nothing"), kind
        return took

    return milliseconds


def main() -> int:
    """1 when a promise is missed."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.settings_pages", description=__doc__)
    parser.add_argument("--contacts", type=int, default=1_000_000)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with fresh_database() as vendor:
        return write(measure(arguments.contacts), vendor, arguments.json)


if __name__ == "__main__":
    sys.exit(main())
