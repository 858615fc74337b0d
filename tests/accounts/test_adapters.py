"""How sign-in differs from allauth's defaults."""

import json

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import (
    TOTP,
    format_hotp_value,
    generate_totp_secret,
    hotp_value,
    yield_hotp_counters_from_time,
)
from cryptography.fernet import InvalidToken
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from tests.factories import PASSWORD, UserFactory

pytestmark = pytest.mark.django_db


def current_code(secret: str) -> str:
    """What an authenticator app shows now."""
    return format_hotp_value(hotp_value(secret, next(iter(yield_hotp_counters_from_time()))))


def test_nobody_signs_up_by_themselves(client: Client) -> None:
    values = {"email": "stranger@example.com", "password1": PASSWORD, "password2": PASSWORD}
    client.post("/auth/signup/", values)
    assert not User.objects.exists()


def test_nobody_takes_another_address_by_themselves(client: Client) -> None:
    user, victim = UserFactory.create(), UserFactory.create()
    client.force_login(user)
    assert client.get("/auth/email/").status_code == 404
    assert client.post("/auth/email/", {"action_add": "", "email": victim.email}).status_code == 404
    assert not EmailAddress.objects.exists()


def test_people_sign_in_with_e_mail_and_password(client: Client) -> None:
    user = UserFactory.create()
    response = client.post("/auth/login/", {"login": user.email.upper(), "password": PASSWORD})
    assert (response.status_code, response["Location"]) == (302, "/")
    assert client.session["_auth_user_id"] == str(user.pk)


def test_someone_with_a_second_factor_needs_it(client: Client) -> None:
    user = UserFactory.create()
    secret = generate_totp_secret()
    TOTP.activate(user, secret)
    response = client.post("/auth/login/", {"login": user.email, "password": PASSWORD})
    assert response["Location"] == "/auth/2fa/authenticate/"
    assert "_auth_user_id" not in client.session
    client.post("/auth/2fa/authenticate/", {"code": "000000"})
    assert "_auth_user_id" not in client.session
    client.post("/auth/2fa/authenticate/", {"code": current_code(secret)})
    assert client.session["_auth_user_id"] == str(user.pk)


def test_second_factor_secrets_are_unreadable_in_the_database() -> None:
    user = UserFactory.create()
    secret = generate_totp_secret()
    TOTP.activate(user, secret)
    RecoveryCodes.activate(user)
    codes = RecoveryCodes(Authenticator.objects.get(user=user, type="recovery_codes")).get_unused_codes()
    assert codes
    stored = json.dumps([authenticator.data for authenticator in Authenticator.objects.filter(user=user)])
    assert secret not in stored
    assert not any(code in stored for code in codes)


def test_the_secret_key_can_be_rotated_under_second_factors(settings: Settings) -> None:
    encrypted = get_adapter().encrypt("seed")
    assert "seed" not in encrypted
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "n" * 50
    assert get_adapter().decrypt(encrypted) == "seed"
    settings.SECRET_KEY_FALLBACKS = []
    with pytest.raises(InvalidToken):
        get_adapter().decrypt(encrypted)
