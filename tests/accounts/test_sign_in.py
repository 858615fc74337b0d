"""Where signing in leads, and the pages about the person: all of them in our frame, none with a line inside that CSP
would stop."""

import re
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.core import mail
from django.template.loader import render_to_string
from django.test import Client, RequestFactory
from django.urls import reverse

from accounts.actor import SYSTEM
from accounts.models import Role, User
from accounts.services import members
from accounts.sign_in import signed_in_recently
from tests.conftest import Cast, SignIn
from tests.factories import PASSWORD, AccountFactory, UserFactory

pytestmark = pytest.mark.django_db

INLINE = re.compile(r"<script(?![^>]*\b(?:src=|type=\"application/json\"))|<style|\s(?:style|on[a-z]+)=\"")


@pytest.fixture
def person() -> User:
    return UserFactory.create()


@pytest.fixture
def client(person: User) -> Client:
    """A browser in which the person signed in just now."""
    client = Client()
    assert client.post("/auth/login/", {"login": person.email, "password": PASSWORD}).status_code == 302
    return client


def home(client: Client) -> str:
    """Where the start page leads."""
    return str(client.get("/").headers.get("Location", "/"))


class TestStart:
    def test_nobody_is_asked_to_sign_in(self) -> None:
        assert home(Client()) == "/auth/login/?next=/"

    def test_a_member_of_one_account_comes_to_it(self, cast: Cast, sign_in: SignIn) -> None:
        for person in (cast.owner, cast.admin, cast.viewer):
            assert home(sign_in(person)) == f"/settings/{cast.account.number}/integrations/"

    def test_a_member_of_several_chooses(self, cast: Cast, sign_in: SignIn) -> None:
        second = AccountFactory.create()
        members.add_member(account=second, user=cast.owner, role=Role.VIEWER, by=SYSTEM)
        page = sign_in(cast.owner).get("/").text
        assert f"/settings/{cast.account.number}/" in page
        assert f"/settings/{second.number}/" in page
        assert str(cast.other_account.number) not in page

    def test_staff_come_to_the_admin(self, cast: Cast, sign_in: SignIn) -> None:
        for person in (cast.agent, cast.operator, cast.stray):
            assert home(sign_in(person)) == "/admin/"

    def test_nobodys_member_is_told_what_to_do(self, person: User, client: Client) -> None:
        page = client.get("/").text
        assert "No account yet" in page
        assert person.email in page

    def test_signing_out_takes_a_post(self, client: Client) -> None:
        assert "Sign Out" in client.get("/auth/logout/").text
        assert "_auth_user_id" in client.session
        assert client.post("/auth/logout/")["Location"] == "/"
        assert "_auth_user_id" not in client.session


def signed_out_pages() -> list[str]:
    names = ("account_login", "account_reset_password", "account_reset_password_done", "account_signup")
    return [reverse(name) for name in names]


def own_pages() -> list[str]:
    """The pages of somebody with an authenticator app and recovery codes."""
    names = (
        *("account_change_password", "account_reauthenticate", "account_logout", "usersessions_list"),
        *("mfa_index", "mfa_deactivate_totp", "mfa_list_webauthn", "mfa_add_webauthn", "mfa_view_recovery_codes"),
        "mfa_generate_recovery_codes",
    )
    return [reverse(name) for name in names]


def wrong(page: str) -> list[str]:
    """What is wrong with a page's frame."""
    parts = ("concord/concord.css", "concord/favicon.svg", 'href="#content"', 'id="content"', 'class="wordmark"')
    return [part for part in parts if part not in page] + INLINE.findall(page)


