"""P7: the preview of a rule change beside one GROUP BY of the database over the same key.

One contact in forty has a twin that the new rule would match. What counts is a preview whose keys are there; the first
one builds the keys of the new rule, chunk by chunk, and the longest chunk is how long a writer waited at most.

`--prove N` instead draws N contacts at random, with crowds, blocked values and rules that overlap, and holds what the
preview shows against what the engine finds once the rules are published.

Run as `python -m tests.bench.preview --contacts N [--json FILE]` on the database of DATABASE_URL.
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from tests.bench.database import fresh_database, seconds
from tests.bench.report import Finding, medians, write

MUST = 4.0
TWINS = 40
RUNS = 5
BY_VALUES = """
SELECT lower("values" ->> 'phoneNumber'), lower("values" ->> 'lastName'), count(*) FROM contacts_contact
WHERE account_id = %s GROUP BY 1, 2 HAVING count(*) > 1
"""
BY_KEYS = """
SELECT key, count(*) FROM contacts_matchkey
WHERE account_id = %s AND signature_id = %s GROUP BY key HAVING count(*) > 1
"""


def measure(contacts: int) -> list[Finding]:
    """The preview and the statement take turns."""
    from accounts.actor import SYSTEM
    from contacts.models import PreviewPair
    from contacts.overlay import Record
    from contacts.services import previews, rules
    from contacts.services.rules import Draft
    from contacts.sql import select
    from tests.bench.mix import Base, values
    from tests.work import work

    base = Base(contacts)
    twins = range(base.first, base.first + contacts, TWINS)
    base.send([Record(f"twin{n}", values(n) | {"email": f"twin{n}@example.com"}) for n in twins], base.crm)
    draft = Draft(rules=[["email"], ["phoneNumber", "lastName"]])
    by_values = seconds(lambda: select(BY_VALUES, [base.account.pk]))
    rule_set = previews.begin(account=base.account, draft=draft, by=SYSTEM)
    chunks: list[float] = []
    rules.build, build = timed(rules.build, chunks), rules.build
    first = seconds(work)
    rules.build = build
    runs = []
    for _ in range(RUNS):
        previews.again(account=base.account, rule_set_id=rule_set.pk, by=SYSTEM)
        again = seconds(work)
        by_keys = seconds(lambda: select(BY_KEYS, [base.account.pk, rule_set.rules[1]]))
        runs.append({"preview": 1000 * again, "GROUP BY": 1000 * by_keys})
    pairs = PreviewPair.objects.for_account(base.account).count()
    assert pairs == len(twins), pairs
    return [
        Finding(
            "P7",
            f"preview over {contacts:,} contacts, keys built before ÷ GROUP BY over them",
            [run["preview"] / run["GROUP BY"] for run in runs],
            MUST,
            least=False,
            figures={"ms": medians(runs), "pairs": f"{pairs:,}"},
        ),
        Finding(
            "P7",
            "the first one, keys built as well ÷ GROUP BY over the values",
            [first / by_values],
            figures={
                "ms": f"preview {1000 * first:,.0f}, GROUP BY {1000 * by_values:,.0f}",
                "a writer waited at most, ms": f"{1000 * max(chunks):,.0f} ({rules.CHUNK:,} contacts)",
            },
        ),
    ]


def timed(work: Callable[..., Any], durations: list[float]) -> Callable[..., Any]:
    """The same, which notes how long each call took."""

    def run(**arguments: Any) -> Any:
        start = time.perf_counter()
        try:
            return work(**arguments)
        finally:
            durations.append(time.perf_counter() - start)

    return run


def prove(contacts: int, vendor: str) -> int:
    """1 when a preview shows other pairs than the engine then finds."""
    from accounts.actor import SYSTEM
    from contacts.models import PreviewPair
    from contacts.overlay import Record
    from contacts.services import previews
    from contacts.services.rules import Draft
    from tests.bench.mix import Base
    from tests.contacts.pairs import found_by_the_engine
    from tests.work import work

    base, random = Base(0), Random(contacts)
    people = [Record(str(n), person(random, contacts)) for n in range(contacts)]
    base.send(people[::2], base.shop)
    base.send(people[1::2], base.crm)
    before = found_by_the_engine(base.account)
    draft = Draft(
        rules=[["phoneNumber", "firstName"], ["email", "lastName"], ["phoneNumber"], ["email"]],
        blocked={"lastName": ["Last0"], "phoneNumber": ["+31610000000"]},
    )
    rule_set = previews.begin(account=base.account, draft=draft, by=SYSTEM)
    work()
    pairs = PreviewPair.objects.for_account(base.account)
    shown = set(pairs.values_list("contact_id", "other_id"))
    previews.publish(account=base.account, rule_set_id=rule_set.pk, by=SYSTEM)
    found = found_by_the_engine(base.account) - before
    by_rule = [pairs.filter(rule=number).count() for number in range(1, len(draft.rules) + 1)]
    print(f"{vendor}: {contacts:,} contacts, {len(before):,} pairs matched before; newly, by rule: {by_rule}")
    print(f"{len(shown - found):,} pairs shown and not found, {len(found - shown):,} found and not shown")
    return int(shown != found)


def person(random: Random, contacts: int) -> dict[str, str]:
    """Some share an address, some a telephone, and the commonest of both are shared by more than identify anybody."""
    crowd = random.random() < 0.01
    number = random.randrange(contacts // 1000 + 1) if crowd else random.randrange(contacts)
    return {
        "email": f"person{random.randrange(10) if crowd else random.randrange(contacts)}@example.com",
        "phoneNumber": f"+316{10_000_000 + number}",
        "firstName": f"First{random.randrange(20)}",
        "lastName": f"Last{random.randrange(10)}",
    }


def main() -> int:
    """1 when a promise is missed."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.preview", description=__doc__)
    parser.add_argument("--contacts", type=int, default=1_000_000)
    parser.add_argument("--prove", type=int)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with fresh_database() as vendor:
        if arguments.prove is not None:
            return prove(arguments.prove, vendor)
        return write(measure(arguments.contacts), vendor, arguments.json)


if __name__ == "__main__":
    sys.exit(main())
