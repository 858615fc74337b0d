"""The partner's pages of who may connect: cancelling, revoking, deciding; the operator's catalogue."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.core import mail
from django.test import Client
from pytest_django import DjangoCaptureOnCommitCallbacks

from accounts.actor import SYSTEM
from accounts.errors import Conflict, ValidationFailed
from accounts.models import Account, AuditEvent
from accounts.services import accounts
from contacts.models import IdField
from integrations import credentials
from integrations.models import Authentication, Integration, License, Price, Request
from integrations.services import authentications, catalogue, requests
from tests.conftest import Cast, SignIn
from tests.factories import rest_api
from tests.rows import Rows
from tests.system import System

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
CANCEL = "/admin/integrations/license/{}/cancel/"
REVOKE = "/admin/integrations/authentication/{}/revoke/"
DECIDE = "/admin/integrations/request/{}/decide/"
MESSAGE = "/admin/integrations/request/{}/message/"


def license_of(account: Account) -> License:
    row: License = License.objects.for_account(account).get()
    return row


class TestCancelling:
    def test_the_page_says_the_instant_in_the_accounts_time_zone(self, agent: Client, cast: Cast, rows: Rows) -> None:
        Account.objects.filter(pk=cast.account.pk).update(time_zone="Pacific/Kiritimati")
        with time_machine.travel(NOW, tick=False):
            page = agent.get(CANCEL.format(rows.license.pk)).content.decode()
        assert "01 Dec 2026 00:00 +14" in page
        assert "2 authentications" in page

    @pytest.mark.parametrize(("when", "end"), [("now", NOW), ("period_end", datetime(2026, 11, 30, 23, tzinfo=UTC))])
    def test_it_ends_when_the_partner_says(
        self, when: str, end: datetime, agent: Client, cast: Cast, rows: Rows
    ) -> None:
        License.objects.for_account(cast.account).update(active_from=NOW)
        with time_machine.travel(NOW, tick=False):
            answer = agent.post(CANCEL.format(rows.license.pk), {"when": when, "reason": "They asked."})
        assert answer["Location"] == f"/admin/integrations/license/{rows.license.pk}/change/"
        cancelled = license_of(cast.account)
        assert (cancelled.active_until, cancelled.cancelled_by) == (end, cast.agent.email)
        assert cancelled.cancel_reason == "They asked."
        event = AuditEvent.objects.filter(action="license.cancelled").get()
        assert (event.account_id, event.actor_user_id) == (cast.account.pk, cast.agent.pk)

    def test_without_a_reason_or_a_moment_nothing_happens(self, agent: Client, cast: Cast, rows: Rows) -> None:
        for answers, wrong in (
            ({"when": "now", "reason": "  "}, {"reason"}),
            ({"when": "", "reason": "x"}, {"when"}),
            ({"when": "tomorrow", "reason": "x"}, {"when"}),
            ({}, {"when", "reason"}),
        ):
            page = agent.post(CANCEL.format(rows.license.pk), answers)
            assert page.context["form"].errors.keys() == wrong
        assert license_of(cast.account).active_until is None

    def test_what_has_ended_is_not_cancelled_again(self, agent: Client, cast: Cast, rows: Rows) -> None:
        agent.post(CANCEL.format(rows.license.pk), {"when": "now", "reason": "First."})
        for method in ("get", "post"):
            answer = getattr(agent, method)(CANCEL.format(rows.license.pk), {"when": "now", "reason": "Second."})
            assert answer.status_code == 302
        assert license_of(cast.account).cancel_reason == "First."
        page = agent.get(f"/admin/integrations/license/{rows.license.pk}/change/").content.decode()
        assert "/cancel/" not in page

    def test_a_refusal_that_comes_with_the_click_is_shown(
        self, agent: Client, cast: Cast, rows: Rows, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Two partners at once: the other one was faster, after this one's page was checked."""
        agent.post(CANCEL.format(rows.license.pk), {"when": "now", "reason": "First."})
        monkeypatch.setattr("integrations.admin.licenses.CancelLicense.possible", lambda *_: True)
        page = agent.post(CANCEL.format(rows.license.pk), {"when": "now", "reason": "Second."})
        assert page.context["form"].errors == {"__all__": ["This license has ended already."]}

    def test_another_partners_license_stays(self, cast: Cast, rows: Rows, sign_in: SignIn) -> None:
        for user in (cast.other_agent, cast.stray, cast.owner):
            answer = sign_in(user).post(CANCEL.format(rows.license.pk), {"when": "now", "reason": "Mine."})
            assert answer.status_code in {302, 403, 404}
        assert license_of(cast.account).active_until is None

    def test_the_list_is_filtered_by_state(self, agent: Client, rows: Rows) -> None:
        def counts() -> list[int]:
            lists = [agent.get("/admin/integrations/license/", {"state": s}) for s in ("active", "ending", "ended")]
            return [listed.context["cl"].queryset.count() for listed in lists]

        assert counts() == [1, 0, 0]
        agent.post(CANCEL.format(rows.license.pk), {"when": "period_end", "reason": "x"})
        assert counts() == [1, 1, 0]
        with time_machine.travel(license_of(rows.account).active_until or NOW, tick=False):
            assert counts() == [0, 0, 1]

    def test_a_cancellation_can_be_taken_back_until_the_end(self, agent: Client, cast: Cast, rows: Rows) -> None:
        keep = CANCEL.replace("cancel", "keep").format(rows.license.pk)
        page = agent.get(CANCEL.format(rows.license.pk)).content.decode()
        assert rows.issued.authentication.key in page
        agent.post(CANCEL.format(rows.license.pk), {"when": "period_end", "reason": "They asked."})
        assert "They asked." in agent.get(keep).content.decode()
        assert agent.post(keep).status_code == 302
        assert license_of(cast.account).active_until is None
        agent.post(CANCEL.format(rows.license.pk), {"when": "now", "reason": "They asked."})
        assert agent.post(keep).status_code == 302
        assert license_of(cast.account).active_until is not None


