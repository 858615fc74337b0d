"""Every state of an authentication against every other: who is let in, and which truth the others are told first."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pytest_django import Settings

from accounts.actor import SYSTEM
from accounts.models import Account
from integrations import credentials, throttling
from integrations.models import Authentication, License
from integrations.services import authentications
from tests import factories
from tests.system import System

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
ADDRESS = "192.0.2.7"


@dataclass(frozen=True)
class Case:
    """Seconds are from now on; None: never. `active`: of the license, from when until when."""

    secret: str = "present"
    grace: int | None = None
    expires: int | None = None
    is_revoked: bool = False
    is_suspended: bool = False
    active: tuple[int, int | None] = (-1, None)
    license_is_suspended: bool = False
    networks: tuple[str, ...] = ()
    read_only: bool = False
    method: str = "DELETE"


SECONDS = st.sampled_from([None, -1, 0, 1])
CASES = st.builds(
    Case,
    secret=st.sampled_from(["present", "present", "previous", "previous", "wrong", "of another key"]),
    grace=SECONDS,
    expires=SECONDS,
    is_revoked=st.sampled_from([False, False, False, True]),
    is_suspended=st.sampled_from([False, False, True]),
    active=st.sampled_from([(-1, None), (0, None), (-1, 1), (-1, 0), (1, None)]),
    license_is_suspended=st.sampled_from([False, False, True]),
    networks=st.sampled_from([(), (f"{ADDRESS}/32",), ("192.0.2.0/29", "::/0"), ("::/0",), ("192.0.3.0/24",)]),
    read_only=st.booleans(),
    method=st.sampled_from(["DELETE", "GET"]),
)

# The order in which the truth is told, written down once more: the answer is that of the first line that is true
TABLE: Sequence[tuple[str, Any]] = (
    ("401 invalid_credentials", lambda case: case.secret in {"wrong", "of another key"}),
    ("401 invalid_credentials", lambda case: case.secret == "previous" and case.grace is None),
    ("401 authentication_revoked", lambda case: case.is_revoked),
    ("401 secret_rotated_out", lambda case: case.secret == "previous" and case.grace <= 0),
    ("401 authentication_expired", lambda case: case.expires is not None and case.expires <= 0),
    ("403 account_suspended", lambda case: case.is_suspended),
    ("403 license_inactive", lambda case: case.license_is_suspended or case.active[0] > 0 or case.active[1] == 0),
    ("403 network_not_allowed", lambda case: case.networks in {("::/0",), ("192.0.3.0/24",)}),
    ("403 read_only", lambda case: case.read_only and case.method == "DELETE"),
    ("404 contact_not_found", lambda _case: True),
)


@pytest.fixture
def account(db: None) -> Account:
    return factories.AccountFactory.create()


@pytest.fixture
def secrets(account: Account) -> dict[str, str]:
    """Secrets by what they are; the rows are there for the cases to change."""
    other = factories.authentication_for(factories.AccountFactory.create())
    previous = factories.authentication_for(account)
    present = authentications.rotate(authentication=previous.authentication, secret_version=1, by=SYSTEM)
    wrong = credentials.issue({1: b"p" * 32}).secret
    return {"present": present.secret, "previous": previous.secret, "wrong": wrong, "of another key": other.secret}


def at(seconds: int | None) -> datetime | None:
    return None if seconds is None else NOW + timedelta(seconds=seconds)


def arrange(case: Case, account: Account) -> Authentication:
    """Makes the rows as the case says."""
    rows = Authentication.objects.for_account(account)
    if not hasattr(account, "previous"):
        account.previous = rows.values("previous_digest", "previous_pepper").get()  # type: ignore[attr-defined]
    previous: dict[str, Any] = account.previous  # type: ignore[attr-defined]
    rows.update(
        **previous if case.grace is not None else dict.fromkeys(previous),
        grace_until=at(case.grace),
        expires_at=at(case.expires),
        revoked_at=NOW if case.is_revoked else None,
        revoked_by="test" if case.is_revoked else "",
        allowed_networks=list(case.networks),
        read_only=case.read_only,
    )
    begins, ends = case.active
    License.objects.for_account(account).update(
        active_from=at(begins),
        active_until=at(ends),
        cancelled_at=None if ends is None else NOW,
        cancelled_by="" if ends is None else "test",
        suspended_at=NOW if case.license_is_suspended else None,
        suspended_by="test" if case.license_is_suspended else "",
    )
    account.suspended_at, account.suspended_by = (NOW, "test") if case.is_suspended else (None, "")
    account.save()
    row: Authentication = rows.get()
    return row


@settings(max_examples=80, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(Case())
@example(Case(secret="previous", grace=1))
@example(Case(secret="previous", grace=0, expires=0, is_suspended=True, read_only=True))
@given(CASES)
def test_each_is_told_the_first_of_what_is_true(account: Account, secrets: dict[str, str], case: Case) -> None:
    throttling.counter.forget()
    with time_machine.travel(NOW, tick=False):
        authentication = arrange(case, account)
        authorization = {"authorization": f"Token {authentication.key}:{secrets[case.secret]}"}
        answer = Client().generic(case.method, "/api/v1/contacts/nowhere", headers=authorization, REMOTE_ADDR=ADDRESS)
        expected = next(told for told, is_so in TABLE if is_so(case))
        assert f"{answer.status_code} {answer.json()['code']}" == expected
        assert ("RateLimit-Limit" in answer) == (expected in {"404 contact_not_found", "403 read_only"})
        used = Authentication.objects.for_account(account).get().last_used_at
        assert used is None or expected in {"404 contact_not_found", "403 read_only"} or used <= NOW


@pytest.mark.parametrize(
    ("proxies", "sender", "forwarded", "is_let_in"),
    [
        (0, "192.0.2.7", "", True),
        (0, "198.51.100.1", "192.0.2.7", False),
        (0, "::ffff:192.0.2.7", "", True),
        (0, "2001:db8::7", "", False),
        (1, "198.51.100.1", "192.0.2.7", True),
        (1, "198.51.100.1", "192.0.2.7, 203.0.113.9", False),
        (1, "198.51.100.1", "203.0.113.9, 192.0.2.7", True),
        (1, "198.51.100.1", "203.0.113.9, ::ffff:192.0.2.7", True),
        (1, "198.51.100.1", "nonsense", False),
        (2, "198.51.100.1", "192.0.2.7, 198.51.100.2", True),
        (2, "198.51.100.1", "192.0.2.7, 203.0.113.9, 198.51.100.2", False),
        (2, "198.51.100.1", "192.0.2.7", False),
        (0, "", "", False),
    ],
)
def test_the_address_is_as_far_as_trusted_proxies_say(
    account: Account, settings: Settings, proxies: int, sender: str, forwarded: str, is_let_in: bool
) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = proxies
    system = System(factories.authentication_for(account, allowed_networks=["192.0.2.0/24"]))
    headers = {"authorization": system.authorization, **({"x-forwarded-for": forwarded} if forwarded else {})}
    answer = Client().get("/api/v1/me", headers=headers, REMOTE_ADDR=sender)
    told = answer.json()
    assert (answer.status_code, told.get("code")) == ((200, None) if is_let_in else (403, "network_not_allowed"))
    if is_let_in:
        assert told["allowed_networks"] == ["192.0.2.0/24"]
        assert Authentication.objects.for_account(account).get().last_used_ip == "192.0.2.7"


def test_a_pepper_is_needed_for_as_long_as_its_secret_works(account: Account, settings: Settings) -> None:
    old = factories.authentication_for(account)
    first = settings.API_KEY_PEPPERS
    settings.API_KEY_PEPPERS = {**first, 77: b"n" * 32}
    new = authentications.rotate(authentication=old.authentication, secret_version=1, grace_hours=1, by=SYSTEM)

    def told(secret: str) -> str:
        answer = Client().get("/api/v1/me", headers={"authorization": f"Token {old.authentication.key}:{secret}"})
        return f"{answer.status_code} {answer.json().get('code', '')}".strip()

    assert (told(old.secret), told(new.secret)) == ("200", "200")
    settings.API_KEY_PEPPERS = {77: b"n" * 32}
    assert (told(old.secret), told(new.secret)) == ("503 unavailable", "200")
    settings.API_KEY_PEPPERS = dict(first)
    assert (told(old.secret), told(new.secret)) == ("503 unavailable", "503 unavailable")
    settings.API_KEY_PEPPERS = {77: b"n" * 32}
    authentications.end_grace(authentication=new.authentication, by=SYSTEM)
    assert told(old.secret) == "401 invalid_credentials"
    settings.API_KEY_PEPPERS = {**first, 77: b"n" * 32}
    assert told(old.secret) == "401 secret_rotated_out"
