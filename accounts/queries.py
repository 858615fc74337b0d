"""Reads of accounts and their people."""

from collections.abc import Sequence

from django.contrib.auth.models import AnonymousUser
from django.db.models import QuerySet

from accounts.models import Account, AuditEvent, Membership, Role, User

Person = User | AnonymousUser
"""What `request.user` may be."""


def accounts_of(user: User) -> QuerySet[Account]:
    """The accounts that a person is a member of, by name."""
    return Account.objects.filter(pk__in=Membership.all_accounts.filter(user=user).values("account_id"))


def accounts_looked_after_by(user: Person) -> QuerySet[Account]:
    """The accounts that a person may see in the admin: all for an operator, its partner's for partner staff."""
    if not (user.is_active and user.is_staff):
        return Account.objects.none()
    if user.is_superuser:
        return Account.objects.all()
    return Account.objects.filter(partner__staff__user=user)


def is_partner_staff(user: Person) -> bool:
    """Whether a person works for a partner, and nothing else lets them into the admin."""
    return user.is_active and user.is_staff and not user.is_superuser and hasattr(user, "partner_staff")


def is_operator(user: Person) -> bool:
    """Whether a person runs the installation."""
    return user.is_active and user.is_staff and user.is_superuser


def membership_of(user: User, account_number: int) -> Membership | None:
    """A person's membership in the account with this number, its account and partner loaded."""
    return (
        Membership.all_accounts.filter(user=user, account__number=account_number)
        .select_related("account__partner", "user")
        .first()
    )


def owner_emails(account: Account) -> Sequence[str]:
    """The addresses that mails about licenses and keys go to."""
    return list(
        Membership.objects.for_account(account)
        .filter(role=Role.OWNER, user__is_active=True)
        .values_list("user__email", flat=True)
    )


def events_about(account: Account, noun: str, object_id: object) -> QuerySet[AuditEvent]:
    """What was done to one thing of an account, such as an `authentication`; the latest first."""
    events = AuditEvent.objects.filter(account_id=account.pk, object_id=str(object_id))
    return events.filter(action__startswith=f"{noun}.")
