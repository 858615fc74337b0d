"""The pages under Integrations: what they show to whom, and what they refuse."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.test import Client
from django.urls import reverse

from accounts.actor import SYSTEM
from accounts.models import Account, Role
from accounts.services import members
from integrations.models import Authentication, Integration, License, Price, Request
from integrations.services import licenses, requests
from tests.conftest import Cast, SignIn
from tests.factories import (
    PASSWORD,
    AccountFactory,
    authentication_for,
    id_field,
    license_for,
    rest_api,
)
from tests.integrations.pages import HTMX, answers, error_of, path

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 10, 11, 0, tzinfo=UTC)
"""In Amsterdam, where the accounts are, it is twelve."""


def overview(client: Client, account: Account) -> str:
    """The overview's text, without its tags."""
    page = client.get(path("overview", account)).text
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def actions(page: str) -> set[str]:
    """What the links and buttons of a page lead to, among what may be done here."""
    return set(re.findall(r"/(activate|deactivate|new|revoke)/", page))


class TestWhoSeesWhat:
    @pytest.mark.parametrize("who", ["owner", "admin"])
    def test_those_who_manage_find_every_action(self, who: str, cast: Cast, sign_in: SignIn) -> None:
        rest_api()
        client = sign_in(getattr(cast, who))
        assert actions(client.get(path("overview", cast.account)).text) == {"activate"}
        authentication_for(cast.account)
        assert actions(client.get(path("overview", cast.account)).text) == {"deactivate"}
        assert actions(client.get(path("configurations", cast.account)).text) == {"new", "revoke"}

    def test_a_viewer_sees_all_and_is_offered_nothing(self, cast: Cast, sign_in: SignIn) -> None:
        rest_api()
        client = sign_in(cast.viewer)
        assert "Not active" in overview(client, cast.account)
        assert actions(client.get(path("overview", cast.account)).text) == set()
        assert actions(client.get(path("configurations", cast.account)).text) == set()
        issued = authentication_for(cast.account)
        page = client.get(path("configurations", cast.account)).text
        assert issued.authentication.key in page
        assert actions(page) == set()
        assert actions(client.get(path("overview", cast.account)).text) == set()

    def test_a_viewer_who_posts_all_the_same_changes_nothing(self, cast: Cast, recent: Any) -> None:
        rest_api()
        client = recent(cast.viewer)
        assert client.post(path("activate", cast.account, code="rest-api")).status_code == 403
        assert not License.objects.for_account(cast.account).exists()
        row = authentication_for(cast.account).authentication
        page = client.post(path("authentication-revoke", cast.account, pk=row.pk), {"name": "Shop"})
        assert page.status_code == 403
        row.refresh_from_db()
        assert row.revoked_at is None

    @pytest.mark.parametrize("others", [0, 1])
    def test_the_switcher_is_there_for_who_has_several_accounts(self, others: int, cast: Cast, sign_in: Any) -> None:
        for _ in range(others):
            members.add_member(account=AccountFactory.create(), user=cast.owner, role=Role.VIEWER, by=SYSTEM)
        page = sign_in(cast.owner).get(path("overview", cast.account)).text
        assert ("switch to another account" in page) is bool(others)


