"""Figures of use beside what was sent to a real server, that is stopped or killed."""

import http.client
import json
import os
import signal
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from accounts.models import Account
from contacts.models import Job
from integrations.models import RecentCall, UsageHour
from tests import factories
from tests.journeys.conftest import LiveApi, serving
from tests.journeys.load import begin_import, wait_for, working
from tests.system import System

pytestmark = pytest.mark.django_db(transaction=True)

CLIENTS = 8
BATCH = 20
"""Records of a batch, and contacts of a list."""
COUNTS = ("requests", "errors", "contacts_read", "contacts_written")


def counted(system: System) -> Counter[str]:
    """The figures of an authentication."""
    authentication = system.issued.authentication
    rows = UsageHour.objects.for_account(authentication.account_id).filter(authentication=authentication)
    return sum((Counter(row) for row in rows.values(*COUNTS)), Counter())


def turn(number: int, client: int) -> tuple[str, str, Any, int, int, int]:
    """A call: method, path, body, the status that is expected, contacts read and written."""
    records = [{"external_id": f"{client}-{each}", "values": {}} for each in range(BATCH)]
    match number % 50:
        case 0:
            return "POST", "/batch", {"mode": "merge", "records": records}, 200, 0, BATCH
        case 1 | 2:
            return "GET", f"/contacts?page_size={BATCH}", None, 200, BATCH, 0
        case 3:
            return "GET", "/contacts/there-is-no-such", None, 404, 0, 0
        case 4:
            return "POST", "/contacts", {"external_id": 1}, 422, 0, 0
        case rest if rest % 5 == 0:
            return "GET", f"/contacts/{client}-1", None, 200, 1, 0
    return "GET", "/me", None, 200, 0, 0


def send(server: LiveApi, system: System, client: int, calls: int) -> Counter[str]:
    """Makes calls one after the other over one connection; what they should have left."""
    sent = Counter[str]()
    headers = {"Authorization": system.authorization, "Content-Type": "application/json"}
    with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)) as line:
        for number in range(calls):
            method, path, body, status, read, written = turn(number, client)
            line.request(method, f"/api/v1{path}", None if body is None else json.dumps(body), headers)
            with line.getresponse() as response:
                response.read()
                assert response.status == status
            sent += Counter(requests=1, errors=int(status >= 400), contacts_read=read, contacts_written=written)
    return sent


def systems(account: Account) -> list[System]:
    fields = [factories.default_id_field(account), factories.id_field(account)]
    return [System(factories.authentication_for(account, field)) for field in fields]


def test_after_a_graceful_stop_the_figures_are_what_was_sent(tmp_path: Path) -> None:
    full = connection.vendor == "postgresql"
    calls = (10_000 if full else 1_000) // CLIENTS
    one, other = systems(factories.AccountFactory.create())
    with serving(tmp_path / "web", workers=2) as (server, process), ThreadPoolExecutor(CLIENTS) as pool:
        begun = [pool.submit(send, server, (one, other)[each % 2], each, calls) for each in range(CLIENTS)]
        sent = [each.result(240) for each in begun]
        process.send_signal(signal.SIGTERM if full else signal.SIGINT)
        process.wait(20)
    for system, own in ((one, sent[::2]), (other, sent[1::2])):
        assert counted(system) == sum(own, Counter())
        authentication = system.issued.authentication
        listed = RecentCall.objects.for_account(authentication.account_id).filter(authentication=authentication)
        assert 100 <= listed.count() <= 200  # two that write at once don't see each other's
    assert counted(one)["requests"] + counted(other)["requests"] == calls * CLIENTS


def test_what_runs_writes_within_seconds_and_what_is_killed_loses_no_more(tmp_path: Path) -> None:
    system, _ = systems(factories.AccountFactory.create())
    with serving(tmp_path / "web", workers=2) as (server, process), working(tmp_path / "worker") as worker:
        begin_import(server, system, {f"{number}": f"{number}@example.com" for number in range(2_000)})
        early = send(server, system, 0, 100) + Counter(requests=1, contacts_written=2_000)
        wait_for(lambda: Job.all_accounts.filter(state=Job.State.COMPLETED).exists())
        worker.terminate()
        worker.wait(20)
        wait_for(lambda: counted(system) == early)  # the server by itself, without an end
        late = send(server, system, 0, 10)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)
    assert early["requests"] <= counted(system)["requests"] <= early["requests"] + late["requests"]
