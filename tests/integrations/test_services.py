"""Licenses, authentications and requests: what they cost, when they end, and that nothing is half done."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.core import mail
from pytest_django import DjangoCaptureOnCommitCallbacks

from accounts.actor import SYSTEM, Actor
from accounts.errors import Conflict, DomainError, NotFound, ValidationFailed
from accounts.models import Account, AuditEvent, Charge
from contacts.models import IdField
from integrations import credentials
from integrations.models import Authentication, Integration, License, Price, Request
from integrations.services import authentications, licenses, requests
from tests.conftest import Cast
from tests.factories import authentication_for, default_id_field, id_field, license_for, rest_api

BY = Actor(label="olga@example.com", user_id=7, address="192.0.2.1", request_id="request-1")
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def buy(account: Account) -> License:
    return licenses.buy(account=account, integration=rest_api(), by=BY)


def cancel(license_: License, *, at_period_end: bool = False) -> License:
    return licenses.cancel(license=license_, at_period_end=at_period_end, reason="Enough.", by=BY)


def refusal(service: Callable[..., Any], **arguments: Any) -> DomainError:
    with pytest.raises(DomainError) as caught:
        service(**arguments, by=BY)
    return caught.value


def trail(account: Account) -> list[str]:
    return list(AuditEvent.objects.filter(account_id=account.pk).order_by("pk").values_list("action", flat=True))


@pytest.fixture(autouse=True)
def _at_noon() -> Any:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.mark.django_db
class TestBuying:
    def test_it_opens_the_charge_tells_the_owners_and_stands_in_the_activity(
        self, cast: Cast, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
    ) -> None:
        with django_capture_on_commit_callbacks(execute=True):
            bought = buy(cast.account)
        charge = bought.charge
        assert (bought.active_from, bought.active_until, bought.bought_by) == (NOW, None, BY.label)
        assert (charge.amount_per_month, charge.first_amount) == (Decimal("49.00"), Decimal("13.07"))
        assert (charge.starts_on, charge.ends_on, charge.currency) == (date(2026, 11, 23), None, "EUR")
        assert trail(cast.account)[-2:] == ["charge.opened", "license.bought"]
        event = AuditEvent.objects.latest("pk")
        assert (event.actor, event.actor_user_id, event.address, event.request_id) == (
            *("olga@example.com", 7, "192.0.2.1", "request-1"),
        )
        [message] = mail.outbox
        assert message.to == [cast.owner.email]
        assert "13.07" in message.body

    @pytest.mark.parametrize(
        ("zone", "day", "first"),
        [("Pacific/Kiritimati", date(2026, 11, 24), "11.43"), ("UTC", date(2026, 11, 23), "13.07")],
    )
    def test_the_day_is_the_accounts(self, zone: str, day: date, first: str, cast: Cast) -> None:
        cast.account.time_zone = zone
        offer = licenses.quote(account=cast.account, integration=rest_api())
        assert (offer.starts_on, offer.first_amount) == (day, Decimal(first))
        assert offer.next_charge_on == date(2026, 12, 1)

    def test_what_can_not_be_bought(self, cast: Cast) -> None:
        announced = Integration.objects.create(code="soon", name="Soon")
        unpriced = Integration.objects.create(code="free", name="Free", is_available=True)
        Price.objects.create(integration=unpriced, currency="USD", amount=1)
        codes = [refusal(licenses.buy, account=cast.account, integration=each).code for each in (announced, unpriced)]
        assert codes == ["not_available", "no_price"]
        buy(cast.account)
        assert refusal(licenses.buy, account=cast.account, integration=rest_api()).code == "already_active"
        assert (
            License.objects.for_account(cast.account).count() == Charge.objects.for_account(cast.account).count() == 1
        )
        buy(cast.other_account)  # what one account has is no obstacle to another

    def test_after_the_end_one_buys_anew_and_the_same_authentications_work(self, cast: Cast) -> None:
        issued = authentication_for(cast.account)
        cancel(License.objects.for_account(cast.account).get())
        assert not License.objects.for_account(cast.account).active(NOW).exists()
        again = buy(cast.account)
        assert (again.is_active(NOW), again.active_from) == (True, NOW)
        assert Authentication.objects.for_account(cast.account).live().get() == issued.authentication

    def test_what_still_runs_is_continued_without_a_gap_or_a_second_charge(self, cast: Cast) -> None:
        ending = cancel(buy(cast.account), at_period_end=True)
        following = buy(cast.account)
        assert following.active_from == ending.active_until
        assert (ending.charge.ends_on, following.charge.starts_on) == (date(2026, 11, 30), date(2026, 12, 1))
        assert following.charge.first_amount == Decimal("49.00")
        assert refusal(licenses.buy, account=cast.account, integration=rest_api()).code == "already_active"


@pytest.mark.django_db
class TestCancelling:
    @pytest.mark.parametrize(
        ("at_period_end", "until", "ends_on"),
        [(False, NOW, date(2026, 11, 23)), (True, datetime(2026, 11, 30, 23, tzinfo=UTC), date(2026, 11, 30))],
    )
    def test_now_or_at_the_end_of_the_paid_month(
        self, at_period_end: bool, until: datetime, ends_on: date, cast: Cast
    ) -> None:
        with time_machine.travel(NOW - timedelta(hours=1), tick=False):
            bought = buy(cast.account)
        cancelled = cancel(bought, at_period_end=at_period_end)
        assert (cancelled.active_until, cancelled.cancelled_at, cancelled.cancelled_by) == (until, NOW, BY.label)
        assert cancelled.charge.ends_on == ends_on
        for moment, active in ((until - timedelta(microseconds=1), True), (until, False)):
            assert cancelled.is_active(moment) is active
            assert License.objects.for_account(cast.account).active(moment).exists() is active

    def test_a_license_bought_and_cancelled_at_one_instant_was_never_active(self, cast: Cast) -> None:
        cancelled = cancel(buy(cast.account))
        assert cancelled.active_from == cancelled.active_until
        assert not cancelled.is_active(NOW)

    def test_a_later_cancellation_may_come_sooner(self, cast: Cast) -> None:
        later = cancel(buy(cast.account), at_period_end=True)
        sooner = cancel(later)
        assert sooner.active_until == NOW
        events = AuditEvent.objects.filter(action="license.cancelled").order_by("pk")
        assert [event.before and event.before["active_until"] for event in events] == [None, "2026-11-30T23:00:00Z"]

    def test_one_that_was_to_begin_later_ends_where_it_would_have_begun(self, cast: Cast) -> None:
        ending = cancel(buy(cast.account), at_period_end=True)
        following = cancel(buy(cast.account))
        assert following.active_from == following.active_until == ending.active_until

    def test_the_reason_is_needed_and_the_end_is_the_end(self, cast: Cast) -> None:
        bought = buy(cast.account)
        blank = refusal(licenses.cancel, license=bought, at_period_end=False, reason=" \n")
        assert [(error.field, error.code) for error in blank.errors] == [("reason", "required")]
        cancel(bought)
        again = refusal(licenses.cancel, license=bought, at_period_end=True, reason="x")
        assert (type(again), again.code) == (Conflict, "license_ended")

    def test_another_account_notices_nothing(self, cast: Cast) -> None:
        theirs = buy(cast.other_account)
        cancel(buy(cast.account))
        theirs.refresh_from_db()
        assert theirs.is_active(NOW)

    def test_a_cancellation_taken_back_leaves_the_license_as_it_was(
        self, cast: Cast, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
    ) -> None:
        bought = buy(cast.account)
        before = License.objects.for_account(cast.account).values().get(), Charge.all_accounts.values().get()
        cancel(bought, at_period_end=True)
        with django_capture_on_commit_callbacks(execute=True):
            licenses.keep(license=bought, by=BY)
        after = License.objects.for_account(cast.account).values().get(), Charge.all_accounts.values().get()
        assert after == before
        assert (mail.outbox[-1].to, "goes on" in mail.outbox[-1].body) == ([cast.owner.email], True)
        assert trail(cast.account)[-2:] == ["charge.reopened", "license.kept"]

    def test_what_can_not_be_taken_back(self, cast: Cast) -> None:
        bought = buy(cast.account)
        assert refusal(licenses.keep, license=bought).code == "not_cancelled"
        cancel(bought, at_period_end=True)
        following = buy(cast.account)
        assert refusal(licenses.keep, license=bought).code == "already_active"
        cancel(following)
        licenses.keep(license=bought, by=BY)
        cancel(bought)
        assert refusal(licenses.keep, license=bought).code == "license_ended"


@pytest.mark.django_db
class TestAuthentications:
    def issue(self, cast: Cast, **arguments: Any) -> authentications.Issued:
        return authentications.issue(**self.answers(cast) | arguments, by=BY)

    def answers(self, cast: Cast) -> dict[str, Any]:
        return {
            "account": cast.account,
            "integration": rest_api(),
            "id_field_id": default_id_field(cast.account).pk,
            "unique_data": " Customer number ",
            "kind": "shopify",
            "system_name": "Our shop",
        }

    def test_one_is_bound_to_its_id_field_and_system(
        self, cast: Cast, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
    ) -> None:
        license_for(cast.account)
        mail.outbox.clear()
        with django_capture_on_commit_callbacks(execute=True):
            self.issue(cast)
        field = default_id_field(cast.account)
        assert field.source_system is not None
        assert (field.unique_data, field.source_system.name) == ("Customer number", "Our shop")
        assert trail(cast.account)[-2:] == ["id_field.bound", "authentication.issued"]
        [message] = mail.outbox
        assert message.to == [cast.owner.email]
        assert BY.label in message.body

    def test_the_secret_is_nowhere_but_in_the_answer(
        self, cast: Cast, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
    ) -> None:
        license_for(cast.account)
        with django_capture_on_commit_callbacks(execute=True):
            issued = self.issue(cast)
        assert credentials.SECRET.fullmatch(issued.secret)
        stored = Authentication.objects.for_account(cast.account).values().get()
        events = list(AuditEvent.objects.filter(account_id=cast.account.pk).values())
        told = [message.body for message in mail.outbox]
        assert issued.secret not in repr((issued, stored, events, told))
        assert issued.secret[3:43].encode() not in bytes(stored["secret_digest"])

    def test_without_an_active_license_there_is_none(self, cast: Cast) -> None:
        assert refusal(authentications.issue, **self.answers(cast)).code == "license_inactive"
        buy(cast.other_account)
        assert refusal(authentications.issue, **self.answers(cast)).code == "license_inactive"
        cancel(buy(cast.account))
        assert refusal(authentications.issue, **self.answers(cast)).code == "license_inactive"

    def test_an_id_field_has_one_live_authentication_and_stays_with_its_system(self, cast: Cast) -> None:
        license_for(cast.account)
        first = self.issue(cast)
        assert refusal(authentications.issue, **self.answers(cast)).code == "id_field_taken"
        authentications.revoke(authentication=first.authentication, by=BY)
        other = refusal(authentications.issue, **self.answers(cast) | {"system_name": "Another shop"})
        assert other.code == "id_field_of_other_system"
        assert self.issue(cast).authentication.pk != first.authentication.pk

    def test_another_accounts_id_field_does_not_exist(self, cast: Cast) -> None:
        license_for(cast.account)
        theirs = {"id_field_id": default_id_field(cast.other_account).pk}
        foreign = refusal(authentications.issue, **self.answers(cast) | theirs)
        missing = refusal(authentications.issue, **self.answers(cast) | {"id_field_id": 10**9})
        assert isinstance(foreign, NotFound)
        assert (
            (foreign.code, foreign.detail) == (missing.code, missing.detail) == ("id_field_not_found", missing.detail)
        )
        assert default_id_field(cast.other_account).source_system is None

    def test_revoking_twice_changes_nothing(self, cast: Cast) -> None:
        issued = authentication_for(cast.account)
        revoked = authentications.revoke(authentication=issued.authentication, by=BY)
        with time_machine.travel(NOW + timedelta(days=1), tick=False):
            again = authentications.revoke(authentication=issued.authentication, by=SYSTEM)
        assert (again.revoked_at, again.revoked_by) == (revoked.revoked_at, BY.label) == (NOW, BY.label)
        assert trail(cast.account).count("authentication.revoked") == 1

    def test_a_repeated_call_issues_nothing_more_even_on_another_id_field(self, cast: Cast) -> None:
        first = authentication_for(cast.account).authentication
        other = self.answers(cast) | {"id_field_id": id_field(cast.account).pk, "authentication_id": first.pk}
        assert refusal(authentications.issue, **other).code == "already_issued"
        assert Authentication.objects.for_account(cast.account).get() == first


@pytest.mark.django_db
class TestRequests:
    def ask(self, cast: Cast) -> Request:
        return requests.ask_to_deactivate(license=license_for(cast.account), reason=" We stop. ", by=BY)

    def test_the_partner_is_told(
        self, cast: Cast, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
    ) -> None:
        with django_capture_on_commit_callbacks(execute=True):
            request = self.ask(cast)
        assert (request.reason, request.requested_by, request.status) == ("We stop.", BY.label, "open")
        assert mail.outbox[-1].to == [cast.partner.email]
        assert trail(cast.account)[-1] == "request.filed"

    def test_what_can_not_be_asked(self, cast: Cast) -> None:
        license_ = license_for(cast.account)
        for reason, code in ((" ", "required"), ("x" * 501, "too_long")):
            error = refusal(requests.ask_to_deactivate, license=license_, reason=reason)
            assert [(each.field, each.code) for each in error.errors] == [("reason", code)]
        requests.ask_to_deactivate(license=license_, reason="x" * 500, by=BY)
        assert refusal(requests.ask_to_deactivate, license=license_, reason="x").code == "already_requested"
        cancel(license_, at_period_end=True)
        assert refusal(requests.ask_to_deactivate, license=license_, reason="x").code == "license_ended"

    def test_approving_cancels_declining_does_not(self, cast: Cast) -> None:
        license_ = license_for(cast.account)
        first = requests.ask_to_deactivate(license=license_, reason="We stop.", by=BY)
        declined = requests.decide(request=first, approve=False, answer=" Let us talk. ", by=SYSTEM)
        assert (declined.status, declined.answer, declined.decided_at) == ("declined", "Let us talk.", NOW)
        assert license_.is_active(NOW)
        second = requests.ask_to_deactivate(license=license_, reason="Still.", by=BY)
        approved = requests.decide(request=second, approve=True, answer="Well then.", by=SYSTEM)
        license_.refresh_from_db()
        assert (approved.status, license_.cancel_reason) == ("approved", "Well then.")
        assert license_.active_until == datetime(2026, 11, 30, 23, tzinfo=UTC)

    def test_approving_what_was_cancelled_meanwhile_only_answers(self, cast: Cast) -> None:
        license_ = license_for(cast.account)
        request = requests.ask_to_deactivate(license=license_, reason="We stop.", by=BY)
        cancelled = cancel(license_)
        requests.decide(request=request, approve=True, at_period_end=True, answer="Done.", by=SYSTEM)
        assert License.objects.for_account(cast.account).get().active_until == cancelled.active_until

    def test_an_answer_is_needed_once(self, cast: Cast) -> None:
        request = self.ask(cast)
        blank = refusal(requests.decide, request=request, approve=True, answer=" ")
        assert isinstance(blank, ValidationFailed)
        requests.decide(request=request, approve=False, answer="No.", by=BY)
        assert refusal(requests.decide, request=request, approve=True, answer="Yes.").code == "already_decided"

    def ask_for_id_field(self, cast: Cast) -> Request:
        return requests.ask(account=cast.account, kind="id_field", system=" Till ", reason="A new till.", by=BY)

    def test_approving_an_id_field_makes_it(self, cast: Cast) -> None:
        request = self.ask_for_id_field(cast)
        assert str(request) == "An extra id field: Till"
        taken = refusal(requests.decide, request=request, approve=True, name="externalCustomerId", answer="Here it is.")
        assert [(each.field, each.code) for each in taken.errors] == [("name", "taken")]
        decided = requests.decide(request=request, approve=True, name="tillCustomerId", answer="Here it is.", by=SYSTEM)
        made = IdField.objects.for_account(cast.account).get(name="tillCustomerId")
        assert (decided.status, decided.id_field, made.source_system) == ("approved", made, None)
        assert trail(cast.account)[-2:] == ["id_field.added", "request.approved"]

    def test_declining_an_id_field_makes_none(self, cast: Cast) -> None:
        count = IdField.objects.for_account(cast.account).count()
        declined = requests.decide(
            request=self.ask_for_id_field(cast), approve=False, name="tillCustomerId", answer="No.", by=SYSTEM
        )
        assert declined.id_field is None
        assert IdField.objects.for_account(cast.account).count() == count

    def test_the_same_is_not_asked_twice(self, cast: Cast) -> None:
        self.ask_for_id_field(cast)
        again = {"account": cast.account, "kind": "id_field", "reason": "Again."}
        assert refusal(requests.ask, **again, system="Till").code == "already_requested"
        requests.ask(account=cast.account, kind="id_field", system="Other till", reason="Again.", by=BY)
        for kind in ("rules", "advice"):
            requests.ask(account=cast.account, kind=kind, reason="Help.", by=BY)
            assert refusal(requests.ask, account=cast.account, kind=kind, reason="Help.").code == "already_requested"
            assert requests.ask(account=cast.account, kind=kind, reason="More.", system="Till", by=BY).system == ""

    @pytest.mark.parametrize(
        ("said", "field", "code"),
        [
            ({"kind": "deactivate"}, "kind", "invalid_choice"),
            ({"kind": ""}, "kind", "invalid_choice"),
            ({"system": " "}, "system", "required"),
            ({"system": "x" * 101}, "system", "too_long"),
            ({"reason": ""}, "reason", "required"),
            ({"reason": "x" * 501}, "reason", "too_long"),
        ],
    )
    def test_what_a_request_must_say(self, cast: Cast, said: dict[str, str], field: str, code: str) -> None:
        error = refusal(
            requests.ask, account=cast.account, **{"kind": "id_field", "system": "Till", "reason": "New.", **said}
        )
        assert [(each.field, each.code) for each in error.errors] == [(field, code)]
        assert not Request.objects.for_account(cast.account).exists()

    def test_messages_reach_the_other_side(
        self, cast: Cast, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
    ) -> None:
        request = self.ask_for_id_field(cast)
        for from_partner, told in ((True, [cast.owner.email]), (False, [cast.partner.email])):
            with django_capture_on_commit_callbacks(execute=True):
                requests.write(request=request, text=" Which till? ", from_partner=from_partner, by=BY)
            assert mail.outbox[-1].to == told
            assert "Which till?" in mail.outbox[-1].body
        error = refusal(requests.write, request=request, text=" ", from_partner=True)
        assert [(each.field, each.code) for each in error.errors] == [("text", "required")]

    def test_what_is_taken_back_is_not_decided_or_written_about(
        self, cast: Cast, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
    ) -> None:
        request = self.ask_for_id_field(cast)
        with django_capture_on_commit_callbacks(execute=True):
            withdrawn = requests.withdraw(request=request, by=BY)
        assert (withdrawn.status, withdrawn.decided_by) == ("withdrawn", BY.label)
        assert mail.outbox[-1].to == [cast.partner.email]
        assert trail(cast.account)[-1] == "request.withdrawn"
        assert refusal(requests.withdraw, request=request).code == "already_decided"
        assert refusal(requests.decide, request=request, approve=True, answer="Yes.").code == "already_decided"
        assert refusal(requests.write, request=request, text="Hm.", from_partner=True).code == "already_decided"
        self.ask_for_id_field(cast)
