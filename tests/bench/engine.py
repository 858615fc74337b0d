"""P2 (PostgreSQL) and P3 (SQLite): the engine's upsert beside the bare copying of exactly the rows that it leaves
behind, and beside what the ORM offers.

Run as `python -m tests.bench.engine --records N [--json FILE]` on the database of DATABASE_URL.
"""

import argparse
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.database import fresh_database, seconds
from tests.bench.report import Finding, medians, write

RUNS = 3
SLOW_PEERS = 4_000
"""Records for the peers that would take minutes for all."""


@dataclass
class Run:
    """What one run found. `speeds`: way → rows a second."""

    speeds: dict[str, float] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    bytes_per_contact: float | None = None
    outcomes: Counter[str] = field(default_factory=Counter)

    @property
    def of_limit(self) -> float:
        return self.speeds["engine"] / self.speeds["limit"]

    @property
    def of_peer(self) -> float:
        return self.speeds["engine"] / self.speeds["bulk_create(update_conflicts)"]


def one_run(vendor: str, count: int, *, peers_first: bool) -> Run:
    """New accounts and new people; the peer gets the very records of the engine, for a base of the same people."""
    from tests.bench import peers
    from tests.bench.left_behind import LeftBehind
    from tests.bench.mix import BASE_SHARE, Base

    run = Run()
    base = Base(int(count * BASE_SHARE))
    twin = Base(base.size, base.first)
    records = base.mix(count)

    def measure_peers() -> None:
        run.speeds["bulk_create(update_conflicts)"] = count / seconds(
            lambda: peers.with_update_conflicts(twin, records)
        )
        few = min(count, SLOW_PEERS)
        small = Base(int(few * BASE_SHARE))
        mixed = small.mix(few)
        bulk, single = mixed[: few // 2], mixed[few // 2 :]
        run.speeds["bulk_create + bulk_update"] = len(bulk) / seconds(lambda: peers.with_bulk_update(small, bulk))
        run.speeds["update_or_create"] = len(single) / seconds(lambda: peers.row_by_row(small, single))

    if peers_first:
        measure_peers()
    left = LeftBehind()
    run.speeds["engine"] = count / seconds(lambda: run.outcomes.update(base.send(records, base.shop)))
    run.sizes = left.sizes()
    run.bytes_per_contact = left.bytes_per_contact() if vendor == "postgresql" else None
    run.speeds["limit"] = count / left.copy()
    if not peers_first:
        measure_peers()
    return run


def measure(vendor: str, count: int, runs: int = RUNS) -> list[Finding]:
    """The ways take turns in coming first."""
    found = [one_run(vendor, count, peers_first=bool(number % 2)) for number in range(runs)]
    number, must, limit = ("P2", 0.4, "bare COPY") if vendor == "postgresql" else ("P3", 0.25, "executemany")
    sizes, outcomes = found[-1].sizes, found[-1].outcomes
    told = {
        "rows/s": medians([run.speeds for run in found]),
        "records": ", ".join(f"{name} {records:,}" for name, records in sorted(outcomes.items())),
        "rows left behind": ", ".join(f"{name} {rows:,}" for name, rows in sizes.items()),
        "rows per contact": f"{sum(sizes.values()) / sizes['contact']:.2f}",
    }
    findings = [
        Finding(
            number,
            f"engine upsert of {count:,} records ÷ {limit} of the same rows",
            [run.of_limit for run in found],
            must,
            figures=told,
        ),
        Finding(
            number,
            "engine ÷ bulk_create(update_conflicts) of contacts and ids alone",
            [run.of_peer for run in found],
            1.5,
        ),
    ]
    written = [run.bytes_per_contact for run in found if run.bytes_per_contact is not None]
    if written:
        what = "bytes written per contact ÷ the bytes of its own values"
        findings.append(Finding(number, what, written, 4, least=False))
    return findings


def main() -> int:
    """1 when a promise is missed."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.engine", description=__doc__)
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with fresh_database() as vendor:
        return write(measure(vendor, arguments.records), vendor, arguments.json)


if __name__ == "__main__":
    sys.exit(main())
