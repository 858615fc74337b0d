"""Contacts and exports in the settings: what the pages find, show and refuse, and what that takes."""

import re
from base64 import urlsafe_b64decode
from datetime import timedelta
from threading import Event
from typing import Any
from urllib.parse import unquote
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.actor import SYSTEM
from accounts.models import Account, AuditEvent
from contacts import search
from contacts.models import Job, SearchIndex, SearchTerm
from contacts.services import exports, files, merges, search_index
from contacts.views import finding
from tests.conftest import Cast, SignIn
from tests.factories import authentication_for, id_field
from tests.system import System
from tests.work import work

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}


@pytest.fixture
def shop(cast: Cast) -> System:
    return System(authentication_for(cast.account, system="Shop"))


@pytest.fixture
def owner(cast: Cast, sign_in: SignIn) -> Client:
    return sign_in(cast.owner)


def path(name: str, account: Account, **more: Any) -> str:
    return reverse(name, kwargs={"account_number": account.number, **more})


def listed(page: str) -> list[str]:
    """The names in the list, in their order."""
    return re.findall(r'class="stretched-link"[^>]*>([^<]*)</a>', page)


def count(page: str) -> str:
    [found] = re.findall(r'id="count"[^>]*>(.*?)</p>', page, re.DOTALL)
    return " ".join(found.split())


