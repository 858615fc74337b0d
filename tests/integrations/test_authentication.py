"""From the Authorization header to the caller: who is let in, what the others are told, at what cost."""

import base64
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.actor import SYSTEM
from accounts.models import Account
from integrations import authentication, credentials
from integrations.models import Authentication, License
from integrations.services import authentications, licenses
from tests import factories
from tests.system import System

pytestmark = pytest.mark.django_db

NOW = timezone.now()


@pytest.fixture
def account() -> Account:
    return factories.AccountFactory.create()


@pytest.fixture
def system(account: Account) -> System:
    return System(factories.authentication_for(account))


def ask(system: System, header: str | None, **extra: str) -> Any:
    headers = {} if header is None else {"authorization": header}
    return system.client.get("/api/v1/me", headers={**headers, **extra})


def basic(text: str) -> str:
    return f"Basic {base64.b64encode(text.encode()).decode()}"


def suspend(account: Account) -> None:
    account.suspended_at, account.suspended_by = NOW, "test"
    account.save()


def end_license(account: Account) -> None:
    License.objects.for_account(account).update(suspended_at=NOW, suspended_by="test")


def revoke(system: System) -> None:
    authentications.revoke(authentication=system.issued.authentication, by=SYSTEM)


def test_both_forms_let_in(system: System) -> None:
    key, secret = system.issued.authentication.key, system.issued.secret
    for header in (
        f"Token {key}:{secret}",
        f"token   {key}:{secret} ",
        basic(f"{key}:{secret}"),
        f"TOKEN {key}:{secret}",
    ):
        answer = ask(system, header)
        assert answer.status_code == 200, header
        assert answer.json()["authentication"] == {"key": key, "name": "Shop"}


def wrong_headers(key: str, secret: str) -> dict[str, str | None]:
    """Everything that must look the same from outside."""
    other = credentials.issue({1: b"p" * 32})
    typo = secret[:-1] + ("a" if secret[-1] != "a" else "b")
    return {
        "none": None,
        "empty": "",
        "only a scheme": "Token",
        "another scheme": f"Bearer {key}:{secret}",
        "no secret": f"Token {key}",
        "no key": f"Token :{secret}",
        "turned round": f"Token {secret}:{key}",
        "unknown key": f"Token {other.key}:{secret}",
        "wrong secret": f"Token {key}:{other.secret}",
        "typo": f"Token {key}:{typo}",
        "key in other case": f"Token {key.swapcase()}:{secret}",
        "more after it": f"Token {key}:{secret}:x",
        "twice": f"Token {key}:{secret}, Token {key}:{secret}",
        "basic of nothing": "Basic ",
        "basic that is no base64": "Basic ?",
        "basic that is not ASCII": basic(f"é{key}:{secret}"),
        "basic with a wrong secret": basic(f"{key}:{other.secret}"),
        "not ASCII": f"Token {key}:{secret}é",
    }


def test_everything_wrong_answers_alike(system: System) -> None:
    answers = {
        name: ask(system, header)
        for name, header in wrong_headers(system.issued.authentication.key, system.issued.secret).items()
    }
    assert {name for name, answer in answers.items() if answer.status_code != 401} == set()
    assert "no Authorization header. Send “Authorization: Token <key>:<secret>”" in answers["none"].json()["detail"]
    assert len({answer.content for name, answer in answers.items() if name != "none"}) == 1
    shown = [
        {name: value for name, value in answer.headers.items() if name not in {"X-Request-Id", "Content-Length"}}
        for answer in answers.values()
    ]
    assert all(each == shown[0] for each in shown)
    assert shown[0]["WWW-Authenticate"] == "Token"
    assert answers["typo"].json()["code"] == "invalid_credentials"


