"""Two who act on one row at the same instant (PostgreSQL): one wins, the other is told, nothing happens twice."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.core import mail
from django.db import connection

from accounts.actor import SYSTEM, Actor
from accounts.errors import DomainError
from accounts.models import Account, AuditEvent
from contacts.models import IdField
from integrations.models import Authentication, License, Request
from integrations.services import authentications, id_fields, licenses, requests
from tests.factories import AccountFactory, UserFactory, authentication_for, default_id_field, license_for, rest_api

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]

ANNA, BEN = Actor(label="anna@agency.example"), Actor(label="ben@agency.example")
Work = Callable[[], Any]


def at_once(*work: Work) -> list[str]:
    """Does all of it in threads that start together: the code of each one's refusal, empty for who was not refused."""
    barrier = Barrier(len(work))

    def run(one: Work) -> str:
        try:
            barrier.wait(20)
            one()
        except DomainError as refusal:
            return refusal.code
        finally:
            connection.close()
        return ""

    with ThreadPoolExecutor(len(work)) as threads:
        return sorted(threads.map(run, work))


@pytest.fixture
def account() -> Account:
    rest_api()
    return AccountFactory.create(owner=UserFactory.create())


def count(account: Account, *actions: str) -> int:
    return AuditEvent.objects.filter(account_id=account.pk, action__in=actions).count()


def asked(account: Account) -> Request:
    request = requests.ask_to_deactivate(license=license_for(account), reason="We stop.", by=SYSTEM)
    mail.outbox.clear()
    return request


def test_two_decisions_on_one_request(account: Account) -> None:
    request = asked(account)

    def decide(by: Actor, *, approve: bool) -> Any:
        return requests.decide(request=request, approve=approve, at_period_end=False, answer="Said.", by=by)

    assert at_once(lambda: decide(ANNA, approve=True), lambda: decide(BEN, approve=False)) == ["", "already_decided"]
    license_: License = License.objects.for_account(account).get()
    is_approved = Request.objects.for_account(account).get().status == Request.Status.APPROVED
    assert (license_.active_until is not None) is is_approved
    assert count(account, "request.approved", "request.declined") == 1
    assert count(account, "license.cancelled") == int(is_approved)
    assert len(mail.outbox) == 1 + int(is_approved)


def test_a_decision_and_a_withdrawal(account: Account) -> None:
    request = asked(account)
    refused = at_once(
        lambda: requests.decide(request=request, approve=True, at_period_end=False, answer="Yes.", by=ANNA),
        lambda: requests.withdraw(request=request, by=SYSTEM),
    )
    assert refused == ["", "already_decided"]
    license_: License = License.objects.for_account(account).get()
    is_withdrawn = Request.objects.for_account(account).get().status == Request.Status.WITHDRAWN
    assert (license_.active_until is None) is is_withdrawn


@pytest.mark.parametrize(("at_period_end", "told"), [(True, "already_cancelled"), (False, "license_ended")])
def test_two_cancellations_of_one_license(account: Account, at_period_end: bool, told: str) -> None:
    license_ = license_for(account)
    mail.outbox.clear()

    def cancel(by: Actor) -> Any:
        return licenses.cancel(license=license_, at_period_end=at_period_end, reason=f"Says {by.label}.", by=by)

    assert at_once(lambda: cancel(ANNA), lambda: cancel(BEN)) == ["", told]
    cancelled: License = License.objects.for_account(account).get()
    assert cancelled.cancel_reason == f"Says {cancelled.cancelled_by}."
    assert count(account, "license.cancelled") == count(account, "charge.closed") == len(mail.outbox) == 1


def test_a_cancellation_and_taking_the_earlier_one_back(account: Account) -> None:
    license_ = license_for(account)
    licenses.cancel(license=license_, at_period_end=True, reason="They asked.", by=SYSTEM)
    refused = at_once(
        lambda: licenses.cancel(license=license_, at_period_end=False, reason="Now.", by=ANNA),
        lambda: licenses.keep(license=license_, by=BEN),
    )
    # Whichever came last, it saw what the other had done.
    assert refused in (["", ""], ["", "license_ended"])
    ended: License = License.objects.for_account(account).select_related("charge").get()
    assert ended.cancel_reason == "Now."
    assert ended.charge.ends_on is not None


def test_issuing_on_an_id_field_and_retiring_it(account: Account) -> None:
    license_for(account)
    field = default_id_field(account)
    refused = at_once(lambda: authentication_for(account, field), lambda: id_fields.retire(id_field=field, by=ANNA))
    assert refused in (["", "id_field_in_use"], ["", "id_field_retired"])
    is_retired = IdField.objects.for_account(account).get(pk=field.pk).retired_at is not None
    assert Authentication.objects.for_account(account).exists() is not is_retired


def test_two_who_revoke_one_key(account: Account) -> None:
    key = authentication_for(account).authentication
    mail.outbox.clear()

    def revoke(by: Actor) -> Any:
        return authentications.revoke(authentication=key, by=by)

    assert at_once(lambda: revoke(ANNA), lambda: revoke(BEN)) == ["", ""]
    assert count(account, "authentication.revoked") == len(mail.outbox) == 1
