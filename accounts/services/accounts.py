"""Opening accounts."""

from django.db import transaction

from accounts.actor import Actor
from accounts.models import Account, Partner
from accounts.services import audit


@transaction.atomic
def open_account(
    *, partner: Partner, name: str, country: str, currency: str, time_zone: str, phone_region: str = "", by: Actor
) -> Account:
    """Opens an account under a partner. Its contact base is made by `contacts.services.fields.set_up`.

    Raises django.core.exceptions.ValidationError naming each field that is not acceptable.
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
    account.full_clean()
    account.save(force_insert=True)
    audit.record(
        account=account,
        action="account.opened",
        object_id=account.pk,
        object_label=name,
        after={"partner": partner.name, "number": account.number},
        by=by,
    )
    return account