@pytest.mark.parametrize(
    ("name", "queries"),
    [("none", 0), ("no secret", 0), ("typo", 0), ("twice", 0), ("unknown key", 1), ("wrong secret", 1)],
)
def test_what_is_malformed_costs_no_query_and_what_is_wrong_one(
    system: System, name: str, queries: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    header = wrong_headers(system.issued.authentication.key, system.issued.secret)[name]
    with django_assert_num_queries(queries):
        assert ask(system, header).status_code == 401


def test_an_unknown_key_costs_a_digest_as_a_wrong_secret_does(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    headers = wrong_headers(system.issued.authentication.key, system.issued.secret)
    made: list[bytes] = []
    digest = credentials.digest

    def counted(secret: str, pepper: bytes) -> bytes:
        made.append(pepper)
        return digest(secret, pepper)

    monkeypatch.setattr(credentials, "digest", counted)
    for name, digests in (("unknown key", 1), ("wrong secret", 1), ("typo", 0)):
        made.clear()
        assert ask(system, headers[name]).status_code == 401
        assert len(made) == digests, name


def told(system: System) -> tuple[int, str]:
    answer = ask(system, system.authorization)
    return answer.status_code, answer.json().get("code", "")


def test_the_right_secret_is_told_the_truth_in_order(system: System, account: Account) -> None:
    steps: list[tuple[Callable[[], None], tuple[int, str]]] = [
        (lambda: None, (200, "")),
        (lambda: end_license(account), (403, "license_inactive")),
        (lambda: suspend(account), (403, "account_suspended")),
        (lambda: revoke(system), (401, "authentication_revoked")),
    ]
    for step, answer in steps:
        step()
        assert told(system) == answer
        wrong = wrong_headers(system.issued.authentication.key, system.issued.secret)["wrong secret"]
        assert ask(system, wrong).json()["code"] == "invalid_credentials"


def test_a_revocation_counts_on_the_very_next_request(system: System) -> None:
    assert told(system) == (200, "")
    revoke(system)
    answer = ask(system, system.authorization)
    assert (answer.status_code, answer.json()["code"]) == (401, "authentication_revoked")
    assert answer["WWW-Authenticate"] == "Token"


def test_a_license_counts_until_the_instant_at_which_it_ends(system: System, account: Account) -> None:
    license = License.objects.for_account(account).get()
    licenses.cancel(license=license, at_period_end=True, reason="Done", by=SYSTEM)
    license.refresh_from_db()
    assert license.active_until is not None
    with time_machine.travel(license.active_until - timedelta(seconds=1), tick=False):
        assert told(system) == (200, "")
    with time_machine.travel(license.active_until, tick=False):
        assert told(system) == (403, "license_inactive")
    with time_machine.travel(license.active_from - timedelta(seconds=1), tick=False):
        assert told(system) == (403, "license_inactive")


def test_another_accounts_license_opens_nothing(system: System, account: Account) -> None:
    end_license(account)
    other = factories.AccountFactory.create()
    factories.license_for(other)
    assert told(system) == (403, "license_inactive")


def test_a_call_costs_one_query_and_the_use_is_noted_once_a_minute(
    system: System, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    pk = system.issued.authentication.pk
    start = timezone.now() + timedelta(hours=1)
    with time_machine.travel(start, tick=False) as clock:
        with django_assert_num_queries(4):  # the look-up and, the first time, the note between savepoints
            assert ask(system, system.authorization).status_code == 200
        first = Authentication.all_accounts.get(pk=pk)
        assert (first.last_used_at, first.last_used_ip) == (start, "127.0.0.1")
        clock.shift(59)
        with django_assert_num_queries(1):
            ask(system, system.authorization)
        clock.shift(1)
        with django_assert_num_queries(4):
            ask(system, system.authorization)
        assert Authentication.all_accounts.get(pk=pk).last_used_at == start + timedelta(minutes=1)


def test_a_call_is_answered_when_its_use_cannot_be_noted(system: System, caplog: pytest.LogCaptureFixture) -> None:
    def refuse(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith("UPDATE"):
            raise OperationalError("the disk is full")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(refuse):
        assert ask(system, system.authorization).status_code == 200
    assert "last_use_not_noted" in caplog.text
    assert Authentication.all_accounts.get(pk=system.issued.authentication.pk).last_used_at is None


def test_a_session_cookie_changes_nothing(system: System, account: Account) -> None:
    person = factories.UserFactory.create()
    system.client.force_login(person)
    assert ask(system, None).status_code == 401
    assert ask(system, system.authorization).status_code == 200


def test_the_query_asks_for_no_more_than_it_needs(system: System) -> None:
    ask(system, system.authorization)
    with CaptureQueriesContext(connection) as captured:
        ask(system, system.authorization)
    [query] = captured.captured_queries
    sql = query["sql"]
    assert "EXISTS" in sql
    assert "billing" not in sql
    assert "ORDER BY" not in sql


def test_refused_calls_are_not_noted_as_uses(system: System, account: Account) -> None:
    suspend(account)
    told(system)
    assert Authentication.all_accounts.get(pk=system.issued.authentication.pk).last_used_at is None


def test_a_missing_pepper_is_an_outage_for_live_keys_only(system: System, settings: Settings) -> None:
    settings.API_KEY_PEPPERS = {9: b"q" * 32}
    answer = ask(system, system.authorization)
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert answer["Retry-After"] == "5"
    revoke(system)
    assert told(system) == (401, "invalid_credentials")


def test_rotated_peppers_keep_old_secrets_working(system: System, settings: Settings) -> None:
    settings.API_KEY_PEPPERS = {**settings.API_KEY_PEPPERS, 32767: b"q" * 32}
    assert told(system) == (200, "")


READS = ("GET", "HEAD")
WRITES = ("POST", "PUT", "PATCH", "DELETE")
PATHS = ("/me", "/fields", "/contacts", "/contacts/1", "/contact?external_id=1", "/batch", "/nowhere")


@pytest.mark.parametrize("path", PATHS)
def test_a_read_only_key_reads_and_never_writes(account: Account, path: str) -> None:
    reader = System(factories.authentication_for(account, read_only=True))
    assert reader.call("GET", "/me").json()["access"] == "read_only"
    for method in READS:
        assert reader.call(method, path).status_code in {200, 404, 405}
    for method in WRITES:
        answer = reader.call(method, path, {"external_id": "1", "values": {}})
        assert (answer.status_code, answer.json()["code"]) == (403, "read_only"), (method, path)


@pytest.mark.parametrize("path", ["/me", "/fields", "/contacts/1"])
def test_head_is_get_without_the_body(system: System, path: str) -> None:
    system.send("1", firstName="Jan")
    get, head = system.call("GET", path), system.call("HEAD", path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers.get("ETag") == get.headers.get("ETag")


def test_options_is_no_call_but_says_what_is_allowed(system: System) -> None:
    answer = system.call("OPTIONS", "/contacts")
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert answer["Allow"] == "GET, POST, HEAD, OPTIONS"
    assert system.client.options("/api/v1/contacts").status_code == 401


def test_nothing_secret_stands_in_what_a_debugger_would_print(system: System) -> None:
    known = authentication._look_up(system.issued.authentication.key)
    assert known is not None
    stored = bytes(Authentication.all_accounts.get(pk=known.caller.authentication_id).secret_digest)
    assert known.digest == stored
    assert repr(stored) not in repr(known)
    assert system.issued.secret not in repr(known)
