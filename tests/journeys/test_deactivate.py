"""Journey 7: the account asks, the partner cancels, every key is refused; buying again brings them back."""

import pytest
import time_machine
from playwright.sync_api import Page, expect

from accounts.models import Account, User
from integrations.models import License
from integrations.services.authentications import Issued
from tests.factories import AccountFactory, PartnerFactory, authentication_for, partner_user
from tests.journeys.conftest import Visit
from tests.system import System

pytestmark = pytest.mark.usefixtures("by_keyboard_on_sqlite")

REASON = "We move to another system."


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
    """The partner, from what waits on the admin's first page."""
    page.goto("/admin/")
    panel = page.get_by_role("region", name="Requests to decide")
    expect(panel).to_contain_text(f"{account.name}: Deactivate an integration: REST API")
    expect(panel).to_contain_text(REASON)
    panel.get_by_role("link", name=f"Decide the request of {account.name}").click()
    expect(page.get_by_role("main")).to_contain_text(REASON)
    page.get_by_role("radio", name=decision).check()
    page.get_by_label("Answer").fill(answer)
    page.get_by_role("button", name="Decide request").click()
    page.wait_for_url(lambda url: "/decide/" not in url)
    page.goto("/admin/")
    expect(panel).to_contain_text("Nobody is waiting for you.")


def buy_again(page: Page) -> None:
    page.get_by_role("link", name="Activate REST API").focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Buy the license").click()


def answer_to(system: System) -> tuple[int, str | None]:
    answer = system.call("GET", "/me")
    return answer.status_code, answer.json().get("code")


WORKS, REFUSED = (200, None), (403, "license_inactive")


def test_a_license_ends_through_the_partner_and_comes_back(
    visit: Visit, owner: User, account: Account, issued: Issued
) -> None:
    system = System(issued)
    assert answer_to(system) == WORKS
    page = visit(owner)
    row = page.get_by_role("listitem").filter(has_text="REST API")
    ask_to_deactivate(page)
    expect(row).to_contain_text("Your request to deactivate is with Lantern Agency since")
    expect(row).to_contain_text("Active since")
    expect(page.get_by_role("link", name="Deactivate…")).to_have_count(0)
    assert answer_to(system) == WORKS

    agent = partner_user(account.partner)
    decide(visit(agent), account, "Now", "As you wish.")
    assert answer_to(system) == REFUSED

    page.reload()
    expect(row).to_contain_text("Cancelled")
    expect(row).to_contain_text("As you wish.")
    buy_again(page)
    expect(row).to_contain_text("Active since")
    assert answer_to(system) == WORKS

    # All of it stands in the activity, whoever did it.
    page.get_by_role("link", name="Activity").click()
    page.get_by_label("Who").fill(agent.email)
    page.get_by_label("What", exact=True).select_option(label="License: anything")
    page.get_by_role("button", name="Filter").click()
    event = page.get_by_role("table", name="Activity").locator("tbody tr")
    expect(event).to_have_count(1)
    for said in (agent.email, "127.0.0.1", "License cancelled", "As you wish."):
        expect(event).to_contain_text(said)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download as CSV").click()
    assert download.value.suggested_filename == f"activity-{account.number}.csv"
    assert "License cancelled" in download.value.path().read_text()


def test_a_partner_that_declines_is_heard_and_one_that_agrees_may_say_when(
    visit: Visit, owner: User, account: Account, issued: Issued
) -> None:
    page, desk, system = visit(owner), visit(partner_user(account.partner)), System(issued)
    row = page.get_by_role("listitem").filter(has_text="REST API")
    ask_to_deactivate(page)
    decide(desk, account, "Decline", "Call us first, please.")
    page.reload()
    expect(row).to_contain_text("Lantern Agency declined to deactivate: “Call us first, please.”")
    assert answer_to(system) == WORKS

    ask_to_deactivate(page)
    decide(desk, account, "At the end of the paid period", "See you.")
    page.reload()
    expect(row).to_contain_text("Ends on")
    assert answer_to(system) == WORKS
    end = License.objects.for_account(account).get().active_until
    assert end is not None
    with time_machine.travel(end):
        assert answer_to(system) == REFUSED
    buy_again(page)
    expect(row).to_contain_text("Active since")
    with time_machine.travel(end):
        assert answer_to(system) == WORKS
