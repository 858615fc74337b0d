"""Who may use an account, and as what."""

from django.db import transaction

from accounts import permissions
from accounts.actor import Actor
from accounts.errors import Forbidden
from accounts.models import Account, Membership, Role, User
from accounts.permissions import Capability
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


def check_again(*, account_id: int, user_id: int, capability: Capability) -> None:
    """Whether a person may still do it: work in the background on their behalf asks before each step.

    Raises Forbidden `not_a_member`, `forbidden`, `account_suspended`.
    """
    rows = Membership.objects.for_account(account_id).filter(user_id=user_id, user__is_active=True)
    found = rows.values_list("role", "account__suspended_at").first()
    if found is None:
        raise Forbidden("Who started this is no member of the account any more.", code="not_a_member")
    role, suspended_at = found
    if not permissions.may(role, capability):
        raise Forbidden("Who started this may not do it any more. Ask an owner of the account.")
    if suspended_at is not None:
        raise Forbidden("The account is suspended. Its partner knows why.", code="account_suspended")
