"""P7: the preview of a rule change beside one GROUP BY of the database over the same key.

One contact in forty has a twin that the new rule would match. The first preview builds the match keys of the new rule;
the ones after it only look.

Run as `python -m tests.bench.preview --contacts N [--json FILE]` on the database of DATABASE_URL.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

from tests.bench.database import fresh_database, seconds
from tests.bench.report import Finding, medians, write

MUST = 4.0
TWINS = 40
RUNS = 3
BY_VALUES = """
SELECT lower("values" ->> 'phoneNumber'), lower("values" ->> 'lastName'), count(*) FROM contacts_contact
WHERE account_id = %s GROUP BY 1, 2 HAVING count(*) > 1
"""
BY_KEYS = """
SELECT key, count(*) FROM contacts_matchkey
WHERE account_id = %s AND signature_id = %s GROUP BY key HAVING count(*) > 1
"""


def measure(contacts: int) -> list[Finding]:
    """The preview and both statements take turns."""
    from accounts.actor import SYSTEM
    from contacts.models import PreviewPair
    from contacts.overlay import Record
    from contacts.services import previews
    from contacts.services.rules import Draft
    from contacts.sql import select
    from tests.bench.mix import Base, values
    from tests.work import work

    base = Base(contacts)
    twins = range(base.first, base.first + contacts, TWINS)
    base.send([Record(f"twin{n}", values(n) | {"email": f"twin{n}@example.com"}) for n in twins], base.crm)
    draft = Draft(rules=[["email"], ["phoneNumber", "lastName"]])
    made: list[Any] = []

    def begin() -> None:
        made.append(previews.begin(account=base.account, draft=draft, by=SYSTEM))
        work()

    by_values = seconds(lambda: select(BY_VALUES, [base.account.pk]))
    first = seconds(begin)
    (rule_set,) = made
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
            f"preview over {contacts:,} contacts, keys built ÷ GROUP BY over the keys",
            [run["preview"] / run["GROUP BY"] for run in runs],
            MUST,
            least=False,
            figures={"ms": medians(runs), "pairs": f"{pairs:,}"},
        ),
        Finding(
            "P7",
            "the first one, which builds the keys ÷ GROUP BY over the values",
            [first / by_values],
            MUST,
            least=False,
            figures={"ms": f"preview {1000 * first:,.0f}, GROUP BY {1000 * by_values:,.0f}"},
        ),
    ]


def main() -> int:
    """1 when a promise is missed."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.preview", description=__doc__)
    parser.add_argument("--contacts", type=int, default=1_000_000)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with fresh_database() as vendor:
        return write(measure(arguments.contacts), vendor, arguments.json)


if __name__ == "__main__":
    sys.exit(main())
