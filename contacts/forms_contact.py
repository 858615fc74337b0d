"""The questions on one contact's pages."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from django import forms

from accounts.tenancy.forms import AccountForm
from contacts import queries_contact as queries
from contacts.models import Contact, ContactField, FieldType
from contacts.normalise import Number, Value

OLD_FORM = "This form is too old. Open it again."
BOOLEANS: Mapping[str, bool] = {"true": True, "false": False}
LONG = 80
"""Texts longer than this get an area of several lines."""
LOCAL = len("2026-12-31T09:00:00")
"""A longer moment is one that could not be told in the account's time zone."""
INPUTS: Mapping[str, forms.Widget] = {
    FieldType.EMAIL: forms.EmailInput(),
    FieldType.PHONE: forms.TextInput(attrs={"type": "tel"}),
    FieldType.DATE: forms.TextInput(attrs={"type": "date"}),
    FieldType.DATE_TIME: forms.TextInput(attrs={"type": "datetime-local", "step": "1"}),
    FieldType.INTEGER: forms.TextInput(attrs={"inputmode": "numeric"}),
    FieldType.DECIMAL: forms.TextInput(attrs={"inputmode": "decimal"}),
}


class SeenForm(AccountForm):
    """What a person decides on a contact, in the version that they saw."""

    seen_version = forms.IntegerField(
        widget=forms.HiddenInput, error_messages={"required": OLD_FORM, "invalid": OLD_FORM}
    )

    def refusals(self) -> list[str]:
        """What is wrong with what no person typed."""
        return list(dict.fromkeys(str(each) for field in self.hidden_fields() for each in field.errors))


