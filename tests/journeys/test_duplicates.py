"""Journey 6: possible duplicates side by side, decided by keyboard; a merge undone, and a wrong link split for good."""

import pytest
from playwright.sync_api import Locator, Page, expect

from accounts.models import Account, User
from contacts.models import ReviewItem
from tests.factories import authentication_for, id_field
from tests.journeys.conftest import Visit
from tests.system import System


@pytest.fixture
def shop(account: Account) -> System:
    """Knows Jan twice, and a desk's address for two of its people."""
    shop = System(authentication_for(account, system="Webshop"))
    shop.send("1001", email="jan@example.com", firstName="Jan", city="Ede")
    shop.send("1002", email="jan@example.com", firstName="Johan")
    shop.send("2001", email="desk@example.com", firstName="Ans")
    shop.send("2002", email="desk@example.com", firstName="Bea")
    return shop


@pytest.fixture
def crm(account: Account) -> System:
    return System(authentication_for(account, id_field(account, "crmCustomerId"), system="CRM"))


def press(page: Page, target: Locator, key: str = "Enter") -> None:
    target.focus()
    page.keyboard.press(key)


def press_key(page: Page, key: str) -> None:
    """Once the page listens."""
    expect(page.locator(".keys")).to_be_visible()
    page.keyboard.press(key)


def look_at_the_first(page: Page) -> None:
    main = page.get_by_role("main")
    press(page, page.get_by_label("Account settings").get_by_role("link", name="Review 2 open"))
    expect(main.get_by_role("listitem").filter(has_text="Jan and Johan")).to_be_visible()
    press(page, main.get_by_role("link", name="Jan and Johan"))
    expect(main).to_contain_text("Alike by rule 1 (E-mail), but one system has an id for each")
    address = page.url
    press_key(page, "j")
    expect(main).to_contain_text("Bea")
    press_key(page, "k")
    page.wait_for_url(address)


def merge_with_a_choice(page: Page) -> None:
    """What somebody chose stays, the rest follows the contact that stays."""
    names = page.get_by_role("radiogroup", name="First name")
    expect(names.get_by_role("radio", name="Jan")).to_be_checked()
    press(page, page.get_by_role("radio", name="Johan (newer)"), "Space")
    expect(names.get_by_role("radio", name="Johan")).to_be_checked()
    for name in ("Jan", "Johan"):
        press(page, names.get_by_role("radio", name=name), "Space")
    press(page, page.get_by_role("radio", name="Jan (older)"), "Space")
    expect(names.get_by_role("radio", name="Johan")).to_be_checked()
    press_key(page, "m")
    expect(page.get_by_role("status")).to_contain_text("Merged: there is one contact now")


def refuse_the_second(page: Page) -> None:
    """Keys that are off do nothing."""
    main, on = page.get_by_role("main"), page.get_by_role("checkbox", name="On")
    press(page, on, "Space")
    press_key(page, "n")
    expect(main.get_by_role("button", name="Not a match")).to_be_visible()
    press(page, on, "Space")
    press_key(page, "n")
    expect(main).to_contain_text("Nothing waits for you")


def undo_the_merge(page: Page) -> None:
    """From what was decided."""
    main = page.get_by_role("main")
    press(page, main.get_by_role("link", name="Decided 2"))
    press(page, main.get_by_role("link", name="Merged"))
    press(page, main.get_by_role("link", name="Open Johan, older"))
    press(page, main.get_by_role("link", name="Undo…"))
    dialog = page.get_by_role("dialog", name="Undo the merge")
    expect(dialog.get_by_role("row", name="First name Jan")).to_contain_text("Johan")
    press(page, dialog.get_by_role("button", name="Undo the merge"))
    expect(page.get_by_role("status")).to_contain_text("The merge is undone")
    expect(page.get_by_label("Account settings").get_by_role("link", name="Review 1 open")).to_be_visible()


def split_off_the_crms(page: Page) -> None:
    press(page, page.get_by_role("main").get_by_role("link", name="Split off… CRM 77"))
    dialog = page.get_by_role("dialog", name="Split off CRM 77")
    expect(dialog.get_by_role("row", name="City Ede")).to_contain_text("comes back for “Epe”")
    press(page, dialog.get_by_role("button", name="Split off"))
    expect(page.get_by_role("status")).to_contain_text("77 is a contact of its own now")


def put_aside_what_is_too_common(page: Page, account: Account) -> None:
    """The keys do nothing while somebody writes to the partner."""
    crowd = ReviewItem.objects.for_account(account).get(kind="too_common")
    page.goto(f"/settings/{account.number}/contacts/review/{crowd.pk}/")
    press(page, page.get_by_role("main").get_by_role("link", name=f"ask {account.partner} to block it"))
    why = page.get_by_role("dialog").get_by_label("Reason")
    why.focus()
    page.keyboard.type("nobody, many, later")
    expect(why).to_have_value("nobody, many, later")
    page.keyboard.press("Escape")
    press_key(page, "l")
    expect(page.get_by_role("status")).to_contain_text("Put aside")
    crowd.refresh_from_db()
    assert crowd.state == "later"


def test_duplicates_are_decided_by_keyboard_and_taken_back(
    visit: Visit, owner: User, account: Account, shop: System, crm: System
) -> None:
    page = visit(owner)
    look_at_the_first(page)
    merge_with_a_choice(page)
    merged = shop.find("1002")
    assert merged["id"] == shop.find("1001")["id"]
    assert merged["values"] == {"email": "jan@example.com", "firstName": "Johan", "city": "Ede"}

    refuse_the_second(page)
    shop.send("2001", email=None)
    assert shop.send("2001", email="desk@example.com")["warnings"] == []

    undo_the_merge(page)
    assert (shop.find("1001")["values"]["firstName"], shop.find("1002")["values"]["firstName"]) == ("Jan", "Johan")

    shop.send("1002", email="johan@example.com")
    linked = crm.send("77", email="jan@example.com", city="Epe")
    assert (linked["outcome"], linked["contact"]["id"]) == ("linked", shop.find("1001")["id"])
    page.reload()
    split_off_the_crms(page)
    assert crm.find("77")["id"] != shop.find("1001")["id"]
    assert (crm.find("77")["values"]["city"], shop.find("1001")["values"]["city"]) == ("Epe", "Ede")

    shop.batch([{"external_id": f"3{n}", "values": {"email": "info@example.com"}} for n in range(9)])
    put_aside_what_is_too_common(page, account)
