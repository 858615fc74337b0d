"""A worker that is killed in the midst of an import, again and again: nothing is lost, nothing done twice."""

import os
import signal
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from io import BytesIO
from random import Random
from typing import Any

import pytest
from django.db import connection, connections

from accounts.actor import SYSTEM
from accounts.models import Account
from contacts.models import Change, Contact, ExternalId, Import, Job, MatchKey, RejectedRow, ReviewItem
from contacts.services import files, imports, jobs
from tests import factories
from tests.work import work

ROWS = 20_000
CHUNK = 200
KILLS = 50


def people() -> bytes:
    """Rows of which some share an address, some an id, and some are rejected."""
    random = Random(1)
    lines = ["external_id,email,lastName\n"]
    for number in range(ROWS):
        own = number if random.random() < 0.95 else random.randrange(number + 1)
        email = f"p{random.randrange(ROWS)}@example.com" if random.random() < 0.98 else "nobody"
        lines.append(f"{own},{email},Name{random.randrange(100)}\n")
    return "".join(lines).encode()


def begin(body: bytes) -> Import:
    account = factories.AccountFactory.create()
    issued = factories.authentication_for(account)
    file = files.receive(account_id=account.pk, read=BytesIO(body).read, limit=10**9, seen=len)
    return imports.begin(
        account=account,
        id_field_id=factories.default_id_field(account).pk,
        authentication_id=issued.authentication.pk,
        file=file,
        read_as=imports.Settings("csv"),
        by=SYSTEM,
    )


def end_state(account: Account) -> dict[str, Any]:
    """All rows of an account, with contacts called by their order."""
    contacts = list(Contact.objects.for_account(account).order_by("pk"))
    order = {contact.pk: number for number, contact in enumerate(contacts)}
    changes = Change.objects.for_account(account).order_by("number")
    keys = MatchKey.objects.for_account(account).values_list("contact_id", "key")
    items = ReviewItem.objects.for_account(account).values_list("contact_id", "other_id", "kind", "state")
    rejected = RejectedRow.objects.for_account(account).order_by("pk")
    return {
        "contacts": [(contact.values, contact.version) for contact in contacts],
        "ids": {
            value: order[contact]
            for value, contact in ExternalId.objects.for_account(account).values_list("value", "contact_id")
        },
        "changes": [(each.number, order[each.contact_id], each.kind, each.fields) for each in changes],
        "keys": {(order[contact], key) for contact, key in keys},
        "items": Counter((order.get(one), order.get(other), kind, state) for one, other, kind, state in items),
        "rejected": list(rejected.values_list("row", "code", "field")),
        "progress": Job.objects.for_account(account).get().progress,
    }


def work_until_killed(moment: int) -> str:
    """A worker of its own that kills itself at a statement: what that was, or nothing when it came to its end."""
    connections.close_all()
    if connection.vendor == "postgresql":
        connection.close_pool()  # type: ignore[attr-defined]
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        left = moment

        def count(execute: Any, sql: str, *rest: Any) -> Any:
            nonlocal left
            left -= 1
            if not left:
                os.write(write, sql.encode()[:200])
                os.kill(os.getpid(), signal.SIGKILL)
            return execute(sql, *rest)

        with connection.execute_wrapper(count):
            work()
        os._exit(0)
    os.close(write)
    _, status = os.waitpid(pid, 0)
    with os.fdopen(read) as pipe:
        statement = pipe.read()
    assert os.WIFSIGNALED(status) is bool(statement), status
    return statement


@pytest.fixture
def emptied(transactional_db: None) -> Iterator[None]:
    """Deletes contacts first: for each of them SQLite would look for rows that point at it, in whole tables."""
    yield
    with connection.constraint_checks_disabled():
        for model in (MatchKey, ExternalId, Change, ReviewItem, Contact):
            model.all_accounts.all()._raw_delete(using="default")


@pytest.mark.usefixtures("emptied")
def test_a_worker_killed_at_any_moment_leaves_the_same_as_one_that_was_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "CHUNK", CHUNK)
    monkeypatch.setattr(jobs, "SILENCE", timedelta(0))
    monkeypatch.setattr(jobs, "FIRST_DELAY", timedelta(0))
    monkeypatch.setattr(jobs, "MAX_STALLS", 100)
    body, random = people(), Random(2)
    undisturbed = begin(body)
    work()
    disturbed = begin(body)
    killed = Counter[str]()
    while statement := work_until_killed(random.randint(1, 70)):
        killed[" ".join(statement.split()[:3])] += 1
        jobs.rescue()
    assert Job.objects.for_account(disturbed.account_id).get().state == Job.State.COMPLETED
    assert end_state(disturbed.account) == end_state(undisturbed.account)
    assert killed.total() >= KILLS
    # Among them: the data were written, the progress was not yet.
    assert killed['UPDATE "contacts_job" SET'] > 0, killed
    print(f"killed {killed.total()} times:", dict(killed))
