"""Runs the state machine of the matching engine for as long as is asked, and counts what it finds.

Run as `python -m tests.bench.soak --seconds N` on the database of DATABASE_URL.
"""

import argparse
import sys
import time
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.bench.database import fresh_database

AT_ONCE = 50


def main() -> int:
    """Prints sequences and violations; 1 when there is one."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.soak", description=__doc__)
    parser.add_argument("--seconds", type=int, default=600)
    arguments = parser.parse_args()
    with fresh_database() as vendor:
        from django.db import transaction

        from tests.contacts.machine import Matching, reached

        sequences = violations = 0
        started: list[Any] = []

        class Counted(Matching):
            def teardown(self) -> None:
                started.append(self)
                super().teardown()

        end = time.monotonic() + arguments.seconds
        while time.monotonic() < end:
            try:
                with transaction.atomic():
                    run_state_machine_as_test(
                        Counted,
                        settings=settings(
                            max_examples=AT_ONCE,
                            stateful_step_count=30,
                            deadline=None,
                            database=None,
                            suppress_health_check=list(HealthCheck),
                        ),
                    )
                    transaction.set_rollback(True)
            except Exception as violation:  # noqa: BLE001 - told, and on with the next
                violations += 1
                print(f"{type(violation).__name__}: {violation}", *getattr(violation, "__notes__", ()), sep="\n")
            sequences += len(started)
            started.clear()
        print(f"{vendor}: {sequences} sequences, {violations} violations in {arguments.seconds} s")
        print(", ".join(f"{what} {count}" for what, count in reached.most_common()))
        return int(violations > 0)


if __name__ == "__main__":
    sys.exit(main())
