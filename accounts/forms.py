"""The questions that pages about the person ask."""

from typing import Any

from django import forms
from django.contrib.auth.forms import SetPasswordMixin

from accounts.models import User


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
