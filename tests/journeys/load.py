"""Work for a live server and its workers."""

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from contacts.models import Job
from tests.journeys.conftest import LiveApi, running
from tests.system import System

HANG = 300
"""Seconds after which what has not come never will, however slow the machine."""


def working(log: Path) -> AbstractContextManager[Any]:
    """A worker on the test database."""
    return running(["manage.py", "worker", "--interval", "0.1"], log)


def begin_import(server: LiveApi, system: System, emails: Mapping[str, str]) -> None:
    """Imports a system's contacts: its id of each, and an address."""
    rows = "".join(f"{own},{email}\n" for own, email in emails.items())
    headers = {"Authorization": system.authorization, "Content-Type": "text/csv"}
    answer = server.send("POST", "/api/v1/imports", f"external_id,email\n{rows}", headers)
    assert answer.status == 202


def wait_for(what: Callable[[], bool]) -> None:
    """Until it is so. If it does not become so, what the jobs say is in the failure."""
    deadline = time.monotonic() + HANG
    while not what():
        assert time.monotonic() < deadline, list(Job.all_accounts.values_list("state", "attempts", "progress"))
        time.sleep(0.05)