class TestSuspending:
    SUSPEND = "/admin/accounts/account/{}/suspend/"
    RESUME = "/admin/accounts/account/{}/resume/"

    def test_every_key_is_refused_until_it_is_resumed(
        self,
        agent: Client,
        cast: Cast,
        rows: Rows,
        django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
    ) -> None:
        system, told = System(rows.issued), []
        for address, answers, status in (
            (self.SUSPEND, {"reason": "Not paid."}, 403),
            (self.SUSPEND, {"reason": "Again."}, 403),
            (self.RESUME, {}, 200),
            (self.RESUME, {}, 200),
        ):
            with django_capture_on_commit_callbacks(execute=True):
                assert agent.post(address.format(cast.account.pk), answers).status_code == 302
            told.append(len(mail.outbox))
            assert system.call("GET", "/me").status_code == status
        assert told == [1, 1, 2, 2]
        assert "Not paid." in mail.outbox[0].body
        events = AuditEvent.objects.filter(
            account_id=cast.account.pk, action__in=("account.suspended", "account.resumed")
        )
        assert [event.actor_user_id for event in events] == [cast.agent.pk, cast.agent.pk]

    def test_it_needs_a_reason(self, agent: Client, cast: Cast) -> None:
        page = agent.post(self.SUSPEND.format(cast.account.pk), {"reason": " "})
        assert page.context["form"].errors.keys() == {"reason"}
        cast.account.refresh_from_db()
        assert cast.account.suspended_at is None

    def test_of_two_at_once_the_second_is_told(self, cast: Cast) -> None:
        accounts.suspend(account=cast.account, reason="x", by=SYSTEM)
        with pytest.raises(Conflict, match="suspended already"):
            accounts.suspend(account=cast.account, reason="x", by=SYSTEM)
        accounts.resume(account=cast.account, by=SYSTEM)
        with pytest.raises(Conflict, match="not suspended"):
            accounts.resume(account=cast.account, by=SYSTEM)
        with pytest.raises(ValidationFailed):
            accounts.suspend(account=cast.account, reason=" ", by=SYSTEM)


