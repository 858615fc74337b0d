"""A real server on the test database, a browser to look at it with, and what must not happen on any page."""

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
    Playwright,
    Request,
    sync_playwright,
)
from pytest_django.live_server_helper import LiveServer

from accounts.models import Account, User
from integrations.models import Integration
from tests.config.environment import ROOT
from tests.factories import PASSWORD, AccountFactory, UserFactory, rest_api
from tests.journeys.keyboard import HANDS

Visit = Callable[..., Page]


@dataclass(frozen=True)
class Answer:
    """What came back over the wire."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class LiveApi:
    """The REST API behind the server that production uses. Rows must be committed to be seen there."""

    port: int

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def send(self, method: str, target: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Answer:
        """Sends a request whose target goes out as it is: nothing is tidied up or percent-encoded on the way.

        `body` may be bytes, or an iterator of bytes, which is sent in chunks.
        """
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)) as client:
            client.request(method, target, body, dict(headers or {}))
            with client.getresponse() as response:
                return Answer(response.status, dict(response.getheaders()), response.read())

    def send_raw(self, data: bytes, *, half_close: bool = False) -> bytes:
        """Writes bytes to the server and returns all that it answers. `half_close` says that no more will come."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as client:
            client.sendall(data)
            if half_close:
                client.shutdown(socket.SHUT_WR)
            answer = b""
            while part := client.recv(65536):
                answer += part
            return answer


def url_of_test_database() -> str:
    """The URL under which another process finds the test database."""
    name = str(connection.settings_dict["NAME"])
    if connection.vendor == "sqlite":
        return f"sqlite:///{Path(name).resolve()}"
    return urlunsplit(urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}"))


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def listens(port: int) -> bool:
    with closing(socket.socket()) as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def environment(**more: str) -> dict[str, str]:
    """What another process needs to work on the test database. Without limits, unless `more` says so: tests are in a
    hurry."""
    ours = {"DATABASE_URL": url_of_test_database(), "LOCAL_DIR": str(settings.LOCAL_DIR)}
    return os.environ | ours | {"API_REQUESTS_PER_MINUTE": "0", "API_FAILURES_PER_MINUTE": "0"} | more


@contextmanager
def running(arguments: Sequence[str], log: Path, **more: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process of ours and those that it starts, in a group of their own, until the end. `more`: environment."""
    with (
        log.open("w") as output,
        subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=environment(**more),
            stdout=output,
            stderr=output,
            start_new_session=True,
        ) as process,
    ):
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()


@contextmanager
def serving(log: Path, workers: int = 1, **more: str) -> Iterator[tuple[LiveApi, subprocess.Popen[bytes]]]:
    """Granian, serving the test database. `more`: environment."""
    port = free_port()
    command = ["-m", "granian", "--interface", "wsgi", "--port", str(port), "--no-ws", "--blocking-threads", "4"]
    with running([*command, "--workers", str(workers), "config.wsgi:application"], log, **more) as process:
        deadline = time.monotonic() + 120
        while not listens(port):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        yield LiveApi(port), process


@pytest.fixture(scope="session")
def live_api(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveApi]:
    """A server until the tests are over. Ask for `transactional_db` too."""
    # It outlives the tests, and must not write while the database is emptied behind one.
    with serving(tmp_path_factory.mktemp("server") / "log", USAGE_FLUSH_SECONDS="3600") as (api, _):
        yield api


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """The system's Chromium, which asks nothing of the network by itself."""
    quiet = ["--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
    return {
        **browser_type_launch_args,
        "executable_path": "/usr/bin/chromium",
        "args": ["--no-sandbox", "--disable-gpu", "--disable-quic", *quiet],
    }


# pytest-playwright keeps its driver for the whole session, and with it an event loop on this thread, under which
# Django refuses every query. Here both end with this folder, so that no other test needs Django's safety off.
@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as driver:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        yield driver


@pytest.fixture(scope="package")
def browser(playwright: Playwright, browser_type_launch_args: dict[str, Any]) -> Iterator[Browser]:
    browser = playwright.chromium.launch(**browser_type_launch_args)
    yield browser
    browser.close()


@pytest.fixture(scope="package")
def browser_context_args() -> dict[str, Any]:
    return {}


@pytest.fixture
def catalogue(transactional_db: None) -> Integration:
    """The integration that journeys are about: what the migrations wrote is gone after the first of them."""
    cache.clear()
    return rest_api()


@pytest.fixture
def owner(catalogue: Integration) -> User:
    return UserFactory.create()


@pytest.fixture
def account(owner: User) -> Account:
    """An account of the owner's, with nothing in it. Journeys that need more have one of their own."""
    return AccountFactory.create(owner=owner)


@pytest.fixture
def visit(
    new_context: Callable[..., BrowserContext], live_server: LiveServer, catalogue: Integration
) -> Iterator[Visit]:
    """Opens a browser of its own for a person, signed in through the form, at the start page; for nobody at sign-in.

    Whatever any page of it complains about, or asks of another host, fails the test.
    """
    complaints: list[str] = []

    def on_console(message: ConsoleMessage) -> None:
        # A page that is refused is what some tests are about; a missing script or image never is.
        refused = message.text.startswith("Failed to load resource") and "/static/" not in message.location["url"]
        if message.type in {"error", "warning"} and not refused:
            complaints.append(f"{message.location['url']}: {message.text}")

    def on_request(request: Request) -> None:
        if not request.url.startswith((f"{live_server.url}/", "data:", "blob:")):
            complaints.append(f"asked of another host: {request.url}")

    def visit(user: User | None, **options: Any) -> Page:
        context = new_context(base_url=live_server.url, **options)
        context.set_default_timeout(20_000)
        context.on("console", on_console)
        context.on("weberror", lambda error: complaints.append(str(error.error)))
        context.on("request", on_request)
        page = context.new_page()
        page.goto("/")
        if user is not None:
            page.get_by_label("Email").fill(user.email)
            page.get_by_label("Password").fill(PASSWORD)
            page.get_by_role("button", name="Sign in", exact=True).click()
            page.wait_for_url(lambda url: "/auth/login/" not in url)
        return page

    yield visit
    assert complaints == []


@pytest.fixture
def by_keyboard_on_sqlite(monkeypatch: pytest.MonkeyPatch) -> None:
    """Journeys that ask for it are walked by keyboard alone on SQLite, and by mouse on PostgreSQL."""
    if connection.vendor == "sqlite":
        for name, by_keys in HANDS.items():
            monkeypatch.setattr(Locator, name, by_keys)
