"""Buying and cancelling licenses."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from django.db import transaction
from django.utils import timezone

from accounts.actor import Actor
from accounts.errors import Conflict, ValidationFailed
from accounts.models import Account
from accounts.services import audit, billing, mail
from integrations.models import Integration, License, Price


@dataclass(frozen=True, slots=True)
class Quote:
    """What a license costs: amounts in `currency`, days in the account's time zone. `continues`: it begins when the
    present one ends."""

    currency: str
    amount_per_month: Decimal
    first_amount: Decimal
    active_from: datetime
    starts_on: date
    next_charge_on: date
    continues: bool


def quote(*, account: Account, integration: Integration, now: datetime | None = None) -> Quote:
    """What buying would cost, and from when it would count.

    A license that was cancelled but has not ended yet is continued: the new one begins when it ends.
    Raises Conflict `already_active`, `not_available` (announced only) or `no_price` (none in the currency).
    """
    now = now or timezone.now()
    if not integration.is_available:
        raise Conflict(f"{integration.name} is announced and can't be bought yet.", code="not_available")
    price = Price.objects.filter(integration=integration, currency=account.currency).first()
    if price is None:
        raise Conflict(
            f"{integration.name} has no price in {account.currency}; ask {account.partner} for one.", code="no_price"
        )
    running = list(License.objects.for_account(account).filter(integration=integration).not_ended(now))
    if any(license_.active_until is None for license_ in running):
        raise Conflict(f"{integration.name} has a license already.", code="already_active")
    active_from = max([now, *(license_.active_until for license_ in running)])
    starts_on = active_from.astimezone(account.zone).date()
    return Quote(
        currency=price.currency,
        amount_per_month=price.amount,
        first_amount=billing.pro_rata(amount_per_month=price.amount, starts_on=starts_on),
        active_from=active_from,
        starts_on=starts_on,
        next_charge_on=billing.next_period_starts_on(starts_on),
        continues=bool(running),
    )


@transaction.atomic
def buy(*, account: Account, integration: Integration, by: Actor) -> License:
    """Buys a license, opens its charge, tells the owners by mail. Authentications made under an earlier license
    work again.

    Raises Conflict as `quote` does.
    """
    Account.objects.select_for_update().get(pk=account.pk)  # two clicks at once buy one license
    offer = quote(account=account, integration=integration)
    charge = billing.open_charge(
        account=account,
        description=f"{integration.name}, license",
        currency=offer.currency,
        amount_per_month=offer.amount_per_month,
        starts_on=offer.starts_on,
        by=by,
    )
    license_: License = License.objects.for_account(account).create(
        integration=integration, charge=charge, active_from=offer.active_from, bought_by=by.label
    )
    audit.record(
        account=account,
        action="license.bought",
        object_id=license_.pk,
        object_label=integration.name,
        after={"active_from": offer.active_from, "amount_per_month": offer.amount_per_month},
        by=by,
    )
    mail.to_owners(
        account=account,
        template="integrations/mail/license_bought.txt",
        context={"integration": integration, "offer": offer, "by": by},
    )
    return license_


@transaction.atomic
def cancel(*, license: License, at_period_end: bool, reason: str, by: Actor) -> License:
    """Ends a license now, or at the end of the paid month in the account's time zone.

    From then on its authentications answer 403 `license_inactive`; nothing is deleted. One that is cancelled already
    may be made to end sooner. Raises Conflict `license_ended` when it has ended, `already_cancelled` when it would end
    no sooner, ValidationFailed when the reason is missing.
    """
    if not reason.strip():
        raise ValidationFailed.of("reason", "required", "Say why the license is cancelled; the account sees it.")
    license_, now = _locked(license), timezone.now()
    account, until = license_.account, license_.active_until
    if until is not None and until <= now:
        raise Conflict("This license has ended already.", code="license_ended")
    end = billing.period_end(account=account, now=now) if at_period_end else now
    # A license that was to begin later and is cancelled before ends where it would have begun.
    end = max(end, license_.active_from)
    if until is not None and until <= end:
        detail = f"{license_.cancelled_by} has cancelled this license already, and it ends no later."
        raise Conflict(detail, code="already_cancelled")
    before, license_.active_until = {"active_until": until}, end
    license_.cancelled_at, license_.cancelled_by, license_.cancel_reason = now, by.label, reason.strip()[:500]
    license_.save(update_fields=["active_until", "cancelled_at", "cancelled_by", "cancel_reason"])
    last_instant = end - timedelta(microseconds=1)
    billing.close_charge(charge=license_.charge, ends_on=last_instant.astimezone(account.zone).date(), by=by)
    audit.record(
        account=account,
        action="license.cancelled",
        object_id=license_.pk,
        object_label=license_.integration.name,
        before=before,
        after={"active_until": license_.active_until, "reason": license_.cancel_reason},
        by=by,
    )
    mail.to_owners(
        account=account,
        template="integrations/mail/license_cancelled.txt",
        context={"license": license_, "by": by},
    )
    return license_


@transaction.atomic
def keep(*, license: License, by: Actor) -> License:
    """Takes a cancellation back, until the license has ended: it goes on as if it had not been cancelled.

    Raises Conflict `not_cancelled`, `license_ended`, `already_active` when it has been bought again meanwhile.
    """
    Account.objects.select_for_update().get(pk=license.account_id)  # as `buy`, so that two don't go on
    license_ = _locked(license)
    if license_.active_until is None:
        raise Conflict("This license is not cancelled.", code="not_cancelled")
    if license_.active_until <= timezone.now():
        raise Conflict("This license has ended already. The account can buy it again.", code="license_ended")
    others = License.objects.for_account(license_.account_id).filter(integration=license_.integration)
    if others.filter(active_until__isnull=True).exists():
        raise Conflict("The account has bought it again already; the new license follows.", code="already_active")
    before = {"active_until": license_.active_until, "reason": license_.cancel_reason}
    license_.active_until = license_.cancelled_at = None
    license_.cancelled_by = license_.cancel_reason = ""
    license_.save(update_fields=["active_until", "cancelled_at", "cancelled_by", "cancel_reason"])
    billing.reopen_charge(charge=license_.charge, by=by)
    audit.record(
        account=license_.account,
        action="license.kept",
        object_id=license_.pk,
        object_label=license_.integration.name,
        before=before,
        by=by,
    )
    mail.to_owners(
        account=license_.account,
        template="integrations/mail/license_kept.txt",
        context={"license": license_, "by": by},
    )
    return license_


def _locked(license: License) -> License:
    """The license as it is now, locked against everybody else's decision."""
    rows = License.objects.for_account(license.account_id).select_for_update(of=("self",))
    locked: License = rows.select_related("integration", "charge", "account").get(pk=license.pk)
    return locked
