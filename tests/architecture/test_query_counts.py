"""A list takes the same few queries for one row and for many."""

from collections.abc import Iterable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.admin_site import site
from accounts.models import Account
from tests.conftest import Cast, SignIn
from tests.factories import AccountFactory
from tests.rows import furnish

LISTS = [f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist" for model in site._registry]
MOST = 12


def counts(client: Client) -> dict[str, int]:
    found = {}
    for name in LISTS:
        client.get(reverse(name))
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert client.get(reverse(name)).status_code == 200
        found[name] = len(queries)
    return found


@pytest.mark.django_db
def test_more_rows_take_no_more_queries(cast: Cast, sign_in: SignIn) -> None:
    def add(accounts: Iterable[Account]) -> None:
        for account in accounts:
            furnish(account)

    client = sign_in(cast.operator)
    add([cast.account])
    few = counts(client)
    add(AccountFactory.create_batch(3, partner=cast.partner))
    assert counts(client) == few
    assert max(few.values()) <= MOST
