"""Links the people of a file on one database and prints what became of them."""

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import astuple, fields
from pathlib import Path

from tests.bench.database import fresh_database


def main(path: Path) -> int:
    """Prints a row per way to send; 1 when ids were mixed up, lost or silently left unlinked."""
    with fresh_database() as vendor:
        # After setup: these import models.
        from tests.people import read, read_as_it_is, with_households

        people = read(path)
        cases = {
            "by e-mail": people,
            "50 households": with_households(people, 50, 2),
            "three rules": read_as_it_is(path),
        }
        return _run(vendor, cases)


def _run(vendor: str, cases: Mapping[str, Sequence[object]]) -> int:
    from tests.linking import Report, link

    columns = [field.name for field in fields(Report)]
    print(f"\n{vendor}: POST /batch, all of system A, then all of system B, shuffled")
    print(f"{'people':<15}{'chunk':>6}", *(f"{column:>13}" for column in columns), f"{'seconds':>9}")
    broken = 0
    for case, people in cases.items():
        for chunk in (7, 100, 1000):
            start = time.perf_counter()
            report = link(people, chunk=chunk, seed=chunk, own_rules=case == "three rules")  # type: ignore[arg-type]
            seconds = time.perf_counter() - start
            print(f"{case:<15}{chunk:>6}", *(f"{number:>13}" for number in astuple(report)), f"{seconds:>9.1f}")
            broken += report.wrong_links + report.changed_ids + report.lost + report.silent
    return int(broken > 0)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
