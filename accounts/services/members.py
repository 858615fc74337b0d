"""Who may use an account, and as what."""

from django.db import transaction

from accounts.actor import Actor
from accounts.models import Account, Membership, Role, User
from accounts.services import audit


@transaction.atomic
def add_member(*, account: Account, user: User, role: Role, by: Actor) -> Membership:
    """Gives a person a role in an account."""
    membership: Membership = Membership.objects.for_account(account).create(user=user, role=role)
    audit.record(
        account=account,
        action="member.added",
        object_id=user.pk,
        object_label=user.email,
        after={"role": role},
        by=by,
    )
    return membership
