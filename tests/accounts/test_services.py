"""Accounts, members, charges and the trail; how mail goes out."""

import calendar
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core import mail
from django.db import IntegrityError, transaction
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import DjangoCaptureOnCommitCallbacks

from accounts.actor import SYSTEM, Actor
from accounts.errors import ValidationFailed
from accounts.models import Account, AuditEvent, Charge, Membership, Role, User
from accounts.services import accounts, audit, billing, members, partners, people
from accounts.services import mail as mails
from tests.conftest import Cast
from tests.factories import PartnerFactory, UserFactory

BY = Actor(label="olga@example.com", user_id=7, address="192.0.2.1", request_id="request-1")
ZONES = ["Europe/Amsterdam", "America/New_York", "Pacific/Kiritimati", "Pacific/Pago_Pago", "Asia/Kathmandu", "UTC"]

days = st.dates(date(2000, 1, 1), date(2100, 12, 31))
amounts = st.decimals(Decimal(0), Decimal("999999.99"), places=2)


class TestProRata:
    @given(days, amounts)
    def test_it_is_the_rest_of_the_month_rounded_half_up(self, day: date, amount: Decimal) -> None:
        first = billing.pro_rata(amount_per_month=amount, starts_on=day)
        length = calendar.monthrange(day.year, day.month)[1]
        exact_times_length = amount * (length - day.day + 1)
        assert first == first.quantize(Decimal("0.01"))
        # At most half a cent away, and where it is just half, above
        assert -length <= 200 * (exact_times_length - first * length) < length

    @given(days, amounts)
    def test_it_is_between_a_days_share_and_the_whole(self, day: date, amount: Decimal) -> None:
        assert 0 <= billing.pro_rata(amount_per_month=amount, starts_on=day) <= amount
        assert billing.pro_rata(amount_per_month=amount, starts_on=day.replace(day=1)) == amount

    @pytest.mark.parametrize(
        ("day", "amount", "first"),
        [
            (date(2026, 11, 23), "49.00", "13.07"),  # 8 of 30 days: 13.0666…
            (date(2026, 2, 28), "0.14", "0.01"),  # 1 of 28: just half a cent, up
            (date(2028, 2, 29), "29.00", "1.00"),
            (date(2026, 12, 31), "31.00", "1.00"),
            (date(2026, 12, 1), "49.00", "49.00"),
        ],
    )
    def test_examples(self, day: date, amount: str, first: str) -> None:
        assert billing.pro_rata(amount_per_month=Decimal(amount), starts_on=day) == Decimal(first)

    @given(days)
    def test_the_next_period_starts_on_the_first_of_the_next_month(self, day: date) -> None:
        following = billing.next_period_starts_on(day)
        assert following.day == 1
        assert (following - timedelta(days=1)).month == day.month
        assert timedelta(0) < following - day <= timedelta(days=31)


class TestPeriodEnd:
    @given(st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)), st.sampled_from(ZONES))  # noqa: DTZ001 - the zone is given beside them
    def test_it_is_the_first_midnight_of_the_next_month_there(self, now: datetime, zone: str) -> None:
        end = billing.period_end(account=Account(time_zone=zone), now=now)
        there = end.astimezone(ZoneInfo(zone))
        assert (there.day, there.hour, there.minute, there.second, there.microsecond) == (1, 0, 0, 0, 0)
        assert now < end
        before = (end - timedelta(microseconds=1)).astimezone(ZoneInfo(zone))
        assert before.month == now.astimezone(ZoneInfo(zone)).month

    @pytest.mark.parametrize(
        ("zone", "now", "end"),
        [
            # Clocks change within the month: the offset is that of the end, not of now
            ("Europe/Amsterdam", "2026-10-24T12:00+00:00", "2026-10-31T23:00+00:00"),
            ("Europe/Amsterdam", "2026-03-28T12:00+00:00", "2026-03-31T22:00+00:00"),
            ("America/New_York", "2026-10-31T12:00+00:00", "2026-11-01T04:00+00:00"),
            # It is another month already, or still
            ("Pacific/Kiritimati", "2026-11-30T09:59+00:00", "2026-11-30T10:00+00:00"),
            ("Pacific/Kiritimati", "2026-11-30T10:00+00:00", "2026-12-31T10:00+00:00"),
            ("Pacific/Pago_Pago", "2026-12-01T10:59+00:00", "2026-12-01T11:00+00:00"),
            ("Pacific/Pago_Pago", "2026-12-01T11:00+00:00", "2027-01-01T11:00+00:00"),
        ],
    )
    def test_examples(self, zone: str, now: str, end: str) -> None:
        found = billing.period_end(account=Account(time_zone=zone), now=datetime.fromisoformat(now))
        assert found == datetime.fromisoformat(end)


