"""Workers that index, a person who erases, and nobody who gets in another's way (PostgreSQL)."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from typing import Any

import pytest
from django.db import connection

from accounts.actor import SYSTEM
from contacts.models import Contact, SearchIndex, SearchTerm
from contacts.services import erasure, search_index
from tests.contacts.world import SYSTEMS, Sent, World

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]


def in_thread(pool: ThreadPoolExecutor, work: Any, **arguments: Any) -> "Future[Any]":
    def run() -> Any:
        try:
            return work(**arguments)
        finally:
            connection.close()

    return pool.submit(run)


@contextmanager
def indexing(world: World, monkeypatch: pytest.MonkeyPatch, pool: ThreadPoolExecutor) -> Iterator[Any]:
    """A worker that has read the contacts and does not write their terms before the block ends."""
    has_read, goes_on, read = Event(), Event(), search_index._terms

    def read_and_wait(*arguments: Any) -> Any:
        result = read(*arguments)
        if not has_read.is_set():
            has_read.set()
            assert goes_on.wait(30)
        return result

    monkeypatch.setattr(search_index, "_terms", read_and_wait)
    worker = in_thread(pool, search_index.catch_up_all, stopping=Event())
    try:
        assert has_read.wait(30)
        yield worker
    finally:
        goes_on.set()
        worker.result(30)


def test_an_erasure_waits_for_who_has_read_the_contact(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    world.write(SYSTEMS[0], [Sent("1", {"firstName": "Jan"}), Sent("2", {"firstName": "Piet"})])
    gone = Contact.objects.for_account(world.account).order_by("pk")[0]
    with ThreadPoolExecutor(2) as pool:
        with indexing(world, monkeypatch, pool):
            erasing = in_thread(pool, erasure.erase, account=world.account, contact_id=gone.pk, by=SYSTEM)
            with pytest.raises(TimeoutError):
                erasing.result(0.3)
        erasing.result(30)
    left = SearchTerm.objects.for_account(world.account)
    assert set(left.values_list("term", flat=True)) == {"2", "piet"}


def test_another_worker_leaves_the_account_to_the_first_and_goes_on_with_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world, other = World(), World()
    world.write(SYSTEMS[0], [Sent("1", {"firstName": "Jan"})])
    with ThreadPoolExecutor(2) as pool, indexing(world, monkeypatch, pool):
        other.write(SYSTEMS[0], [Sent("2", {"firstName": "Piet"})])
        in_thread(pool, search_index.catch_up_all, stopping=Event()).result(30)
        done = SearchIndex.all_accounts.values_list("account_id", "last_change")
        assert dict(done) == {world.account.pk: 0, other.account.pk: 1}
    assert SearchIndex.objects.for_account(world.account).get().last_change == 1
    assert SearchTerm.all_accounts.count() == 4


def test_who_searches_does_not_wait_for_a_worker_and_knows_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    world.write(SYSTEMS[0], [Sent("1", {"firstName": "Jan"})])
    with ThreadPoolExecutor(2) as pool, indexing(world, monkeypatch, pool):
        assert in_thread(pool, search_index.catch_up, account=world.account).result(10) == 1
    assert search_index.catch_up(account=world.account) == 0


def test_writers_do_not_wait_for_who_indexes(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    world.write(SYSTEMS[0], [Sent("1", {"firstName": "Jan"})])
    with ThreadPoolExecutor(2) as pool, indexing(world, monkeypatch, pool):
        world.write(SYSTEMS[0], [Sent("1", {"firstName": "Jan", "lastName": "Smit"}), Sent("2", {"lastName": "Bos"})])
    search_index.catch_up(account=world.account)
    left = SearchTerm.objects.for_account(world.account)
    assert set(left.values_list("term", flat=True)) == {"1", "2", "jan smit", "smit", "bos"}
