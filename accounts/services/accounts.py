"""Opening accounts, suspending and resuming them."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from accounts.actor import Actor
from accounts.errors import Conflict, ValidationFailed
from accounts.models import Account, Partner
from accounts.services import audit, mail
from accounts.text import ON_ONE_LINE, is_writable


@transaction.atomic
def open_account(
    *, partner: Partner, name: str, country: str, currency: str, time_zone: str, phone_region: str = "", by: Actor
) -> Account:
    """Opens an account under a partner. Its contact base is made by `contacts.services.fields.set_up`.

    Raises ValidationFailed naming each field that is not acceptable.
    """
    account = Account(
        partner=partner,
        name=name,
        country=country,
        currency=currency,
        time_zone=time_zone,
        phone_region=phone_region or country,
        billing_name=name,
    )
    if not is_writable(name):
        raise ValidationFailed.of("name", "invalid_characters", ON_ONE_LINE)
    try:
        account.full_clean(exclude=set() if phone_region else {"phone_region"})  # which is the country's
    except ValidationError as refusal:
        raise ValidationFailed.of_model(refusal.error_dict) from refusal
    account.save(force_insert=True)
    _record(account, "account.opened", by, after={"partner": partner.name, "number": account.number})
    return account


@transaction.atomic
def suspend(*, account: Account, reason: str, by: Actor) -> Account:
    """Has every key of an account refused, from the next request on (403 `account_suspended`). Nothing is deleted, and
    licenses go on. The owners get a mail.

    Raises ValidationFailed (`reason`), Conflict `already_suspended`.
    """
    reason = reason.strip()
    if not reason:
        raise ValidationFailed.of("reason", "required", "Say why the account is suspended; its owners read it.")
    locked = Account.objects.select_for_update().get(pk=account.pk)
    if locked.suspended_at is not None:
        raise Conflict("This account is suspended already.", code="already_suspended")
    locked.suspended_at, locked.suspended_by = timezone.now(), by.label
    locked.save(update_fields=["suspended_at", "suspended_by"])
    _record(locked, "account.suspended", by, after={"reason": reason})
    mail.to_owners(account=locked, template="accounts/mail/suspended.txt", context={"reason": reason, "by": by})
    return locked


@transaction.atomic
def resume(*, account: Account, by: Actor) -> Account:
    """Lets the keys of a suspended account work again. The owners get a mail. Raises Conflict `not_suspended`."""
    locked = Account.objects.select_for_update().get(pk=account.pk)
    if locked.suspended_at is None:
        raise Conflict("This account is not suspended.", code="not_suspended")
    before = {"suspended_at": locked.suspended_at}
    locked.suspended_at, locked.suspended_by = None, ""
    locked.save(update_fields=["suspended_at", "suspended_by"])
    _record(locked, "account.resumed", by, before=before)
    mail.to_owners(account=locked, template="accounts/mail/resumed.txt", context={"by": by})
    return locked


def _record(
    account: Account,
    action: str,
    by: Actor,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    audit.record(
        account=account,
        action=action,
        object_id=account.pk,
        object_label=account.name,
        before=before,
        after=after,
        by=by,
    )
