"""A license ends and begins again; what hung on it sleeps and wakes."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Account
from contacts.models import Contact, ExternalId, MatchKey
from integrations.models import License
from tests import factories
from tests.system import System

pytestmark = pytest.mark.django_db


@pytest.fixture
def account() -> Account:
    return factories.AccountFactory.create(owner=factories.UserFactory.create(email="owner@example.com"))


@pytest.fixture
def shop(account: Account) -> System:
    return System(factories.authentication_for(account, system="Webshop"))


def signed_in(email: str) -> Client:
    """A browser of somebody who has just signed in."""
    client = Client()
    client.post(reverse("account_login"), {"login": email, "password": factories.PASSWORD})
    return client


def rows(account: Account) -> list[list[dict[str, object]]]:
    """Everything that is known of the account's contacts."""
    return [
        list(model.objects.for_account(account).order_by("pk").values()) for model in (Contact, ExternalId, MatchKey)
    ]


def test_a_partner_cancels_and_the_same_key_comes_back_to_life_when_the_owner_buys_again(
    account: Account, shop: System
) -> None:
    partner = signed_in(factories.partner_user(account.partner, email="desk@agency.example").email)
    owner = signed_in("owner@example.com")
    assert shop.send("1001", email="jan@example.com")["outcome"] == "created"
    before = rows(account)

    license_ = License.objects.for_account(account).get()
    cancel = reverse("admin:integrations_license_cancel", args=[license_.pk])
    assert partner.post(cancel, {"when": "now", "reason": "The shop is closed."}).status_code == 302

    for refused in (
        shop.call("GET", "/contacts/1001"),
        shop.call("POST", "/contacts", {"external_id": "1002", "values": {}}),
        shop.call("GET", "/me"),
    ):
        assert (refused.status_code, refused.json()["code"]) == (403, "license_inactive")
    assert rows(account) == before

    activate = reverse("integrations-activate", kwargs={"account_number": account.number, "code": "rest-api"})
    assert owner.post(activate).status_code == 302

    assert shop.find("1001")["values"] == {"email": "jan@example.com"}
    assert rows(account) == before
    assert shop.send("1001", email="jan@example.com")["outcome"] == "unchanged"


def test_a_suspended_account_is_told_so_and_loses_nothing(account: Account, shop: System) -> None:
    shop.send("1001", email="jan@example.com")
    Account.objects.filter(pk=account.pk).update(suspended_at=account.created_at, suspended_by="operator")
    assert shop.call("GET", "/me").json()["code"] == "account_suspended"
    Account.objects.filter(pk=account.pk).update(suspended_at=None, suspended_by="")
    assert shop.find("1001")["values"] == {"email": "jan@example.com"}
