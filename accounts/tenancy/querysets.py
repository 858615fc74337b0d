"""The door: rows that belong to an account are reached for one account at a time, or not at all."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Self, TypeVar

from django.db import models

if TYPE_CHECKING:
    from accounts.models import Account

M = TypeVar("M", bound=models.Model)


class UnscopedQuery(RuntimeError):
    """A query on an account's rows that does not say which account. A bug, never an answer to a user."""


class ForeignRow(RuntimeError):
    """A row of one account was about to be written for another. A bug, never an answer to a user."""


class AccountQuerySet(models.QuerySet[M]):
    """Rows of one account: stamps what it creates, refuses what belongs to another."""

    account_id: int | None = None

    def _clone(self) -> Self:
        clone: Self = super()._clone()  # type: ignore[misc]
        clone.account_id = self.account_id
        return clone

    def _own(self, rows: Iterable[Any]) -> list[Any]:
        """The rows, stamped with this account. Raises ForeignRow when one is another account's."""
        rows = list(rows)
        for row in rows:
            if self.account_id is not None and row.account_id not in (None, self.account_id):
                raise ForeignRow(f"{row!r} does not belong to account {self.account_id}")
            row.account_id = self.account_id if self.account_id is not None else row.account_id
        return rows

    def create(self, **kwargs: Any) -> M:
        row = self.model(**kwargs)
        self._own([row])
        self._for_write = True
        row.save(force_insert=True, using=self.db)
        return row

    def bulk_create(self, objs: Iterable[M], *args: Any, **kwargs: Any) -> list[M]:
        return super().bulk_create(self._own(objs), *args, **kwargs)

    def bulk_update(self, objs: Iterable[M], *args: Any, **kwargs: Any) -> int:
        return super().bulk_update(self._own(objs), *args, **kwargs)

    def update(self, **kwargs: Any) -> int:
        if {"account", "account_id"} & kwargs.keys():
            raise ForeignRow("rows never move to another account")
        return super().update(**kwargs)


class Door(models.Manager[M]):
    """`Model.objects`: refuses every query but `for_account(account)`."""

    queryset_class: type[AccountQuerySet[Any]] = AccountQuerySet

    def get_queryset(self) -> Any:
        raise UnscopedQuery(
            f"{self.model.__name__}.objects: say whose rows: {self.model.__name__}.objects.for_account(account)"
        )

    def for_account(self, account: "Account | int") -> Any:
        """The rows of one account, given as the row or its primary key."""
        account_id = account if isinstance(account, int) else account.pk
        if account_id is None:
            raise UnscopedQuery("the account has not been saved yet")
        queryset = self.queryset_class(self.model, using=self._db).filter(account_id=account_id)
        queryset.account_id = account_id
        return queryset


def door(queryset_class: type[AccountQuerySet[Any]]) -> Door[Any]:
    """A door that opens on a QuerySet with named filters of the model's own."""
    manager: Door[Any] = Door()
    manager.queryset_class = queryset_class
    return manager