@pytest.mark.django_db
class TestAccounts:
    def open(self, **changes: Any) -> Account:
        answers = {"name": "Bloom", "country": "NL", "currency": "EUR", "time_zone": "Europe/Amsterdam"}
        return accounts.open_account(partner=PartnerFactory.create(), **answers | changes, by=BY)

    def test_one_is_opened_with_a_number_that_tells_nothing(self) -> None:
        account = self.open()
        assert 10_000_000 <= account.number < 100_000_000
        assert (account.phone_region, account.billing_name) == ("NL", "Bloom")
        event = AuditEvent.objects.get()
        assert (event.action, event.account_id, event.actor, event.after) == (
            *("account.opened", account.pk, BY.label),
            {"partner": account.partner.name, "number": account.number},
        )

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("name", ""),
            ("name", "x" * 151),
            ("name", "Kade\rKade"),
            ("country", "nl"),
            ("country", "NLD"),
            ("currency", "€"),
            ("currency", "EU\n"),
            ("time_zone", "Europe/Nowhere"),
            ("time_zone", "../../etc/passwd"),
            ("phone_region", "31"),
        ],
    )
    def test_what_is_not_acceptable_is_named_and_nothing_is_opened(self, field: str, value: str) -> None:
        with pytest.raises(ValidationFailed) as refused:
            self.open(**{field: value})
        assert field in {error.field for error in refused.value.errors}
        assert not Account.objects.exists()
        assert not AuditEvent.objects.exists()

    def test_a_member_has_one_role_in_an_account(self, cast: Cast) -> None:
        person = UserFactory.create()
        member = members.add_member(account=cast.account, user=person, role=Role.VIEWER, by=BY)
        assert str(member) == f"{person}: Viewer of {cast.account}"
        event = AuditEvent.objects.latest("pk")
        assert (event.action, event.object_label, event.after) == ("member.added", person.email, {"role": "viewer"})
        with pytest.raises(IntegrityError), transaction.atomic():
            members.add_member(account=cast.account, user=person, role=Role.OWNER, by=BY)
        assert Membership.objects.for_account(cast.account).get(user=person).role == Role.VIEWER

    def test_suspension_has_a_time_and_a_person(self, cast: Cast) -> None:
        for change in ({"suspended_at": datetime(2026, 1, 1, tzinfo=UTC)}, {"suspended_by": "somebody"}):
            with pytest.raises(IntegrityError), transaction.atomic():
                Account.objects.filter(pk=cast.account.pk).update(**change)


@pytest.mark.django_db
class TestCharges:
    def test_one_is_opened_and_closed_with_a_trail(self, cast: Cast) -> None:
        charge = billing.open_charge(
            account=cast.account,
            description="Something",
            currency="EUR",
            amount_per_month=Decimal("30.00"),
            starts_on=date(2026, 11, 30),
            by=BY,
        )
        billing.close_charge(charge=charge, ends_on=date(2026, 12, 31), by=SYSTEM)
        stored = Charge.objects.for_account(cast.account).get()
        assert (stored.first_amount, stored.ends_on, stored.created_by) == (Decimal(1), date(2026, 12, 31), BY.label)
        assert str(stored) == "Something: 30.00 EUR a month"
        trail = AuditEvent.objects.filter(account_id=cast.account.pk).order_by("-pk")[:2]
        assert [event.action for event in trail] == ["charge.closed", "charge.opened"]
        assert [event.after for event in trail] == [
            {"ends_on": "2026-12-31"},
            {"amount_per_month": "30.00", "first_amount": "1.00", "currency": "EUR"},
        ]

    def test_no_amount_is_below_zero(self, cast: Cast) -> None:
        with pytest.raises(IntegrityError), transaction.atomic():
            billing.open_charge(
                account=cast.account,
                description="x",
                currency="EUR",
                amount_per_month=Decimal(-1),
                starts_on=date(2026, 11, 1),
                by=BY,
            )


