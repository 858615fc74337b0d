"""What an account owes: one recurring charge for each license."""

import calendar
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

from django.db import transaction

from accounts.actor import Actor
from accounts.models import Account, Charge
from accounts.services import audit

CENT = Decimal("0.01")


def pro_rata(*, amount_per_month: Decimal, starts_on: date) -> Decimal:
    """What the rest of the month costs, its first day included, rounded half up to the cent."""
    days = calendar.monthrange(starts_on.year, starts_on.month)[1]
    return (amount_per_month * (days - starts_on.day + 1) / days).quantize(CENT, ROUND_HALF_UP)


def next_period_starts_on(day: date) -> date:
    """The first day of the calendar month after `day`: when the next full amount is charged."""
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1)


def period_end(*, account: Account, now: datetime) -> datetime:
    """The instant at which the paid period ends: the next month's first midnight in the account's time zone."""
    first = next_period_starts_on(now.astimezone(account.zone).date())
    return datetime(first.year, first.month, first.day, tzinfo=account.zone)


@transaction.atomic
def open_charge(
    *, account: Account, description: str, currency: str, amount_per_month: Decimal, starts_on: date, by: Actor
) -> Charge:
    """Opens a recurring charge from a day on (in the account's time zone)."""
    charge: Charge = Charge.objects.for_account(account).create(
        description=description,
        currency=currency,
        amount_per_month=amount_per_month,
        first_amount=pro_rata(amount_per_month=amount_per_month, starts_on=starts_on),
        starts_on=starts_on,
        created_by=by.label,
    )
    audit.record(
        account=account,
        action="charge.opened",
        object_id=charge.pk,
        object_label=charge.description,
        after={"amount_per_month": amount_per_month, "first_amount": charge.first_amount, "currency": currency},
        by=by,
    )
    return charge


@transaction.atomic
def close_charge(*, charge: Charge, ends_on: date, by: Actor) -> Charge:
    """Charges nothing after the day `ends_on`."""
    charge.ends_on = ends_on
    charge.save(update_fields=["ends_on"])
    audit.record(
        account=charge.account,
        action="charge.closed",
        object_id=charge.pk,
        object_label=charge.description,
        after={"ends_on": ends_on},
        by=by,
    )
    return charge


@transaction.atomic
def reopen_charge(*, charge: Charge, by: Actor) -> Charge:
    """Goes on charging, as if the charge had never been closed."""
    before, charge.ends_on = charge.ends_on, None
    charge.save(update_fields=["ends_on"])
    audit.record(
        account=charge.account,
        action="charge.reopened",
        object_id=charge.pk,
        object_label=charge.description,
        before={"ends_on": before},
        by=by,
    )
    return charge