class TestRevoking:
    def test_it_is_asked_before_and_then_final(self, agent: Client, cast: Cast, rows: Rows) -> None:
        key = rows.issued.authentication
        page = agent.get(REVOKE.format(key.pk)).content.decode()
        assert "for good" in page
        assert Authentication.objects.for_account(cast.account).live().count() == 2
        assert agent.post(REVOKE.format(key.pk)).status_code == 302
        [live] = Authentication.objects.for_account(cast.account).live()
        assert live == rows.read_only.authentication
        revoked = Authentication.objects.for_account(cast.account).get(pk=key.pk)
        assert revoked.revoked_by == cast.agent.email
        assert agent.get(REVOKE.format(key.pk)).status_code == 302

    def test_no_page_shows_what_a_secret_is_made_of(self, cast: Cast, rows: Rows, sign_in: SignIn) -> None:
        key = rows.issued.authentication
        digest = bytes(Authentication.objects.for_account(cast.account).get(pk=key.pk).secret_digest)
        secrets = (rows.issued.secret, digest.hex(), str(digest), str(digest)[2:-1], "digest", "pepper")
        for user in (cast.agent, cast.operator):
            client = sign_in(user)
            for path in ("", f"{key.pk}/change/", f"{key.pk}/history/", f"{key.pk}/revoke/"):
                page = client.get(f"/admin/integrations/authentication/{path}").content.decode()
                assert key.key in page or "history" in path
                assert not [secret for secret in secrets if secret in page]
        assert credentials.SECRET.fullmatch(rows.issued.secret)

    def test_the_page_tells_access_and_last_use(self, agent: Client, cast: Cast, rows: Rows) -> None:
        keys = Authentication.objects.for_account(cast.account)
        keys.filter(pk=rows.read_only.authentication.pk).update(last_used_at=NOW, last_used_ip="192.0.2.7")
        page = agent.get("/admin/integrations/authentication/").content.decode()
        assert "23 Nov 2026 13:00 CET from 192.0.2.7" in page
        assert "Read only" in page

    def test_the_page_tells_its_name_end_and_networks_to_read(self, agent: Client, cast: Cast, rows: Rows) -> None:
        row, end = rows.issued.authentication, NOW + timedelta(days=36500)
        access = authentications.Access("Till 7", expires_at=end, allowed_networks=["192.0.2.0/24"])
        authentications.change(authentication=row, access=access, by=SYSTEM)
        rotated = authentications.rotate(authentication=row, secret_version=1, by=SYSTEM)
        stored = Authentication.objects.for_account(cast.account).get(pk=row.pk)
        page = agent.get(f"/admin/integrations/authentication/{row.pk}/change/").content.decode()
        for told in ("Till 7", "192.0.2.0/24", f"{end:%d %b %Y}", "Old secret refused from"):
            assert told in page
        digests = [bytes(each) for each in (stored.secret_digest, stored.previous_digest)]
        for secret in (rotated.secret, *(each.hex() for each in digests), *map(str, digests)):
            assert secret not in page
        assert "<input" not in page.partition("Till 7")[2].partition("submit-row")[0]


