"""Rotating, ending the grace, changing, revoking: what each does, refuses, writes down, and tells the owners."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.core import mail
from django.db import IntegrityError, transaction
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pytest_django import DjangoCaptureOnCommitCallbacks

from accounts.actor import Actor
from accounts.errors import DomainError
from accounts.models import AuditEvent
from integrations import credentials
from integrations.models import Authentication
from integrations.services import authentications
from integrations.services.authentications import Access, Issued
from tests.conftest import Cast
from tests.factories import authentication_for

pytestmark = pytest.mark.django_db

BY = Actor(label="olga@example.com", user_id=7, address="192.0.2.1", request_id="request-1")
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def clock() -> Any:
    with time_machine.travel(NOW, tick=False) as clock:
        yield clock


@pytest.fixture
def issued(cast: Cast) -> Issued:
    return authentication_for(cast.account)


def refusal(service: Callable[..., Any], **arguments: Any) -> DomainError:
    with pytest.raises(DomainError) as caught:
        service(**arguments, by=BY)
    return caught.value


def last_event(cast: Cast) -> AuditEvent:
    return AuditEvent.objects.filter(account_id=cast.account.pk).latest("pk")


def rotate(authentication: Authentication, version: int, hours: int = 24) -> Issued:
    return authentications.rotate(authentication=authentication, secret_version=version, grace_hours=hours, by=BY)


def test_rotating_keeps_the_key_and_the_old_secret_for_as_long_as_asked(
    cast: Cast, issued: Issued, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        rotated = rotate(issued.authentication, 1, 48)
    row = Authentication.objects.for_account(cast.account).get()
    assert (row.key, row.secret_version, row.grace_until) == (issued.authentication.key, 2, NOW + timedelta(hours=48))
    peppers = settings.API_KEY_PEPPERS
    assert credentials.verify(rotated.secret, bytes(row.secret_digest), row.pepper, peppers)
    assert credentials.verify(issued.secret, bytes(row.previous_digest), row.previous_pepper, peppers)
    event = last_event(cast)
    assert (event.action, event.actor, event.address) == ("authentication.rotated", BY.label, BY.address)
    assert event.before == {"grace_until": None, "secret_version": 1}
    assert event.after == {"grace_until": "2026-11-25T12:00:00Z", "secret_version": 2}
    [message] = mail.outbox
    assert message.to == [cast.owner.email]
    for told in (BY.label, "192.0.2.1", row.key, "25 Nov 2026, 13:00"):
        assert told in message.body
    assert rotated.secret not in repr((rotated, row.__dict__, event.__dict__, message.message().as_string()))


def test_the_same_rotation_is_done_once(issued: Issued) -> None:
    rotate(issued.authentication, 1)
    assert refusal(authentications.rotate, authentication=issued.authentication, secret_version=1).code == (
        "already_rotated"
    )
    rotate(issued.authentication, 2)
    for earlier in (1, 2):
        error = refusal(authentications.rotate, authentication=issued.authentication, secret_version=earlier)
        assert error.code == "already_rotated"


@pytest.mark.parametrize("hours", [-1, 169, 10**12])
def test_grace_has_its_bounds(issued: Issued, hours: int) -> None:
    error = refusal(authentications.rotate, authentication=issued.authentication, secret_version=1, grace_hours=hours)
    assert [(each.field, each.code) for each in error.errors] == [("grace_hours", "out_of_range")]
    for version, allowed in ((1, 0), (2, 168)):
        rotate(issued.authentication, version, allowed)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("rotate"), st.sampled_from([0, 1, 24, 168])),
        st.tuples(st.just("end"), st.just(0)),
        st.tuples(st.just("wait"), st.sampled_from([1, 30, 200])),
    ),
    min_size=1,
    max_size=8,
)


@hypothesis_settings(
    max_examples=25, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=STEPS)
def test_at_most_two_secrets_work_whatever_is_done(cast: Cast, clock: Any, steps: list[tuple[str, int]]) -> None:
    """Against a model that knows every secret and until when it works."""
    clock.move_to(NOW)
    Authentication.all_accounts.filter(account=cast.account).delete()
    first = authentication_for(cast.account)
    until: dict[str, float] = {first.secret: float("inf")}
    present, hours = first.secret, 0
    for step, number in steps:
        if step == "wait":
            hours += number
            clock.shift(timedelta(hours=number))
        elif step == "end":
            authentications.end_grace(authentication=first.authentication, by=BY)
            until = {secret: end if secret == present else min(end, hours) for secret, end in until.items()}
        else:
            until = {secret: hours + number if secret == present else min(end, hours) for secret, end in until.items()}
            version = Authentication.objects.for_account(cast.account).get().secret_version
            present = rotate(first.authentication, version, number).secret
            until[present] = float("inf")
        row = Authentication.objects.for_account(cast.account).get()
        works = {
            secret
            for secret in until
            if credentials.verify(secret, bytes(row.secret_digest), row.pepper, settings.API_KEY_PEPPERS)
            or (
                row.is_in_grace(datetime.now(UTC))
                and credentials.verify(
                    secret, bytes(row.previous_digest), row.previous_pepper, settings.API_KEY_PEPPERS
                )
            )
        }
        assert works == {secret for secret, end in until.items() if end > hours}
        assert 1 <= len(works) <= 2


def test_ending_the_grace_is_written_down_and_told_once(
    cast: Cast, issued: Issued, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    authentications.end_grace(authentication=issued.authentication, by=BY)
    rotate(issued.authentication, 1)
    with django_capture_on_commit_callbacks(execute=True):
        for _ in range(2):
            ended = authentications.end_grace(authentication=issued.authentication, by=BY)
    assert (ended.grace_until, ended.secret_version) == (NOW, 2)
    event = last_event(cast)
    assert event.action == "authentication.grace_ended"
    assert (event.before, event.after) == (
        {"grace_until": "2026-11-24T12:00:00Z"},
        {"grace_until": "2026-11-23T12:00:00Z"},
    )
    assert [message.subject.split(" of ")[0] for message in mail.outbox] == ["An old secret"]


def test_a_change_says_what_was_before_and_tells_the_owners_of_access_alone(
    cast: Cast, issued: Issued, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    row = issued.authentication
    assert row.name == "Shop"
    with django_capture_on_commit_callbacks(execute=True):
        authentications.change(authentication=row, access=Access(" Shop Ghent "), by=BY)
        events = AuditEvent.objects.count()
        authentications.change(authentication=row, access=Access("Shop Ghent"), by=BY)
    assert (last_event(cast).before, last_event(cast).after) == ({"name": "Shop"}, {"name": "Shop Ghent"})
    assert (AuditEvent.objects.count(), mail.outbox) == (events, [])

    end = NOW + timedelta(days=1)
    access = Access("", read_only=True, expires_at=end, allowed_networks=["192.0.2.7", "192.0.2.7/32"])
    with django_capture_on_commit_callbacks(execute=True):
        changed = authentications.change(authentication=row, access=access, by=BY)
    assert (changed.name, changed.allowed_networks) == ("Shop", ["192.0.2.7/32"])
    assert last_event(cast).after == {
        "name": "Shop",
        "read_only": True,
        "expires_at": "2026-11-24T12:00:00Z",
        "allowed_networks": ["192.0.2.7/32"],
    }
    [message] = mail.outbox
    for told in (BY.label, "Access: read only", "Expires: 24 Nov 2026, 13:00", "Allowed networks: 192.0.2.7/32"):
        assert told in message.body


def test_all_that_is_wrong_with_a_change_is_told_at_once(issued: Issued, clock: Any) -> None:
    wrong = Access("x" * 101, expires_at=NOW, allowed_networks=["a", "10.0.0.1/8"])
    error = refusal(authentications.change, authentication=issued.authentication, access=wrong)
    assert [each.code for each in error.errors] == ["too_long", "in_the_past", "invalid_network"]
    soon = Access(expires_at=NOW + timedelta(hours=1))
    authentications.change(authentication=issued.authentication, access=soon, by=BY)
    clock.shift(timedelta(hours=2))
    renamed = Access("Old shop", expires_at=soon.expires_at)
    assert authentications.change(authentication=issued.authentication, access=renamed, by=BY).name == "Old shop"


@pytest.mark.parametrize("name", ["a\rb", "a\nb", "a\x00b", "a\u2028b"])
def test_a_name_stands_on_one_line(issued: Issued, name: str) -> None:
    error = refusal(authentications.change, authentication=issued.authentication, access=Access(name))
    assert [(each.field, each.code) for each in error.errors] == [("name", "invalid_characters")]


def test_what_is_revoked_stays_as_it_is(issued: Issued) -> None:
    row = issued.authentication
    authentications.revoke(authentication=row, by=BY)
    assert refusal(authentications.rotate, authentication=row, secret_version=1).code == "authentication_revoked"
    assert refusal(authentications.end_grace, authentication=row).code == "authentication_revoked"
    assert refusal(authentications.change, authentication=row, access=Access()).code == "authentication_revoked"


@pytest.mark.parametrize(
    "half", [{"grace_until": NOW}, {"previous_digest": b"x"}, {"previous_pepper": 1}, {"name": ""}]
)
def test_the_database_keeps_what_belongs_together(cast: Cast, issued: Issued, half: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Authentication.objects.for_account(cast.account).filter(pk=issued.authentication.pk).update(**half)