class TestOverview:
    def test_a_license_is_followed_from_its_purchase_to_its_end(self, cast: Cast, owner: Client) -> None:
        with time_machine.travel(NOON, tick=False):
            assert "Not active" in overview(owner, cast.account)
            license_ = license_for(cast.account)
            assert "Active since 10 Mar 2026" in overview(owner, cast.account)
            licenses.cancel(license=license_, at_period_end=True, reason="No longer used.", by=SYSTEM)
            page = overview(owner, cast.account)
            assert "Ends on" in page
            assert "“No longer used.”" in page
        with time_machine.travel(NOON + timedelta(days=40), tick=False):
            license_.refresh_from_db()
            page = overview(owner, cast.account)
            assert "Cancelled" in page
            assert "Activate" in page

    def test_a_license_that_goes_on_says_nothing_of_its_cancellation(self, cast: Cast, owner: Client) -> None:
        license_ = license_for(cast.account)
        licenses.cancel(license=license_, at_period_end=True, reason="No longer used.", by=SYSTEM)
        offer = owner.get(path("activate", cast.account, code="rest-api")).text
        assert "Charged for going on" in offer
        assert "Charged today" not in offer
        licenses.buy(account=cast.account, integration=license_.integration, by=SYSTEM)
        assert "No longer used." not in overview(owner, cast.account)

    def test_days_are_those_of_the_account(self, cast: Cast, owner: Client) -> None:
        with time_machine.travel(datetime(2026, 3, 10, 23, 30, tzinfo=UTC), tick=False):
            license_for(cast.account)
            assert "Active since 11 Mar 2026" in overview(owner, cast.account)

    def test_a_suspended_license_can_not_be_bought_again(self, cast: Cast, owner: Client) -> None:
        license_ = license_for(cast.account)
        license_.suspended_at, license_.suspended_by = license_.active_from, "operator"
        license_.save()
        assert "Suspended" in overview(owner, cast.account)
        assert "activate" not in actions(owner.get(path("overview", cast.account)).text)

    def test_what_is_announced_has_no_price_and_no_button(self, cast: Cast, owner: Client) -> None:
        Integration.objects.create(code="files", name="File exchange", description="Contacts as files.", position=9)
        page = owner.get(path("overview", cast.account)).text
        assert "Announced" in page
        assert path("activate", cast.account, code="files") not in page

    def test_without_a_price_in_the_accounts_currency_it_says_so(self, cast: Cast, owner: Client) -> None:
        Price.objects.filter(currency=cast.account.currency).delete()
        assert "No price in EUR" in overview(owner, cast.account)
        response = owner.get(path("activate", cast.account, code="rest-api"))
        assert response.status_code == 409
        assert "has no price in EUR" in response.text

    def test_what_became_of_a_request_is_told(self, cast: Cast, owner: Client) -> None:
        with time_machine.travel(NOON, tick=False):
            request = requests.ask_to_deactivate(license=license_for(cast.account), reason="Too dear.", by=SYSTEM)
            page = overview(owner, cast.account)
            assert f"with {cast.partner.name} since 10 March 2026" in page
            assert "Deactivate" not in page
            requests.decide(request=request, approve=False, answer="Call us <first>.", by=SYSTEM)
        page = owner.get(path("overview", cast.account)).text
        assert "“Call us &lt;first&gt;.”" in page
        assert "deactivate" in actions(page)


class TestDialogs:
    """Every dialog is a page; htmx gets the part that goes into the dialog."""

    def dialogs(self, account: Account) -> Mapping[str, str]:
        """The path of each, and a sentence that is in it."""
        row = authentication_for(account).authentication
        license_ = License.objects.for_account(account).get()
        id_field(account)
        return {
            path("deactivate", account, pk=license_.pk): "Contact your partner to deactivate",
            path("authentication-new", account): "Which field does it link to?",
            path("authentication-revoke", account, pk=row.pk): "Type Shop to confirm",
            path("authentication-rotate", account, pk=row.pk): "You get a new secret",
            path("authentication-change", account, pk=row.pk): "Allowed networks",
            path("authentication-end-grace", account, pk=row.pk): "No old secret works any more",
        }

    def test_by_itself_and_as_part_of_a_page(self, cast: Cast, owner: Client) -> None:
        dialogs = {path("activate", cast.account, code="rest-api"): "Charged today"}
        for each, sentence in dialogs.items():
            self.check(owner, each, sentence)
        for each, sentence in self.dialogs(cast.account).items():
            self.check(owner, each, sentence)

    def check(self, client: Client, dialog: str, sentence: str) -> None:
        whole, part = client.get(dialog), client.get(dialog, headers=HTMX)
        assert whole.status_code == part.status_code == 200
        assert sentence in whole.text
        assert sentence in part.text
        assert "<html" in whole.text
        assert "<html" not in part.text
        assert part.text.count('id="dialog-title"') == 1
        # One address, two answers: no cache may hand out the one for the other
        assert "HX-Request" in part["Vary"]
        assert "HX-Request" in whole["Vary"]

    def test_a_recent_sign_in_is_asked_for_before_the_questions(
        self, cast: Cast, owner: Client, sign_in: SignIn
    ) -> None:
        license_for(cast.account)
        stale, dialog = sign_in(cast.owner), path("authentication-new", cast.account)
        asked = f"{reverse('account_reauthenticate')}?next={dialog.replace('/', '%2F')}"
        assert stale.get(dialog)["Location"] == asked
        part = stale.get(dialog, headers=HTMX)
        assert (part.status_code, part["HX-Redirect"], part.content) == (200, asked, b"")
        assert stale.post(dialog, answers(owner, cast.account))["Location"] == asked
        assert not Authentication.objects.for_account(cast.account).exists()
        stale.post(asked, {"password": PASSWORD})
        assert stale.get(dialog).status_code == 200

    def test_a_dialog_that_did_its_work_is_told_where_to_go(self, cast: Cast, owner: Client) -> None:
        bought = owner.post(path("activate", cast.account, code="rest-api"), headers=HTMX)
        assert (bought.status_code, bought.content) == (200, b"")
        assert bought["HX-Redirect"] == path("overview", cast.account)
        overview = owner.get(bought["HX-Redirect"]).text
        assert "REST API is activated." in overview
        assert f'<a href="{path("authentication-new", cast.account)}">make an authentication</a>' in overview

    def test_the_recent_sign_in_ages(self, cast: Cast, owner: Client) -> None:
        license_for(cast.account)
        age = timedelta(seconds=settings.ACCOUNT_REAUTHENTICATION_TIMEOUT)
        with time_machine.travel(datetime.now(UTC) + age - timedelta(minutes=1)):
            assert owner.get(path("authentication-new", cast.account)).status_code == 200
        with time_machine.travel(datetime.now(UTC) + age + timedelta(minutes=1)):
            assert owner.get(path("authentication-new", cast.account)).status_code == 302


