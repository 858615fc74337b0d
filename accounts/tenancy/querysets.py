"""The door: rows that belong to an account are reached for one account at a time, or not at all."""

from collections.abc import Collection, Iterable, Mapping
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
        """The rows, stamped with this account. Raises ForeignRow when one is another account's, or points at one."""
        if self.account_id is None:
            raise UnscopedQuery(f"{self.model.__name__}: only `for_account(account)` may write")
        rows = list(rows)
        for row in rows:
            if row.account_id not in (None, self.account_id):
                raise ForeignRow(f"{row!r} does not belong to account {self.account_id}")
            row.account_id = self.account_id
            loaded = (row._state.fields_cache.get(field.name) for field in self.model._meta.concrete_fields)
            self._refuse_foreign(loaded)
        return rows

    def _refuse_foreign(self, values: Iterable[Any]) -> None:
        """Raises ForeignRow when one of the values is another account's row. Bare ids are for the database to refuse
        (see accounts.tenancy.migrations) and for services to look up first."""
        for value in values:
            owner = getattr(value, "account_id", None) if isinstance(value, models.Model) else None
            if owner not in (None, self.account_id):
                raise ForeignRow(f"{value!r} does not belong to account {self.account_id}")

    def _stay(self, names: Iterable[str]) -> None:
        if {"account", "account_id"} & set(names):
            raise ForeignRow("rows never move to another account")

    def create(self, **kwargs: Any) -> M:
        row = self.model(**kwargs)
        self._own([row])
        self._for_write = True
        row.save(force_insert=True, using=self.db)
        return row

    def update_or_create(
        self,
        defaults: Mapping[str, Any] | None = None,
        create_defaults: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> tuple[M, bool]:
        self._stay(defaults or {})
        self._refuse_foreign((defaults or {}).values())
        return super().update_or_create(defaults, create_defaults, **kwargs)

    def bulk_create(
        self,
        objs: Iterable[M],
        batch_size: int | None = None,
        ignore_conflicts: bool = False,
        update_conflicts: bool = False,
        update_fields: Collection[str] | None = None,
        unique_fields: Collection[str] | None = None,
    ) -> list[M]:
        rows = self._own(objs)
        if update_conflicts:
            self._stay(update_fields or ())
            if not {"account", "account_id"} & set(unique_fields or ()):
                self._refuse_foreign_keys(rows, unique_fields or ())
        return super().bulk_create(rows, batch_size, ignore_conflicts, update_conflicts, update_fields, unique_fields)

    def _refuse_foreign_keys(self, rows: list[Any], unique_fields: Collection[str]) -> None:
        """On a conflict over a key without the account, the row that would be updated may be another account's."""
        if set(unique_fields) - {"pk", self.model._meta.pk.name}:
            raise ForeignRow("update_conflicts: name `account` or the primary key in unique_fields")
        others = self.model._base_manager.using(self.db).exclude(account_id=self.account_id)
        if others.filter(pk__in=[row.pk for row in rows]).exists():
            raise ForeignRow(f"a {self.model.__name__} with one of these ids is another account's")

    def bulk_update(self, objs: Iterable[M], fields: Iterable[str], batch_size: int | None = None) -> int:
        fields = list(fields)
        self._stay(fields)
        return super().bulk_update(self._own(objs), fields, batch_size)

    def save_fields(self, row: M, *names: str) -> None:
        """Stores the named fields of a row. As `row.save(update_fields=names)`, and narrowed to the account."""
        self._own([row])
        self.filter(pk=row.pk).update(**{name: getattr(row, name) for name in names})

    def update(self, **kwargs: Any) -> int:
        self._stay(kwargs)
        self._refuse_foreign(kwargs.values())
        return super().update(**kwargs)

    def raw(self, *args: Any, **kwargs: Any) -> Any:
        raise UnscopedQuery(f"{self.model.__name__}: raw SQL knows no account")

    def _combine(self, others: Iterable[Any]) -> None:
        """Raises UnscopedQuery unless the others are querysets of this account too."""
        for other in others:
            if getattr(other, "account_id", None) != self.account_id:
                raise UnscopedQuery(f"{self.model.__name__}: combined with rows of another account, or of all")

    def union(self, *other_qs: Any, all: bool = False) -> Self:
        self._combine(other_qs)
        return super().union(*other_qs, all=all)

    def intersection(self, *other_qs: Any) -> Self:
        self._combine(other_qs)
        return super().intersection(*other_qs)

    def difference(self, *other_qs: Any) -> Self:
        self._combine(other_qs)
        return super().difference(*other_qs)

    def __or__(self, other: Any) -> Self:
        self._combine([other])
        return super().__or__(other)

    def __and__(self, other: Any) -> Self:
        self._combine([other])
        return super().__and__(other)

    def __xor__(self, other: Any) -> Self:
        self._combine([other])
        return super().__xor__(other)


def _is_account(value: object) -> bool:
    """By its label, since the model stands on this module. A user or license also has a pk, of something else."""
    return isinstance(value, models.Model) and value._meta.label == "accounts.Account"


class Door(models.Manager[M]):
    """`Model.objects`: refuses every query but `for_account(account)`."""

    queryset_class: type[AccountQuerySet[Any]] = AccountQuerySet

    def get_queryset(self) -> Any:
        raise UnscopedQuery(
            f"{self.model.__name__}.objects: say whose rows: {self.model.__name__}.objects.for_account(account)"
        )

    def for_account(self, account: "Account | int") -> Any:
        """The rows of one account, given as the row or its primary key."""
        if isinstance(account, bool) or not (isinstance(account, int) or _is_account(account)):
            raise TypeError(f"for_account: not an account: {account!r}")
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
