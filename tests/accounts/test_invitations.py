"""Opening an account, and the invitation by which its owner gets in."""

import re
from datetime import timedelta
from typing import Any
from urllib.parse import unquote

import pytest
import time_machine
from django import forms
from django.core import mail
from django.core.exceptions import ValidationError
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks

from accounts.actor import SYSTEM
from accounts.errors import Conflict, NotFound, ValidationFailed
from accounts.models import Account, AuditEvent, Invitation, Membership, Partner, Role, User
from accounts.services import invitations
from accounts.text import NO_EMAIL
from contacts.models import ContactField, IdField, RuleSet
from tests.conftest import Cast, SignIn
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db

ADD = "/admin/accounts/account/add/"
PASSWORD = "correct horse battery"


@pytest.fixture
def invite(cast: Cast, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks) -> Any:
    """Invites an address and returns the path in the mail."""

    def invite(email: str, role: Role = Role.OWNER) -> str:
        with django_capture_on_commit_callbacks(execute=True):
            invitations.invite(account=cast.account, email=email, role=role, site="https://c.example", by=SYSTEM)
        return path_in(mail.outbox[-1])

    return invite


def path_in(message: Any) -> str:
    found = re.search(r"https?://[^/]+(/invitations/\S+/)", message.body)
    assert found
    return found[1]


def answers(**changed: str) -> dict[str, str]:
    return {"name": "Nina New", "password1": PASSWORD, "password2": PASSWORD, **changed}


def role_of(account: Account, email: str) -> str | None:
    rows = Membership.objects.for_account(account).filter(user__email=email)
    role: str | None = rows.values_list("role", flat=True).first()
    return role


class TestOpening:
    def open(self, client: Client, partner: Partner, **changed: str) -> Any:
        said = {"name": "Tulip & Co", "country": "NL", "currency": "EUR", "time_zone": "Europe/Amsterdam"}
        return client.post(ADD, {"partner": partner.pk, **said, "email": "Nina@Example.com", **changed})

    def test_a_partner_opens_an_account_and_its_owner_gets_in(
        self, cast: Cast, sign_in: SignIn, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
    ) -> None:
        agent = sign_in(cast.agent)
        with django_capture_on_commit_callbacks(execute=True):
            answer = self.open(agent, cast.partner)
        account = Account.objects.get(name="Tulip & Co")
        assert answer.status_code == 302
        assert (account.partner, account.phone_region) == (cast.partner, "NL")
        assert IdField.objects.for_account(account).get().is_default
        assert ContactField.objects.for_account(account).filter(name="email").exists()
        assert RuleSet.objects.for_account(account).get().status == "current"
        assert mail.outbox[-1].to == ["nina@example.com"]
        nina = Client()
        assert nina.post(path_in(mail.outbox[-1]), answers())["Location"] == "/auth/login/"
        assert role_of(account, "nina@example.com") == "owner"
        events = AuditEvent.objects.filter(account_id=account.pk).order_by("pk").values_list("action", "actor")
        assert list(events) == [
            ("account.opened", cast.agent.email),
            ("invitation.sent", cast.agent.email),
            ("member.added", "nina@example.com"),
        ]

    @pytest.mark.parametrize(
        ("changed", "field"),
        [
            ({"name": ""}, "name"),
            ({"country": "nl"}, "country"),
            ({"currency": "euro"}, "currency"),
            ({"time_zone": "Mars/Base"}, "time_zone"),
            ({"email": "nina"}, "email"),
        ],
    )
    def test_what_is_wrong_is_said_at_its_field_and_nothing_is_opened(
        self, cast: Cast, sign_in: SignIn, changed: dict[str, str], field: str
    ) -> None:
        page = self.open(sign_in(cast.agent), cast.partner, **changed)
        assert page.context["adminform"].form.errors.keys() == {field}
        assert not Account.objects.filter(name="Tulip & Co").exists()
        assert not Invitation.all_accounts.exists()

    def test_only_under_the_own_partner(self, cast: Cast, sign_in: SignIn) -> None:
        page = self.open(sign_in(cast.agent), cast.other_account.partner)
        assert page.context["adminform"].form.errors.keys() == {"partner"}
        assert self.open(sign_in(cast.operator), cast.other_account.partner).status_code == 302