@pytest.mark.django_db
class TestTheTrail:
    def test_an_event_holds_copies(self, cast: Cast) -> None:
        label = "l" * 300
        event = audit.record(
            account=None, action="x.y", object_id=1, object_label=label, before={"a": Decimal(1)}, by=SYSTEM
        )
        event.refresh_from_db()
        assert (event.account_id, event.object_id, len(event.object_label)) == (None, "1", 200)
        assert (event.actor, event.actor_user_id, event.address, event.request_id) == ("system", None, None, "")
        assert "x.y" in str(event)
        assert not [field for field in AuditEvent._meta.concrete_fields if field.is_relation]

    def test_it_outlives_the_person(self) -> None:
        person = UserFactory.create()
        audit.record(
            account=None, action="x.y", object_id=1, object_label="x", by=Actor(label=person.email, user_id=person.pk)
        )
        email = person.email
        User.objects.filter(pk=person.pk).delete()
        assert AuditEvent.objects.get().actor == email


@pytest.mark.django_db
class TestMail:
    TEMPLATE = "integrations/mail/request_filed.txt"

    def test_it_goes_to_owners_that_can_sign_in(
        self, cast: Cast, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
    ) -> None:
        gone = UserFactory.create(is_active=False)
        members.add_member(account=cast.account, user=gone, role=Role.OWNER, by=BY)
        with django_capture_on_commit_callbacks(execute=True):
            mails.to_owners(account=cast.account, template=self.TEMPLATE, context={})
            mails.to_partner(account=cast.account, template=self.TEMPLATE, context={})
            assert mail.outbox == []
        assert [message.to for message in mail.outbox] == [[cast.owner.email], [cast.partner.email]]
        assert all(message.subject and "\n" not in message.subject for message in mail.outbox)

    def test_a_line_break_in_a_value_stays_in_the_subject(
        self, cast: Cast, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
    ) -> None:
        cast.account.name = "Kade\r\nBcc: x@example.com\rKade"
        with django_capture_on_commit_callbacks(execute=True):
            mails.to_partner(account=cast.account, template=self.TEMPLATE, context={"request": "more\n\nids"})
        [message] = mail.outbox
        assert message.subject == "Kade Bcc: x@example.com Kade asks: more ids"
        assert message.body.startswith("asks you for Kade")

    def test_what_can_not_be_sent_is_logged_and_undoes_nothing(
        self,
        cast: Cast,
        django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        with django_capture_on_commit_callbacks(execute=True):
            mails.to_person(
                email="x@example.com\n", account=cast.account, template=self.TEMPLATE, context={"request": "?"}
            )
        assert not mail.outbox
        assert "mail_not_sent" in caplog.text
        assert "asks you for" not in caplog.text

    def test_without_owners_there_is_none(
        self, cast: Cast, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
    ) -> None:
        Membership.objects.for_account(cast.account).delete()
        with django_capture_on_commit_callbacks(execute=True) as callbacks:
            mails.to_owners(account=cast.account, template=self.TEMPLATE, context={})
        assert callbacks == []

    def test_nothing_is_sent_for_what_was_rolled_back(
        self, cast: Cast, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
    ) -> None:
        with django_capture_on_commit_callbacks(execute=True) as callbacks:
            try:
                with transaction.atomic():
                    mails.to_owners(account=cast.account, template=self.TEMPLATE, context={})
                    raise RuntimeError
            except RuntimeError:
                pass
        assert not callbacks
        assert not mail.outbox


def test_services_that_operators_use_say_what_is_wrong(cast: Cast) -> None:
    for wrong in ("", "no address", cast.owner.email.upper()):
        with pytest.raises(ValidationFailed) as refused:
            people.add_user(email=wrong, name="", by=BY)
        assert {error.field for error in refused.value.errors} == {"email"}
    with pytest.raises(ValidationFailed):
        partners.add_staff(partner=cast.partner, user=cast.other_agent, by=BY)
    with pytest.raises(ValidationFailed):
        partners.save_partner(partner=None, name=cast.partner.name, email="x@example.com", phone="", by=BY)
