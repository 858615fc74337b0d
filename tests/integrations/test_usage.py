"""What is noted of a request, and what becomes of that."""

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Event, Thread
from typing import Any
from unittest.mock import Mock

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.actor import SYSTEM, Actor
from accounts.models import Account
from contacts.services import exports
from integrations.models import License, RecentCall, UsageHour
from integrations.services import authentications, usage
from tests import factories
from tests.rows import use
from tests.system import System
from tests.work import work

pytestmark = pytest.mark.django_db

COUNTS = ("requests", "errors", "contacts_read", "contacts_written")
JAN = {"external_id": "1", "values": {"firstName": "Jan"}}
NOBODY = {"external_id": "", "values": {}}
SEVEN = {"external_id": "7", "values": {}}


@pytest.fixture
def account() -> Account:
    return factories.AccountFactory.create()


@pytest.fixture
def system(account: Account) -> System:
    return System(factories.authentication_for(account))


def counted(account: Account) -> dict[str, int]:
    """The sums of all that was noted so far."""
    usage.flush()
    rows = UsageHour.objects.for_account(account)
    return {name: sum(rows.values_list(name, flat=True)) for name in COUNTS}


def calls(account: Account) -> list[RecentCall]:
    usage.flush()
    return list(RecentCall.objects.for_account(account).order_by("pk"))


@pytest.mark.parametrize(
    ("method", "path", "body", "read", "written"),
    [
        ("GET", "/me", None, 0, 0),
        ("GET", "/fields", None, 0, 0),
        ("GET", "/contacts/1", None, 1, 0),
        ("HEAD", "/contacts/1", None, 1, 0),
        ("GET", "/contact?external_id=1&explain=true", None, 1, 0),
        ("GET", "/contacts?page_size=2", None, 2, 0),
        ("GET", "/changes", None, 3, 0),
        ("POST", "/contacts", JAN, 0, 1),
        ("POST", "/contacts?dry_run=true", JAN, 0, 0),
        ("PUT", "/contacts/9", {"values": {}}, 0, 1),
        ("PATCH", "/contacts/1", {"values": {"firstName": "Jo"}}, 0, 1),
        ("DELETE", "/contacts/1", None, 0, 1),
        (
            "POST",
            "/batch",
            {"mode": "merge", "records": [JAN, NOBODY, SEVEN]},
            0,
            2,
        ),
        ("POST", "/batch?atomic=true", {"mode": "merge", "records": [JAN, NOBODY]}, 0, 0),
    ],
)
def test_a_call_counts_once_and_its_contacts_each(
    system: System, account: Account, method: str, path: str, body: Any, read: int, written: int
) -> None:
    for number in "123":
        system.send(number, firstName=f"N{number}")
    before = counted(account)
    assert before == {"requests": 3, "errors": 0, "contacts_read": 0, "contacts_written": 3}
    assert system.call(method, path, body).status_code < 400
    after = counted(account)
    assert {name: after[name] - before[name] for name in COUNTS} == dict(
        zip(COUNTS, (1, 0, read, written), strict=True)
    )
    assert calls(account)[-1].contacts == read + written


def test_ids_that_were_asked_for_count_where_they_were_found(system: System, account: Account) -> None:
    contact = system.send("1", firstName="Jan")["contact"]["id"]
    system.call("GET", f"/contacts?id={contact}&id=0199aaaa-0000-7000-8000-000000000000")
    assert counted(account)["contacts_read"] == 1


def test_a_kept_answer_writes_nothing_again(system: System, account: Account) -> None:
    for _ in range(2):
        system.call("POST", "/contacts", JAN, {"Idempotency-Key": "a-key-of-ours"})
    assert counted(account) == {"requests": 2, "errors": 0, "contacts_read": 0, "contacts_written": 1}


