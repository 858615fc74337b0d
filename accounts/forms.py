"""The questions that pages about the person, and about the account, ask."""

from datetime import date, datetime, time, timedelta
from typing import Any

from django import forms
from django.contrib.auth.forms import SetPasswordMixin

from accounts import queries_activity
from accounts.activity import kind, words
from accounts.models import User
from accounts.queries_activity import Filters
from accounts.tenancy.forms import AccountForm

FIRST_DAY, LAST_DAY = date(2000, 1, 1), date(2999, 12, 31)
"""Days outside can't be read in every time zone."""


class NewPersonForm(SetPasswordMixin, forms.Form):  # type: ignore[type-arg]
    """Who a person is that was invited, and what they sign in with. Takes `email=`."""

    name = forms.CharField(label="Your name", max_length=150, widget=forms.TextInput({"autocomplete": "name"}))
    password1, password2 = SetPasswordMixin.create_password_fields(label1="Password", label2="Password again")

    def __init__(self, *args: Any, email: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.email = email

    def clean(self) -> dict[str, Any]:
        """A password that says their name or address is refused too."""
        self.validate_passwords()
        answers: dict[str, Any] = super().clean() or {}
        self.validate_password_for_user(User(email=self.email, name=answers.get("name", "")), "password1")
        return answers


class DayField(forms.DateField):
    """A day of the calendar."""

    widget = forms.DateInput({"type": "date"}, format="%Y-%m-%d")
    default_error_messages = {"invalid": "Write a date as 2026-11-23."}

    def clean(self, value: Any) -> date | None:
        day: date | None = super().clean(value)
        if day is not None and not FIRST_DAY <= day <= LAST_DAY:
            raise forms.ValidationError(f"Write a date from {FIRST_DAY} to {LAST_DAY}.")
        return day


class ActivityForm(AccountForm):
    """What of an account's activity is asked for."""

    actor = forms.CharField(
        label="Who", max_length=254, required=False, widget=forms.TextInput({"list": "actors", "autocomplete": "off"})
    )
    action = forms.ChoiceField(label="What", required=False)
    text = forms.CharField(label="To what", max_length=100, required=False)
    since = DayField(label="From", required=False)
    until = DayField(label="To", required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.actors = queries_activity.actors_of(self.account)
        groups: dict[str, list[tuple[str, str]]] = {}
        for action in queries_activity.actions_of(self.account):
            anything = [(kind(action), f"{words(kind(action))}: anything")]
            groups.setdefault(kind(action), anything).append((action, words(action)))
        choices = [(words(name), actions) for name, actions in groups.items()]
        self.fields["action"].choices = [("", "Anything"), *choices]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        answers: dict[str, Any] = super().clean() or {}
        since, until = answers.get("since"), answers.get("until")
        if since and until and until < since:
            self.add_error("until", "Choose a day that does not come before the first one.")
        return answers

    @property
    def filters(self) -> Filters:
        """What was asked for, days as instants of the account's time zone."""
        answers = self.cleaned_data
        return Filters(
            actor=answers["actor"],
            action=answers["action"],
            text=answers["text"],
            since=self._midnight(answers["since"]),
            until=self._midnight(answers["until"] and answers["until"] + timedelta(days=1)),
        )

    def asked(self) -> dict[str, Any]:
        """What was asked for, as the address says it; without what was left open."""
        return {name: value for name, value in self.cleaned_data.items() if value}

    def _midnight(self, day: date | None) -> datetime | None:
        return datetime.combine(day, time(), self.account.zone) if day else None