class TestDeciding:
    def decide(self, client: Client, rows: Rows, **answers: str) -> Any:
        return client.post(DECIDE.format(rows.request.pk), answers)

    @pytest.mark.parametrize(
        ("decision", "status"), [("now", "approved"), ("period_end", "approved"), ("decline", "declined")]
    )
    def test_the_partner_decides_with_an_answer(
        self, decision: str, status: str, agent: Client, cast: Cast, rows: Rows
    ) -> None:
        assert self.decide(agent, rows, decision=decision, answer="As you wish.").status_code == 302
        request = Request.objects.for_account(cast.account).get()
        assert (request.status, request.answer, request.decided_by) == (status, "As you wish.", cast.agent.email)
        until = license_of(cast.account).active_until
        assert (until is None) == (decision == "decline")
        if until is not None:
            assert (until <= datetime.now(UTC)) == (decision == "now")

    def test_what_is_cancelled_already_may_end_sooner_and_no_later(self, agent: Client, cast: Cast, rows: Rows) -> None:
        agent.post(CANCEL.format(rows.license.pk), {"when": "period_end", "reason": "They called."})
        same = agent.post(CANCEL.format(rows.license.pk), {"when": "period_end", "reason": "Again."})
        assert "has cancelled this license already" in same.context["form"].errors["__all__"][0]
        assert license_of(cast.account).cancel_reason == "They called."
        assert self.decide(agent, rows, decision="now", answer="As you wish.").status_code == 302
        ended = license_of(cast.account)
        assert ended.active_until is not None
        assert ended.active_until <= datetime.now(UTC)
        assert AuditEvent.objects.filter(action="license.cancelled").count() == 2

    def test_of_what_has_ended_already_nothing_happens_twice(self, agent: Client, cast: Cast, rows: Rows) -> None:
        agent.post(CANCEL.format(rows.license.pk), {"when": "now", "reason": "They called."})
        assert self.decide(agent, rows, decision="now", answer="It has ended.").status_code == 302
        assert Request.objects.for_account(cast.account).get().status == Request.Status.APPROVED
        assert AuditEvent.objects.filter(action="license.cancelled").count() == 1

    def test_without_an_answer_or_a_decision_it_stays_open(self, agent: Client, cast: Cast, rows: Rows) -> None:
        assert self.decide(agent, rows, decision="now", answer="").context["form"].errors.keys() == {"answer"}
        assert self.decide(agent, rows, decision="", answer="x").context["form"].errors.keys() == {"decision"}
        assert Request.objects.for_account(cast.account).get().status == Request.Status.OPEN

    def test_a_decided_request_is_not_decided_again(self, agent: Client, cast: Cast, rows: Rows) -> None:
        self.decide(agent, rows, decision="decline", answer="No.")
        assert self.decide(agent, rows, decision="now", answer="Yes.").status_code == 302
        assert Request.objects.for_account(cast.account).get().answer == "No."
        assert license_of(cast.account).active_until is None

    def test_another_partner_does_not_decide(self, cast: Cast, rows: Rows, sign_in: SignIn) -> None:
        assert self.decide(sign_in(cast.other_agent), rows, decision="now", answer="x").status_code == 404
        assert Request.objects.for_account(cast.account).get().status == Request.Status.OPEN

    def test_an_extra_id_field_is_named_and_made(self, agent: Client, cast: Cast, rows: Rows) -> None:
        asked = requests.ask(account=cast.account, kind="id_field", system="Web-shop 2 NL", reason="New.", by=SYSTEM)
        page = agent.get(DECIDE.format(asked.pk)).content.decode()
        assert 'value="webShop2NLCustomerId"' in page
        assert "Web-shop 2 NL customer id" in page
        answers = {"decision": "approve", "name": "externalCustomerId", "label": "", "answer": "Here it is."}
        refused = agent.post(DECIDE.format(asked.pk), answers)
        assert refused.context["form"].errors.keys() == {"name"}
        assert agent.post(DECIDE.format(asked.pk), {**answers, "name": "secondShopId"}).status_code == 302
        asked.refresh_from_db()
        assert asked.id_field == IdField.objects.for_account(cast.account).get(name="secondShopId")
        assert "secondShopId" in agent.get(f"/admin/integrations/request/{asked.pk}/change/").content.decode()

    @pytest.mark.parametrize("kind", ["rules", "advice"])
    def test_other_requests_are_answered(self, kind: str, agent: Client, cast: Cast, rows: Rows) -> None:
        asked = requests.ask(account=cast.account, kind=kind, reason="Help.", by=SYSTEM)
        assert agent.post(DECIDE.format(asked.pk), {"decision": "approve", "answer": "Done."}).status_code == 302
        asked.refresh_from_db()
        assert (asked.status, asked.answer) == ("approved", "Done.")

    def test_partner_and_account_write_to_each_other(self, agent: Client, cast: Cast, rows: Rows) -> None:
        address = MESSAGE.format(rows.request.pk)
        assert agent.post(address, {"text": " "}).context["form"].errors.keys() == {"text"}
        assert agent.post(address, {"text": "Since <when>?"}).status_code == 302
        requests.write(request=rows.request, text="Since May.", from_partner=False, by=SYSTEM)
        for page in (DECIDE.format(rows.request.pk), f"/admin/integrations/request/{rows.request.pk}/change/"):
            told = agent.get(page).content.decode()
            assert "Since &lt;when&gt;?" in told
            assert "Since May." in told
        assert rows.request.messages.get(from_partner=True).written_by == cast.agent.email

    def test_of_two_who_decide_at_once_the_second_is_told(
        self, agent: Client, cast: Cast, rows: Rows, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Both had the form open; the second's click comes after the first's decision."""
        requests.decide(request=rows.request, approve=False, answer="No.", by=SYSTEM)
        monkeypatch.setattr("integrations.admin.requests.DecideRequest.possible", lambda *_: True)
        answer = self.decide(agent, rows, decision="now", answer="Yes.")
        assert "This request is declined already." in answer.content.decode()
        assert license_of(cast.account).active_until is None

    def test_open_requests_come_first(self, agent: Client, cast: Cast, rows: Rows) -> None:
        kinds = {"kind": Request.Kind.DEACTIVATE, "license": rows.license, "reason": "x", "requested_by": "x"}
        decided = Request.objects.for_account(cast.account).create(
            **kinds, status=Request.Status.DECLINED, decided_at=NOW, decided_by="x", answer="x"
        )
        listed = agent.get("/admin/integrations/request/")
        assert [request.pk for request in listed.context["cl"].result_list] == [rows.request.pk, decided.pk]
        assert listed.content.decode().count(">Decide…<") == 1


class TestTheCatalogue:
    @pytest.fixture
    def client(self, cast: Cast, sign_in: SignIn) -> Client:
        return sign_in(cast.operator)

    def save(self, client: Client, path: str, prices: list[tuple[Price | None, str, str]], **answers: Any) -> Any:
        sent = {"code": "x", "name": "X", "description": "Does x.", "position": "1", **answers}
        sent |= {"prices-TOTAL_FORMS": len(prices), "prices-INITIAL_FORMS": sum(row is not None for row, *_ in prices)}
        for number, (row, currency, amount) in enumerate(prices):
            sent |= {f"prices-{number}-currency": currency, f"prices-{number}-amount": amount}
            sent |= {f"prices-{number}-id": row.pk, f"prices-{number}-integration": row.integration_id} if row else {}
            sent |= {f"prices-{number}-DELETE": "on"} if amount == "" else {}
        return client.post(f"/admin/integrations/integration/{path}", sent)

    def test_operators_add_an_integration_with_its_prices(self, client: Client, cast: Cast) -> None:
        assert self.save(client, "add/", [(None, "EUR", "10.50")]).status_code == 302
        added = Integration.objects.get(code="x")
        assert (added.name, added.is_available, added.prices.get().amount) == ("X", False, Decimal("10.50"))
        actions = AuditEvent.objects.filter(object_id=str(added.pk), actor=cast.operator.email)
        assert {event.action for event in actions} >= {"integration.added", "integration.priced"}

    def test_operators_change_prices_and_what_runs_keeps_its_own(self, client: Client, rows: Rows) -> None:
        integration = rest_api()
        euro = integration.prices.get()
        path = f"{integration.pk}/change/"
        answers = {"code": integration.code, "name": integration.name, "is_available": "on"}
        assert self.save(client, path, [(euro, "EUR", "60"), (None, "USD", "70")], **answers).status_code == 302
        assert dict(integration.prices.values_list("currency", "amount")) == {"EUR": 60, "USD": 70}
        assert rows.license.charge.amount_per_month == Decimal("49.00")
        dollar = integration.prices.get(currency="USD")
        assert self.save(client, path, [(euro, "EUR", "60"), (dollar, "USD", "")], **answers).status_code == 302
        assert dict(integration.prices.values_list("currency", "amount")) == {"EUR": 60}

    def test_a_taken_code_and_a_price_below_zero_are_refused(self, client: Client) -> None:
        rest_api()
        taken = self.save(client, "add/", [], code=Integration.REST_API)
        assert taken.context["adminform"].form.errors.keys() == {"code"}
        assert self.save(client, "add/", [(None, "EUR", "-1")]).status_code == 200
        assert not Integration.objects.filter(code="x").exists()

    def test_saving_the_same_leaves_no_trace(self, cast: Cast) -> None:
        integration = rest_api()
        count = AuditEvent.objects.count()
        names = ("code", "name", "description", "is_available", "position")
        same = {name: getattr(integration, name) for name in names}
        catalogue.save_integration(integration=integration, **same, by=SYSTEM)
        prices = dict(integration.prices.values_list("currency", "amount"))
        catalogue.set_prices(integration=integration, prices=prices, by=SYSTEM)
        assert AuditEvent.objects.count() == count
