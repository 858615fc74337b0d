"""Reads of accounts and their people."""

from collections.abc import Sequence

from django.db.models import QuerySet

from accounts.models import Account, Membership, Role, User


def accounts_of(user: User) -> QuerySet[Account]:
    """The accounts that a person is a member of, by name."""
    return Account.objects.filter(pk__in=Membership.all_accounts.filter(user=user).values("account_id"))


def membership_of(user: User, account_number: int) -> Membership | None:
    """A person's membership in the account with this number, its account and partner loaded."""
    return (
        Membership.all_accounts.filter(user=user, account__number=account_number)
        .select_related("account__partner")
        .first()
    )


def owner_emails(account: Account) -> Sequence[str]:
    """The addresses that mails about licenses and keys go to."""
    return list(
        Membership.objects.for_account(account)
        .filter(role=Role.OWNER, user__is_active=True)
        .values_list("user__email", flat=True)
    )
