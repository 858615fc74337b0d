"""Journey 4: a second system asks for an id field of its own, gets it, and finds its contacts by its own ids."""

import pytest
from playwright.sync_api import Page, expect

from accounts.models import Account, User
from contacts.models import Contact
from integrations.models import Authentication, Request
from integrations.services.authentications import Issued
from tests.factories import AccountFactory, PartnerFactory, authentication_for, partner_user
from tests.journeys.conftest import Visit
from tests.system import System

pytestmark = pytest.mark.usefixtures("by_keyboard_on_sqlite")


@pytest.fixture
def account(owner: User) -> Account:
    return AccountFactory.create(owner=owner, partner=PartnerFactory.create(name="Lantern Agency"))


@pytest.fixture
def crm(account: Account) -> System:
    return System(authentication_for(account, system="CRM"))


def ask(page: Page) -> None:
    """From New authentication, in which nothing is free."""
    page.get_by_label("Account settings").get_by_role("link", name="Configurations").click()
    page.get_by_role("link", name="New authentication").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Every id field is in use")
    dialog.get_by_role("link", name="Request an extra id field").first.click()
    expect(dialog.get_by_role("heading", name="Ask Lantern Agency")).to_be_visible()
    expect(dialog.get_by_role("radio", name="An extra id field")).to_be_checked()
    dialog.get_by_role("radio", name="Advice").check()
    expect(dialog.get_by_label("Which system is the id field for?")).to_be_hidden()
    dialog.get_by_role("radio", name="An extra id field").check()
    dialog.get_by_label("Which system is the id field for?").fill("Webshop")
    dialog.get_by_label("Reason").fill("Our new shop starts in May.")
    dialog.get_by_role("button", name="Send the request").click()
    expect(page.get_by_role("heading", name="An extra id field: Webshop")).to_be_visible()


def write_and_approve(page: Page, account: Account) -> None:
    """The partner, from the admin's first page."""
    page.get_by_role("link", name=f"Decide the request of {account.name}").click()
    expect(page.get_by_role("main")).to_contain_text("Our new shop starts in May.")
    request = Request.objects.for_account(account).get()
    page.goto(f"/admin/integrations/request/{request.pk}/change/")
    page.get_by_role("link", name="Write a message…").click()
    page.get_by_label("Message").fill("Which shop system is it?")
    page.get_by_role("button", name="Send the message").click()
    page.get_by_role("link", name="Decide…").click()
    expect(page.get_by_role("main")).to_contain_text("Which shop system is it?")
    expect(page.get_by_label("Name", exact=True)).to_have_value("webshopCustomerId")
    page.get_by_role("radio", name="Approve").check()
    page.get_by_label("Answer").fill("Here it is.")
    page.get_by_role("button", name="Decide request").click()
    page.wait_for_url(lambda url: "/decide/" not in url)


def issue(page: Page, account: Account) -> System:
    page.get_by_role("link", name="New authentication").click()
    page.get_by_label("What is the name of the unique data").fill("Customer number")
    page.get_by_label("Which system are you connecting?").select_option(label="Magento")
    page.get_by_role("radio", name="webshopCustomerId").check()
    page.get_by_role("button", name="OK").click()
    secret = page.locator("#secret").inner_text()
    authentication = Authentication.objects.for_account(account).get(id_field__name="webshopCustomerId")
    return System(Issued(authentication, secret))


def test_a_second_system_gets_an_id_field_of_its_own(visit: Visit, owner: User, account: Account, crm: System) -> None:
    known = crm.send("1001", email="jan@example.com", firstName="Jan")["contact"]
    other = crm.send("1002", email="piet@example.com", firstName="Piet")["contact"]
    page = visit(owner)
    ask(page)
    write_and_approve(visit(partner_user(account.partner)), account)
    page.reload()
    expect(page.get_by_role("main")).to_contain_text("Which shop system is it?")
    expect(page.get_by_role("main")).to_contain_text("Approved")
    page.get_by_role("main").get_by_role("link", name="New authentication").click()
    page.go_back()
    page.get_by_label("Account settings").get_by_role("link", name="Configurations").click()
    shop = issue(page, account)

    # The same number for somebody else: linked by e-mail, found by each system's own, neither moved.
    linked = shop.send("1001", email="piet@example.com", lastName="Pietersen")
    assert (linked["outcome"], linked["contact"]["id"]) == ("linked", other["id"])
    assert shop.find("1001")["id"] == crm.find("1002")["id"] == other["id"]
    assert crm.find("1001")["id"] == known["id"]
    assert Contact.objects.for_account(account).count() == 2
