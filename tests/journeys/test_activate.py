"""Journey 1: from the list of integrations to an active license."""

import re

import pytest
from django.core import mail
from playwright.sync_api import Page, expect

from accounts.models import Account, Charge, User
from integrations.models import Integration, License
from integrations.services import licenses
from tests.factories import AccountFactory, PartnerFactory
from tests.journeys.conftest import Visit


@pytest.fixture
def account(owner: User) -> Account:
    partner = PartnerFactory.create(name="Lantern Agency")
    account = AccountFactory.create(owner=owner, partner=partner)
    account.billing_name, account.billing_address = "Bloom B.V.", "Kade 1"
    account.save()
    return account


def tab_to(page: Page, name: str) -> None:
    """Presses Tab until the link or button of this name has the focus."""
    for _ in range(30):
        page.keyboard.press("Tab")
        if name in (page.evaluate("document.activeElement.textContent") or ""):
            return
    raise AssertionError(f"Tab never reached {name}")


def test_hover_and_keyboard_focus_both_show_activate(visit: Visit, owner: User, account: Account) -> None:
    page = visit(owner)
    activate = page.get_by_role("link", name="Activate REST API")
    expect(activate).to_have_css("opacity", "0")
    page.get_by_role("listitem").filter(has_text="REST API").hover()
    expect(activate).to_have_css("opacity", "1")
    page.mouse.move(0, 0)
    expect(activate).to_have_css("opacity", "0")
    tab_to(page, "Activate")
    expect(activate).to_be_focused()
    expect(activate).to_have_css("opacity", "1")
    expect(activate).not_to_have_css("outline-style", "none")


def test_activate_is_always_shown_where_nothing_can_hover(visit: Visit, owner: User, account: Account) -> None:
    page = visit(owner, viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    expect(page.get_by_role("link", name="Activate REST API")).to_have_css("opacity", "1")


def test_an_owner_activates_an_integration_by_keyboard(
    visit: Visit, owner: User, account: Account, catalogue: Integration
) -> None:
    page = visit(owner)
    expect(page).to_have_url(re.compile(f"/settings/{account.number}/integrations/$"))
    row = page.get_by_role("listitem").filter(has_text="REST API")
    expect(row).to_contain_text("Not active")
    expect(row).to_contain_text("EUR 49.00 a month")

    tab_to(page, "Activate")
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Activate REST API")
    offer = licenses.quote(account=account, integration=catalogue)
    for text in (
        "EUR 49.00 a month",
        f"EUR {offer.first_amount}",
        f"EUR 49.00 on {offer.next_charge_on:%-d %B %Y}",
        "Bloom B.V.",
        "Kade 1",
    ):
        expect(dialog).to_contain_text(text)

    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(page.get_by_role("link", name="Activate REST API")).to_be_focused()
    page.keyboard.press("Enter")
    expect(dialog.get_by_role("button", name="Buy the license")).to_be_focused()
    page.keyboard.press("Enter")

    expect(row).to_contain_text("Active since")
    expect(page.get_by_role("status")).to_contain_text("REST API is activated")
    expect(row.get_by_role("link", name="Configurations")).to_be_visible()
    assert License.objects.for_account(account).get().bought_by == owner.email
    charge = Charge.objects.for_account(account).get()
    assert (charge.first_amount, charge.amount_per_month) == (offer.first_amount, offer.amount_per_month)
    assert [message.to for message in mail.outbox] == [[owner.email]]


def test_without_javascript_the_dialog_is_a_page(visit: Visit, owner: User, account: Account) -> None:
    page = visit(owner, java_script_enabled=False)
    page.get_by_role("link", name="Activate REST API").click()
    expect(page).to_have_url(re.compile("/activate/rest-api/$"))
    page.get_by_role("button", name="Buy the license").click()
    expect(page.get_by_role("listitem").filter(has_text="REST API")).to_contain_text("Active since")
