"""`Idempotency-Key`: the same call many times is one write and the same answer."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier, Event
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.utils import timezone

from accounts.actor import SYSTEM
from accounts.models import Account
from contacts.models import Change, Contact, IdempotencyKey
from contacts.services import erasure, idempotency
from tests import factories
from tests.system import System

ONE = {"external_id": "1", "values": {"firstName": "Jan"}}
TWO = {"records": [ONE, {"external_id": ""}]}
CALLS = [("/contacts", ONE, 201), ("/batch", TWO, 207)]


@pytest.fixture
def account() -> Account:
    return factories.AccountFactory.create()


@pytest.fixture
def crm(account: Account) -> System:
    return System(factories.authentication_for(account, system="CRM"))


def send(system: System, path: str, body: Any, key: str = "a-key") -> Any:
    return system.call("POST", path, body, {"Idempotency-Key": key})


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


@pytest.mark.django_db
@pytest.mark.parametrize(("path", "body", "status"), CALLS)
def test_the_same_key_gets_the_same_answer_though_much_has_changed(
    crm: System, path: str, body: Any, status: int
) -> None:
    first = send(crm, path, body)
    assert first.status_code == status
    crm.send("1", firstName="Piet")
    changes = Change.all_accounts.count()
    again = send(crm, path, body)
    assert (again.status_code, again.content, again.get("ETag")) == (status, first.content, first.get("ETag"))
    assert Change.all_accounts.count() == changes
    assert crm.find("1")["values"] == {"firstName": "Piet"}


@pytest.mark.django_db
def test_another_call_with_the_key_is_refused(crm: System) -> None:
    assert send(crm, "/contacts", ONE).status_code == 201
    for path, body in (("/contacts", ONE | {"external_id": "2"}), ("/batch", {"records": [ONE]})):
        answer = send(crm, path, body)
        assert code(answer) == (422, "idempotency_key_reused")
        assert answer.json()["errors"][0]["pointer"] == "Idempotency-Key"
    assert Contact.all_accounts.count() == 1


@pytest.mark.django_db
def test_a_refused_call_and_a_dry_run_do_not_use_the_key_up(crm: System) -> None:
    assert send(crm, "/contacts", {"external_id": ""}).status_code == 422
    assert send(crm, "/contacts?dry_run=true", ONE).json()["outcome"] == "created"
    assert not IdempotencyKey.all_accounts.exists()
    assert send(crm, "/contacts", ONE).json()["outcome"] == "created"


@pytest.mark.django_db
def test_a_key_is_its_authentications_own(account: Account, crm: System) -> None:
    shop = System(factories.authentication_for(account, factories.id_field(account), system="Shop"))
    assert send(crm, "/contacts", ONE).status_code == 201
    assert send(shop, "/contacts", ONE | {"external_id": "W"}).status_code == 201


@pytest.mark.django_db
def test_a_day_later_the_key_is_free_and_the_answer_can_be_deleted(crm: System) -> None:
    send(crm, "/contacts", ONE)
    assert idempotency.delete_old(before=timezone.now() - idempotency.KEPT) == 0
    IdempotencyKey.all_accounts.update(created_at=timezone.now() - timedelta(hours=25))
    assert send(crm, "/contacts", ONE | {"values": {}}).json()["outcome"] == "unchanged"
    assert send(crm, "/contacts", ONE | {"values": {}}).json()["outcome"] == "unchanged"
    assert idempotency.delete_old(before=timezone.now() + timedelta(seconds=1)) == 1


@pytest.mark.django_db
def test_an_erased_contact_stands_in_no_kept_answer(account: Account, crm: System) -> None:
    contact = send(crm, "/contacts", ONE).json()["contact"]
    erasure.erase(account=account, contact_id=UUID(contact["id"]), by=SYSTEM)
    assert not IdempotencyKey.all_accounts.exists()
    assert code(send(crm, "/contacts", ONE)) == (410, "contact_erased")


@pytest.mark.django_db
@pytest.mark.parametrize("key", ["", "a b", "é", "x" * 256, "\t"])
def test_a_key_that_can_not_be_is_named(crm: System, key: str) -> None:
    answer = send(crm, "/contacts", ONE, key)
    assert [(each["pointer"], each["code"]) for each in answer.json()["errors"]] == [("Idempotency-Key", "invalid_key")]
    assert not Contact.all_accounts.exists()


@pytest.mark.django_db
def test_a_failure_between_write_and_answer_doubles_nothing(crm: System, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever happens there, the write is taken back with the key."""

    def crash(*_: Any, **__: Any) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr("contacts.api.views._answer", crash)
        with pytest.raises(SystemExit):
            send(crm, "/contacts", ONE)
    assert not Contact.all_accounts.exists()
    assert not IdempotencyKey.all_accounts.exists()
    assert send(crm, "/contacts", ONE).json()["outcome"] == "created"


def at_once(system: System, path: str, body: Any, clients: int) -> Iterator[Any]:
    barrier = Barrier(clients)

    def client(_: int) -> Any:
        try:
            barrier.wait(30)
            return send(System(system.issued), path, body)
        finally:
            connection.close()

    with ThreadPoolExecutor(clients) as pool:
        yield from pool.map(client, range(clients))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("path", "body", "status"), CALLS)
def test_sixteen_clients_at_once_are_one_write(crm: System, path: str, body: Any, status: int) -> None:
    answers = list(at_once(crm, path, body, 16))
    assert {answer.status_code for answer in answers} == {status}
    assert len({answer.content for answer in answers}) == 1
    assert Change.all_accounts.count() == Contact.all_accounts.count() == 1


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_who_would_wait_too_long_is_told_so(account: Account, crm: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idempotency, "LONGEST_WAIT", "100ms")
    begun, done = Event(), Event()

    def work() -> idempotency.Answer:
        begun.set()
        assert done.wait(30)
        return idempotency.Answer(200, {}, "{}")

    def first() -> None:
        own = crm.issued.authentication.pk
        try:
            idempotency.once(account_id=account.pk, authentication_id=own, key="a-key", call="x", work=work)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(first)
        assert begun.wait(30)
        answer = send(crm, "/contacts", ONE)
        done.set()
        slow.result(30)
    assert code(answer) == (409, "idempotency_in_progress")
    assert not Contact.all_accounts.exists()
