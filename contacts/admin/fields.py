"""Contact fields, to add, relabel and retire; and what their pages share with those of id fields."""

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


class FieldForm(RefusableForm):
    """What a new field is called. A label may be left out."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "label" in self.fields:
            self.fields["label"].required = False


class FieldAdmin(PartnerScopedAdmin):
    """Fields of an account: added by their form, and from then on changed by action pages alone."""

    form: type[FieldForm]
    list_filter: ClassVar[Any] = (OwnAccountFilter,)
    autocomplete_fields = ("account",)

    @display(description="retired", ordering="retired_at")
    def retired(self, field: IdField | ContactField) -> str:
        return moment(field.retired_at, field.account.zone, field.retired_by)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.form.Meta.fields if obj is None else self.fields  # type: ignore[attr-defined]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.allowed(request)


class ChoicesField(forms.Field):
    """Choices, one a line. What they may be, the service says."""

    widget = forms.Textarea

    def to_python(self, value: str | None) -> list[str]:
        return [line.strip() for line in (value or "").splitlines() if line.strip()]


class ContactFieldForm(FieldForm):
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
class ContactFieldAdmin(FieldAdmin):
    audit_noun = "contact_field"
    form = ContactFieldForm
    action_pages = (RelabelField(), AddChoices(), RetireField())
    list_display = ("name", "label", "type", "account", "retired")
    list_filter = (OwnAccountFilter, "type")
    list_select_related = ("account",)
    search_fields = ("name", "label", "account__name")
    ordering = ("account__name", "position")
    fields = ("account", "name", "label", "type", "choice_list", "retired")

    @display(description="choices")
    def choice_list(self, field: ContactField) -> str:
        return "\n".join(field.choices) or "-"

    def save_model(self, request: HttpRequest, obj: ContactField, form: Any, change: bool) -> None:
        answers = {name: form.cleaned_data[name] for name in ContactFieldForm.Meta.fields}
        obj.pk = fields.add_contact_field(**answers, by=actor_of(request)).pk
