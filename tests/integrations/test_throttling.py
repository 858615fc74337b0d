"""Limits: how exact they are over several processes, what they cost, and whom they never keep out."""

from collections.abc import Iterator
from typing import Any

import pytest
import time_machine
from django.core.cache import cache
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pytest_django import Settings

from integrations import credentials, throttling
from integrations.throttling import SHARES, WINDOW, Counter
from tests import factories
from tests.system import System

START = 1_800_000_000 - 1_800_000_000 % WINDOW


@pytest.fixture
def memory(settings: Settings) -> Iterator[None]:
    """A cache of this process, as the shared one of counters that stand for processes."""
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "limits"}}
    yield
    cache.clear()


@pytest.fixture
def clock() -> Iterator[Any]:
    with time_machine.travel(START, tick=False) as clock:
        yield clock


@pytest.mark.usefixtures("memory")
@pytest.mark.parametrize("limit", [1, 2, 7, 19, 20, 21, 59, 60, 600])
def test_one_process_meets_the_limit_exactly(limit: int, clock: Any) -> None:
    counter = Counter()
    for minute in range(2):
        standings = [counter.count("a", limit) for _ in range(limit + 5)]
        assert [each.is_within for each in standings] == [True] * limit + [False] * 5, minute
        assert [each.remaining for each in standings] == [*range(limit - 1, -1, -1), 0, 0, 0, 0, 0]
        assert {(each.limit, each.wait) for each in standings} == {(limit, WINDOW)}
        clock.shift(WINDOW)