class TestBuying:
    def test_a_second_purchase_is_refused_with_a_reason(self, cast: Cast, owner: Client) -> None:
        address = path("activate", cast.account, code="rest-api")
        assert "is activated" in owner.post(address, follow=True).text
        assert "has a license already" in owner.post(address, follow=True).text
        assert License.objects.for_account(cast.account).count() == 1

    def test_an_integration_that_does_not_exist_is_not_found(self, cast: Cast, owner: Client) -> None:
        assert owner.post(path("activate", cast.account, code="nothing")).status_code == 404

    def test_a_request_needs_a_reason(self, cast: Cast, owner: Client) -> None:
        address = path("deactivate", cast.account, pk=license_for(cast.account).pk)
        response = owner.post(address, {"reason": "  "})
        assert response.status_code == 422
        assert "Say why" in error_of("reason", response.text)
        assert not Request.objects.for_account(cast.account).exists()

    def test_a_second_request_is_refused_with_a_reason(self, cast: Cast, owner: Client) -> None:
        address = path("deactivate", cast.account, pk=license_for(cast.account).pk)
        assert f"with {cast.partner.name}" in owner.post(address, {"reason": "Too dear."}, follow=True).text
        response = owner.post(address, {"reason": "Too dear."})
        assert response.status_code == 422
        assert "has this request already" in response.text
        assert Request.objects.for_account(cast.account).count() == 1


