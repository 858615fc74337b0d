"""Every page by axe's rules, in light and in dark, and at the width of a small phone."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

import pytest
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from axe_playwright_python.sync_playwright import Axe
from django.core import mail
from playwright.sync_api import Page, ViewportSize, expect

from accounts.actor import SYSTEM, Actor
from accounts.models import Account, Role, User
from accounts.services import invitations, members
from contacts.models import IdField, ReviewItem
from contacts.overlay import Record
from contacts.services import erasure, merges, sync
from integrations.models import License
from integrations.services import authentications, requests
from integrations.services import catalogue as catalogue_service
from tests.factories import PASSWORD, AccountFactory, UserFactory, authentication_for, id_field
from tests.journeys.conftest import Visit
from tests.rows import use
from tests.system import System
from tests.work import work

DESKTOP, PHONE = ViewportSize(width=1440, height=900), ViewportSize(width=360, height=740)
COLOURS = {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}
# Nothing but colours changes with the scheme
SCHEMES: list[tuple[Literal["light", "dark"], dict[str, Any]]] = [("light", {}), ("dark", COLOURS)]
IMPORTED = b"id,email,mail,telephone\n1,a@example.com,,12\n,nobody,,+31201234567\n2,a@example.com,x,1,1\n"
SHOP = "The shop with a name that goes on for quite some time"
TOO_WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@dataclass
class Inspector:
    """Collects what is wrong with each page that it is shown."""

    page: Page
    problems: list[str] = field(default_factory=list)

    def look(self, heading: str) -> None:
        """At the page as it stands, after making sure that it is the one that is meant."""
        self.page.wait_for_load_state()
        expect(self.page.get_by_role("heading", name=heading, exact=True).first).to_be_visible()
        for scheme, options in SCHEMES:
            self.page.emulate_media(color_scheme=scheme)
            for violation in Axe().run(self.page, options=options).response["violations"]:
                nodes = [node["html"][:200] for node in violation["nodes"]]
                self.problems.append(f"{heading} ({scheme}): {violation['id']}: {nodes}")
        self.page.set_viewport_size(PHONE)
        if (excess := self.page.evaluate(TOO_WIDE)) > 0:
            self.problems.append(f"{heading}: {excess} pixels too wide for a phone")
        self.page.set_viewport_size(DESKTOP)

    def visit(self, path: str, heading: str) -> None:
        self.page.goto(path)
        if "/reauthenticate/" in self.page.url and "reauthenticate" not in path:
            self.page.get_by_label("Password").fill(PASSWORD)
            self.page.get_by_role("button", name="Confirm").click()
        self.look(heading)


@pytest.fixture
def inspect(visit: Visit) -> Callable[[User | None], Inspector]:
    return lambda user: Inspector(visit(user, viewport=DESKTOP, reduced_motion="reduce"))


@pytest.fixture
def account(owner: User) -> Account:
    """Everything that the settings can show: a key in use, a revoked one, a free id field, an open request."""
    account = AccountFactory.create(owner=owner, name="A company whose name is not short at all B.V.")
    authentications.revoke(authentication=authentication_for(account, system="Old shop").authentication, by=SYSTEM)
    issued = authentication_for(account, id_field(account), system=SHOP)
    for status in (200, 404):
        use(issued.authentication.key, times=2, status=status)
    authentications.rotate(authentication=issued.authentication, secret_version=1, by=SYSTEM)
    id_field(account, "erpCustomerId")
    catalogue_service.save_integration(
        integration=None,
        code="files",
        name="File exchange",
        description="Contacts as files.",
        is_available=False,
        position=2,
        by=SYSTEM,
    )
    return account


def test_the_inspector_finds_what_is_wrong(inspect: Callable[[User | None], Inspector]) -> None:
    inspector = inspect(None)
    inspector.page.evaluate(
        """() => {
          const [sentence] = document.querySelectorAll("main p");
          Object.assign(sentence.style, { color: "#888", background: "#999", width: "500px" });
        }"""
    )
    inspector.look("Sign in to Concord")
    light, dark, wide = inspector.problems
    assert light.startswith("Sign in to Concord (light): color-contrast: ['<p")
    assert dark.startswith("Sign in to Concord (dark): color-contrast: ['<p")
    assert wide.endswith("pixels too wide for a phone")


def test_pages_of_an_invitation(inspect: Callable[[User | None], Inspector], owner: User, account: Account) -> None:
    def path(email: str) -> str:
        invitations.invite(account=account, email=email, role=Role.OWNER, site="", by=SYSTEM)
        return f"/invitations/{mail.outbox[-1].body.split('/invitations/')[1].split()[0]}"

    inspector = inspect(None)
    inspector.visit(path("nina@example.com"), f"{account} invites you")
    inspector.page.get_by_role("button", name="Accept").click()
    expect(inspector.page.get_by_text("This field is required").first).to_be_visible()
    inspector.look(f"{account} invites you")
    inspector.visit(path(UserFactory.create().email), f"{account} invites you")
    inspector.visit("/invitations/none/", "This invitation is over")
    signed_in = inspect(owner)
    signed_in.visit(path("nina@example.org"), f"{account} invites you")
    signed_in.visit(path(UserFactory.create().email), f"{account} invites you")
    assert inspector.problems == signed_in.problems == []


def test_pages_for_nobody_in_particular(inspect: Callable[[User | None], Inspector]) -> None:
    inspector = inspect(None)
    inspector.look("Sign in to Concord")
    inspector.page.get_by_role("button", name="Sign in", exact=True).click()
    expect(inspector.page.get_by_text("This field is required").first).to_be_visible()
    inspector.look("Sign in to Concord")
    inspector.visit("/auth/password/reset/", "Password Reset")
    inspector.visit("/auth/password/reset/done/", "Password Reset")
    inspector.visit("/auth/signup/", "People are added by their account")
    inspector.visit("/nowhere/", "There is nothing here")
    assert inspector.problems == []


def test_pages_of_an_account_and_their_dialogs(
    inspect: Callable[[User | None], Inspector], owner: User, account: Account
) -> None:
    inspector, base = inspect(owner), f"/settings/{account.number}/integrations/"
    inspector.look("Integrations")
    inspector.page.get_by_role("link", name="Deactivate").click()
    inspector.look("Contact your partner to deactivate")
    inspector.visit(f"{base}activate/rest-api/", "Activate REST API")
    license_ = License.objects.for_account(account).get()
    requests.ask_to_deactivate(license=license_, reason="Too dear.", by=SYSTEM)
    inspector.visit(base, "Integrations")
    for asked in ("since=2026-02-02&until=2026-02-01", "text=shop"):
        inspector.visit(f"/settings/{account.number}/activity/?{asked}", "Activity")
    inspector.visit(f"{base}configurations/", "Configurations")
    inspector.page.get_by_text("1 revoked").click()
    inspector.look("Configurations")
    inspector.page.get_by_role("link", name="Revoke").click()
    inspector.page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    inspector.look(f"Revoke {SHOP}")
    inspector.visit(f"{base}configurations/", "Configurations")
    look_at_issuing(inspector, f"{base}configurations/new/")
    assert inspector.problems == []


def look_at_issuing(inspector: Inspector, address: str) -> None:
    """By the dialog, with a wrong answer, and by its page, sent twice."""
    inspector.page.get_by_role("link", name="New authentication").click()
    inspector.page.get_by_text("More", exact=True).click()
    inspector.look("New authentication")
    inspector.page.get_by_role("radio", name="erpCustomerId").check()
    inspector.page.get_by_role("button", name="OK").click()
    expect(inspector.page.get_by_text("Say what your system calls it")).to_be_visible()
    inspector.look("New authentication")
    inspector.page.get_by_label("What is the name of the unique data").fill("Debtor")
    inspector.page.get_by_label("Which system are you connecting?").select_option(label="AFAS")
    inspector.page.get_by_role("button", name="OK").click()
    inspector.look("Key and secret of AFAS")
    inspector.visit(address, "New authentication")
    inspector.page.get_by_role("radio", name="externalCustomerId").check()
    inspector.page.get_by_role("button", name="OK").click()
    expect(inspector.page.get_by_role("heading", name="Key and secret of Old shop")).to_be_visible()
    inspector.page.reload()
    inspector.look("This was already issued")


def test_pages_of_one_authentication(
    inspect: Callable[[User | None], Inspector], owner: User, account: Account
) -> None:
    inspector = inspect(owner)
    inspector.page.goto(f"/settings/{account.number}/integrations/configurations/")
    for action, heading, wrong in (
        ("End grace now", f"End the old secret of {SHOP}", None),
        ("Rotate", f"Rotate the secret of {SHOP}", ("Hours for which", "1000", "Rotate")),
        ("Change", f"Change {SHOP}", ("Allowed networks", "nowhere", "Save")),
    ):
        inspector.page.get_by_role("link", name=SHOP).first.click()
        inspector.page.get_by_text("Every day as a table").click()
        inspector.look(SHOP)
        inspector.page.get_by_role("link", name=action).click()
        inspector.look(heading)
        if wrong is not None:
            field, answer, button = wrong
            inspector.page.get_by_label(field).fill(answer)
            inspector.page.get_by_role("button", name=button).click()
            expect(inspector.page.locator(".is-invalid")).to_be_visible()
            inspector.look(heading)
        inspector.page.goto(f"/settings/{account.number}/integrations/configurations/")
    inspector.page.get_by_text("1 revoked").click()
    inspector.page.get_by_role("link", name="Old shop").click()
    inspector.look("Old shop")
    assert inspector.problems == []


def test_pages_of_what_an_account_asks(
    inspect: Callable[[User | None], Inspector], owner: User, account: Account
) -> None:
    inspector, base = inspect(owner), f"/settings/{account.number}/integrations/"
    inspector.visit(f"{base}requests/", "Requests")
    license_ = License.objects.for_account(account).get()
    requests.ask_to_deactivate(license=license_, reason="Too dear.", by=SYSTEM)
    inspector.visit(f"{base}requests/", "Requests")
    inspector.page.get_by_role("link", name="New request").click()
    inspector.look(f"Ask {account.partner}")
    inspector.visit(f"{base}requests/", "Requests")
    inspector.page.get_by_role("link", name="Deactivate an integration").click()
    inspector.page.get_by_label("Message").fill("Soon, please.")
    inspector.page.get_by_role("button", name="Send the message").click()
    inspector.look("Deactivate an integration: REST API")
    inspector.page.get_by_role("link", name="Take it back").click()
    inspector.look("Take this request back")
    assert inspector.problems == []


def test_pages_of_imports(inspect: Callable[[User | None], Inspector], owner: User, account: Account) -> None:
    inspector, base = inspect(owner), f"/settings/{account.number}/contacts/imports/"
    inspector.visit(base, "Imports")
    inspector.visit(f"{base}new/", "New import")
    inspector.page.get_by_label("Which system").select_option(index=1)
    inspector.page.locator("input[type=file]").set_input_files(
        {"name": "people.csv", "mimeType": "text/csv", "buffer": IMPORTED}
    )
    inspector.page.get_by_role("button", name="Upload").click()
    inspector.look("What is in people.csv?")
    inspector.page.get_by_label("mail", exact=True).select_option("email")
    expect(inspector.page.get_by_text("Column 2 goes there already.")).to_be_visible()
    inspector.look("What is in people.csv?")
    inspector.page.get_by_role("link", name="Delete the file").click()
    inspector.look("Delete this file")
    inspector.page.keyboard.press("Escape")
    inspector.page.get_by_label("mail", exact=True).select_option("")
    inspector.page.get_by_role("button", name="Start the import").click()
    inspector.look("Import of people.csv")
    inspector.page.get_by_role("link", name="Cancel").click()
    inspector.look("Cancel this import")
    work()
    expect(inspector.page.locator(".standing .pill")).to_have_text("Completed")
    inspector.look("Import of people.csv")
    inspector.visit(base, "Imports")
    check = f"/settings/{account.number}/integrations/collisions/"
    inspector.visit(check, "Collision check")
    inspector.page.get_by_label("Customer numbers").fill("1, a@example.com\n2, a@example.com\n, x\n")
    inspector.page.get_by_role("button", name="Check").click()
    expect(inspector.page.get_by_role("region", name="Result")).to_be_visible()
    inspector.look("Collision check")
    assert inspector.problems == []


def test_pages_about_contacts_and_their_review(
    inspect: Callable[[User | None], Inspector], owner: User, account: Account
) -> None:
    shop, by = (
        System(authentication_for(account, id_field(account, "shopId"), system="Webshop")),
        Actor(label=owner.email),
    )
    base = f"/settings/{account.number}/contacts/"
    inspector = inspect(owner)
    inspector.visit(f"{base}review/", "Review")
    long = "Wolfeschlegelsteinhausenbergerdorff"
    records = [("1", "jan@example.com", "Jan"), ("2", "jan@example.com", long), ("3", "piet@example.com", "Piet")]
    records += [(f"9{n}", f"info{'0' * 40}@example.com", f"N{n}") for n in range(9)]
    shop.batch([{"external_id": pk, "values": {"email": email, "firstName": name}} for pk, email, name in records])
    one, third = shop.find("1")["id"], shop.find("3")["id"]
    items = ReviewItem.objects.for_account(account)
    inspector.visit(f"{base}review/", "Review")
    inspector.visit(f"{base}review/{items.get(contact=one).pk}/", "One or two?")
    inspector.visit(f"{base}review/{items.get(kind='too_common').pk}/", "A value that too many share")
    merges.merge(account=account, survivor_id=UUID(one), loser_id=UUID(third), by=by)
    inspector.visit(f"{base}{one}/", "Jan")
    for link, heading in (
        ("Edit", "Edit Jan"),
        ("Undo…", "Undo the merge"),
        ("Split off… Webshop 3", "Split off Webshop 3"),
        ("Export…", "Export Jan"),
        ("Erase…", "Erase Jan"),
    ):
        inspector.page.get_by_role("link", name=link, exact=True).click()
        inspector.look(heading)
        inspector.page.keyboard.press("Escape")
    inspector.visit(f"{base}{one}/edit/", "Edit Jan")
    inspector.page.get_by_label("E-mail").fill("jan")
    inspector.page.get_by_role("button", name="Save").click()
    expect(inspector.page.get_by_text("Not an e-mail address")).to_be_visible()
    inspector.look("Edit Jan")
    inspector.visit(f"{base}{one}/split/", "Split off an id")
    inspector.visit(f"{base}erasures/", "Erased ids")
    erasure.erase(account=account, contact_id=UUID(one), by=by)
    inspector.visit(f"{base}erasures/", "Erased ids")


def test_pages_about_contacts(inspect: Callable[[User | None], Inspector], owner: User, account: Account) -> None:
    inspector, base = inspect(owner), f"/settings/{account.number}/contacts/"
    inspector.visit(base, "Contacts")
    inspector.visit(f"{base}exports/", "Export")
    values = {"email": f"{'long' * 20}@example.com", "firstName": "Wolfeschlegelsteinhausenbergerdorff"}
    for each in IdField.objects.for_account(account):
        record = Record(f"{each.name}-{'0' * 200}", values)
        sync.write(account_id=account.pk, id_field_id=each.pk, records=[record], origin=sync.Origin(None, "test"))
    inspector.visit(base, "Contacts")
    inspector.visit(f"{base}?q=x", "Nothing begins with “x”")
    inspector.visit(f"{base}exports/", "Export")
    inspector.page.get_by_role("button", name="Export as NDJSON").click()
    inspector.look("Export")
    work()
    inspector.visit(f"{base}exports/", "Export")
    assert inspector.problems == []


def test_pages_before_anything_is_bought(inspect: Callable[[User | None], Inspector], owner: User) -> None:
    account = AccountFactory.create(owner=owner)
    members.add_member(account=AccountFactory.create(), user=owner, role=Role.VIEWER, by=SYSTEM)
    inspector, base = inspect(owner), f"/settings/{account.number}/integrations/"
    inspector.look("Choose an account")
    inspector.visit(base, "Integrations")
    inspector.page.get_by_role("link", name="Activate REST API").focus()
    inspector.page.keyboard.press("Enter")
    inspector.look("Activate REST API")
    inspector.visit(f"{base}configurations/", "Configurations")
    inspector.visit(f"{base}activate/rest-api/", "Activate REST API")
    inspector.page.get_by_role("button", name="Buy the license").click()
    inspector.look("Integrations")
    inspector.visit(f"{base}configurations/", "Configurations")
    assert inspector.problems == []


def test_pages_about_the_person(inspect: Callable[[User | None], Inspector]) -> None:
    stranger = UserFactory.create()
    inspector = inspect(stranger)
    inspector.look("No account yet")
    inspector.page.get_by_text(stranger.get_short_name()).first.click()
    inspector.look("No account yet")
    inspector.visit("/auth/reauthenticate/", "Confirm Access")
    inspector.visit("/auth/2fa/", "Two-Factor Authentication")
    inspector.visit("/auth/2fa/totp/activate/", "Activate Authenticator App")
    inspector.visit("/auth/2fa/webauthn/add/", "Add Security Key")
    TOTP.activate(stranger, generate_totp_secret())
    RecoveryCodes.activate(stranger)
    inspector.visit("/auth/2fa/", "Two-Factor Authentication")
    inspector.visit("/auth/2fa/totp/deactivate/", "Deactivate Authenticator App")
    inspector.visit("/auth/2fa/webauthn/", "Security Keys")
    inspector.visit("/auth/2fa/recovery-codes/", "Recovery Codes")
    inspector.visit("/auth/2fa/recovery-codes/generate/", "Recovery Codes")
    inspector.visit("/auth/sessions/", "Sessions")
    inspector.visit("/auth/password/change/", "Change Password")
    inspector.visit("/auth/logout/", "Sign Out")
    assert inspector.problems == []
