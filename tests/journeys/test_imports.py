"""Journey: a person imports a file: upload, columns, what would happen, start, progress, counts, what was left out.

Then, before the next system is linked, a look at what its customers would meet."""

import pytest
from playwright.sync_api import Page, expect

from accounts.models import Account, User
from contacts.models import Contact, Import
from contacts.services import imports
from tests.factories import authentication_for
from tests.journeys.conftest import Visit
from tests.system import System
from tests.work import work

pytestmark = pytest.mark.usefixtures("by_keyboard_on_sqlite")

ROWS = [f"{number};p{number}@example.com;Jan {number}" for number in range(1002, 1010)]
CSV = (
    "\r\n".join(["Klantnummer;E-mail;Roepnaam;Maat", "1001;known@example.com;Ada", "1010;nobody;Piet", *ROWS]) + "\r\n"
)


@pytest.fixture
def crm(account: Account) -> System:
    crm = System(authentication_for(account, system="CRM"))
    crm.send("1001", email="known@example.com")
    return crm


def upload(page: Page, name: str = "klanten.csv") -> None:
    """As if the file was dropped on the box."""
    page.get_by_label("Account settings").get_by_role("link", name="Imports").click()
    page.get_by_role("link", name="New import").click()
    page.wait_for_url("**/imports/new/")
    page.evaluate(
        """([text, name]) => {
          const carried = new DataTransfer();
          carried.items.add(new File([text], name, { type: "text/csv" }));
          const box = document.querySelector(".drop");
          for (const kind of ["dragover", "drop"]) {
            box.dispatchEvent(new DragEvent(kind, { bubbles: true, cancelable: true, dataTransfer: carried }));
          }
        }""",
        [CSV, name],
    )
    page.get_by_role("button", name="Upload").click()


SETTLED = "() => !document.querySelector('.htmx-request, .htmx-swapping, .htmx-settling, .htmx-added')"
"""That what was just put into the page is listened to."""


def map_columns(page: Page) -> None:
    """The preview follows what is chosen, by itself."""
    expect(page.get_by_role("heading", name="What is in klanten.csv?")).to_be_visible()
    preview, name = page.locator("#mapping").get_by_role("status"), page.get_by_label("Roepnaam")
    expect(preview).to_contain_text("Of the first 10 rows: 1 updated, 1 rejected, 8 created")
    expect(page.get_by_label("Klantnummer")).to_have_value("external_id")
    expect(name).to_have_value("firstName")
    expect(page.get_by_label("Maat")).to_have_value("")
    name.select_option("")
    expect(preview).to_contain_text("1 unchanged, 1 rejected, 8 created")
    page.wait_for_function(SETTLED)
    name.select_option("email")
    expect(page.get_by_text("Column 2 goes there already.")).to_be_visible()
    page.wait_for_function(SETTLED)
    name.select_option("firstName")
    expect(preview).to_contain_text("1 updated")
    page.wait_for_function(SETTLED)
    page.get_by_label("Between two columns").select_option(label="Comma ,")
    expect(page.get_by_text("Say which column holds the ids")).to_be_visible()
    page.wait_for_function(SETTLED)
    page.get_by_label("Between two columns").select_option(label="Semicolon ;")
    expect(preview).to_contain_text("1 updated")


def watch(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page moves on while a worker works, and is the same after a reload."""
    bar, state = page.get_by_role("progressbar"), page.locator(".standing .pill")
    expect(state).to_have_text("Waiting")
    page.get_by_role("button", name="Pause").click()
    expect(state).to_have_text("Paused")
    page.get_by_role("button", name="Resume").click()
    expect(state).to_have_text("Waiting")
    page.get_by_role("link", name="Cancel").click()
    expect(page.get_by_role("dialog")).to_contain_text("what they wrote to contacts stays")
    page.get_by_role("dialog").get_by_role("link", name="Let it go on").click()
    write = imports._write
    seen: list[str | None] = []

    def look(*each: object) -> None:
        write(*each)  # type: ignore[arg-type]
        if not seen:
            expect(state).to_have_text("Running")
            expect(page.locator(".counts")).to_contain_text("Created 3")
            page.reload()
            expect(page.locator(".counts")).to_contain_text("Created 3")
            seen.append(bar.get_attribute("value"))

    monkeypatch.setattr(imports, "CHUNK", 5)
    monkeypatch.setattr(imports, "_write", look)
    work()
    expect(state).to_have_text("Completed")
    expect(bar).to_have_attribute("value", "100.0")
    assert len(seen) == 1


def check_collisions(page: Page) -> None:
    """From New authentication."""
    page.get_by_label("Account settings").get_by_role("link", name="Configurations").click()
    page.get_by_role("link", name="New authentication").click()
    page.get_by_role("dialog").get_by_role("link", name="check its customer numbers first").click()
    page.get_by_label("Customer numbers and e-mail").fill("1001, p1005@example.com\nW-1, new@example.com\n")
    page.get_by_role("button", name="Check").click()
    result = page.get_by_role("region", name="Result")
    expect(result).to_contain_text("1 of 2 equal")
    expect(result).to_contain_text("An extra id field is needed")
    expect(result.locator("div", has_text="Linked by rule 1")).to_contain_text("1")
    result.get_by_role("link", name="Request an extra id field").click()
    expect(page.get_by_role("radio", name="An extra id field")).to_be_checked()


def test_a_file_is_imported(
    visit: Visit, owner: User, account: Account, crm: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = visit(owner)
    upload(page)
    map_columns(page)
    page.get_by_role("button", name="Start the import").click()
    watch(page, monkeypatch)
    expect(page.locator(".counts")).to_contain_text("Created 8")
    rejected = page.get_by_role("table", name="Rejected rows")
    expect(rejected.get_by_role("row").nth(1)).to_contain_text("This is no e-mail address.")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download as CSV").click()
    assert download.value.path().read_text(encoding="utf-8-sig").splitlines()[1].startswith("3,invalid_email,email,")
    assert crm.find("1001")["values"] == {"email": "known@example.com", "firstName": "Ada"}
    assert Contact.objects.for_account(account).count() == 9
    assert Import.objects.for_account(account).get().job.created_by == owner.email
    check_collisions(page)


def test_it_goes_without_javascript(visit: Visit, owner: User, account: Account, crm: System) -> None:
    page = visit(owner, java_script_enabled=False)
    page.goto(f"/settings/{account.number}/contacts/imports/new/")
    page.locator("input[type=file]").set_input_files({"name": "k.csv", "mimeType": "text/csv", "buffer": CSV.encode()})
    page.get_by_role("button", name="Upload").click()
    page.get_by_label("Roepnaam").select_option("")
    page.get_by_role("button", name="Look again").click()
    expect(page.locator("#mapping").get_by_role("status")).to_contain_text("1 unchanged")
    page.get_by_role("button", name="Start the import").click()
    work()
    page.reload()
    expect(page.locator(".standing .pill")).to_have_text("Completed")
