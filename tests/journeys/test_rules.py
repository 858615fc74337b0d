"""Journey 5: the partner changes the rules, sees what they would match first, publishes, and restores."""

import pytest
from playwright.sync_api import Page, expect

from accounts.models import Account, User
from contacts.models import ReviewItem, RuleSet
from integrations.models import Integration
from tests.factories import AccountFactory, authentication_for, id_field, partner_user
from tests.journeys.conftest import Visit
from tests.system import System
from tests.work import work

pytestmark = pytest.mark.usefixtures("by_keyboard_on_sqlite")


@pytest.fixture
def agent(catalogue: Integration, account: Account) -> User:
    return partner_user(account.partner)


@pytest.fixture
def account(catalogue: Integration) -> Account:
    return AccountFactory.create()


@pytest.fixture
def shop(account: Account) -> System:
    crm = System(authentication_for(account, system="CRM"))
    shop = System(authentication_for(account, id_field(account), system="Shop"))
    crm.send("1001", email="jan@example.com", phoneNumber="06 12345678", lastName="Jansen")
    shop.send("W1", email="jan.jansen@example.com", phoneNumber="+31612345678", lastName="JANSEN")
    return shop


def draft(page: Page) -> None:
    """[phoneNumber + lastName], and behind it [email], which was first; what was added by mistake is emptied. All of it
    without a script."""
    page.get_by_role("link", name="Change the rules…").click()
    expect(page.get_by_label("Rule 2, field 2")).to_be_hidden()
    page.get_by_label("Rule 2, field 1").select_option("phoneNumber")
    page.get_by_label("Rule 2, field 2").select_option("lastName")
    page.get_by_label("Rule 3, field 1").select_option("city")
    page.get_by_label("Rule 3, field 1").select_option("")
    page.get_by_label("Place of rule 1").fill("2")
    page.get_by_label("Place of rule 2").fill("1")
    page.get_by_role("button", name="Preview these rules").click()
    expect(page.get_by_role("main")).to_contain_text("Building")
    expect(page.locator(".field-says .readonly")).to_have_text("1. phoneNumber + lastName2. email")


def publish(page: Page) -> None:
    page.get_by_role("link", name="Publish…").click()
    page.get_by_role("button", name="Publish these rules").click()


@pytest.mark.parametrize("java_script_enabled", [True, False])
def test_a_partner_changes_the_rules_with_open_eyes(
    visit: Visit, agent: User, account: Account, shop: System, java_script_enabled: bool
) -> None:
    page = visit(agent, java_script_enabled=java_script_enabled)
    page.goto("/admin/contacts/ruleset/")
    page.get_by_role("link", name="1", exact=True).click()
    draft(page)
    work()
    if not java_script_enabled:
        page.get_by_role("link", name="Look again").click()
    main = page.get_by_role("main")
    expect(main).to_contain_text("1 group of 2 contacts, 1 pair.")
    assert shop.send("W2", phoneNumber="0612345678", lastName="jansen")["outcome"] == "created"
    page.get_by_role("link", name="Every pair").click()
    expect(page.get_by_role("main")).to_contain_text("Rule set 2")
    page.go_back()

    publish(page)
    expect(page.get_by_role("main")).to_contain_text("The preview is out of date.")
    page.get_by_role("link", name="Go back").click()
    page.get_by_role("link", name="Preview anew…").click()
    page.get_by_role("button", name="Preview anew").click()
    work()
    page.reload()
    expect(page.get_by_role("main")).to_contain_text("1 group of 3 contacts, 3 pairs.")
    publish(page)
    expect(page.get_by_text("Rule set 2 is current.")).to_be_visible()

    page.get_by_role("link", name="Send duplicates to review…").click()
    page.get_by_role("button", name="Send duplicates to review").click()
    work()
    assert ReviewItem.objects.for_account(account).count() == 3
    page.goto(f"/admin/contacts/ruleset/{RuleSet.objects.for_account(account).get(number=1).pk}/change/")
    expect(page.get_by_role("link", name="Restore these rules…")).to_be_visible()
