"""`./dev bench`: what is measured rather than tested, on both databases, printed as a table."""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from tests.postgres import running_postgres


def main() -> int:
    """Runs the benchmark that the arguments ask for, once per database; 1 when a promise is broken."""
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__)
    parser.add_argument(
        "--people",
        type=Path,
        metavar="FILE",
        required=True,
        help="link the people of a FEBRL file (CSV with rec_id, soc_sec_id, …): org as one system, dup as another",
    )
    arguments = parser.parse_args()
    if not arguments.people.is_file():
        parser.error(f"--people: there is no file {arguments.people}")
    command = [sys.executable, "-m", "tests.bench.people", str(arguments.people.resolve())]
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    failures = subprocess.run(command, env=environment, check=False).returncode
    with running_postgres() as url:
        failures += subprocess.run(command, env={**environment, "DATABASE_URL": url}, check=False).returncode
    return int(bool(failures))


if __name__ == "__main__":
    sys.exit(main())
