"""Who looks at the pages under Integrations."""

from collections.abc import Callable

import pytest
from django.test import Client

from accounts.models import User
from tests.conftest import Cast
from tests.factories import (
    PASSWORD,
    rest_api,
)


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