def test_rows_of_an_import_count_for_who_sent_it(system: System, account: Account) -> None:
    body = "external_id,email\n1,a@example.com\n2,b@example.com\n3,nobody\n"
    headers = {"authorization": system.authorization}
    assert system.client.post("/api/v1/imports", body, content_type="text/csv", headers=headers).status_code == 202
    work()
    assert counted(account) == {"requests": 1, "errors": 0, "contacts_read": 0, "contacts_written": 2}


def test_contacts_of_an_export_count_for_who_asked_for_it(system: System, account: Account) -> None:
    system.send("1", firstName="Jan")
    system.send("2", firstName="Piet")
    assert system.call("POST", "/exports").status_code == 202
    exports.begin(account=account, format_="ndjson", by=Actor(label="olga@example.com"))
    work()
    assert counted(account) == {"requests": 3, "errors": 0, "contacts_read": 2, "contacts_written": 2}


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/contacts/77", 404), ("GET", "/nowhere", 404), ("POST", "/contacts", 422)]
)
def test_what_is_refused_is_an_error_about_no_contact(
    system: System, account: Account, method: str, path: str, status: int
) -> None:
    assert system.call(method, path, {"external_id": 1} if method == "POST" else None).status_code == status
    assert counted(account) == {"requests": 1, "errors": 1, "contacts_read": 0, "contacts_written": 0}


def suspend(system: System) -> None:
    License.objects.for_account(system.issued.authentication.account_id).update(
        suspended_at=timezone.now(), suspended_by="test"
    )


def revoke(system: System) -> None:
    authentications.revoke(authentication=system.issued.authentication, by=SYSTEM)


@pytest.mark.parametrize(("happened", "status"), [(suspend, 403), (revoke, 401)])
def test_a_known_key_that_is_not_let_in_is_an_error_of_its_own(
    system: System, account: Account, happened: Callable[[System], None], status: int
) -> None:
    happened(system)
    assert system.call("GET", "/me").status_code == status
    assert [(call.status, call.route) for call in calls(account)] == [(status, "api-me")]
    assert counted(account)["errors"] == 1


@pytest.mark.parametrize("secret", ["wrong", "", "cs_" + "A" * 46])
def test_a_wrong_secret_is_an_error_of_the_key(system: System, account: Account, secret: str) -> None:
    headers = {"authorization": f"Token {system.issued.authentication.key}:{secret}"}
    assert Client(headers=headers).get("/api/v1/me").status_code == 401
    assert counted(account) == {"requests": 1, "errors": 1, "contacts_read": 0, "contacts_written": 0}


def test_a_call_that_is_refused_before_anybody_looks_at_its_key_counts_too(system: System, account: Account) -> None:
    assert system.call("GET", "/me", headers={"Accept": "text/csv"}).status_code == 406
    assert [call.status for call in calls(account)] == [406]


@pytest.mark.parametrize("path", ["/healthz", "/api/v1/schema", "/api/v1/docs"])
def test_a_key_where_nobody_asks_for_it_is_no_call(system: System, account: Account, path: str) -> None:
    assert Client(headers={"authorization": system.authorization}).get(path).status_code == 200
    assert calls(account) == []


def test_unknown_keys_and_nobody_leave_nothing(system: System) -> None:
    for header in ("", "Token x:y", f"Token ck_{'A' * 20}:{system.issued.secret}", "Basic !"):
        assert Client(headers={"authorization": header}).get("/api/v1/me").status_code == 401
    Client().get("/healthz")
    usage.flush()
    assert UsageHour.all_accounts.count() == RecentCall.all_accounts.count() == 0


def test_what_a_request_was_about_is_not_kept(system: System, account: Account) -> None:
    headers = {"X-Request-Id": "request-1234", "X-Secret": "hush-header"}
    system.call("PUT", "/contacts/hush-id", {"values": {"firstName": "hush-value"}}, headers)
    system.call("GET", "/contact?external_id=hush-id")
    first, second = calls(account)
    assert (first.method, first.route, first.status, first.contacts) == ("PUT", "api-contact", 201, 1)
    assert (first.address, first.request_id) == ("127.0.0.1", "request-1234")
    assert first.milliseconds >= 0
    assert second.route == "api-contact-by-parameter"
    kept = [vars(row) for row in (first, second)]
    assert "hush" not in str(kept)
    assert system.issued.secret not in str(kept)


