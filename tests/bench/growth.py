"""P4: the engine's speed with many contacts in the account beside its speed with few, and with one key that thousands
hold.

Run as `python -m tests.bench.growth --contacts N [--json FILE]` on the database of DATABASE_URL.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.database import fresh_database, seconds
from tests.bench.report import Finding, medians, write

MUST = 0.75


@dataclass(frozen=True)
class Sizes:
    """How many contacts and records, and how often."""

    many: int = 1_000_000
    few: int = 10_000
    on_one_key: int = 10_000
    records: int = 4_000
    runs: int = 5


SHARED = {"email": "info@example.com"}


def with_shared_key(base: Any, records: list[Any], run: int) -> list[Any]:
    """One record in fifty is of somebody new who carries the key that thousands hold, one in fifty of somebody who
    holds it and has moved."""
    from contacts.overlay import Record
    from tests.bench.mix import values

    records = records.copy()
    for index in range(0, len(records) - 1, 50):
        (person,) = base.newcomers(1)
        records[index] = Record(str(person), values(person) | SHARED)
        records[index + 1] = Record(f"crowd{index}", {"city": f"Moved{run}"})
    return records


def measure(sizes: Sizes, *, must: float | None = MUST) -> list[Finding]:
    """The three accounts take turns, each with people of its own."""
    from contacts.overlay import Record
    from tests.bench.mix import Base, values

    few, many, crowded = Base(sizes.few), Base(sizes.many), Base(sizes.few)
    crowd = crowded.newcomers(sizes.on_one_key)
    crowded.send([Record(f"crowd{index}", values(each) | SHARED) for index, each in enumerate(crowd)], crowded.shop)
    speeds: list[dict[str, float]] = []
    for run in range(sizes.runs):
        turns = [("few", few), ("many", many), ("crowded", crowded)]
        speeds.append({})
        for name, base in turns[run % 3 :] + turns[: run % 3]:
            records = base.mix(sizes.records)
            if name == "crowded":
                records = with_shared_key(base, records, run)
            speeds[run][name] = len(records) / seconds(lambda: base.send(records, base.shop))  # noqa: B023 - at once
    names = ("few", "many", "crowded")
    told = {"rows/s": medians([{name: speed[name] for name in names} for speed in speeds])}
    return [
        Finding(
            "P4",
            f"engine with {sizes.many:,} contacts in the account ÷ with {sizes.few:,}",
            [speed["many"] / speed["few"] for speed in speeds],
            must,
            figures=told,
        ),
        Finding(
            "P4",
            f"engine with {sizes.on_one_key:,} contacts on one key ÷ without",
            [speed["crowded"] / speed["few"] for speed in speeds],
            must,
        ),
    ]


def main() -> int:
    """1 when a promise is missed. On SQLite the ratios are printed only."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.growth", description=__doc__)
    parser.add_argument("--contacts", type=int, default=1_000_000)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with fresh_database() as vendor:
        findings = measure(Sizes(many=arguments.contacts), must=MUST if vendor == "postgresql" else None)
        return write(findings, vendor, arguments.json)


if __name__ == "__main__":
    sys.exit(main())
