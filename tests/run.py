"""Run the suite twice, on SQLite and on PostgreSQL: `./dev test [pytest arguments]`.

Without arguments both passes run beside each other, and coverage is measured and held to its thresholds. With
arguments one follows the other, each at the terminal, for debuggers. With `CI` set, a skipped test fails the run:
there everything a test could need is installed. A test that makes sense on one database only carries the mark of its
name, and the other pass leaves it out.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from types import FrameType
from typing import IO, Any, NoReturn
from xml.etree import ElementTree

from tests.postgres import running_postgres

ROOT = Path(__file__).parent.parent
# What the settings read: both passes start from their defaults, whatever the caller's environment holds
SETTINGS_VARIABLES = {
    "ALLOWED_HOSTS",
    "API_FAILURES_PER_MINUTE",
    "API_KEY_PEPPERS",
    "API_REQUESTS_PER_MINUTE",
    "DATABASE_URL",
    "DEFAULT_FROM_EMAIL",
    "EMAIL_URL",
    "LOCAL_DIR",
    "PRODUCTION",
    "SECRET_KEY",
}
# Coverage in per cent, lines and branches together: of each critical file, and of all others taken together
CRITICAL_COVERAGE = 95
CRITICAL_FILES = (
    "accounts/tenancy/*",
    "contacts/matching.py",
    "contacts/normalise.py",
    "integrations/authentication.py",
    "integrations/credentials.py",
    "integrations/networks.py",
    "integrations/throttling.py",
    "*/services/*",
    "*/services.py",
)
OTHER_COVERAGE = 85
NO_TESTS_RAN = 5


@dataclass
class Outcome:
    """What became of the tests of one pass, or of several added up."""

    passed: int = 0
    failed: int = 0
    skipped: list[str] = field(default_factory=list)

    def __add__(self, other: "Outcome") -> "Outcome":
        return Outcome(self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped)

    def __str__(self) -> str:
        line = f"{self.passed} passed, {self.failed} failed"
        return f"{line}, {len(self.skipped)} skipped" if self.skipped else line


def main(arguments: list[str]) -> int:
    """Run both passes, print what became of them, and return the exit code."""
    signal.signal(signal.SIGTERM, _stop)
    total = Outcome()
    problems = []
    with tempfile.TemporaryDirectory(prefix="concord-tests-") as path:
        folder = Path(path)
        for vendors in [["sqlite"], ["postgresql"]] if arguments else [["sqlite", "postgresql"]]:
            for vendor, code in _run_passes(vendors, arguments, folder).items():
                total += _read_report(_report(folder, vendor), vendor)
                nothing_chosen = code == NO_TESTS_RAN and arguments
                if code and not nothing_chosen:
                    problems.append(f"The {vendor} pass failed with exit code {code}.")
        if not arguments:
            problems += _coverage_problems(folder)
    if total.passed + total.failed == 0:
        problems.append("No test ran.")
    if os.environ.get("CI"):
        problems += [f"Skipped, though CI has everything: {test}" for test in total.skipped]
    print("", *problems, total, sep="\n", flush=True)
    return 1 if problems else 0


def _run_passes(vendors: Sequence[str], arguments: list[str], folder: Path) -> dict[str, int]:
    """Run pytest on each kind of database, all at once, and return their exit codes. Only the first writes to the
    terminal; what the others write comes after it."""
    with ExitStack() as stack:
        passes = {}
        for number, vendor in enumerate(vendors):
            environment = {name: value for name, value in os.environ.items() if name not in SETTINGS_VARIABLES}
            environment |= {"EXPECTED_DB_VENDOR": vendor, "COVERAGE_FILE": str(folder / ".coverage")}
            environment |= {"LOCAL_DIR": str(folder / vendor)}
            if vendor == "postgresql":
                # Before pytest starts: it reads the settings, and with them the database, before any of our hooks
                environment["DATABASE_URL"] = stack.enter_context(running_postgres())
            output = None if number == 0 else stack.enter_context((folder / f"{vendor}.log").open("w+b"))
            process = stack.enter_context(_started(_command(vendor, arguments, folder), environment, output))
            passes[vendor] = process, output
        codes = {}
        for vendor, (process, output) in passes.items():
            print(f"\n== {vendor} ==", flush=True)
            if output is not None:
                _show(output, process)
            codes[vendor] = process.wait()
        return codes


def _command(vendor: str, arguments: list[str], folder: Path) -> list[str]:
    command = [sys.executable, "-m", *([] if arguments else ["coverage", "run", "-m"]), "pytest"]
    other = {"sqlite": "postgresql", "postgresql": "sqlite"}[vendor]
    command += [f"--junit-xml={_report(folder, vendor)}", "-m", f"not {other}"]
    return [*command, *arguments]


def _report(folder: Path, vendor: str) -> Path:
    return folder / f"{vendor}.xml"


@contextmanager
def _started(
    command: list[str], environment: Mapping[str, str], output: IO[bytes] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A command; when we are stopped, it may tidy up first."""
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=output) as process:
        try:
            yield process
        except BaseException as stopped:
            if not isinstance(stopped, KeyboardInterrupt):  # the keyboard reaches the command by itself
                process.send_signal(signal.SIGINT)
            try:
                process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                process.kill()
            raise


