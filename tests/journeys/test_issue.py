"""Journey 2: from the three questions to a key and a secret that work."""

import json
import re
import shlex
import shutil
import subprocess
from argparse import ArgumentParser
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from django.core import mail
from playwright.sync_api import Page, expect

from accounts.models import Account, User
from contacts.models import Contact
from integrations.models import Authentication
from integrations.services import usage
from tests.factories import AccountFactory, authentication_for, id_field
from tests.journeys.conftest import Visit

pytestmark = pytest.mark.usefixtures("by_keyboard_on_sqlite")

SECRET = re.compile(r"cs_[0-9A-Za-z]{46}")


@pytest.fixture
def account(owner: User) -> Account:
    """Its default id field belongs to Shop; another one is free."""
    account = AccountFactory.create(owner=owner)
    authentication_for(account, system="Shop")
    id_field(account, "webshopCustomerId")
    return account


def answer(page: Page) -> None:
    """The three questions, for a second system."""
    page.get_by_label("What is the name of the unique data").fill("Debtor number")
    page.get_by_label("Which system are you connecting?").select_option(label="AFAS")
    page.get_by_label("Name of the system").fill("AFAS Belgium")
    page.get_by_role("radio", name="webshopCustomerId").check()


def issue(page: Page, account: Account) -> None:
    """Asks the questions as a page of its own, and answers them."""
    page.goto(f"/settings/{account.number}/integrations/configurations/new/")
    answer(page)
    page.get_by_role("button", name="OK").click()
    expect(page.get_by_role("heading", name="Key and secret of AFAS Belgium")).to_be_visible()


def clipboard(page: Page) -> str:
    text: str = page.evaluate("navigator.clipboard.readText()")
    return text


def send(command: str) -> Any:
    """What a pasted command does: run as it is, or, where there is no curl, the request that it describes."""
    program, *words = shlex.split(command)
    assert program == "curl"
    if shutil.which("curl"):
        shell = ["sh", "-c", f"{command} --silent --fail-with-body"]
        return json.loads(subprocess.run(shell, check=True, capture_output=True, timeout=20).stdout)
    curl = ArgumentParser(exit_on_error=False)
    curl.add_argument("address")
    curl.add_argument("-X", dest="method")
    curl.add_argument("-H", dest="headers", action="append")
    curl.add_argument("-d", dest="data")
    asked = curl.parse_args(words)
    headers = dict(header.split(": ", 1) for header in asked.headers)
    with urlopen(Request(asked.address, asked.data.encode(), headers, method=asked.method), timeout=20) as response:
        return json.loads(response.read())


def test_an_owner_connects_a_second_system(visit: Visit, owner: User, account: Account) -> None:
    page = visit(owner)
    page.get_by_label("Account settings").get_by_role("link", name="Configurations").click()
    page.get_by_role("link", name="New authentication").click()
    dialog = page.get_by_role("dialog", name="New authentication")
    expect(dialog.get_by_role("radio", name="externalCustomerId")).to_be_disabled()
    expect(dialog).to_contain_text("In use by Shop")
    answer(page)
    page.get_by_label("Name of the system").fill("")
    page.get_by_label("Which system are you connecting?").select_option(label="Other system")
    page.mouse.click(5, 5)
    expect(dialog).to_be_visible()
    dialog.get_by_role("button", name="OK").click()
    expect(dialog).to_contain_text("Connected already: Shop.")
    expect(dialog.get_by_label("Name of the system")).to_be_focused()
    dialog.get_by_label("It is the same system").check()
    answer(page)
    dialog.get_by_role("button", name="OK").click()

    expect(page.get_by_role("heading", name="Key and secret of AFAS Belgium")).to_be_visible()
    authentication = Authentication.objects.for_account(account).exclude(id_field__is_default=True).get()
    secret = page.locator("#secret").inner_text()
    assert SECRET.fullmatch(secret)
    assert [message.to for message in mail.outbox if "AFAS Belgium" in message.body] == [[owner.email]]

    page.get_by_role("link", name="I have stored it").click()
    row = page.get_by_role("row").filter(has_text="AFAS Belgium")
    expect(row).to_contain_text("webshopCustomerId")
    expect(row).to_contain_text(authentication.key)
    expect(row).to_contain_text("Never")
    assert secret not in page.content()


