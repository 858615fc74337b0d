"""Journey 8: a secret leaks. It is rotated with grace, the old one ended, the key restricted, and at last revoked."""

import pytest
from django.core import mail
from playwright.sync_api import Page, expect

from accounts.models import Account, User
from integrations.models import Authentication
from integrations.services.authentications import Issued
from tests.factories import authentication_for
from tests.journeys.conftest import Visit

pytestmark = pytest.mark.usefixtures("by_keyboard_on_sqlite")


@pytest.fixture
def leaked(account: Account) -> Issued:
    return authentication_for(account, system="Shop")


def told(page: Page, key: str, secret: str) -> str:
    """What the next request with a secret is answered: its status, and the code of a refusal."""
    answer = page.request.get("/api/v1/me", headers={"Authorization": f"Token {key}:{secret}"})
    return f"{answer.status} {answer.json().get('code', '')}".strip()


def rotate(page: Page) -> str:
    """Rotates with the usual grace, after a slip of the pen; gives the new secret."""
    page.get_by_role("link", name="Rotate").click()
    hours = page.get_by_label("Hours for which")
    expect(hours).to_have_value("24")
    hours.fill("169")
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Rotate").click()
    expect(dialog.get_by_text("less than or equal to 168")).to_be_visible()
    expect(hours).to_be_focused()
    expect(hours).to_have_value("169")
    hours.fill("24")
    dialog.get_by_role("button", name="Rotate").click()
    expect(page.get_by_role("heading", name="Key and secret of Shop")).to_be_visible()
    expect(page).to_have_title("Key and secret of Shop · Concord")
    expect(dialog).to_be_hidden()
    return page.locator("#secret").inner_text()


def end_grace(page: Page) -> None:
    page.get_by_role("link", name="End grace now").click()
    page.get_by_role("dialog").get_by_role("button", name="End grace now").click()
    expect(page.get_by_role("status")).to_contain_text("Only the newest secret")


def restrict(page: Page) -> None:
    """A new name, other networks than ours, with two slips of the pen, and an end."""
    dialog, networks = page.get_by_role("dialog"), page.get_by_label("Allowed networks")
    page.get_by_role("link", name="Change").click()
    dialog.get_by_label("Name").fill("Shop Belgium")
    networks.fill("192.0.2.0/24\n10.0.0.1/8\nnowhere")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_text("Write 10.0.0.0/8 for the network")).to_be_visible()
    expect(page.get_by_text("“nowhere” is no network")).to_be_visible()
    expect(networks).to_be_focused()
    networks.fill("192.0.2.0/24, 2001:db8::/32")
    page.get_by_label("Expires").fill("2099-12-31T18:00")
    dialog.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Shop Belgium", exact=True)).to_be_visible()


def revoke(page: Page) -> None:
    page.get_by_role("link", name="Revoke").click()
    page.get_by_role("dialog").get_by_label("Name").fill("Shop Belgium")
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(page.get_by_role("status")).to_contain_text("Shop Belgium is revoked")


def check_history(page: Page, owner: User) -> None:
    history = page.get_by_role("table", name="History").locator("tbody").get_by_role("row")
    happened = history.locator("strong").all_inner_texts()
    assert happened == ["Revoked", "Changed", "Grace ended", "Rotated", "Issued"]
    expect(history.nth(1)).to_contain_text("Name: Shop → Shop Belgium")
    expect(history.nth(1)).to_contain_text("Allowed networks: - → 192.0.2.0/24, 2001:db8::/32")
    for row in history.all()[:4]:
        expect(row).to_contain_text(owner.email)
        expect(row).to_contain_text("127.0.0.1")


def test_a_leaked_secret_is_replaced_ended_and_its_key_revoked(
    visit: Visit, owner: User, account: Account, leaked: Issued
) -> None:
    page, key, old = visit(owner), leaked.authentication.key, leaked.secret
    state, configurations = page.locator(".facts .pill"), f"/settings/{account.number}/integrations/configurations/"
    page.goto(configurations)
    page.get_by_role("row").filter(has_text="Shop").get_by_text("Read and write").click(force=True)
    expect(page.get_by_role("heading", name="Shop", exact=True)).to_be_visible()
    expect(state).to_have_text("Live")
    new = rotate(page)
    expect(page.locator("#key")).to_have_text(key)
    assert (told(page, key, old), told(page, key, new)) == ("200", "200")

    page.reload()
    expect(page.get_by_role("heading", name="Shop", exact=True)).to_be_visible()
    expect(page.get_by_text("The secret of Shop was shown once")).to_be_visible()
    assert (Authentication.objects.for_account(account).get().secret_version, new in page.content()) == (2, False)
    page.goto(configurations)
    expect(page.get_by_role("row").filter(has_text="Shop")).to_contain_text("In grace until")

    page.get_by_role("link", name="Shop", exact=True).click()
    end_grace(page)
    expect(state).to_have_text("Live")
    assert (told(page, key, old), told(page, key, new)) == ("401 secret_rotated_out", "200")
    restrict(page)
    expect(state).to_have_text("Expires on 31 Dec 2099")
    assert told(page, key, new) == "403 network_not_allowed"
    revoke(page)
    assert told(page, key, new) == told(page, key, old) == "401 authentication_revoked"

    page.get_by_text("1 revoked", exact=True).click()
    page.get_by_role("link", name="Shop Belgium", exact=True).click()
    expect(page.get_by_role("link", name="Rotate")).to_have_count(0)
    check_history(page, owner)
    subjects = [message.subject.split(" of ")[0] for message in mail.outbox if message.to == [owner.email]]
    assert subjects[-4:] == ["A secret", "An old secret", "The access", "A key"]
