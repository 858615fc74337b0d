"""P4: the engine's speed with many contacts in the account beside its speed with few, and with one key that thousands
hold.

Run as `python -m tests.bench.growth --contacts N [--json FILE]` on the database of DATABASE_URL.
"""

import argparse
import sys
from pathlib import Path

from tests.bench.database import fresh_database, put_aside
from tests.bench.engine import seconds
from tests.bench.report import Finding, write

RUNS, RECORDS, FEW, ON_ONE_KEY = 3, 5_000, 10_000, 10_000


def measure(contacts: int) -> list[Finding]:
    """The three accounts take turns."""
    from contacts.overlay import Record
    from tests.bench.mix import Base, values

    few, many, crowded = Base(FEW), Base(contacts), Base(FEW)
    shared = {"email": "info@example.com"}
    crowded.send([Record(f"crowd{number}", values(number) | shared) for number in range(ON_ONE_KEY)], crowded.shop)
    speeds: dict[str, list[float]] = {"few": [], "many": [], "crowded": []}
    for run in range(RUNS):
        for name, base in (("few", few), ("many", many), ("crowded", crowded)):
            records = base.mix(RECORDS, seed=run)
            if name == "crowded":
                # One record in fifty carries the key that thousands hold.
                records = [
                    Record(f"{run}-{number}", values(number) | shared) if number % 50 == 0 else record
                    for number, record in enumerate(records)
                ]
            put_aside()
            speeds[name].append(RECORDS / seconds(lambda: base.send(records, base.shop)))  # noqa: B023 - called at once
    told = {name: ", ".join(f"{speed:,.0f}" for speed in found) + " rows/s" for name, found in speeds.items()}
    must = 0.75
    what = f"engine with {contacts:,} contacts in the account ÷ with {FEW:,}"
    ratios = [many / few for many, few in zip(speeds["many"], speeds["few"], strict=True)]
    crowds = [crowded / few for crowded, few in zip(speeds["crowded"], speeds["few"], strict=True)]
    return [
        Finding("P4", what, ratios, must, figures=told),
        Finding("P4", f"engine with {ON_ONE_KEY:,} contacts on one key ÷ without", crowds, must),
    ]


def main() -> int:
    """1 when a promise is missed. On SQLite the ratios are printed only."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.growth", description=__doc__)
    parser.add_argument("--contacts", type=int, default=1_000_000)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with fresh_database() as vendor:
        findings = measure(arguments.contacts)
        if vendor == "sqlite":
            for finding in findings:
                finding.must = None
        return write(findings, vendor, arguments.json)


if __name__ == "__main__":
    sys.exit(main())