class EditForm(SeenForm):
    """All values of a contact. What the person saw comes along, so that only what they changed is written, and what
    others changed meanwhile is told. Contact fields' names have no underscore, so that they are never those of these.
    """

    seen_values = forms.JSONField(widget=forms.HiddenInput, error_messages={"required": OLD_FORM, "invalid": OLD_FORM})

    def __init__(self, *args: Any, contact: Contact, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.contact = contact
        known = queries.fields_of(self.account)
        self.editable = {name: field for name, field in known.items() if field.retired_at is None}
        self.retired = [
            (field, queries.said(field, contact.values[name], self.account.zone))
            for name, field in known.items()
            if field.retired_at is not None and name in contact.values
        ]
        self.now = {name: self._shown(field, contact.values.get(name)) for name, field in self.editable.items()}
        for name, field in self.editable.items():
            self.fields[name] = self._field(field, self.now[name])
        self.initial = {**self.now, "seen_version": contact.version, "seen_values": self.now}

    def _shown(self, field: ContactField, value: Value | None) -> str | list[str]:
        """A value as its input has it: moments in the account's time zone, to the second."""
        if isinstance(value, list):
            return value
        if value is None:
            return [] if field.type == FieldType.MULTIPLE_CHOICE else ""
        if isinstance(value, bool):
            return "true" if value else "false"
        if field.type == FieldType.DATE_TIME:
            moment = queries.local(value, self.account.zone)
            return str(value) if moment is None else moment.replace(tzinfo=None).isoformat()
        return str(_plain(str(value)))

    def _field(self, field: ContactField, now: str | list[str]) -> forms.Field:
        if field.type == FieldType.MULTIPLE_CHOICE:
            offered = dict.fromkeys([*field.choices, *now])
            return forms.MultipleChoiceField(
                label=field.label,
                required=False,
                choices=[(choice, choice) for choice in offered],
                widget=forms.CheckboxSelectMultiple,
            )
        if field.type in {FieldType.CHOICE, FieldType.BOOLEAN}:
            named = [("true", "Yes"), ("false", "No")]
            if field.type == FieldType.CHOICE:
                named = [(choice, choice) for choice in dict.fromkeys([*field.choices, *([str(now)] if now else [])])]
            return forms.ChoiceField(label=field.label, required=False, choices=[("", "No value"), *named])
        is_long = field.type == FieldType.TEXT and ("\n" in now or len(now) > LONG)
        widget = forms.Textarea(attrs={"rows": 3}) if is_long else INPUTS.get(field.type, forms.TextInput())
        if field.type == FieldType.DATE_TIME and len(now) > LOCAL:
            widget = forms.TextInput()
        shown = forms.CharField(label=field.label, required=False, widget=widget)
        shown.widget.attrs["autocomplete"] = "off"
        if field.type == FieldType.DATE_TIME:
            shown.help_text = f"In {self.account.time_zone}."
        return shown

    def clean_seen_values(self) -> dict[str, Any]:
        seen = self.cleaned_data["seen_values"]
        if not isinstance(seen, dict):
            raise forms.ValidationError(OLD_FORM)
        return seen

    def changes(self) -> dict[str, object]:
        """What the person changed, as contacts.services.splits.edit takes it. Notes an error where it can't be said."""
        changed: dict[str, object] = {}
        for name in self._touched():
            try:
                changed[name] = self._sent(self.editable[name], self.cleaned_data[name])
            except (ValueError, OverflowError):
                self.add_error(name, "Write a date and a time that exist, such as 2026-12-31 09:00.")
        return changed

    def _touched(self) -> list[str]:
        seen = self.cleaned_data["seen_values"]
        return [
            name
            for name in self.editable
            if name in self.cleaned_data and _plain(self.cleaned_data[name]) != seen.get(name)
        ]

    def _sent(self, field: ContactField, typed: Any) -> object:
        if not typed:
            return None
        if field.type == FieldType.BOOLEAN:
            return BOOLEANS[typed]
        if field.type == FieldType.INTEGER:
            return Number(typed)
        if field.type == FieldType.DATE_TIME:
            moment = datetime.fromisoformat(typed)
            moment = moment if moment.tzinfo else moment.replace(tzinfo=self.account.zone)
            # Long ago zones had seconds, which RFC 3339 has not
            has_seconds = (moment.utcoffset() or timedelta()) % timedelta(minutes=1)
            return (moment.astimezone(UTC) if has_seconds else moment).isoformat()
        return _plain(typed)

    def again(self, contact: Contact) -> "EditForm":
        """The form over the contact as it is now, with what the person typed; where somebody else was faster it says
        what stands there now."""
        now = EditForm(account=self.account, contact=contact).now
        touched, seen = self._touched(), self.cleaned_data["seen_values"]
        typed = {name: self.cleaned_data[name] for name in touched}
        data = {**now, **typed, "seen_version": contact.version, "seen_values": json.dumps(now)}
        form = EditForm(data, account=self.account, contact=contact)
        form.full_clean()
        for name in touched:
            if name in form.fields and now[name] != seen.get(name):
                said = queries.said(self.editable[name], contact.values.get(name), self.account.zone)
                form.add_error(name, f"Meanwhile this became “{said}”." if said else "Meanwhile this was emptied.")
        return form


def _plain(typed: Any) -> Any:
    """Text with line breaks as they are stored; what is no text stays."""
    return typed.replace("\r\n", "\n").strip() if isinstance(typed, str) else typed


class ChosenForm(SeenForm):
    """What a confirmation is about: the row that the person saw."""

    chosen = forms.IntegerField(widget=forms.HiddenInput, error_messages={"required": OLD_FORM, "invalid": OLD_FORM})


class EraseForm(SeenForm):
    """Asks to type whom: an erasure can't be taken back."""

    confirmation = forms.CharField(label="Confirm", max_length=1000)

    def __init__(self, *args: Any, contact: Contact, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial = {"seen_version": contact.version}
        self.expected = " ".join(queries.name_of(contact.values).split()) or "erase"
        self.fields["confirmation"].help_text = f"Type {self.expected} to confirm."
        self.fields["confirmation"].widget.attrs["autocomplete"] = "off"

    def clean_confirmation(self) -> str:
        typed = " ".join(self.cleaned_data["confirmation"].split())
        if typed.casefold() != self.expected.casefold():
            raise forms.ValidationError(f"This is not it. Type {self.expected}.")
        return typed


class LiftForm(AccountForm):
    """Which erased id may be written again. Only its digest is kept, so that it has to be typed."""

    id_field = forms.TypedChoiceField(
        label="Id field", coerce=int, error_messages={"required": "Choose the id field of the system."}
    )
    external_id = forms.CharField(
        label="External id",
        max_length=255,
        help_text="As the system writes it: upper and lower case matter.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        error_messages={"required": "Type the id that the system has for the contact."},
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.erasures = queries.erasures(self.account)
        self.fields["id_field"].choices = [  # type: ignore[attr-defined]
            (field.pk, f"{field.source_system or field.label} ({field.name})") for field, _, _ in self.erasures
        ]