class TestRequests:
    def ask(self, client: Client, account: Account, **answers: str) -> Any:
        said = {"kind": "id_field", "system": "Till", "reason": "A new till.", **answers}
        return client.post(path("request-new", account), said, follow=True)

    def test_what_is_asked_is_followed_to_its_answer(self, cast: Cast, owner: Client) -> None:
        assert "You have asked nothing yet" in owner.get(path("requests", cast.account)).text
        page = self.ask(owner, cast.account).text
        assert f"Your request is with {cast.partner.name}" in page
        asked = Request.objects.for_account(cast.account).get()
        assert "An extra id field: Till" in owner.get(path("requests", cast.account)).text
        requests.write(request=asked, text="Which <till>?", from_partner=True, by=SYSTEM)
        answered = owner.post(path("request", cast.account, pk=asked.pk), {"text": "The new one."}, follow=True).text
        assert answered.index("Which &lt;till&gt;?") < answered.index("The new one.")
        requests.decide(request=asked, approve=True, name="tillCustomerId", answer="Here.", by=SYSTEM)
        done = owner.get(path("request", cast.account, pk=asked.pk)).text
        assert "Approved" in done
        assert "tillCustomerId" in done
        assert path("request-withdraw", cast.account, pk=asked.pk) not in done
        late = owner.post(path("request", cast.account, pk=asked.pk), {"text": "Thanks."}, follow=True)
        assert "This request is approved already." in late.text

    def test_an_empty_message_is_not_sent(self, cast: Cast, owner: Client) -> None:
        self.ask(owner, cast.account)
        asked = Request.objects.for_account(cast.account).get()
        response = owner.post(path("request", cast.account, pk=asked.pk), {"text": " "})
        assert (response.status_code, error_of("text", response.text) != "") == (422, True)
        assert not asked.messages.exists()

    @pytest.mark.parametrize("field", ["kind", "system", "reason"])
    def test_what_is_missing_is_said_at_its_question(self, cast: Cast, owner: Client, field: str) -> None:
        response = self.ask(owner, cast.account, **{field: " "})
        assert response.status_code == 422
        assert error_of(field, response.text)
        assert [name for name in ("kind", "system", "reason") if error_of(name, response.text)] == [field]
        assert not Request.objects.for_account(cast.account).exists()

    def test_the_system_is_asked_for_where_it_matters(self, cast: Cast, owner: Client) -> None:
        assert self.ask(owner, cast.account, kind="advice", system="").status_code == 200
        assert Request.objects.for_account(cast.account).get().system == ""

    def test_new_authentication_leads_to_the_request(self, cast: Cast, recent: Any) -> None:
        license_for(cast.account)
        client = recent(cast.owner)
        address = f"{path('request-new', cast.account)}?kind=id_field"
        assert f'href="{address}"' in client.get(path("authentication-new", cast.account)).text
        assert re.search(r'value="id_field"[^>]*checked|checked[^>]*value="id_field"', client.get(address).text)

    def test_a_request_is_taken_back_once(self, cast: Cast, owner: Client) -> None:
        self.ask(owner, cast.account)
        asked = Request.objects.for_account(cast.account).get()
        address = path("request-withdraw", cast.account, pk=asked.pk)
        assert "is told that there is nothing left to decide" in owner.get(address).text
        assert "You took the request back" in owner.post(address, follow=True).text
        assert "withdrawn already" in owner.post(address, follow=True).text
        assert "Taken back" in owner.get(path("request", cast.account, pk=asked.pk)).text

    def test_a_viewer_reads_and_asks_nothing(self, cast: Cast, owner: Client, sign_in: SignIn) -> None:
        self.ask(owner, cast.account)
        asked = Request.objects.for_account(cast.account).get()
        viewer = sign_in(cast.viewer)
        page = viewer.get(path("request", cast.account, pk=asked.pk)).text
        assert "A new till." in page
        assert "<textarea" not in page
        for name, more in (("request-new", {}), ("request", {"pk": asked.pk}), ("request-withdraw", {"pk": asked.pk})):
            assert viewer.post(path(name, cast.account, **more), {"text": "x"}).status_code == 403

    def test_pages_of_a_long_list(self, cast: Cast, owner: Client) -> None:
        for number in range(51):
            requests.ask(account=cast.account, kind="advice", reason=f"Help {number}.", by=SYSTEM)
        assert "?page=2" in owner.get(path("requests", cast.account)).text
        assert "?page=1" in owner.get(path("requests", cast.account) + "?page=2").text


class TestConfigurations:
    def test_use_is_told_with_time_and_address(self, cast: Cast, owner: Client) -> None:
        row = authentication_for(cast.account, system="Till").authentication
        page = owner.get(path("configurations", cast.account)).text
        assert "Never" in page
        row.last_used_at, row.last_used_ip = NOON, "192.0.2.7"
        row.save()
        page = owner.get(path("configurations", cast.account)).text
        assert "10 Mar 2026, 12:00" in page
        assert 'from <span class="whole">192.0.2.7</span>' in page

    def test_revoking_asks_for_the_systems_name(self, cast: Cast, owner: Client) -> None:
        row = authentication_for(cast.account, system="Till").authentication
        address = path("authentication-revoke", cast.account, pk=row.pk)
        response = owner.post(address, {"name": "Shop"})
        assert response.status_code == 422
        assert "Type Till" in error_of("name", response.text)
        row.refresh_from_db()
        assert row.revoked_at is None
        with time_machine.travel(datetime.now(UTC) + timedelta(seconds=5)):
            page = owner.post(address, {"name": "Till"}, follow=True).text
        assert "is revoked" in page
        assert f"by {cast.owner.email}" in page
        assert "1 revoked" in re.sub(r"\s+", " ", page)
        assert "It was revoked already" in owner.get(address).text

    def test_an_empty_list_says_what_it_is_for(self, cast: Cast, owner: Client) -> None:
        license_for(cast.account)
        assert "No system is connected yet" in owner.get(path("configurations", cast.account)).text


def test_another_accounts_rows_are_not_found(cast: Cast, owner: Client) -> None:
    theirs = authentication_for(cast.other_account).authentication
    license_ = License.objects.for_account(cast.other_account).get()
    for address in (
        *(path(f"authentication-{what}", cast.account, pk=theirs.pk) for what in ("revoke", "rotate", "change")),
        path("authentication-end-grace", cast.account, pk=theirs.pk),
        path("deactivate", cast.account, pk=license_.pk),
    ):
        assert owner.get(address).status_code == 404
        assert owner.post(address, {"name": "Shop", "reason": "Theirs."}).status_code == 404
    theirs.refresh_from_db()
    assert theirs.revoked_at is None