def _show(output: IO[bytes], process: subprocess.Popen[bytes]) -> None:
    """Print what a process has written to a file, and what it goes on writing, until it ends."""
    position = 0
    while True:
        ended = process.poll() is not None
        written = os.pread(output.fileno(), 1 << 20, position)
        position += len(written)
        sys.stdout.buffer.write(written)
        sys.stdout.flush()
        if not written:
            if ended:
                return
            time.sleep(0.2)


def _read_report(report: Path, vendor: str) -> Outcome:
    """Count the tests in a JUnit report; one that fails and then errs in its teardown counts once."""
    outcome = Outcome()
    if not report.exists():
        return outcome
    results: dict[str, set[str]] = {}
    for case in ElementTree.parse(report).iter("testcase"):
        name = f"{case.get('classname')}.{case.get('name')} ({vendor})"
        results.setdefault(name, set()).update(child.tag for child in case)
    for name, tags in results.items():
        if tags & {"failure", "error"}:
            outcome.failed += 1
        elif "skipped" in tags:
            outcome.skipped.append(name)
        else:
            outcome.passed += 1
    return outcome


def _coverage_problems(folder: Path) -> list[str]:
    """Combine both passes into .coverage, print the report, and say what falls short."""
    coverage = [sys.executable, "-m", "coverage"]
    environment = os.environ | {"COVERAGE_FILE": str(ROOT / ".coverage")}
    figures = folder / "coverage.json"
    for step in (["combine", "--quiet", str(folder)], ["report"], ["json", "--quiet", "-o", str(figures)]):
        print(flush=True)
        with _started([*coverage, *step], environment) as process:
            process.wait()
        if process.returncode:
            return [f"Coverage could not be measured: coverage {step[0]} failed."]
    return _shortfalls(json.loads(figures.read_text())["files"])


def _shortfalls(files: Mapping[str, Any]) -> list[str]:
    """Hold the figures of `coverage json` to the thresholds."""
    problems = []
    covered = total = 0
    for path, figures in sorted(files.items()):
        summary = figures["summary"]
        if any(fnmatch(path, pattern) for pattern in CRITICAL_FILES):
            percent = summary["percent_covered"]
            if percent < CRITICAL_COVERAGE:
                problems.append(f"{path}: {percent:.1f} % covered, not {CRITICAL_COVERAGE} %.")
        else:
            covered += summary["covered_lines"] + summary["covered_branches"]
            total += summary["num_statements"] + summary["num_branches"]
    if 100 * covered < OTHER_COVERAGE * total:
        problems.append(f"Other files: {100 * covered / total:.1f} % covered, not {OTHER_COVERAGE} %.")
    return problems


def _stop(_number: int, _frame: FrameType | None) -> NoReturn:
    """Turn a request to terminate into an exception, so that the database server is stopped too."""
    raise SystemExit(128 + signal.SIGTERM)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