class TestFrame:
    def test_pages_for_who_is_not_signed_in(self) -> None:
        for path in signed_out_pages():
            assert wrong(Client().get(path).text) == [], path

    def test_pages_about_the_person(self, person: User, client: Client) -> None:
        TOTP.activate(person, generate_totp_secret())
        RecoveryCodes.activate(person)
        client.post("/auth/reauthenticate/", {"password": PASSWORD})
        for path in own_pages():
            response = client.get(path)
            assert response.status_code == 200, path
            assert wrong(response.text) == [], path

    def test_the_authenticator_app_is_set_up_with_a_code_to_scan(self, client: Client) -> None:
        client.post("/auth/reauthenticate/", {"password": PASSWORD})
        page = client.get("/auth/2fa/totp/activate/").text
        assert 'src="data:image/svg+xml' in page
        assert wrong(page) == []

    def test_the_second_step_of_signing_in(self, person: User) -> None:
        TOTP.activate(person, generate_totp_secret())
        response = Client().post("/auth/login/", {"login": person.email, "password": PASSWORD}, follow=True)
        assert response.redirect_chain == [("/auth/2fa/authenticate/", 302)]
        assert wrong(response.text) == []

    def test_refusals(self, client: Client) -> None:
        client.raise_request_exception = False
        assert wrong(client.get("/nowhere/").text) == []
        unsafe = Client(enforce_csrf_checks=True).post("/auth/login/", {})
        assert (unsafe.status_code, wrong(unsafe.text)) == (403, [])
        assert "This form has expired" in unsafe.text

    def test_a_refused_action_says_so(self, cast: Cast, sign_in: SignIn) -> None:
        response = sign_in(cast.viewer).get(f"/settings/{cast.account.number}/integrations/activate/rest-api/")
        assert (response.status_code, wrong(response.text)) == (403, [])
        assert "Your role in this account does not allow it" in response.text

    def test_the_page_about_a_bug_needs_nothing(self) -> None:
        """Neither the person, nor the database, nor a context: any of them may be what is broken."""
        page = render_to_string("500.html")
        assert "An error of ours" in page
        assert INLINE.findall(page) == []
        assert wrong(render_to_string("400.html", {})) == []


class TestPasswords:
    def test_sign_up_is_closed_and_nothing_leads_there(self) -> None:
        page = Client().get("/auth/signup/").text
        assert "Nobody can sign up by themselves" in page
        assert "<form" not in page
        assert "/auth/signup/" not in Client().get("/auth/login/").text

    def test_a_wrong_password_is_refused_at_the_form(self, person: User) -> None:
        response = Client().post("/auth/login/", {"login": person.email, "password": "wrong"})
        assert response.status_code == 200
        assert "The email address and/or password you specified are not correct" in response.text

    def test_a_forgotten_password_is_set_anew_by_mail(self, person: User) -> None:
        browser = Client()
        browser.post("/auth/password/reset/", {"email": person.email})
        (message,) = mail.outbox
        link = re.search(r"http://testserver(/auth/password/reset/key/\S+)", str(message.body))
        assert link
        form = browser.get(link[1], follow=True)
        assert wrong(form.text) == []
        new = "another wholly different phrase"
        path = form.redirect_chain[-1][0]
        done = browser.post(path, {"password1": new, "password2": new}, follow=True)
        assert wrong(done.text) == []
        person.refresh_from_db()
        assert person.check_password(new)

    def test_an_address_that_nobody_has_is_answered_alike(self, person: User) -> None:
        known = Client().post("/auth/password/reset/", {"email": person.email})
        unknown = Client().post("/auth/password/reset/", {"email": "stranger@example.com"})
        assert known["Location"] == unknown["Location"] == "/auth/password/reset/done/"


class TestRecentSignIn:
    def test_it_counts_from_the_last_proof(self, person: User, client: Client) -> None:
        request = RequestFactory().get("/")
        request.session, request.user = client.session, person
        assert signed_in_recently(request)
        age = timedelta(seconds=settings.ACCOUNT_REAUTHENTICATION_TIMEOUT)
        with time_machine.travel(datetime.now(UTC) + age + timedelta(seconds=1)):
            assert not signed_in_recently(request)
            client.post("/auth/reauthenticate/", {"password": PASSWORD})
            request.session = client.session
            assert signed_in_recently(request)

    def test_nobody_and_sessions_without_a_proof_do_not_count(self, person: User, sign_in: SignIn) -> None:
        request = RequestFactory().get("/")
        request.session, request.user = sign_in(person).session, AnonymousUser()
        assert not signed_in_recently(request)
        request.user = person
        assert not signed_in_recently(request)
