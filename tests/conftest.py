"""The cast: two accounts of two partners, and everybody who might try their doors."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.actor import SYSTEM
from accounts.models import Account, Partner, Role, User
from accounts.services import members
from integrations import throttling
from integrations.services import usage
from tests.factories import AccountFactory, PartnerFactory, UserFactory, operator, partner_user

SignIn = Callable[[User], Client]


@pytest.fixture(autouse=True)
def _fast_password_hashes(settings: Settings) -> None:
    """Argon2 is slow on purpose; what hashes passwords in production, the settings' tests say."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def _usage_on_request(settings: Settings) -> Iterator[None]:
    """What is noted about use is written when a test says so; what it leaves unwritten is nobody's."""
    settings.USAGE_FLUSH_SECONDS = 0
    yield
    usage.forget()


@pytest.fixture(autouse=True)
def _uncounted() -> None:
    """Each test begins with all limits untouched: what others did in the same minute is nothing to it."""
    throttling.counter.forget()


@dataclass(frozen=True)
class Cast:
    """`account` is looked after by `agent`; everybody and everything called other must stay unseen from there."""

    partner: Partner
    account: Account
    owner: User
    admin: User
    viewer: User
    agent: User
    other_partner: Partner
    other_account: Account
    outsider: User
    other_agent: User
    operator: User
    stray: User
    """Staff, but of no partner."""


@pytest.fixture
def cast(db: None) -> Cast:
    partner, other_partner = PartnerFactory.create(), PartnerFactory.create()
    owner, admin, viewer, outsider = UserFactory.create_batch(4)
    account = AccountFactory.create(owner=owner, partner=partner)
    members.add_member(account=account, user=admin, role=Role.ADMIN, by=SYSTEM)
    members.add_member(account=account, user=viewer, role=Role.VIEWER, by=SYSTEM)
    return Cast(
        partner=partner,
        account=account,
        owner=owner,
        admin=admin,
        viewer=viewer,
        agent=partner_user(partner),
        other_partner=other_partner,
        other_account=AccountFactory.create(owner=outsider, partner=other_partner),
        outsider=outsider,
        other_agent=partner_user(other_partner),
        operator=operator(),
        stray=UserFactory.create(is_staff=True),
    )


@pytest.fixture
def sign_in() -> SignIn:
    """Signs a person in with a browser of their own."""

    def sign_in(user: User) -> Client:
        client = Client()
        client.force_login(user)
        return client

    return sign_in