class TestInvitations:
    def test_a_new_person_says_who_they_are_once(self, cast: Cast, invite: Any) -> None:
        path, client = invite("nina@example.com"), Client()
        page = client.get(path)
        assert (page.status_code, str(cast.account) in page.text) == (200, True)
        assert client.post(path, answers()).status_code == 302
        user = User.objects.get(email="nina@example.com")
        assert (user.name, user.check_password(PASSWORD), user.is_staff) == ("Nina New", True, False)
        assert role_of(cast.account, user.email) == "owner"
        for again in (client.get(path), client.post(path, answers())):
            assert (again.status_code, "This invitation is over" in again.text) == (404, True)

    @pytest.mark.parametrize(
        ("changed", "said"),
        [
            ({"name": " "}, "This field is required"),
            ({"password2": "other"}, "match"),
            ({"password1": "12345678", "password2": "12345678"}, "too common"),
            ({"password1": "nina@example.com", "password2": "nina@example.com"}, "too similar"),
        ],
    )
    def test_what_is_wrong_is_said(self, invite: Any, changed: dict[str, str], said: str) -> None:
        page = Client().post(invite("nina@example.com"), answers(**changed))
        assert (page.status_code, said in page.text) == (422, True)
        assert not User.objects.filter(email="nina@example.com").exists()

    def test_who_has_a_sign_in_uses_it(self, cast: Cast, invite: Any, sign_in: SignIn) -> None:
        other = UserFactory.create()
        path = invite(other.email.upper(), Role.ADMIN)
        stranger = Client()
        assert f"/auth/login/?next={path}" in unquote(stranger.get(path).text)
        assert stranger.post(path, answers()).status_code == 403
        wrong = sign_in(cast.viewer)
        assert f"You are signed in as {cast.viewer.email}" in wrong.get(path).text
        assert wrong.post(path).status_code == 403
        assert role_of(cast.account, other.email) is None
        client = sign_in(other)
        assert client.get(path).status_code == 200
        assert client.post(path).status_code == 302
        assert role_of(cast.account, other.email) == "admin"
        assert client.get(path).status_code == 404

    def test_it_lasts_a_week(self, invite: Any) -> None:
        path = invite("nina@example.com")
        for days, status in ((6, 200), (8, 404)):
            with time_machine.travel(timezone.now() + timedelta(days=days)):
                assert Client().get(path).status_code == status
        assert Client().get(f"{path[:-2]}x/").status_code == 404

    def test_members_are_not_invited_again(self, cast: Cast) -> None:
        arguments: Any = {"account": cast.account, "role": Role.OWNER, "site": "", "by": SYSTEM}
        with pytest.raises(Conflict, match="already"):
            invitations.invite(email=cast.viewer.email.upper(), **arguments)
        with pytest.raises(ValidationFailed):
            invitations.invite(email="nobody", **arguments)
        assert not Invitation.all_accounts.exists()

    def test_of_two_invitations_one_makes_the_member(self, cast: Cast) -> None:
        user = UserFactory.create()
        arguments: Any = {"account": cast.account, "role": Role.VIEWER, "site": "", "by": SYSTEM}
        first, second = (invitations.invite(email=user.email, **arguments) for _ in range(2))
        invitations.accept(invitation=first, user=user, by=SYSTEM)
        with pytest.raises(NotFound):
            invitations.accept(invitation=first, user=user, by=SYSTEM)
        with pytest.raises(Conflict):
            invitations.accept(invitation=second, user=user, by=SYSTEM)
        with pytest.raises(NotFound):
            invitations.accept(invitation=second, user=cast.owner, by=SYSTEM)

    def test_an_address_that_somebody_took_meanwhile_is_theirs(self, cast: Cast) -> None:
        invitation = invitations.invite(
            account=cast.account, email="nina@example.com", role=Role.OWNER, site="", by=SYSTEM
        )
        UserFactory.create(email="nina@example.com")
        with pytest.raises(ValidationFailed):
            invitations.accept_as_new_person(invitation=invitation, name="X", password=PASSWORD, by=SYSTEM)
        assert role_of(cast.account, "nina@example.com") is None


def test_what_is_no_address_is_told_in_the_same_words_everywhere(cast: Cast) -> None:
    with pytest.raises(ValidationFailed, match=NO_EMAIL):
        invitations.invite(account=cast.account, email="nina", role=Role.OWNER, site="", by=SYSTEM)
    with pytest.raises(ValidationError, match=NO_EMAIL):
        forms.EmailField().clean("nina")
