"""Opening an account whole: with its contact base, and an invitation to its owner."""

from django.db import transaction

from accounts.actor import Actor
from accounts.models import Account, Partner, Role
from accounts.services import accounts, invitations
from contacts.services import fields


@transaction.atomic
def open_account(
    *,
    partner: Partner,
    name: str,
    country: str,
    currency: str,
    time_zone: str,
    owner_email: str,
    site: str,
    by: Actor,
) -> Account:
    """Opens an account with the default id field, the built-in contact fields and the rule `[email]`, and invites its
    owner by mail. `site`: the installation's address, which the link in it begins with.

    Raises ValidationFailed naming each field that is not acceptable (`owner_email` is `email` there).
    """
    account = accounts.open_account(
        partner=partner, name=name, country=country, currency=currency, time_zone=time_zone, by=by
    )
    fields.set_up(account=account, by=by)
    invitations.invite(account=account, email=owner_email, role=Role.OWNER, site=site, by=by)
    return account
