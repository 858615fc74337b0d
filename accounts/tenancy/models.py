"""The base of every model whose rows belong to an account."""

from typing import Any

from django.db import models

from accounts.tenancy.querysets import Door


class AccountOwned(models.Model):
    """A row of one account, reached through `objects.for_account(account)` only.

    `all_accounts` is for Django's own machinery (full_clean, reverse relations, ModelForm declarations, the
    admin), which breaks on a default manager that refuses; application code that names it is on a short list.
    """

    # No index of its own: every model has one that begins with it. Where PostgreSQL's statistics don't know an account
    # yet, an index on it alone looks as good as the right one, and every look-up reads all rows of the account.
    account = models.ForeignKey("accounts.Account", on_delete=models.PROTECT, related_name="+", db_index=False)

    objects: Door[Any] = Door()
    all_accounts: models.Manager[Any] = models.Manager()

    class Meta:
        abstract = True
        default_manager_name = "all_accounts"
        base_manager_name = "all_accounts"
