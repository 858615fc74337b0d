"""Id fields, to read and to add; contact fields, to add, relabel and retire."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django import forms
from django.contrib.admin import display, register
from django.http import HttpRequest

from accounts.admin_site import site
from accounts.middleware import actor_of
from accounts.tenancy.admin import ActionPage, OwnAccountFilter, PartnerScopedAdmin, RefusableForm, moment, posted
from accounts.tenancy.forms import AccountForm
from contacts.models import ContactField, FieldType, IdField
from contacts.services import fields


class IdFieldForm(RefusableForm):
    class Meta:
        model = IdField
        fields = ("account", "name", "label")
        help_texts: ClassVar[dict[str, str]] = {
            "name": "As the API calls it, such as webshopCustomerId. It can't be changed later.",
            "label": "As people read it, such as Webshop customer id. Left empty, it is the name.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "label" in self.fields:
            self.fields["label"].required = False


@register(IdField, site=site)
class IdFieldAdmin(PartnerScopedAdmin):
    audit_noun = "id_field"
    form = IdFieldForm
    list_display = ("name", "label", "account", "source_system", "unique_data", "is_default")
    list_filter = (OwnAccountFilter,)
    list_select_related = ("account", "source_system")
    search_fields = ("name", "label", "account__name", "source_system__name")
    autocomplete_fields = ("account",)
    fields = ("account", "name", "label", "source_system", "unique_data", "is_default", "created")

    @display(description="created")
    def created(self, id_field: IdField) -> str:
        return moment(id_field.created_at, id_field.account.zone, id_field.created_by)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return IdFieldForm.Meta.fields if obj is None else self.fields

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.allowed(request)

    def save_model(self, request: HttpRequest, obj: IdField, form: Any, change: bool) -> None:
        answers = form.cleaned_data
        added = fields.add_id_field(
            account=answers["account"], name=answers["name"], label=answers["label"], by=actor_of(request)
        )
        obj.pk = added.pk


class ChoicesField(forms.Field):
    """Choices, one a line. What they may be, the service says."""

    widget = forms.Textarea

    def to_python(self, value: str | None) -> list[str]:
        return [line.strip() for line in (value or "").splitlines() if line.strip()]


class ContactFieldForm(RefusableForm):
    choices = ChoicesField(
        required=False,
        help_text="One a line, for a choice or multiple choice. More can be added later, and none taken away.",
    )

    class Meta:
        model = ContactField
        fields = ("account", "name", "label", "type", "choices")
        help_texts: ClassVar[dict[str, str]] = {
            "name": "As the API calls it, such as loyaltyCard. It can't be changed later.",
            "label": "As people read it, such as Loyalty card. Left empty, it is the name.",
            "type": "It can't be changed later.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "label" in self.fields:
            self.fields["label"].required = False


class FieldAction(ActionPage):
    """Something that is done to a contact field that is in use."""

    def possible(self, row: ContactField) -> bool:
        return row.retired_at is None

    def facts(self, row: ContactField) -> Sequence[tuple[str, object]]:
        return (("Account", row.account), ("Field", f"{row.label} ({row.name})"), ("Type", row.get_type_display()))


class LabelForm(AccountForm):
    label = forms.CharField(max_length=100)


class RelabelField(FieldAction):
    name, label, title = "relabel", "Relabel…", "Relabel the field"

    def make_form(self, request: HttpRequest, row: ContactField) -> LabelForm:
        return LabelForm(posted(request), account=row.account, initial={"label": row.label})

    def explanation(self, row: ContactField) -> str:
        return "People read the new label from now on. The API goes on calling the field by its name."

    def perform(self, request: HttpRequest, row: ContactField, answers: Mapping[str, Any]) -> str:
        field = fields.relabel(account=row.account, name=row.name, label=answers["label"], by=actor_of(request))
        return f"{field.name} is called {field.label}."


class ChoicesForm(AccountForm):
    choices = ChoicesField(help_text="One a line.")


class AddChoices(FieldAction):
    name, label, title = "choices", "Add choices…", "Add the choices"
    form_class = ChoicesForm

    def possible(self, row: ContactField) -> bool:
        return super().possible(row) and row.type in {FieldType.CHOICE, FieldType.MULTIPLE_CHOICE}

    def explanation(self, row: ContactField) -> str:
        return "They come after those that there are, which stay. None can be taken away."

    def facts(self, row: ContactField) -> Sequence[tuple[str, object]]:
        return (*super().facts(row), ("Choices", "\n".join(row.choices)))

    def perform(self, request: HttpRequest, row: ContactField, answers: Mapping[str, Any]) -> str:
        field = fields.add_choices(account=row.account, name=row.name, choices=answers["choices"], by=actor_of(request))
        return f"{field.name} has {len(field.choices)} choices."


class RetireField(FieldAction):
    name, label, title, dangerous = "retire", "Retire…", "Retire the field", True
    form_class = AccountForm

    def explanation(self, row: ContactField) -> str:
        return (
            "It takes no values any more: systems that send it are refused. What contacts have in it stays readable. "
            "A field that is retired stays so."
        )

    def perform(self, request: HttpRequest, row: ContactField, answers: Mapping[str, Any]) -> str:
        return f"{fields.retire(account=row.account, name=row.name, by=actor_of(request)).name} is retired."


@register(ContactField, site=site)
class ContactFieldAdmin(PartnerScopedAdmin):
    audit_noun = "contact_field"
    form = ContactFieldForm
    action_pages = (RelabelField(), AddChoices(), RetireField())
    list_display = ("name", "label", "type", "account", "retired")
    list_filter = (OwnAccountFilter, "type")
    list_select_related = ("account",)
    search_fields = ("name", "label", "account__name")
    autocomplete_fields = ("account",)
    ordering = ("account__name", "position")
    fields = ("account", "name", "label", "type", "choice_list", "retired")

    @display(description="choices")
    def choice_list(self, field: ContactField) -> str:
        return "\n".join(field.choices) or "-"

    @display(description="retired", ordering="retired_at")
    def retired(self, field: ContactField) -> str:
        return moment(field.retired_at, field.account.zone, field.retired_by)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ContactFieldForm.Meta.fields if obj is None else self.fields

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.allowed(request)

    def save_model(self, request: HttpRequest, obj: ContactField, form: Any, change: bool) -> None:
        answers = {name: form.cleaned_data[name] for name in ContactFieldForm.Meta.fields}
        obj.pk = fields.add_contact_field(**answers, by=actor_of(request)).pk
