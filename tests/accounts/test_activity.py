"""An account's activity: what people read of it, how they filter it, and that it stays theirs."""

import csv
import io
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts import activity, queries_activity
from accounts.actor import SYSTEM
from accounts.models import Account, AuditEvent
from accounts.queries_activity import Filters
from contacts.models import Contact
from contacts.services import merges
from tests.conftest import Cast, SignIn
from tests.factories import AccountFactory, authentication_for
from tests.rows import furnish
from tests.system import System

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def event(account: Account, **said: Any) -> AuditEvent:
    usual: dict[str, Any] = {
        "actor": "anna@example.com",
        "action": "license.bought",
        "object_id": "7",
        "object_label": "REST API",
    }
    return AuditEvent.objects.create(account_id=account.pk, **{"at": NOON, **usual, **said})


class TestWords:
    @pytest.mark.parametrize(
        ("code", "said"),
        [
            ("license.bought", "License bought"),
            ("id_field.retired", "Id field retired"),
            ("contact.seen_by_partner", "Contact seen by partner"),
            ("odd", "Odd"),
        ],
    )
    def test_actions_are_said_in_words(self, code: str, said: str) -> None:
        assert activity.words(code) == said

    def test_changes_are_readable(self) -> None:
        before = {"role": "viewer", "same": 1, "active_until": None, "gone": ["a", "b"], "never": ""}
        after = {"role": "owner", "same": 1, "active_until": "2026-11-23T12:00:00Z", "read_only": False, "x": {"a": 1}}
        after |= {"never": None, "nothing": [], "rules": [["email"], ["name", "city"]]}
        told = [str(change) for change in activity.changes(before, after, AMSTERDAM)]
        assert told == [
            "Role: viewer → owner",
            "Active until: - → 23 Nov 2026 13:00 CET",
            "Read only: No",
            "X: a: 1",
            "Rules: email; name, city",
            "Gone: a, b → -",
        ]
        assert list(activity.changes(None, None, AMSTERDAM)) == []

    @pytest.mark.parametrize("text", ["2026-11-23T99:00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"])
    def test_what_is_no_instant_is_shown_as_it_is(self, text: str) -> None:
        [change] = activity.changes(None, {"at": text}, ZoneInfo("Pacific/Kiritimati"))
        assert change.after == text


