"""Run the suite twice, on SQLite and on PostgreSQL: `./dev test [pytest arguments]`.

Without arguments it also measures coverage and holds it to its thresholds. With `CI` set, a skipped test
fails the run: there everything a test could need is installed. A test that makes sense on one database only
carries the mark of its name, and the other pass leaves it out.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn
from xml.etree import ElementTree

from tests.postgres import running_postgres

ROOT = Path(__file__).parent.parent
# The passes that the browser tests take part in
BROWSER_PASSES = {"sqlite", "postgresql"}
# What the settings read: both passes start from their defaults, whatever the caller's environment holds
SETTINGS_VARIABLES = {
    "ALLOWED_HOSTS",
    "API_KEY_PEPPERS",
    "DATABASE_URL",
    "DEFAULT_FROM_EMAIL",
    "EMAIL_URL",
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
        for vendor in ("sqlite", "postgresql"):
            code, outcome = _run_pass(vendor, arguments, folder)
            total += outcome
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


def _run_pass(vendor: str, arguments: list[str], folder: Path) -> tuple[int, Outcome]:
    """Run pytest on one kind of database; return its exit code and what its report says."""
    print(f"\n== {vendor} ==", flush=True)
    report = folder / f"{vendor}.xml"
    command = [sys.executable, "-m", *([] if arguments else ["coverage", "run", "-m"]), "pytest"]
    command += [f"--junit-xml={report}", "-m", "not postgresql" if vendor == "sqlite" else "not sqlite"]
    if vendor not in BROWSER_PASSES:
        command.append("--ignore=tests/journeys")
    environment = {name: value for name, value in os.environ.items() if name not in SETTINGS_VARIABLES}
    environment |= {"EXPECTED_DB_VENDOR": vendor, "COVERAGE_FILE": str(folder / ".coverage")}
    if vendor == "sqlite":
        code = _call([*command, *arguments], environment)
    else:
        # Before pytest starts: it reads the settings, and with them the database, before any of our hooks
        with running_postgres() as url:
            code = _call([*command, *arguments], environment | {"DATABASE_URL": url})
    return code, _read_report(report, vendor)


def _call(command: list[str], environment: Mapping[str, str]) -> int:
    """Run a command to its end; when we are stopped, let it tidy up first."""
    with subprocess.Popen(command, cwd=ROOT, env=environment) as process:
        try:
            return process.wait()
        except BaseException as stopped:
            if not isinstance(stopped, KeyboardInterrupt):  # the keyboard reaches the command by itself
                process.send_signal(signal.SIGINT)
            try:
                process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                process.kill()
            raise


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
        if _call([*coverage, *step], environment):
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
