"""The questions that the settings pages ask."""

import re
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django import forms
from django.core import signing
from django.forms.utils import from_current_timezone
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from uuid_utils.compat import uuid7

from accounts.forms import FIRST_DAY, LAST_DAY
from accounts.models import Account
from accounts.tenancy.forms import AccountForm, NoteField
from contacts.catalogue import KIND_CHOICES
from integrations import queries
from integrations.models import Authentication, Request
from integrations.services.authentications import MOST_GRACE, NAME_LENGTH, USUAL_GRACE, Access

DAY = 24 * 3600
SAMPLE_BYTES = 10**6
MINUTES = "%Y-%m-%dT%H:%M"
"""How browsers write a time of day that has no zone."""


class ReasonForm(AccountForm):
    """Why the partner is asked."""

    reason = NoteField(
        help_text="Your partner reads this before deciding.",
        error_messages={"required": "Say why, so that your partner can act on it."},
    )


class AskForm(ReasonForm):
    """What the partner is asked for, and why."""

    field_order = ("kind", "system", "reason")

    kind = forms.ChoiceField(
        label="What do you need?",
        choices=[
            (Request.Kind.ID_FIELD.value, "An extra id field, to connect another system"),
            (Request.Kind.RULES.value, "Other deduplication rules"),
            (Request.Kind.ADVICE.value, "Advice"),
        ],
        widget=forms.RadioSelect,
        error_messages={"required": "Choose what you ask for."},
    )
    system = forms.CharField(
        label="Which system is the id field for?",
        max_length=100,
        help_text="Its name, such as Webshop Belgium. Only for an extra id field.",
        error_messages={"required": "Name the system that the id field is for."},
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.is_bound:
            self.fields["system"].required = self["kind"].value() == Request.Kind.ID_FIELD


class MessageForm(AccountForm):
    """A message about a request."""

    text = NoteField(label="Message", max_length=1000, error_messages={"required": "Write a message."})


class RevokeForm(AccountForm):
    """Asks to type the authentication's name: revoking can't be undone."""

    name = forms.CharField(label="Name", max_length=NAME_LENGTH)

    def __init__(self, *args: Any, name: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.wanted = name
        self.fields["name"].help_text = f"Type {name} to confirm."
        self.fields["name"].widget.attrs["autocomplete"] = "off"

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if name != self.wanted:
            raise forms.ValidationError(f"This is not its name. Type {self.wanted}.")
        return name


class CollisionCheckForm(AccountForm):
    """A sample of a new system's customers, pasted or as a file."""

    sample = forms.CharField(
        label="Customer numbers and e-mail addresses",
        required=False,
        widget=forms.Textarea(attrs={"rows": 8, "spellcheck": "false", "placeholder": "1001, jan@example.com"}),
        help_text="One customer a line: number, e-mail. Up to 5,000 lines.",
    )
    file = forms.FileField(label="Or a file with such lines", required=False, help_text="CSV, up to 1 MB.")

    def clean_file(self) -> str:
        """The text of the file."""
        sent = self.cleaned_data["file"]
        if sent is None:
            return ""
        if sent.size > SAMPLE_BYTES:
            raise forms.ValidationError("The file is larger than 1 MB. Send a part of it; a sample is enough.")
        content: bytes = sent.read()
        for encoding in ("utf-8-sig", "windows-1252"):
            with suppress(UnicodeDecodeError):
                return content.decode(encoding)
        raise forms.ValidationError("The file is no text in UTF-8. Save it as CSV UTF-8.")

    def clean(self) -> dict[str, Any]:
        """One of the two."""
        data: dict[str, Any] = super().clean() or {}
        if "file" in data:
            data["sample"] = data["file"] or data.get("sample", "")
            if not data["sample"].strip():
                self.add_error("sample", "Paste some lines, or choose a file.")
        return data


class TimeOfDayField(forms.Field):
    """A day and a time of day in the time zone that the form sets as `zone`; cleaned, an instant in UTC."""

    widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format=MINUTES)
    zone: ZoneInfo

    def to_python(self, value: str | None) -> datetime | None:
        if not value or not value.strip():
            return None
        try:
            typed = parse_datetime(value.strip())
        except ValueError:
            typed = None
        if typed is None:
            raise forms.ValidationError("Write a day and a time, such as 2027-01-31T18:00.")
        if typed.tzinfo is not None:
            raise forms.ValidationError(f"Write the time as it is in {self.zone}, and leave out the offset.")
        if not FIRST_DAY <= typed.date() <= LAST_DAY:
            raise forms.ValidationError(f"Write a day from {FIRST_DAY} to {LAST_DAY}.")
        try:
            with timezone.override(self.zone):
                return from_current_timezone(typed).astimezone(UTC)
        except forms.ValidationError:
            raise forms.ValidationError(
                f"The clocks in {self.zone} change on that day: {typed:%H:%M} is skipped, or comes twice. "
                "Choose another time."
            ) from None


class AccessForm(AccountForm):
    """What an authentication is called, and what it may do, until when, from where."""

    name = forms.CharField(
        label="Name",
        max_length=NAME_LENGTH,
        required=False,
        help_text="What you call this authentication. Empty: as its system.",
    )
    expires_at = TimeOfDayField(label="Expires", required=False)
    allowed_networks = forms.CharField(
        label="Allowed networks",
        max_length=5000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "placeholder": "192.0.2.0/24"}),
        help_text="IPv4 or IPv6, one on each line, as 192.0.2.0/24 or a single address. Empty: from anywhere.",
    )
    read_only = forms.BooleanField(
        label="Read only", required=False, help_text="It can look contacts up, and changes nothing."
    )

    def __init__(self, *args: Any, account: Account, **kwargs: Any) -> None:
        super().__init__(*args, account=account, **kwargs)
        self.fields["expires_at"].zone = account.zone  # type: ignore[attr-defined]
        self.fields["expires_at"].help_text = f"From then on it is refused. In {account.time_zone}; empty: never."

    def clean_allowed_networks(self) -> list[str]:
        return [entry for entry in re.split(r"[\s,;]+", self.cleaned_data["allowed_networks"]) if entry]

    @property
    def access(self) -> Access:
        """Of a valid form."""
        answered = self.cleaned_data
        return Access(answered["name"], answered["read_only"], answered["expires_at"], answered["allowed_networks"])


