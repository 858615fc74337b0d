"""`./dev bench`: what is measured rather than tested, on both databases, printed as tables and written as JSON."""

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.postgres import running_postgres

MODULES = {"P2": "engine", "P3": "engine", "P4": "growth", "P5": "api", "P6": "api"}


def main() -> int:
    """Runs the benchmarks that the arguments ask for, once per database; 1 when a promise is missed."""
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__)
    parser.add_argument("--only", help="some of P2, P3, P4, P5, P6, with commas between them")
    parser.add_argument("--records", type=int, default=100_000, help="of P2 and P3")
    parser.add_argument("--contacts", type=int, default=1_000_000, help="in the large account of P4")
    parser.add_argument("--json", type=Path, help="where to write the findings; bench.json in LOCAL_DIR unless given")
    parser.add_argument("--soak", type=int, metavar="SECONDS", help="run the state machine of the engine instead")
    parser.add_argument(
        "--people",
        type=Path,
        metavar="FILE",
        help="link the people of a FEBRL file (CSV: rec_id, soc_sec_id, …) instead, org as one system, dup as another",
    )
    arguments = parser.parse_args()
    if arguments.people is not None and not arguments.people.is_file():
        parser.error(f"--people: there is no file {arguments.people}")
    only = arguments.only.split(",") if arguments.only else list(MODULES)
    if unknown := set(only) - MODULES.keys():
        parser.error(f"--only: there is no {', '.join(sorted(unknown))}")
    if arguments.people is not None:
        return on_both([["people", str(arguments.people.resolve())]])
    if arguments.soak is not None:
        return on_both([["soak", "--seconds", str(arguments.soak)]])
    path = arguments.json or Path(os.environ.get("LOCAL_DIR", ".local")) / "bench.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    options = {"engine": ["--records", str(arguments.records)], "growth": ["--contacts", str(arguments.contacts)]}
    wanted = dict.fromkeys(MODULES[number] for number in only)
    failures = on_both([[module, *options.get(module, []), "--json", str(path)] for module in wanted])
    print(f"\nWritten to {path}")
    return failures


def on_both(commands: Sequence[Sequence[str]]) -> int:
    """Runs modules of this package on SQLite, then on PostgreSQL."""
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    failures = run(commands, environment)
    with running_postgres() as url:
        failures += run(commands, {**environment, "DATABASE_URL": url})
    return int(bool(failures))


def run(commands: Sequence[Sequence[str]], environment: dict[str, str]) -> int:
    return sum(
        subprocess.run([sys.executable, "-m", f"tests.bench.{module}", *rest], env=environment, check=False).returncode
        != 0
        for module, *rest in commands
    )


if __name__ == "__main__":
    sys.exit(main())
