"""Finding a contact while typing, and taking all of them along as a file."""

import pytest
from playwright.sync_api import expect

from accounts.models import Account, User
from tests.factories import AccountFactory, authentication_for
from tests.journeys.conftest import Visit
from tests.system import System
from tests.work import work

pytestmark = pytest.mark.usefixtures("by_keyboard_on_sqlite")


@pytest.fixture
def account(owner: User) -> Account:
    account = AccountFactory.create(owner=owner)
    shop = System(authentication_for(account))
    for number, (first, last) in enumerate([("José", "Müller"), ("Jan", "Jansen"), ("Joke", "de Boer")]):
        shop.send(str(number), firstName=first, lastName=last, email=f"{number}@example.com")
    for number in range(60):
        shop.send(f"W{number}", firstName="Zoë", lastName=f"Z{number:02}")
    return account


def test_results_come_while_one_types_and_are_there_again_on_the_way_back(
    visit: Visit, owner: User, account: Account
) -> None:
    page = visit(owner)
    page.get_by_role("link", name="Contacts").click()
    expect(page.get_by_role("row")).to_have_count(51)
    expect(page.get_by_role("status")).to_have_text("63 contacts, the latest changed first")
    page.get_by_role("link", name="Next page").click()
    expect(page.get_by_role("row")).to_have_count(14)

    box = page.get_by_role("searchbox", name="Search contacts")
    box.press_sequentially("jo")
    expect(page.get_by_role("status")).to_have_text("2 contacts found")
    box.press_sequentially("se m")
    expect(page.get_by_role("status")).to_have_text("1 contact found")
    expect(box).to_be_focused()
    assert page.url.endswith("contacts/?q=jose%20m")
    page.get_by_role("link", name="José Müller").click()
    expect(page.get_by_text("0@example.com", exact=True)).to_be_visible()
    page.go_back()
    expect(page.get_by_role("link", name="José Müller")).to_be_visible()
    expect(box).to_have_value("jose m")
    # Whoever has the browser next reads nothing of it.
    assert page.evaluate("sessionStorage.getItem('htmx-history-cache')") is None
    assert page.evaluate("localStorage.length") == 0
    box.fill("nobody")
    expect(page.get_by_role("heading", name="Nothing begins with “nobody”")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("link", name="José Müller")).to_be_visible()


def test_an_export_is_followed_until_its_file_is_there(visit: Visit, owner: User, account: Account) -> None:
    page = visit(owner)
    page.get_by_role("link", name="Export", exact=True).click()
    page.get_by_role("button", name="Export as CSV").click()
    expect(page.get_by_role("cell", name="Waiting")).to_be_visible()
    page.reload()
    expect(page.get_by_role("cell", name="Waiting")).to_be_visible()
    work()
    expect(page.get_by_role("cell", name="Ready")).to_be_visible()
    with page.expect_download() as downloading:
        page.get_by_role("link", name="Download").click()
    text = downloading.value.path().read_text()
    assert ("José" in text, text.count("\n")) == (True, 64)


def test_without_javascript_all_of_it_works_too(visit: Visit, owner: User, account: Account) -> None:
    page = visit(owner, java_script_enabled=False)
    page.get_by_role("link", name="Contacts").click()
    page.get_by_role("searchbox", name="Search contacts").fill("MULLER")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_role("row")).to_have_count(2)
    page.get_by_role("link", name="José Müller").click()
    expect(page.get_by_text("0@example.com", exact=True)).to_be_visible()
