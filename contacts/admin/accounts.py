"""Accounts, to open: with their contact base and an invitation to their owner."""

from typing import Any, ClassVar
from zoneinfo import available_timezones

from django import forms
from django.contrib.admin import register
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts import queries
from accounts.admin import AccountAdmin
from accounts.admin_site import site
from accounts.middleware import actor_of
from accounts.models import Account, Partner
from accounts.tenancy.admin import RefusableForm
from contacts.services import desk


class OpenForm(RefusableForm):
    time_zone = forms.ChoiceField(
        choices=[("", "Choose one"), *((name, name) for name in sorted(available_timezones()))],
        help_text="Dates that people read, and billing periods, are in it.",
    )
    email = forms.EmailField(
        label="Owner's e-mail",
        help_text="They get a mail with a link that is good once and for a week, also if they have other accounts.",
    )

    class Meta:
        model = Account
        fields = ("partner", "name", "country", "currency", "time_zone")
        help_texts: ClassVar[dict[str, str]] = {
            "name": "The company, as its people read it.",
            "country": "Two capital letters (ISO 3166-1), such as NL. Phone numbers without a country are from there.",
            "currency": "Three capital letters (ISO 4217), such as EUR.",
        }


@register(Account, site=site)
class OpenableAccountAdmin(AccountAdmin):
    form = OpenForm

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        return [(None, {"fields": (*OpenForm.Meta.fields, "email")})] if obj is None else self.fieldsets

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.allowed(request)

    def _choices(self, db_field: Any, request: HttpRequest, rows: QuerySet[Any] | None) -> QuerySet[Any]:
        """A partner's staff opens accounts of that partner."""
        if db_field.name != "partner" or queries.is_operator(request.user):
            return super()._choices(db_field, request, rows)
        return Partner.objects.filter(staff__user=request.user)  # type: ignore[misc]

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"partner": Partner.objects.filter(staff__user=request.user).first()}  # type: ignore[misc]

    def save_model(self, request: HttpRequest, obj: Account, form: Any, change: bool) -> None:
        answers = {name: form.cleaned_data[name] for name in OpenForm.Meta.fields}
        account = desk.open_account(
            **answers,
            owner_email=form.cleaned_data["email"],
            site=request.build_absolute_uri("/").rstrip("/"),
            by=actor_of(request),
        )
        obj.pk, obj.number = account.pk, account.number
