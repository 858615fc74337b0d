"""The base of every form about an account's rows: its choices are that account's, its clean includes it."""

from typing import Any

from django import forms

from accounts.errors import DomainError
from accounts.models import Account
from accounts.tenancy.models import AccountOwned
from accounts.tenancy.querysets import ForeignRow


class AccountFormMixin:
    """Takes `account=`; narrows every choice of rows to that account, whatever queryset the field declared."""

    account: Account
    fields: dict[str, forms.Field]

    def __init__(self, *args: Any, account: Account, **kwargs: Any) -> None:
        self.account = account
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            if isinstance(field, forms.ModelChoiceField) and field.queryset is not None:
                model = field.queryset.model
                if issubclass(model, AccountOwned):
                    field.queryset = field.queryset.filter(account=account)

    def add_domain_error(self, error: DomainError) -> None:
        """Puts a service's refusal where the person can mend it: at its fields, else above the form."""
        for item in error.errors:
            self.add_error(item.field if item.field in self.fields else None, item.detail)  # type: ignore[attr-defined]
        if not error.errors:
            self.add_error(None, error.detail)  # type: ignore[attr-defined]


class NoteField(forms.CharField):
    """A few sentences that the account and its partner write for each other to read: a reason, an answer, a message."""

    def __init__(self, *, max_length: int = 500, **kwargs: Any) -> None:
        super().__init__(max_length=max_length, widget=forms.Textarea({"rows": 3}), **kwargs)


class AccountForm(AccountFormMixin, forms.Form):
    """A form over an account's rows that a service validates and saves."""


class AccountModelForm(AccountFormMixin, forms.ModelForm):  # type: ignore[type-arg]
    """A model's form. Stamps `account` before full_clean and keeps it in, or unique constraints with it are skipped."""

    def __init__(self, *args: Any, account: Account, **kwargs: Any) -> None:
        super().__init__(*args, account=account, **kwargs)
        if self.instance.account_id not in (None, account.pk):
            raise ForeignRow(f"{self.instance!r} does not belong to account {account.pk}")
        self.instance.account = account

    def _get_validation_exclusions(self) -> set[str]:
        return super()._get_validation_exclusions() - {"account"}  # type: ignore[misc,no-any-return]