def test_what_the_issued_page_offers_to_take_along_works(visit: Visit, owner: User, account: Account) -> None:
    page = visit(owner, permissions=["clipboard-read", "clipboard-write"])
    issue(page, account)
    authentication = Authentication.objects.for_account(account).exclude(id_field__is_default=True).get()
    secret = page.locator("#secret").inner_text()
    page.get_by_role("button", name="Copy the key").click()
    assert clipboard(page) == authentication.key
    page.get_by_role("button", name="Copy the secret").click()
    assert clipboard(page) == secret
    with page.expect_download() as download:
        page.get_by_role("button", name="Download as .env").click()
    lines = Path(download.value.path()).read_text()
    assert lines == f"CONCORD_KEY={authentication.key}\nCONCORD_SECRET={secret}\n"

    for option in page.locator(".command .whole").all():
        assert option.evaluate("each => each.getClientRects().length") == 1  # not broken over two lines
    page.get_by_role("button", name="Copy the command").click()
    command = clipboard(page)
    assert "\n" not in command
    answered = send(command)
    contact = Contact.objects.for_account(account).get()
    assert (answered["outcome"], answered["contact"]["id"]) == ("created", str(contact.pk))
    assert answered["contact"]["external_ids"] == {"webshopCustomerId": ["1001"]}
    page.goto(f"/settings/{account.number}/integrations/configurations/")
    row = page.get_by_role("row").filter(has_text="AFAS Belgium")
    expect(row).to_contain_text("from 127.0.0.1")
    usage.flush()
    page.reload()
    expect(row.locator("[data-label='Requests in 30 days']")).to_have_text("1")
    row.get_by_role("link", name="AFAS Belgium", exact=True).click()
    [last] = page.get_by_role("table", name="Last requests").locator("tbody tr").all()
    for told in ("POST", "201", "127.0.0.1"):
        expect(last).to_contain_text(told)


def test_a_reload_of_the_secret_shows_and_makes_nothing(visit: Visit, owner: User, account: Account) -> None:
    page = visit(owner)
    issue(page, account)
    secret = page.locator("#secret").inner_text()
    issued = Authentication.objects.for_account(account).count()
    page.reload()
    expect(page.get_by_role("heading", name="This was already issued")).to_be_visible()
    assert secret not in page.content()
    assert Authentication.objects.for_account(account).count() == issued == 2


def test_an_id_field_that_was_used_before_answers_two_questions(visit: Visit, owner: User, account: Account) -> None:
    """Shop's authentication is revoked in the browser, and its id field chosen again: with JavaScript and without."""
    page = visit(owner)
    configurations = f"/settings/{account.number}/integrations/configurations/"
    page.goto(configurations)
    page.get_by_role("link", name="Revoke the authentication of Shop").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill("Shop")
    dialog.get_by_role("button", name="Revoke").click()
    expect(page.get_by_role("status")).to_contain_text("revoked")

    page.get_by_role("link", name="New authentication").click()
    unique_data = dialog.get_by_label("What is the name of the unique data")
    unique_data.fill("Debtor number")
    dialog.get_by_role("radio", name="externalCustomerId").check()
    expect(unique_data).to_have_value("Customer number")
    expect(unique_data).not_to_be_editable()
    expect(dialog.get_by_label("Name of the system")).to_have_value("Shop")
    dialog.get_by_role("radio", name="webshopCustomerId").check()
    expect(unique_data).to_be_editable()
    expect(unique_data).to_have_value("Debtor number")

    plain = visit(owner, java_script_enabled=False)
    plain.goto(f"{configurations}new/")
    plain.get_by_role("radio", name="externalCustomerId").check()
    plain.get_by_role("button", name="OK").click()
    expect(plain.get_by_role("heading", name="Key and secret of Shop")).to_be_visible()
    assert SECRET.fullmatch(plain.locator("#secret").inner_text())
    expect(plain.get_by_role("button", name="Copy the secret")).to_be_hidden()


def test_a_system_is_found_by_typing(visit: Visit, owner: User, account: Account) -> None:
    page = visit(owner)
    page.goto(f"/settings/{account.number}/integrations/configurations/new/")
    finder, systems = page.get_by_label("Type to find a system"), page.get_by_label("Which system are you connecting?")
    every = systems.locator("option").all_inner_texts()
    finder.press_sequentially("Net")
    expect(systems).to_have_value("netsuite")
    assert systems.locator("option").all_inner_texts() == ["Oracle NetSuite"]
    finder.press("Enter")
    expect(page).to_have_url(re.compile("/new/$"))
    finder.fill("")
    assert systems.locator("option").all_inner_texts() == every
    assert len(every) > 20
    expect(systems).to_have_value("netsuite")
    finder.fill("no such system")
    expect(systems).to_have_value("")