@pytest.mark.usefixtures("memory", "clock")
@hypothesis_settings(max_examples=50, deadline=None)
@given(limit=st.integers(1, 120), processes=st.integers(1, 5), data=st.data())
def test_more_processes_err_by_a_share_each_at_most(limit: int, processes: int, data: st.DataObject) -> None:
    cache.clear()
    counters = [Counter() for _ in range(processes)]
    turns = data.draw(st.lists(st.integers(0, processes - 1), min_size=limit, max_size=limit + 30))
    turns += [*range(processes)] * (limit + 1)
    slack = (processes - 1) * -(-limit // SHARES)
    let_through, before_refusal = 0, None
    for turn in turns:
        if counters[turn].count("a", limit).is_within:
            let_through += 1
        elif before_refusal is None:
            before_refusal = let_through
    assert limit - slack <= (before_refusal or 0)
    assert limit - slack <= let_through <= limit + slack


@pytest.mark.usefixtures("clock")
@pytest.mark.django_db
def test_the_shared_cache_is_seldom_asked() -> None:
    counter, asked = Counter(), 0
    for number in range(700):
        with CaptureQueriesContext(connection) as queries:
            assert counter.count("a", 600).is_within == (number < 600)
        asked += len(queries) > 0
        assert number >= 30 or not queries
    assert asked == SHARES - 1
    other = Counter()
    assert [other.count("a", 600).is_within for _ in range(31)] == [True] * 30 + [False]
    assert other.count("b", 600).is_within


@pytest.mark.usefixtures("clock")
def test_without_the_cache_there_is_no_limit_but_service(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise ConnectionError("the cache is gone")

    monkeypatch.setattr(cache, "get_many", fails, raising=False)
    counter = Counter()
    assert all(counter.count("a", 5).is_within for _ in range(20))
    assert "throttle_cache_unavailable" in caplog.text


@pytest.mark.usefixtures("clock")
@pytest.mark.django_db
def test_a_cache_that_cannot_be_written_keeps_nobody_out(caplog: pytest.LogCaptureFixture) -> None:
    written = []

    def refuse(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith("INSERT"):
            written.append(sql)
            raise OperationalError("the disk is full")
        return execute(sql, params, many, context)

    counter = Counter()
    with connection.execute_wrapper(refuse):
        assert all(counter.count("a", 100).is_within for _ in range(100))
    assert len(written) == caplog.text.count("throttle_cache_unwritable") == SHARES - 1


@pytest.mark.usefixtures("memory", "clock")
def test_those_who_began_first_are_forgotten_when_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttling, "MOST_KNOWN", 3)
    counter = Counter()
    for who in "abcabca":
        counter.count(who, 100)
    counter.count("d", 100)
    assert [*counter._tallies] == ["b", "c", "d"]


@pytest.mark.django_db
def test_an_authentication_is_told_where_it_stands_and_to_wait(settings: Settings, clock: Any) -> None:
    settings.API_REQUESTS_PER_MINUTE = 3
    account = factories.AccountFactory.create()
    system = System(factories.authentication_for(account))
    other = System(factories.authentication_for(account, factories.id_field(account), system="Other"))
    clock.shift(20)
    for remaining, (method, path, status) in zip(
        (2, 1, 0), (("GET", "/me", 200), ("GET", "/contacts/1", 404), ("POST", "/contacts", 400)), strict=True
    ):
        answer = system.call(method, path)
        assert answer.status_code == status
        limits = [answer[f"RateLimit-{name}"] for name in ("Limit", "Remaining", "Reset", "Policy")]
        assert limits == ["3", str(remaining), "40", "3;w=60"]
    answer = system.call("GET", "/me")
    assert (answer.status_code, answer.json()["code"]) == (429, "throttled")
    assert answer["Content-Type"] == "application/problem+json"
    assert (answer["Retry-After"], answer["RateLimit-Remaining"]) == ("40", "0")
    assert "3 requests a minute" in answer.json()["detail"]
    assert other.call("GET", "/me").status_code == 200
    assert system.call("GET", "/me", headers={"authorization": "Token x"}).status_code == 401
    clock.shift(40)
    assert system.call("GET", "/me").json()["limits"]["requests_per_minute"] == 3
    settings.API_REQUESTS_PER_MINUTE = 0
    assert all("RateLimit-Limit" not in system.call("GET", "/me") for _ in range(5))
    assert system.call("GET", "/me").json()["limits"]["requests_per_minute"] is None


@pytest.mark.usefixtures("clock")
@pytest.mark.django_db
def test_what_a_key_may_not_do_counts_as_well(settings: Settings) -> None:
    settings.API_REQUESTS_PER_MINUTE = 2
    system = System(factories.authentication_for(factories.AccountFactory.create(), read_only=True))
    answers = [system.call("POST", "/contacts", {"external_id": "1", "values": {}}) for _ in range(3)]
    assert [answer.json()["code"] for answer in answers] == ["read_only", "read_only", "throttled"]
    assert [answer["RateLimit-Remaining"] for answer in answers] == ["1", "0", "0"]
    assert system.call("GET", "/me").status_code == 429


def tries(authorization: str, times: int, address: str = "192.0.2.7", forwarded: str | None = None) -> list[int]:
    """The statuses of so many calls from an address."""
    headers = {"authorization": authorization} | ({"x-forwarded-for": forwarded} if forwarded else {})
    return [Client().get("/api/v1/me", headers=headers, REMOTE_ADDR=address).status_code for _ in range(times)]


@pytest.mark.usefixtures("clock")
@pytest.mark.django_db
def test_wrong_secrets_are_throttled_and_keep_the_right_one_from_nothing(settings: Settings) -> None:
    settings.API_FAILURES_PER_MINUTE = 20
    system = System(factories.authentication_for(factories.AccountFactory.create()))
    key, wrong = system.issued.authentication.key, credentials.issue({1: b"p" * 32})
    guessing = f"Token {key}:{wrong.secret}"
    assert tries(guessing, 8) == [401] * 5 + [429] * 3
    assert tries(system.authorization, 1) == [200]
    assert tries(f"Token {wrong.key}:{wrong.secret}", 5) == [401] * 5
    assert tries("Token nonsense", 9) == [401] * 7 + [429] * 2  # with the others twenty, and eight of them refused
    assert tries(guessing, 1, forwarded="198.51.100.1") == [429]
    assert tries(system.authorization, 3) == [200] * 3
    assert tries(guessing, 1, address="192.0.2.8") == [401]

    answer = Client().get("/api/v1/me", headers={"authorization": guessing}, REMOTE_ADDR="192.0.2.7")
    assert (answer.json()["code"], answer["Retry-After"]) == ("throttled", str(WINDOW))
    assert not {"WWW-Authenticate", "RateLimit-Limit"} & set(answer.headers)
    settings.API_FAILURES_PER_MINUTE = 0
    assert tries(guessing, 1) == [401]


@pytest.mark.usefixtures("clock")
@pytest.mark.django_db
def test_an_address_beyond_its_limit_leaves_nothing_for_the_keys_that_it_makes_up(settings: Settings) -> None:
    settings.API_FAILURES_PER_MINUTE = 3
    wrong = [credentials.issue({1: b"p" * 32}) for _ in range(5)]
    assert [tries(f"Token {each.key}:{each.secret}", 1) for each in wrong] == [[401]] * 3 + [[429]] * 2
    known = [f"failures:192.0.2.7:{each.key}" for each in wrong[:3]]
    assert {*throttling.counter._tallies} == {"failures:192.0.2.7", *known}


@pytest.mark.usefixtures("clock")
@pytest.mark.django_db
def test_all_addresses_of_a_network_of_ipv6_are_one(settings: Settings) -> None:
    settings.API_FAILURES_PER_MINUTE = 2
    first, second, third, elsewhere = (
        tries("Token nonsense", 1, address=address)[0]
        for address in ("2001:db8::1", "2001:db8::2", "2001:db8:0:0:ffff::3", "2001:db8:0:1::1")
    )
    assert (first, second, third, elsewhere) == (401, 401, 429, 401)
