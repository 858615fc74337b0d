"""Two web processes and two workers on one database, one of each killed under load."""

import http.client
import json
import os
import signal
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Account
from contacts.models import Change, Contact, ExternalId, Job
from contacts.services import jobs
from tests import factories
from tests.journeys.conftest import LiveApi, serving
from tests.journeys.load import HANG, begin_import, wait_for, working
from tests.system import System

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]

CLIENTS = 4
CALLS = 50
"""A client's."""
ROWS = 20_000
"""An import's."""


def send(servers: list[LiveApi], system: System, own: str, served: Counter[int]) -> dict[str, Any]:
    """Upserts a contact; asks the other server with the same key where one does not answer."""
    body = json.dumps({"external_id": own, "values": {"email": f"{own}@example.com"}})
    headers = {"Authorization": system.authorization, "Content-Type": "application/json", "Idempotency-Key": own}
    for turn in range(20):
        server = servers[turn % 2]
        try:
            answer = server.send("POST", "/api/v1/contacts", body, headers)
        except (OSError, http.client.HTTPException):
            continue
        served[server.port] += 1
        if answer.status == 503:
            time.sleep(0.1)
            continue
        result: dict[str, Any] = answer.json()
        assert answer.status == 201, result
        return result
    raise AssertionError("no server answered")


def kill(process: Any) -> None:
    """With all that it has started."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(10)


@dataclass
class Load:
    """Clients that send new contacts for a system, each with a server of their choice first."""

    servers: list[LiveApi]
    system: System
    served: Counter[int] = field(default_factory=Counter)
    under_way: Event = field(default_factory=Event)

    def client(self, number: int) -> list[dict[str, Any]]:
        order = self.servers if number % 2 else self.servers[::-1]
        answers = []
        for call in range(CALLS):
            answers.append(send(order, self.system, f"api-{number}-{call}", self.served))
            if call == 4:
                self.under_way.set()
        return answers


def kill_one_of_each(load: Load, server: Any, worker: Any) -> None:
    """While both imports run and clients are served. Nobody would miss the worker for a minute, so both jobs are made
    to look left alone: the other worker's is taken from it, and it must let go."""
    assert load.under_way.wait(60)
    wait_for(lambda: Job.all_accounts.filter(state=Job.State.RUNNING).count() == 2)
    assert load.served[load.servers[0].port] > 0
    kill(server)
    kill(worker)
    Job.all_accounts.filter(state=Job.State.RUNNING).update(heartbeat_at=timezone.now() - timedelta(hours=1))
    assert jobs.rescue() == 2


def test_what_was_acknowledged_is_there_and_nothing_is_there_twice(tmp_path: Path) -> None:
    account = factories.AccountFactory.create()
    crm = System(factories.authentication_for(account, system="CRM"))
    shop = System(factories.authentication_for(account, factories.id_field(account), system="Shop"))
    with ExitStack() as stack, ThreadPoolExecutor(CLIENTS) as pool:
        (first, server), (second, _) = (stack.enter_context(serving(tmp_path / f"web{n}")) for n in range(2))
        worker, _ = (stack.enter_context(working(tmp_path / f"worker{n}")) for n in range(2))
        load = Load([first, second], crm)
        for web, system, name in ((first, crm, "crm"), (second, shop, "shop")):
            begin_import(web, system, {f"{name}-{number}": f"{name}-{number}@example.com" for number in range(ROWS)})
        clients = [pool.submit(load.client, number) for number in range(CLIENTS)]
        kill_one_of_each(load, server, worker)
        answers = [answer for client in clients for answer in client.result(HANG)]
        wait_for(lambda: Job.all_accounts.filter(state=Job.State.COMPLETED).count() == 2)

    assert [job.progress["created"] for job in Job.all_accounts.all()] == [ROWS, ROWS]
    assert all(job.attempts > 1 for job in Job.all_accounts.all())
    check(account, answers)


def check(account: Account, answers: list[dict[str, Any]]) -> None:
    """Every acknowledged write is there, none twice."""
    assert all(answer["outcome"] == "created" for answer in answers)
    ids = dict(ExternalId.objects.for_account(account).values_list("value", "contact_id"))
    for answer in answers:
        assert str(ids[answer["contact"]["external_id"]]) == answer["contact"]["id"]
    assert len(answers) == CLIENTS * CALLS
    assert len(ids) == Contact.objects.for_account(account).count() == CLIENTS * CALLS + 2 * ROWS
    # No contact has two changes, and no number is missing.
    numbers = Change.objects.for_account(account).order_by("number").values_list("number", flat=True)
    assert list(numbers) == list(range(1, len(ids) + 1))