class ChangeForm(AccessForm):
    """Changes an authentication. `seen` tells which access was shown with the form, lest it undo what others change."""

    seen = forms.CharField(widget=forms.HiddenInput, required=False)

    @classmethod
    def of(cls, authentication: Authentication, account: Account) -> "ChangeForm":
        """The form as it is filled in to begin with."""
        expires_at = authentication.expires_at
        initial = {
            "name": authentication.name,
            "read_only": authentication.read_only,
            "expires_at": expires_at and expires_at.astimezone(account.zone).replace(tzinfo=None),
            "allowed_networks": "\n".join(authentication.allowed_networks),
            "seen": Access.of(authentication).fingerprint,
        }
        return cls(account=account, initial=initial)

    def show_again(self, authentication: Authentication) -> None:
        """As it was sent, beside the access as it is by now: sent once more, it replaces that."""
        self.data = dict(self.data.items()) | {"seen": Access.of(authentication).fingerprint}


class RotateForm(AccountForm):
    """Asks how long the present secret goes on working. `secret_version`, that of the secret to be replaced, makes the
    form good for one rotation, whatever a browser sends again."""

    grace_hours = forms.IntegerField(
        label="Hours for which the present secret goes on working",
        min_value=0,
        max_value=MOST_GRACE,
        initial=USUAL_GRACE,
        help_text=f"0 to {MOST_GRACE}. With 0 it is refused at once: choose that when it has leaked.",
        error_messages={"required": f"Write a number of hours, 0 to {MOST_GRACE}."},
    )
    secret_version = forms.IntegerField(widget=forms.HiddenInput)


class NewAuthenticationForm(AccessForm):
    """The three questions. `number` makes the form good for one authentication, whatever a browser sends again."""

    unique_data = forms.CharField(
        label="What is the name of the unique data in your system?",
        max_length=100,
        required=False,
        help_text="What your system calls its own number of a customer, such as Customer number.",
        widget=forms.TextInput(attrs={"placeholder": "Customer number"}),
    )
    kind = forms.ChoiceField(
        label="Which system are you connecting?",
        choices=[("", "Choose a system"), *KIND_CHOICES],
        required=False,
        widget=forms.Select(attrs={"data-find": "Type to find a system"}),
    )
    system_name = forms.CharField(
        label="Name of the system",
        max_length=100,
        required=False,
        help_text="To tell two of a kind apart, such as Webshop Belgium. Needed for Other system.",
    )
    is_same_system = forms.BooleanField(
        label="It is the same system",
        required=False,
        help_text="It gets a second id field, for other numbers of its own.",
    )
    id_field = forms.TypedChoiceField(
        label="Which field does it link to?",
        coerce=int,
        widget=forms.RadioSelect,
        error_messages={"required": "Choose the id field that holds this system's ids."},
    )
    number = forms.CharField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, account: Account, **kwargs: Any) -> None:
        super().__init__(*args, account=account, **kwargs)
        self.id_fields = queries.id_field_choices(account)
        choices = [(choice.id_field.pk, choice.id_field.name) for choice in self.id_fields if choice.is_free]
        self.fields["id_field"].choices = choices  # type: ignore[attr-defined]
        self.fields["number"].initial = signing.dumps(str(uuid7()), salt=self.salt)
        self.has_free_id_field = bool(choices)
        if len(choices) == 1:
            self.fields["id_field"].initial = choices[0][0]

    @property
    def asks_whether_it_is_the_same(self) -> bool:
        """Whether there is a system of the kind that was answered."""
        return queries.has_system_of_kind(self.account, self["kind"].value() or "")

    @property
    def asks_for_more(self) -> bool:
        """Whether something was answered under *More*, or is wrong there."""
        more = ("name", "expires_at", "allowed_networks", "read_only")
        return any(self[name].value() or self[name].errors for name in more)

    @property
    def salt(self) -> str:
        return f"concord.new-authentication.{self.account.pk}"

    def clean_number(self) -> UUID:
        try:
            return UUID(signing.loads(self.cleaned_data["number"], salt=self.salt, max_age=DAY))
        except signing.BadSignature:
            raise forms.ValidationError("This form is too old. Open it again.") from None

    def clean(self) -> dict[str, Any]:
        """A field that was used before stays with its system, whatever the first two answers say."""
        data: dict[str, Any] = super().clean() or {}
        chosen = next((choice for choice in self.id_fields if choice.id_field.pk == data.get("id_field")), None)
        if chosen is not None and chosen.id_field.source_system is not None:
            data["unique_data"] = chosen.id_field.unique_data
            data["kind"] = chosen.id_field.source_system.kind
            data["system_name"] = chosen.id_field.source_system.name
        return data