class TestContacts:
    def test_the_latest_changed_come_first_page_by_page(
        self, cast: Cast, shop: System, owner: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(finding, "PAGE", 2)
        for number in range(5):
            shop.send(str(number), firstName=f"N{number}")
        shop.send("1", lastName="Last")
        page = owner.get(path("contacts", cast.account)).text
        assert count(page) == "5 contacts, the latest changed first"
        seen = listed(page)
        while next_page := re.search(r'href="([^"]*after=[^"]*)">Next', page):
            page = owner.get(next_page[1].replace("&amp;", "&")).text
            assert count(page) == ""
            seen += listed(page)
        assert seen == ["N1 Last", "N4", "N3", "N2", "N0"]
        [first_page] = re.findall(r'href="([^"]*)">First page', page)
        assert listed(owner.get(first_page).text) == ["N1 Last", "N4"]

    def test_a_row_shows_name_address_and_the_ids_of_each_system(self, cast: Cast, shop: System, owner: Client) -> None:
        crm = System(authentication_for(cast.account, id_field(cast.account, "crmId"), system="CRM"))
        shop.send("S1", email="jan@example.com", firstName="Jan", infix="de", lastName="Vries")
        crm.send("C1", email="jan@example.com")
        shop.send("S2", organisation="Vries B.V.")
        page = owner.get(path("contacts", cast.account)).text
        assert listed(page) == ["Vries B.V.", "Jan de Vries"]
        assert re.findall(r"<code>([^<]*)</code>", page) == ["S2", "S1", "C1"]
        assert "jan@example.com" in page
        for number in range(3):
            id_field(cast.account, f"extra{number}")
        assert '<th scope="col">Ids</th>' in owner.get(path("contacts", cast.account)).text

    def test_what_was_just_written_is_found_and_what_was_erased_or_merged_away_is_not(
        self, cast: Cast, shop: System, owner: Client
    ) -> None:
        jose = shop.send("1", firstName="José")["contact"]
        joe = shop.send("2", firstName="Joe")["contact"]

        def found() -> list[str]:
            return listed(owner.get(path("contacts", cast.account), {"q": " JO "}).text)

        assert found() == ["Joe", "José"]
        merges.merge(account=cast.account, survivor_id=UUID(jose["id"]), loser_id=UUID(joe["id"]), by=SYSTEM)
        assert found() == ["José"]
        assert listed(owner.get(path("contacts", cast.account)).text) == ["José"]
        shop.call("DELETE", "/contacts/2")
        shop.call("DELETE", "/contacts/1?erase=true")
        assert not SearchTerm.objects.for_account(cast.account).exists()
        assert found() == []

    def test_a_whole_id_is_found_before_it_is_indexed_and_the_page_says_what_is_missing(
        self, cast: Cast, shop: System, owner: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(search_index, "AT_ONCE", 1)
        monkeypatch.setattr(search_index, "CHUNK", 2)
        sent = [shop.send(f"W-{number}", firstName="Jan", lastName=str(number))["contact"] for number in range(3)]
        page = owner.get(path("contacts", cast.account), {"q": "Jan"}).text
        assert listed(page) == []
        assert "3 changes are still being indexed" in page
        for whole in ("W-1", sent[1]["id"]):
            assert listed(owner.get(path("contacts", cast.account), {"q": whole}).text) == ["Jan 1"]
        search_index.catch_up_all(stopping=Event())
        page = owner.get(path("contacts", cast.account), {"q": "Jan"}).text
        assert listed(page) == ["Jan 0", "Jan 1", "Jan 2"]
        assert "still being indexed" not in page
        assert listed(owner.get(path("contacts", cast.account), {"q": "W-1"}).text) == ["Jan 1"]

    def test_what_is_typed_gets_the_page_without_its_frame(self, cast: Cast, shop: System, owner: Client) -> None:
        shop.send("1", firstName="Jan")
        answer = owner.get(path("contacts", cast.account), {"q": "ja"}, headers=HTMX)
        assert "<html" not in answer.text
        assert listed(answer.text) == ["Jan"]
        assert count(answer.text) == "1 contact found"
        assert "HX-Request" in answer["Vary"]

    @pytest.mark.parametrize("query", ["%", "_", "\x00", "' OR 1=1 --", "\\", "(", "+", "é" * 300, "\ud800", "☃"])
    def test_nothing_that_is_typed_breaks_the_page(self, query: str, cast: Cast, shop: System, owner: Client) -> None:
        shop.send("1", firstName="Jan")
        sent = query.encode("utf-8", "surrogatepass")
        answer = owner.get(f"{path('contacts', cast.account)}?q=" + "".join(f"%{byte:02x}" for byte in sent))
        assert answer.status_code == 200
        assert listed(answer.text) == []

    def test_the_address_of_a_page_names_nobody(
        self, cast: Cast, shop: System, owner: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(finding, "PAGE", 1)
        for number in range(3):
            shop.send(str(number), email=f"jan{number}@example.com", firstName=f"Jan{number}")
        page = owner.get(path("contacts", cast.account), {"q": "jan"}).text
        [after] = re.findall(r"after=([^&\"]+)\">Next", page)
        read = [urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in unquote(after).split(":")]
        assert read
        assert not [part for part in (after.encode(), *read) if b"an0" in part.lower() or b"example" in part]
        assert listed(owner.get(path("contacts", cast.account), {"q": "jan", "after": unquote(after)}).text) == ["Jan1"]

    @pytest.mark.parametrize("after", ["x", "", "a:b:c", "WyJQbGFjZSJd:1:2"])
    def test_a_made_up_place_is_the_first_page(self, after: str, cast: Cast, shop: System, owner: Client) -> None:
        shop.send("1", firstName="Jan")
        for query in ("", "jan"):
            assert listed(owner.get(path("contacts", cast.account), {"q": query, "after": after}).text) == ["Jan"]

    def test_an_empty_page_says_what_to_do(self, cast: Cast, owner: Client) -> None:
        assert "To the integrations" in owner.get(path("contacts", cast.account)).text
        nothing = owner.get(path("contacts", cast.account), {"q": "<b>"}).text
        assert "Nothing begins with “&lt;b&gt;”" in nothing
        assert count(nothing) == "No contact found"

    def test_more_than_are_counted_are_said_to_be_more(
        self, cast: Cast, shop: System, owner: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(search, "COUNTED", 3)
        monkeypatch.setattr(search, "READ", 6)
        monkeypatch.setattr(finding, "PAGE", 1)
        address = path("contacts", cast.account)
        for number, expected in enumerate(["1 contact", "2 contacts", "3 contacts", "More than 3 contacts"]):
            shop.send(str(number), firstName="Jan", lastName="Jansen")
            assert count(owner.get(address).text) == f"{expected}, the latest changed first"
            assert count(owner.get(address, {"q": "jan"}).text) == f"{expected} found"

    def test_another_accounts_contacts_are_not_found(self, cast: Cast, shop: System, owner: Client) -> None:
        stranger = System(authentication_for(cast.other_account))
        theirs = stranger.send("1", email="jan@example.com", firstName="Jan")["contact"]
        shop.send("2", firstName="Jantje")
        for query in ("jan", "1", "jan@example.com", theirs["id"]):
            assert set(listed(owner.get(path("contacts", cast.account), {"q": query}).text)) <= {"Jantje"}

    @pytest.mark.parametrize("query", [{}, {"q": "jan"}])
    def test_many_rows_take_no_more_queries_than_one(
        self, query: dict[str, str], cast: Cast, shop: System, owner: Client
    ) -> None:
        def queries() -> int:
            owner.get(path("contacts", cast.account), query)
            with CaptureQueriesContext(connection) as captured:
                assert listed(owner.get(path("contacts", cast.account), query).text)
            return len(captured)

        shop.send("0", firstName="Jan")
        one = queries()
        for number in range(1, 12):
            shop.send(str(number), firstName="Jan", email=f"{number}@example.com")
        assert queries() == one
        assert one <= 15


class TestTheIndex:
    def test_it_is_made_anew_where_terms_would_be_others_now(self, cast: Cast, shop: System) -> None:
        shop.send("1", phoneNumber="06 12345678")
        account, stopping = cast.account, Event()

        def found(query: str) -> int:
            search_index.catch_up_all(stopping=stopping)
            page = search.page(account_id=account.pk, query=query, after=None, size=5)
            return len(page.rows)

        assert (found("+31 6 12"), found("+32 6 12")) == (1, 0)
        Account.objects.filter(pk=account.pk).update(phone_region="BE")
        assert (found("+31 6 12"), found("+32 6 12")) == (0, 1)
        SearchIndex.objects.for_account(account).update(version=0)
        SearchTerm.objects.for_account(account).delete()
        assert found("1") == 1
        SearchTerm.objects.for_account(account).delete()
        assert found("1") == 1  # by its id alone
        assert found("06") == 0
        call_command("rebuild_search", str(account.number))
        assert found("06") == 1
        call_command("rebuild_search")
        assert SearchIndex.objects.for_account(account).get().last_change == 0
        with pytest.raises(CommandError, match="no account 99"):
            call_command("rebuild_search", "99")

    def test_it_costs_a_write_nothing(self, cast: Cast, shop: System) -> None:
        shop.send("1", firstName="Jan")
        with CaptureQueriesContext(connection) as captured:
            shop.send("2", firstName="Jan")
        assert not [query["sql"] for query in captured if "contacts_search" in query["sql"]]
        assert SearchTerm.objects.for_account(cast.account).count() == 0

    def test_values_that_nobody_is_found_by_change_no_row(self, cast: Cast, shop: System) -> None:
        shop.send("1", firstName="Jan", city="Ede")
        search_index.catch_up(account=cast.account)
        before = list(SearchTerm.objects.for_account(cast.account).values_list("pk", "term"))
        shop.send("1", city="Goes", lastName="Smit")
        search_index.catch_up(account=cast.account)
        after = list(SearchTerm.objects.for_account(cast.account).values_list("pk", "term"))
        assert {term for _, term in after} == {"1", "jan smit", "smit"}
        assert set(before) - set(after) == {each for each in before if each[1] == "jan"}

    def test_an_account_that_fails_does_not_keep_another_waiting(
        self, cast: Cast, shop: System, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        shop.send("1", firstName="Jan")
        System(authentication_for(cast.other_account)).send("2", firstName="Piet")
        terms = search_index._terms

        def fail_for_one(account_id: int, *rest: Any) -> Any:
            if account_id == cast.account.pk:
                raise RuntimeError
            return terms(account_id, *rest)

        monkeypatch.setattr(search_index, "_terms", fail_for_one)
        search_index.catch_up_all(stopping=Event())
        assert set(SearchTerm.all_accounts.values_list("term", flat=True)) == {"2", "piet"}
        monkeypatch.undo()
        search_index.catch_up_all(stopping=Event())
        assert set(SearchTerm.all_accounts.values_list("term", flat=True)) == {"1", "jan", "2", "piet"}

    def test_one_that_is_stopped_stops(self, cast: Cast, shop: System) -> None:
        shop.send("1", firstName="Jan")
        stopping = Event()
        stopping.set()
        search_index.catch_up_all(stopping=stopping)
        assert not SearchTerm.objects.for_account(cast.account).exists()


class TestExports:
    def begin(self, client: Client, account: Account, format_: str) -> str:
        answer = client.post(path("contacts-exports", account), {"format": format_}, follow=True)
        assert answer.redirect_chain == [(path("contacts-exports", account), 302)]
        return answer.text

    def test_one_is_begun_followed_and_downloaded(self, cast: Cast, shop: System, owner: Client) -> None:
        shop.send("1", firstName="Jan")
        assert "Nothing was exported yet" in owner.get(path("contacts-exports", cast.account)).text
        page = self.begin(owner, cast.account, "csv")
        assert "Waiting" in page
        assert 'hx-trigger="every 2s"' in page
        assert "Download" not in page
        work()
        page = owner.get(path("contacts-exports", cast.account)).text
        assert "Ready" in page
        assert 'hx-trigger="every' not in page
        [link] = re.findall(r'href="([^"]*/file/)"', page)
        answer = owner.get(link, follow=True)
        assert b"Jan" in b"".join(answer.streaming_content)  # type: ignore[attr-defined]
        assert answer.redirect_chain[0][0].startswith("/exports/")
        events = AuditEvent.objects.filter(account_id=cast.account.pk, action__startswith="export.").order_by("pk")
        assert list(events.values_list("action", "actor")) == [
            ("export.started", cast.owner.email),
            ("export.downloaded", "link"),
        ]

    def test_a_file_that_is_not_there_yet_or_any_more_is_said_so(self, cast: Cast, owner: Client) -> None:
        export = exports.begin(account=cast.account, format_="ndjson", by=SYSTEM)
        link = path("contacts-export-file", cast.account, pk=export.pk)
        assert "There is no file of this export" in owner.get(link, follow=True).text
        work()
        assert owner.get(link)["Location"].startswith("/exports/")
        Job.objects.for_account(cast.account).update(ended_at=timezone.now() - timedelta(days=8))
        files.delete_old()
        page = owner.get(link, follow=True).text
        assert "There is no file of this export" in page
        assert "Deleted" in page

    def test_many_exports_take_no_more_queries_than_one_and_have_pages(self, cast: Cast, owner: Client) -> None:
        def queries() -> int:
            owner.get(path("contacts-exports", cast.account))
            with CaptureQueriesContext(connection) as captured:
                owner.get(path("contacts-exports", cast.account))
            return len(captured)

        exports.begin(account=cast.account, format_="csv", by=SYSTEM)
        one = queries()
        for _ in range(20):
            exports.begin(account=cast.account, format_="csv", by=SYSTEM)
        assert queries() == one
        page = owner.get(path("contacts-exports", cast.account)).text
        [after] = re.findall(r'after=([^"]+)">Older', page)
        assert (page.count("<tr>"), "Newest" in page) == (21, False)
        assert owner.get(path("contacts-exports", cast.account), {"after": after}).text.count("<tr>") == 2
        assert owner.get(path("contacts-exports", cast.account), {"after": "2"}).status_code == 404

    def test_an_unknown_format_is_refused_and_says_so(self, cast: Cast, owner: Client) -> None:
        answer = owner.post(path("contacts-exports", cast.account), {"format": "xlsx"})
        assert answer.status_code == 422
        assert "Choose a format: CSV or NDJSON." in answer.text

    def test_a_viewer_is_not_offered_it(self, cast: Cast, sign_in: SignIn) -> None:
        viewer = sign_in(cast.viewer)
        address = path("contacts-exports", cast.account)
        assert address not in viewer.get(path("contacts", cast.account)).text
        assert viewer.get(address).status_code == 403
