"""Who looks at the pages under Integrations, and at those of the admin."""

from collections.abc import Callable

import pytest
from django.test import Client

from accounts.models import User
from tests.conftest import Cast, SignIn
from tests.factories import PASSWORD, rest_api
from tests.rows import Rows, furnish


@pytest.fixture
def recent() -> Callable[[User], Client]:
    """Signs a person in with their password, just now."""

    def recent(user: User) -> Client:
        client = Client()
        client.post("/auth/login/", {"login": user.email, "password": PASSWORD})
        return client

    return recent


@pytest.fixture
def owner(cast: Cast, recent: Callable[[User], Client]) -> Client:
    rest_api()
    return recent(cast.owner)


@pytest.fixture
def rows(cast: Cast) -> Rows:
    """One of everything, in the account of the cast."""
    return furnish(cast.account)


@pytest.fixture
def agent(cast: Cast, sign_in: SignIn) -> Client:
    """The account's partner."""
    return sign_in(cast.agent)
