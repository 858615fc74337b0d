"""P6: a single upsert through the API, in process with the whole stack, beside a view that does one
INSERT … ON CONFLICT.

Run as `python -m tests.bench.single [--json FILE]` on the database of DATABASE_URL.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from tests.bench.database import fresh_database, settle
from tests.bench.report import Finding, write

ROUNDS, WARM_UP, ATTEMPTS = 1000, 50, 3
LEAST, MOST = 0.98, 1.02
"""What the view must take beside itself, else the run says nothing."""


def rounds(calls: dict[str, Callable[[int], Any]], first: int, count: int) -> dict[str, float]:
    """Median milliseconds of each call; in each round they come in another order."""
    random, names = Random(first), list(calls)
    times: dict[str, list[float]] = {name: [] for name in names}
    settle()
    for number in range(first, first + count):
        random.shuffle(names)
        for name in names:
            start = time.perf_counter()
            answer = calls[name](number)
            times[name].append((time.perf_counter() - start) * 1000)
            assert answer.status_code in {200, 201}, answer.content
    return {name: statistics.median(found) for name, found in times.items()}


def the_calls() -> dict[str, Callable[[int], Any]]:
    """What is compared, each by the number of the round; what updates, updates what the round before it made."""
    from tests import factories
    from tests.bench.mix import values
    from tests.system import System

    system = System(factories.authentication_for(factories.AccountFactory.create()))

    def call(path: str, name: str, number: int, **changes: str) -> Any:
        return system.call("POST", path, {"external_id": f"{name}{number}", "values": values(number) | changes})

    return {
        "created": lambda number: call("/contacts", "n", number),
        "updated": lambda number: call("/contacts", "n", number - 1, city=f"Moved{number}"),
        "view, inserting": lambda number: call("/peer", "n", number),
        "view, inserting, again": lambda number: call("/peer", "m", number),
        "view, updating": lambda number: call("/peer", "n", number - 1, city=f"Moved{number}"),
    }


def measure(count: int = ROUNDS) -> list[Finding]:
    """Up to three attempts, until the view takes as long as itself."""
    from django.db import connection
    from django.test import override_settings

    from tests.bench.single_urls import TABLE

    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS bench_peer")
        cursor.execute(TABLE)
    try:
        with override_settings(ROOT_URLCONF="tests.bench.single_urls"):
            calls = the_calls()
            rounds(calls, 1, WARM_UP)
            itself = []
            for attempt in range(1, ATTEMPTS + 1):
                middle = rounds(calls, attempt * 1_000_000, count)
                itself.append(middle["view, inserting, again"] / middle["view, inserting"])
                if LEAST <= itself[-1] <= MOST:
                    break
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE bench_peer")
    told = {
        "milliseconds": ", ".join(f"{name} {each:.2f}" for name, each in middle.items()),
        "the view ÷ itself": f"{itself[-1]:.3f} (must be {LEAST} to {MOST}; attempts: {len(itself)})",
    }
    void = not LEAST <= itself[-1] <= MOST
    return [
        Finding("P6", f"single upsert, {name} ÷ a view that does INSERT … ON CONFLICT", [middle[name] / middle[peer]],
                3, least=False, void=void, figures=told)
        for name, peer in (("created", "view, inserting"), ("updated", "view, updating"))
    ]  # fmt: skip


def main() -> int:
    """1 when a promise is missed."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.single", description=__doc__)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with fresh_database() as vendor:
        return write(measure(), vendor, arguments.json)


if __name__ == "__main__":
    sys.exit(main())
