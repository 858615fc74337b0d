"""Journey 7: the account asks, the partner cancels, every key is refused; buying again brings them back."""

import pytest
from playwright.sync_api import Page, expect

from accounts.models import Account, User
from integrations.models import Integration, Request
from integrations.services.authentications import Issued
from tests.factories import AccountFactory, PartnerFactory, UserFactory, authentication_for, partner_user
from tests.journeys.conftest import Visit
from tests.system import System

REASON = "We move to another system."


@pytest.fixture
def owner(catalogue: Integration) -> User:
    return UserFactory.create()


@pytest.fixture
def account(owner: User) -> Account:
    return AccountFactory.create(owner=owner, partner=PartnerFactory.create(name="Lantern Agency"))


@pytest.fixture
def issued(account: Account) -> Issued:
    return authentication_for(account)


def ask_to_deactivate(page: Page) -> None:
    page.get_by_role("link", name="Deactivate…").click()
    dialog = page.get_by_role("dialog", name="Contact your partner to deactivate")
    expect(dialog).to_contain_text("Lantern Agency")
    dialog.get_by_label("Reason").fill(REASON)
    dialog.get_by_role("button", name="Send the request").click()


def decide(page: Page, account: Account, decision: str, answer: str) -> None:
    """The partner, from the request on the admin's home page."""
    request = Request.objects.for_account(account).get()
    page.goto(f"/admin/integrations/request/{request.pk}/decide/")
    expect(page.get_by_role("main")).to_contain_text(REASON)
    page.get_by_role("radio", name=decision).check()
    page.get_by_label("Answer").fill(answer)
    page.get_by_role("button", name="Decide request").click()
    page.wait_for_url(lambda url: "/decide/" not in url)


def test_a_license_ends_through_the_partner_and_comes_back(
    visit: Visit, owner: User, account: Account, issued: Issued
) -> None:
    system = System(issued)
    assert system.call("GET", "/me").status_code == 200
    page = visit(owner)
    row = page.get_by_role("listitem").filter(has_text="REST API")
    ask_to_deactivate(page)
    expect(row).to_contain_text("Your request to deactivate is with Lantern Agency since")
    expect(row).to_contain_text("Active since")
    expect(page.get_by_role("link", name="Deactivate…")).to_have_count(0)
    assert system.call("GET", "/me").status_code == 200

    decide(visit(partner_user(account.partner)), account, "Now", "As you wish.")
    refused = system.call("GET", "/me")
    assert (refused.status_code, refused.json()["code"]) == (403, "license_inactive")

    page.reload()
    expect(row).to_contain_text("Cancelled")
    expect(row).to_contain_text("As you wish.")
    page.get_by_role("link", name="Activate REST API").focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Buy the license").click()
    expect(row).to_contain_text("Active since")
    assert system.call("GET", "/me").status_code == 200


def test_a_partner_that_declines_is_heard(visit: Visit, owner: User, account: Account, issued: Issued) -> None:
    page = visit(owner)
    ask_to_deactivate(page)
    decide(visit(partner_user(account.partner)), account, "Decline", "Call us first, please.")
    page.reload()
    row = page.get_by_role("listitem").filter(has_text="REST API")
    expect(row).to_contain_text("Lantern Agency declined to deactivate: “Call us first, please.”")
    expect(page.get_by_role("link", name="Deactivate…")).to_be_visible()
    assert System(issued).call("GET", "/me").status_code == 200