def test_the_request_itself_writes_nothing_for_it(
    system: System, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    system.call("GET", "/me")  # notes when the key was last used
    with django_assert_num_queries(1):
        system.call("GET", "/me")
    with CaptureQueriesContext(connection) as captured:
        system.send("1", firstName="Jan")
    assert not [query for query in captured if "usage" in query["sql"] or "recentcall" in query["sql"]]


def test_a_flush_takes_the_same_few_statements_for_one_key_and_for_many(account: Account) -> None:
    counts = []
    for size in (1, 30):
        fields = [factories.id_field(account, f"f{size}x{number}") for number in range(size)]
        for number, field in enumerate(fields):
            key = factories.authentication_for(account, field).authentication.key
            for _ in range(number % 3 + 1):
                note(key)
        with CaptureQueriesContext(connection) as captured:
            usage.flush()
        counts.append(len([query for query in captured if "SAVEPOINT" not in query["sql"]]))
    assert counts == [4, 4]
    assert UsageHour.objects.for_account(account).count() == 31
    with CaptureQueriesContext(connection) as captured:
        usage.flush()
    assert len(captured) == 0


def note(key: str, at: datetime | None = None, status: int = 200, *, secret_was_right: bool = True) -> None:
    call = usage.Call(at or timezone.now(), "GET", "api-me", status, 0, None, "request", 1)
    usage.record_call(key=key, call=call, secret_was_right=secret_was_right)


def test_flushes_add_up_by_the_hour(system: System, account: Account) -> None:
    key = system.issued.authentication.key
    noon = datetime(2026, 11, 25, 12, tzinfo=UTC)
    for at in (noon - timedelta(microseconds=1), noon, noon + timedelta(minutes=59)):
        note(key, at)
        usage.flush()
    hours = UsageHour.objects.for_account(account).values_list("hour", "requests")
    assert list(hours) == [(noon - timedelta(hours=1), 1), (noon, 2)]


def test_the_last_hundred_requests_are_listed_and_all_counted(system: System, account: Account) -> None:
    other = System(factories.authentication_for(account, factories.id_field(account)))
    use(other.issued.authentication.key)
    start = timezone.now()
    for flushed in range(3):
        for number in range(70):
            note(system.issued.authentication.key, start + timedelta(seconds=70 * flushed + number))
        usage.flush()
    own = RecentCall.objects.for_account(account).filter(authentication=system.issued.authentication)
    assert own.count() == 100
    assert own.order_by("at")[0].at == start + timedelta(seconds=110)
    assert RecentCall.objects.for_account(account).count() == 101
    assert counted(account)["requests"] == 211
    for _ in range(250):
        note(system.issued.authentication.key, start + timedelta(hours=1))
    usage.flush()
    assert own.count() == 100


def test_hours_are_kept_for_four_hundred_days(system: System, account: Account) -> None:
    key, now = system.issued.authentication.key, timezone.now()
    for days in (402, 399):
        UsageHour.objects.for_account(account).create(
            authentication=system.issued.authentication, hour=now - timedelta(days=days), requests=days
        )
    use(key)
    assert set(UsageHour.objects.for_account(account).values_list("requests", flat=True)) == {399, 1}


def test_a_database_that_fails_costs_the_list_and_no_count(system: System, account: Account) -> None:
    key = system.issued.authentication.key
    note(key)

    def fail(*_: Any) -> None:
        raise OperationalError

    with connection.execute_wrapper(fail), pytest.raises(OperationalError):
        usage.flush()
    note(key, status=500)
    assert counted(account) == {"requests": 2, "errors": 1, "contacts_read": 0, "contacts_written": 0}
    assert [call.status for call in calls(account)] == [500]


def test_memory_is_bounded_and_counts_outlive_details(
    system: System, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usage, "MAX_CALLS", 10)
    monkeypatch.setattr(usage, "MAX_HOURS", 3)
    monkeypatch.setattr(usage, "MAX_REFUSED", 2)
    usage.forget()
    key = system.issued.authentication.key
    for _ in range(50):
        note(key)
    for number in range(50):
        note(f"ck_{number}", secret_was_right=False)
    note("ck_other")
    note("ck_one_too_many")
    note(key, secret_was_right=False)
    assert len(usage._noted.calls) == 10
    assert [name for name, _ in usage._noted.hours] == [key, "ck_0", "ck_other"]
    assert usage._noted.dropped == 50
    assert counted(account)["requests"] == 51


@pytest.mark.parametrize("path", ["/me", "/nowhere"])
def test_made_up_keys_are_not_counted_beyond_their_room_whatever_they_are_told(
    system: System, account: Account, monkeypatch: pytest.MonkeyPatch, settings: Settings, path: str
) -> None:
    monkeypatch.setattr(usage, "MAX_REFUSED", 1)
    settings.API_FAILURES_PER_MINUTE = 1
    for number in range(3):
        headers = {"authorization": f"Token ck_{str(number) * 20}:{system.issued.secret}", "Accept": "text/csv"}
        Client().get(f"/api/v1{path}", headers=headers)
        Client().get(f"/api/v1{path}", headers={"authorization": headers["authorization"]})
    assert len(usage._noted.hours) == 1
    assert system.call("GET", "/me").status_code == 200
    assert len(usage._noted.hours) == 2
    assert counted(account)["requests"] == 1


def test_a_forked_process_does_not_write_what_its_parent_noted(system: System, account: Account) -> None:
    note(system.issued.authentication.key)
    pid = os.fork()
    if pid == 0:
        os._exit(len(usage._noted.hours))
    assert os.waitpid(pid, 0)[1] == 0
    assert counted(account)["requests"] == 1


def test_rows_are_the_accounts_of_the_key(system: System, account: Account) -> None:
    other = factories.authentication_for(factories.AccountFactory.create())
    note(other.authentication.key)
    system.call("GET", "/me")
    usage.flush()
    for model in (UsageHour, RecentCall):
        [row] = model.objects.for_account(account)
        assert row.authentication_id == system.issued.authentication.pk
        assert model.all_accounts.count() == 2


def test_a_call_is_answered_when_no_thread_can_be_started(
    system: System, account: Account, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.USAGE_FLUSH_SECONDS = 60
    monkeypatch.setattr(Thread, "start", Mock(side_effect=RuntimeError("can't start new thread")))
    for number in "12":
        assert system.send(number, firstName="Jan")["outcome"] == "created"
    assert usage._noted.writer is None
    assert counted(account) == {"requests": 2, "errors": 0, "contacts_read": 0, "contacts_written": 2}


@pytest.mark.django_db(transaction=True)
def test_a_thread_writes_what_was_noted_and_once_more_when_the_process_ends(
    system: System, account: Account, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = Thread(target=Event().wait, args=(0.5,))
    process.start()
    monkeypatch.setattr(usage, "main_thread", lambda: process)
    settings.USAGE_FLUSH_SECONDS = 0.01
    with monkeypatch.context() as failing:
        failing.setattr(usage, "_write", Mock(side_effect=OperationalError))
        note(system.issued.authentication.key)
        writer = usage._noted.writer
        assert writer is not None
        while not usage._write.called or not usage._noted.hours:  # type: ignore[attr-defined]
            assert writer.is_alive()
    note(system.issued.authentication.key)
    assert usage._noted.writer is writer
    writer.join(10)
    settings.USAGE_FLUSH_SECONDS = 0
    assert not usage._noted.hours
    assert UsageHour.objects.for_account(account).get().requests == 2
