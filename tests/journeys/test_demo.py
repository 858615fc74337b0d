"""The first thing anybody does: `manage.py demo`, and signing in with what it prints."""

import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, Request, build_opener

import pytest

from tests.config.environment import PRODUCTION, ROOT, run

NEW_PASSWORD = "a wholly different phrase"
SIGN_IN = re.compile(r"^  (\S+@\S+) +(\S.*?)  +(\S.*)$", re.MULTILINE)
# Written by signing in, or by nobody in particular
PASSING_TABLES = {"concord_cache", "django_session", "usersessions_usersession", "sqlite_sequence"}


class Browser:
    """Cookies, forms with their CSRF token, and no more."""

    def __init__(self, address: str) -> None:
        self.address, self.cookies = address, CookieJar()
        self.opener = build_opener(HTTPCookieProcessor(self.cookies))

    def get(self, path: str) -> tuple[str, str]:
        """The path that redirects led to, and the page."""
        with self.opener.open(self.address + path, timeout=60) as response:
            return response.url.removeprefix(self.address), response.read().decode()

    def submit(self, path: str, **values: str) -> tuple[str, str]:
        """As `get`, for the form on a page, filled in."""
        _, page = self.get(path)
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
        assert token is not None
        body = urlencode({"csrfmiddlewaretoken": token[1], **values}).encode()
        request = Request(self.address + path, body, {"Referer": self.address + path})
        try:
            with self.opener.open(request, timeout=60) as response:
                return response.url.removeprefix(self.address), response.read().decode()
        except HTTPError as error:
            with error:
                return error.url.removeprefix(self.address), error.read().decode()

    def signs_in(self, email: str, password: str) -> bool:
        self.submit("/auth/login/", login=email, password=password)
        path, _ = self.get("/auth/password/change/")
        return path == "/auth/password/change/"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def demo(home: Path) -> Iterator[tuple[str, str]]:
    """A running demo with its state in `home`: its address and what it printed. Ends as Ctrl-C does."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "manage.py", "demo", "--port", str(port)]
    environment = {"LOCAL_DIR": str(home), "PATH": os.environ["PATH"]}
    printed = home.with_suffix(".log")
    with (
        printed.open("w") as log,
        subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log) as process,
    ):
        try:
            deadline = time.monotonic() + 60
            while not answers(port):
                assert process.poll() is None, printed.read_text()
                assert time.monotonic() < deadline, printed.read_text()
                time.sleep(0.1)
            yield address, printed.read_text()
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=60) == 0
            assert "Traceback" not in printed.read_text()
        finally:
            process.terminate()  # and not killed: its worker would live on
            process.wait(timeout=60)


def answers(port: int) -> bool:
    with closing(socket.socket()) as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def rows(home: Path) -> dict[str, int]:
    """How many rows each table has that a second start must leave alone."""
    with closing(sqlite3.connect(home / "concord.sqlite3")) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {
            table: database.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0]
            for table in tables
            if table not in PASSING_TABLES
        }


def passwords(printed: str) -> dict[str, str]:
    return {email: password for email, password, _ in SIGN_IN.findall(printed)}


def test_the_demo_serves_and_a_second_start_keeps_what_people_did(tmp_path: Path) -> None:
    home = tmp_path / "state"
    with demo(home) as (address, printed):
        first = passwords(printed)
        assert len(first) == len(set(first.values())) == 6
        assert all(email in printed for email in ("owner@", "viewer@", "partner@", "operator@"))
        for email, password in first.items():
            assert Browser(address).signs_in(email, password), email
        assert not Browser(address).signs_in("owner@concord.example", "not the password")
        operator = Browser(address)
        assert operator.signs_in("operator@concord.example", first["operator@concord.example"])
        assert operator.get("/admin/")[0] == "/admin/"
        viewer, old = Browser(address), first["viewer@concord.example"]
        assert viewer.signs_in("viewer@concord.example", old)
        viewer.submit("/auth/password/change/", oldpassword=old, password1=NEW_PASSWORD, password2=NEW_PASSWORD)
    before = rows(home)
    assert before["accounts_account"] == 3
    assert before["contacts_contact"] > 5
    with demo(home) as (address, printed):
        expected = first | {"viewer@concord.example": "changed by you"}
        assert passwords(printed) == expected
        assert Browser(address).signs_in("viewer@concord.example", NEW_PASSWORD)
        assert not Browser(address).signs_in("viewer@concord.example", old)
    assert rows(home) == before


def test_a_port_in_use_is_said_in_one_line_before_anything_is_written(tmp_path: Path) -> None:
    home = tmp_path / "state"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run("manage.py", "demo", "--port", str(port), environment={"LOCAL_DIR": str(home)})
    assert done.returncode == 1
    assert f"Port {port} of 127.0.0.1 can't be used" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (home / "concord.sqlite3").exists()


@pytest.mark.parametrize(
    ("arguments", "environment", "said"),
    [
        ([], PRODUCTION, "no place in production"),
        (["--host", "0.0.0.0"], {}, "invalid choice"),
        (["--port", "70000"], {}, "from 1 to 65535"),
    ],
)
def test_the_demo_stays_on_this_machine(
    arguments: list[str], environment: dict[str, str], said: str, tmp_path: Path
) -> None:
    done = run("manage.py", "demo", *arguments, environment=environment | {"LOCAL_DIR": str(tmp_path)})
    assert done.returncode != 0
    assert said in done.stderr
    assert "Traceback" not in done.stderr