@pytest.mark.django_db
class TestFiltering:
    def found(self, account: Account, **asked: Any) -> list[str]:
        rows = queries_activity.events_of(account, Filters(**asked))
        return [each.object_id for each in queries_activity.page_of(rows, None, text=asked.get("text", "")).events]

    def test_each_filter_narrows(self) -> None:
        account, other = AccountFactory.create_batch(2)
        AuditEvent.objects.all().delete()
        event(account, object_id="0", actor="Ben@example.com", at=NOON - timedelta(days=1))
        event(account, object_id="1", action="license.cancelled", object_label="100% of Rest_api")
        event(account, object_id="2", action="request.filed", object_label="Advice")
        event(other, object_id="theirs")
        assert self.found(account) == ["2", "1", "0"]
        assert self.found(account, actor="BEN@") == ["0"]
        assert self.found(account, actor="example") == ["2", "1", "0"]
        assert self.found(account, actor="nobody") == []
        assert self.found(account, action="license") == ["1", "0"]
        assert self.found(account, action="license.cancelled") == ["1"]
        assert self.found(account, since=NOON) == ["2", "1"]
        assert self.found(account, until=NOON) == ["0"]
        for text, ids in (("rest", ["1", "0"]), ("%", ["1"]), ("2", ["2"]), ("theirs", [])):
            assert self.found(account, text=text) == ids
        assert queries_activity.actors_of(account) == ["Ben@example.com", "anna@example.com"]
        assert queries_activity.actions_of(account) == ["license.bought", "license.cancelled", "request.filed"]

    def test_pages_have_every_event_once_also_of_the_same_instant(self, monkeypatch: pytest.MonkeyPatch) -> None:
        account = AccountFactory.create()
        made = [event(account, at=NOON - timedelta(seconds=number // 3)) for number in range(10)]
        rows = queries_activity.events_of(account, Filters(action="license"))
        expected = sorted(made, key=lambda each: (each.at, each.pk), reverse=True)
        seen: list[AuditEvent] = []
        page = queries_activity.page_of(rows, None, size=4)
        while page.last is not None:
            seen += page.events
            page = queries_activity.page_of(rows, page.last, size=4)
        assert [*seen, *page.events] == expected
        monkeypatch.setattr(queries_activity, "CHUNK", 4)
        assert list(queries_activity.every(rows)) == expected
        monkeypatch.setattr(queries_activity, "MOST_SEARCHED", 3)
        assert list(queries_activity.every(rows, "rest")) == expected
        assert list(queries_activity.every(rows, "nowhere")) == []
        assert list(queries_activity.every(rows.none())) == []


def address(account: Account, more: str = "") -> str:
    return f"/settings/{account.number}/activity/{more}"


@pytest.mark.django_db
class TestThePage:
    def test_it_says_who_did_what_when_from_where(self, cast: Cast, sign_in: SignIn) -> None:
        event(cast.account, address="192.0.2.7", before={"role": "viewer"}, after={"role": "<b>owner</b>"})
        page = sign_in(cast.viewer).get(address(cast.account)).content.decode()
        for said in ("23 Nov 2026, 13:00:00", "anna@example.com", "from 192.0.2.7", "License bought", "REST API"):
            assert said in page
        assert "<del>viewer</del>" in page
        assert "&lt;b&gt;owner&lt;/b&gt;" in page

    def test_days_are_the_accounts(self, cast: Cast, sign_in: SignIn) -> None:
        event(cast.account, at=datetime(2026, 11, 22, 23, 30, tzinfo=UTC), object_label="Late on Sunday, in UTC")
        client = sign_in(cast.owner)
        for day, count in (("2026-11-22", 0), ("2026-11-23", 1), ("2026-11-24", 0)):
            page = client.get(address(cast.account), {"since": day, "until": day}).content.decode()
            assert page.count("Late on Sunday") == count, day

    @pytest.mark.parametrize(
        ("query", "field", "says"),
        [
            ({"since": "yesterday"}, "since", "Write a date as 2026-11-23."),
            ({"since": "0001-01-01"}, "since", "Write a date from 2000-01-01"),
            ({"until": "9999-12-31"}, "until", "Write a date from 2000-01-01"),
            ({"since": "2026-02-02", "until": "2026-02-01"}, "until", "does not come before"),
            ({"action": "no.such"}, "action", "no.such is not one of the available choices"),
            ({"actor": "a" * 255}, "actor", "at most 254"),
            ({"text": "\0"}, "text", "Null characters"),
        ],
    )
    def test_what_can_not_be_asked_is_refused_at_its_field(
        self, query: dict[str, str], field: str, says: str, cast: Cast, sign_in: SignIn
    ) -> None:
        client = sign_in(cast.owner)
        page = client.get(address(cast.account), query)
        assert page.status_code == 422
        assert says in page.context["form"].errors[field][0]
        assert f'aria-describedby="id_{field}_error"' in page.content.decode()
        refused = client.get(address(cast.account, "download/"), query)
        assert refused.status_code == 302
        assert client.get(refused["Location"]).status_code == 422

    def test_pages_go_on_with_what_was_asked(
        self, cast: Cast, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for number in range(60):
            event(cast.account, object_label=f"Thing {number}.")
        client, asked = sign_in(cast.owner), {"text": "thing", "action": "license"}
        first = client.get(address(cast.account), asked)
        last = first.context["last"]
        assert f"?action=license&amp;text=thing&amp;after={last.pk}" in first.content.decode()
        second = client.get(address(cast.account), asked | {"after": last.pk})
        assert [entry.event.object_label for entry in second.context["entries"]] == [
            f"Thing {n}." for n in range(9, -1, -1)
        ]
        assert second.context["last"] is None

    def test_a_text_is_looked_for_in_so_many_events_at_a_time(
        self, cast: Cast, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        AuditEvent.objects.all().delete()
        made = [event(cast.account, object_label=label) for label in ("Till 1", "x", "x", "Till 2", "x", "x", "x")]
        monkeypatch.setattr(queries_activity, "MOST_SEARCHED", 3)
        client, asked = sign_in(cast.owner), {"text": "till"}
        first = client.get(address(cast.account), asked)
        assert (first.context["entries"], first.context["last"]) == ([], made[4])
        assert "looks through 3 events at a time" in first.text
        assert "Nothing like that" not in first.text
        assert f"after={made[4].pk}" in first.text
        second = client.get(address(cast.account), asked | {"after": made[4].pk})
        assert [entry.event for entry in second.context["entries"]] == [made[3]]
        third = client.get(address(cast.account), asked | {"after": second.context["last"].pk})
        assert [entry.event for entry in third.context["entries"]] == [made[0]]
        assert (third.context["last"], third.context["is_cut"]) == (None, False)
        assert len(TestTheFile().rows(client.get(address(cast.account, "download/"), asked))) == 2

    def test_things_have_the_name_they_have_now_and_lead_to_their_page(self, cast: Cast, sign_in: SignIn) -> None:
        shop = System(authentication_for(cast.account, system="Shop"))
        for number, name in (("1", "Ada"), ("2", "Bea")):
            shop.send(number, firstName=name)
        ada, bea = Contact.objects.for_account(cast.account).order_by("pk")
        merges.merge(account=cast.account, survivor_id=ada.pk, loser_id=bea.pk, by=SYSTEM)
        gone = "0199c0de-0000-7000-8000-000000000000"
        event(cast.account, action="contact.split", object_id=gone, object_label=gone, after={"new_contact": "odd"})
        page = sign_in(cast.viewer).get(address(cast.account)).text
        base = f"/settings/{cast.account.number}"
        assert f'<a href="{base}/contacts/{ada.pk}/">Ada</a>' in page
        assert re.search(
            rf'Merged into it:</span>\s*<a href="{base}/contacts/{bea.pk}/">Contact …{str(bea.pk)[-6:]}</a>', page
        )
        assert re.search(r"Split off into:</span>\s*odd", page)
        assert f'<a href="{base}/integrations/configurations/' in page
        assert "Loser" not in page
        assert str(ada.pk) not in re.sub(r'href="[^"]*"', "", page)

    def test_where_to_go_on_is_an_event_of_this_account(self, cast: Cast, sign_in: SignIn) -> None:
        theirs = event(cast.other_account)
        for after in ("", "x", "-1", "9" * 30, "٣", str(theirs.pk)):
            assert sign_in(cast.owner).get(address(cast.account), {"after": after}).status_code == 404, after

    def test_nothing_found_says_what_to_do(self, cast: Cast, sign_in: SignIn) -> None:
        client = sign_in(cast.owner)
        page = client.get(address(cast.account), {"text": "nowhere"}).content.decode()
        assert "Nothing like that happened" in page
        assert "Show everything" in page
        AuditEvent.objects.all().delete()
        assert "Nothing has happened yet" in client.get(address(cast.account)).content.decode()

    def test_more_events_take_no_more_queries(self, cast: Cast, sign_in: SignIn) -> None:
        client = sign_in(cast.owner)

        def count() -> int:
            with CaptureQueriesContext(connection) as captured:
                assert client.get(address(cast.account), {"actor": "e", "action": "license"}).status_code == 200
            return len(captured)

        event(cast.account)
        count()
        few = count()
        furnish(cast.account)
        for number in range(60):
            event(cast.account, actor=f"e{number}")
        assert count() == few


@pytest.mark.django_db
class TestTheFile:
    def rows(self, response: Any) -> list[dict[str, str]]:
        assert response.status_code == 200
        text = b"".join(response.streaming_content).decode()
        assert text.startswith("\ufeff")
        return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))

    def test_it_has_what_is_filtered_and_no_formula(self, cast: Cast, sign_in: SignIn) -> None:
        event(cast.account, object_label="=cmd()", before={"role": "viewer"}, after={"role": "owner"}, request_id="r1")
        event(cast.account, action="request.filed")
        answer = sign_in(cast.viewer).get(address(cast.account, "download/"), {"action": "license"})
        assert answer["Content-Disposition"] == f'attachment; filename="activity-{cast.account.number}.csv"'
        assert self.rows(answer) == [
            {
                "time": "2026-11-23T13:00:00+01:00",
                "action": "License bought",
                "object": "'=cmd()",
                "object id": "7",
                "by": "anna@example.com",
                "address": "",
                "changes": "Role: viewer → owner",
                "request id": "r1",
            }
        ]
        told = AuditEvent.objects.latest("pk")
        assert (told.action, told.actor, told.after) == (
            *("activity.downloaded", cast.viewer.email),
            {"action": "license"},
        )


@pytest.mark.django_db
class TestThePartnersList:
    LIST, FILE = "/admin/accounts/auditevent/", "/admin/accounts/auditevent/download/"

    def listed(self, client: Client, **asked: Any) -> set[Any]:
        return {each.object_id for each in client.get(self.LIST, asked).context["cl"].queryset}

    def test_it_is_filtered_by_account_actor_action_and_time(self, cast: Cast, sign_in: SignIn) -> None:
        second = AccountFactory.create(partner=cast.partner)
        AuditEvent.objects.all().delete()
        event(cast.account, object_id="1")
        event(cast.account, object_id="2", actor="ben@example.com", action="license.cancelled")
        event(second, object_id="3", at=NOON - timedelta(days=400))
        event(cast.other_account, object_id="theirs")
        client, number = sign_in(cast.agent), cast.account.number
        assert self.listed(client) == {"1", "2", "3"}
        assert self.listed(client, account=number) == {"1", "2"}
        assert self.listed(client, account=number, actor="ben@example.com") == {"2"}
        assert self.listed(client, account=number, action="license.bought") == {"1"}
        facets = client.get(f"{self.LIST}?_facets=True&account={number}").content.decode()
        assert f"{cast.account.name} (2)" in facets
        assert f"{second.name} (1)" in facets
        assert "ben@example.com (1)" in facets
        assert self.listed(client, at__lt="2026-01-01 00:00:00Z") == {"3"}
        for foreign in (cast.other_account.number, 10**8, "x", "9" * 30, "٣"):
            assert self.listed(client, account=foreign) == set()
        page = client.get(self.LIST, {"account": number}).content.decode()
        assert "License cancelled" in page
        assert "ben@example.com" in page
        account = client.get(f"/admin/accounts/account/{cast.account.pk}/change/").content.decode()
        assert f'href="{self.LIST}?account={number}"' in account

    def test_an_account_that_is_not_among_the_offered_is_found_by_its_link(
        self, cast: Cast, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        last = AccountFactory.create(partner=cast.partner, name="Zz")
        monkeypatch.setattr("accounts.tenancy.admin.OFFERED", 1)
        client = sign_in(cast.agent)
        assert self.listed(client, account=last.number) == {str(last.pk)}
        assert "Zz" in client.get(self.LIST, {"account": last.number}).content.decode()

    def test_a_download_has_what_is_listed_and_stands_in_the_accounts_activity(
        self, cast: Cast, sign_in: SignIn
    ) -> None:
        event(cast.account, object_label="@mine", before={"a": 1}, after={"a": 2})
        event(cast.other_account, object_label="theirs")
        client = sign_in(cast.agent)
        answer = client.get(f"{self.FILE}?account={cast.account.number}&action=license.bought")
        [row] = TestTheFile().rows(answer)
        assert (row["object"], row["changes"]) == ("'@mine", "A: 1 → 2")
        told = AuditEvent.objects.latest("pk")
        assert (told.action, told.account_id, told.actor) == (
            *("activity.downloaded", cast.account.pk),
            cast.agent.email,
        )
        count = AuditEvent.objects.count()
        for nobodys in ("", f"?account={cast.other_account.number}", "?account=x"):
            assert client.get(self.FILE + nobodys)["Location"] == self.LIST
        wrong = client.get(f"{self.FILE}?account={cast.account.number}&at__gte=x")
        assert wrong["Location"] == f"{self.LIST}?e=1"
        assert AuditEvent.objects.count() == count

    def test_a_long_list_says_that_it_is_cut(
        self, cast: Cast, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("accounts.tenancy.admin.CappedPaginator.most", 2)
        for _ in range(3):
            event(cast.account)
        page = sign_in(cast.agent).get(self.LIST).content.decode()
        assert "The newest of them." in page
        assert "2 audit events" in page
