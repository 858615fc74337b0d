"""`./dev bench`: what is measured rather than tested, on both databases, printed as tables and written as JSON."""

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.postgres import running_postgres

SQLITE, POSTGRESQL = "sqlite", "postgresql"
BENCHMARKS = {
    "P1": ("sign_in", {SQLITE, POSTGRESQL}),
    "P2": ("engine", {POSTGRESQL}),
    "P3": ("engine", {SQLITE}),
    "P4": ("growth", {SQLITE, POSTGRESQL}),
    "P5": ("batch", {SQLITE, POSTGRESQL}),
    "P6": ("single", {SQLITE, POSTGRESQL}),
    "P7": ("preview", {SQLITE, POSTGRESQL}),
    "P8": ("settings_pages", {SQLITE, POSTGRESQL}),
    "P9": ("imports", {SQLITE, POSTGRESQL}),
}
"""Number → its module, and the databases on which it runs."""

Commands = dict[str, list[list[str]]]
"""Vendor → module and arguments of each benchmark."""


def main(given: Sequence[str] | None = None) -> int:
    """Runs what the arguments ask for, once per database; 1 when a promise is missed."""
    arguments = parse(given)
    if arguments.people is not None:
        every = [["people", str(arguments.people.resolve())]]
        return run({SQLITE: every, POSTGRESQL: every})
    if arguments.soak is not None:
        every = [["soak", "--seconds", str(arguments.soak)]]
        return run({SQLITE: every, POSTGRESQL: every})
    if arguments.prove_preview is not None:
        every = [["preview", "--prove", str(arguments.prove_preview)]]
        return run({SQLITE: every, POSTGRESQL: every})
    path = arguments.json or Path(os.environ.get("LOCAL_DIR", ".local")) / "bench.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    failed = run(commands(arguments, path))
    print(f"\nWritten to {path}")
    return failed


def parse(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__)
    parser.add_argument(
        "--only", default=",".join(BENCHMARKS), help=f"some of {','.join(BENCHMARKS)}; P10 comes with P9"
    )
    parser.add_argument("--records", type=int, default=100_000, help="of P2 and P3; a fifth of them for P5")
    parser.add_argument(
        "--contacts", type=int, default=1_000_000, help="in the large account of P4, P7 and P8, in the large file of P9"
    )
    parser.add_argument("--json", type=Path, help="where to write the findings; bench.json in LOCAL_DIR unless given")
    parser.add_argument("--soak", type=int, metavar="SECONDS", help="run the state machine of the engine instead")
    parser.add_argument(
        "--prove-preview",
        type=int,
        metavar="CONTACTS",
        help="hold a preview over so many contacts against what the engine finds once the rules are published instead",
    )
    parser.add_argument(
        "--people",
        type=Path,
        metavar="FILE",
        help="link the people of a FEBRL file (CSV: rec_id, soc_sec_id, …) instead, org as one system, dup as another",
    )
    arguments = parser.parse_args(given)
    arguments.only = [number.strip().upper() for number in arguments.only.split(",")]
    if arguments.people is not None and not arguments.people.is_file():
        parser.error(f"--people: there is no file {arguments.people}")
    if unknown := set(arguments.only) - BENCHMARKS.keys():
        parser.error(f"--only: there is no {', '.join(sorted(unknown))}; there are {', '.join(BENCHMARKS)}")
    return arguments


def commands(arguments: argparse.Namespace, path: Path) -> Commands:
    options = {
        "engine": ["--records", str(arguments.records)],
        "growth": ["--contacts", str(arguments.contacts)],
        "batch": ["--records", str(arguments.records // 5)],
        "single": [],
        "sign_in": [],
        "preview": ["--contacts", str(arguments.contacts)],
        "settings_pages": ["--contacts", str(arguments.contacts)],
        "imports": ["--rows", str(arguments.contacts)],
    }
    return {
        vendor: [
            [module, *options[module], "--json", str(path)]
            for number, (module, databases) in BENCHMARKS.items()
            if number in arguments.only and vendor in databases
        ]
        for vendor in (SQLITE, POSTGRESQL)
    }


def run(wanted: Commands) -> int:
    """Modules of this package, on SQLite, then on PostgreSQL; 1 when one of them fails."""
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    failures = 0
    if wanted[SQLITE]:
        failures += run_each(wanted[SQLITE], environment)
    if wanted[POSTGRESQL]:
        with running_postgres() as url:
            failures += run_each(wanted[POSTGRESQL], {**environment, "DATABASE_URL": url})
    return int(failures > 0)


def run_each(wanted: Sequence[Sequence[str]], environment: dict[str, str]) -> int:
    """How many of them fail."""
    return sum(
        subprocess.run([sys.executable, "-m", f"tests.bench.{module}", *rest], env=environment, check=False).returncode
        != 0
        for module, *rest in wanted
    )


if __name__ == "__main__":
    sys.exit(main())
