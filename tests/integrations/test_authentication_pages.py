"""The page of one authentication and its dialogs, and how each stands in the list."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client

from accounts.actor import Actor
from accounts.models import Account, AuditEvent
from integrations.models import Authentication, License
from integrations.queries_authentications import authentications_of, history_of
from integrations.services import authentications
from integrations.services.authentications import Access
from tests.conftest import Cast, SignIn
from tests.factories import authentication_for, id_field, rest_api
from tests.integrations.pages import SEEN, answers, change_answers, error_of, path

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 10, 11, 0, tzinfo=UTC)
"""In Amsterdam, where the accounts are, it is twelve."""
BY = Actor(label="olga@example.com", address="192.0.2.9")
LINK = re.compile(r'/configurations/[0-9a-f-]{36}/([a-z-]+)/"')
SECRET = re.compile(r"cs_[0-9A-Za-z]{46}")


def plain(html: str) -> str:
    """The text of a page, without its tags."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def test_each_state_is_told_in_the_list_and_on_the_page(cast: Cast, sign_in: SignIn) -> None:
    account, client = cast.account, sign_in(cast.owner)
    with time_machine.travel(NOON, tick=False) as clock:
        row = authentication_for(account).authentication

        def stands() -> str:
            pages = [path("configurations", account), path("authentication", account, pk=row.pk)]
            pills = [re.findall(r'class="pill[^>]*>\s*(.*?)\s*<', client.get(page).text) for page in pages]
            assert pills[0] == pills[1]
            [pill] = pills[0]
            return str(pill)

        assert stands() == "Live"
        access = Access("Till", expires_at=NOON + timedelta(days=3))
        authentications.change(authentication=row, access=access, by=BY)
        assert stands() == "Expires on 13 Mar 2026"
        authentications.rotate(authentication=row, secret_version=1, grace_hours=12, by=BY)
        assert stands() == "In grace until 11 Mar"
        License.objects.for_account(account).update(suspended_at=NOON, suspended_by="test")
        assert stands() == "Refused"
        assert "without a license" in client.get(path("configurations", account)).text
        account.suspended_at, account.suspended_by = NOON, "test"
        account.save()
        assert "the account is suspended" in client.get(path("configurations", account)).text
        clock.shift(timedelta(days=3))
        assert stands() == "Expired"
        authentications.revoke(authentication=row, by=BY)
        assert stands() == "Revoked"
    shown = [entry.happened for entry in history_of(account, row)]
    assert shown == ["Revoked", "Rotated", "Changed", "Issued"]


def test_the_list_takes_the_same_queries_for_one_and_for_many(cast: Cast, django_assert_num_queries: Any) -> None:
    for number in range(3):
        authentication_for(cast.account, id_field(cast.account, f"field{number}"), system=f"System {number}")
    integration = rest_api()
    with django_assert_num_queries(3):
        rows = authentications_of(cast.account, integration)
        assert [str(row.authentication.id_field.source_system) for row in rows] == ["System 0", "System 1", "System 2"]


def test_the_page_tells_all_but_the_secret(cast: Cast, sign_in: SignIn) -> None:
    access: dict[str, Any] = {"allowed_networks": ["192.0.2.0/24"], "read_only": True, "name": "<b>Till</b>"}
    issued = authentication_for(cast.account, system="Shop", **access)
    row = issued.authentication
    authentications.rotate(authentication=row, secret_version=1, by=BY)
    viewer = sign_in(cast.viewer).get(path("authentication", cast.account, pk=row.pk))
    text = plain(viewer.text)
    for told in (
        "&lt;b&gt;Till",
        "Shop",
        row.key,
        "externalCustomerId",
        "Customer number",
        "192.0.2.0/24",
        "Read only",
    ):
        assert told in text
    for told in ("Two secrets work", BY.label, BY.address or "", "Rotated", "Old secret refused from:"):
        assert told in text
    assert not SECRET.search(viewer.text)
    links = {"rotate", "change", "revoke", "end-grace"}
    assert not set(LINK.findall(viewer.text)) & links
    manager = sign_in(cast.admin).get(path("authentication", cast.account, pk=row.pk)).text
    assert set(LINK.findall(manager)) == links


def test_one_without_an_event_says_so(cast: Cast, sign_in: SignIn) -> None:
    row = authentication_for(cast.account).authentication
    AuditEvent.objects.all().delete()
    page = sign_in(cast.owner).get(path("authentication", cast.account, pk=row.pk)).text
    assert "Nothing has been done to it" in page


class TestRotating:
    def rotate(self, client: Client, account: Account, row: Authentication, **answers: Any) -> Any:
        return client.post(path("authentication-rotate", account, pk=row.pk), {"grace_hours": 24, **answers})

    def test_the_new_secret_is_shown_once_and_stored_nowhere(self, cast: Cast, owner: Client) -> None:
        row = authentication_for(cast.account).authentication
        response = self.rotate(owner, cast.account, row, secret_version=1)
        assert (response.status_code, response["Cache-Control"]) == (200, "no-store")
        assert SECRET.search(response.text)
        assert "The secret before it works until" in response.text
        command = f"curl http://testserver/api/v1/me -H 'Authorization: Token {row.key}:cs_"
        assert command in re.sub("<[^>]*>", "", response.text)
        again = self.rotate(owner, cast.account, row, secret_version=1)
        assert (again.status_code, SECRET.search(again.text)) == (409, None)
        assert "already issued" in again.text
        assert "An older secret still works" in owner.get(path("authentication-rotate", cast.account, pk=row.pk)).text
        leaked = self.rotate(owner, cast.account, row, secret_version=2, grace_hours=0)
        assert "The secret before it is refused from now on" in leaked.text

    @pytest.mark.parametrize("hours", ["", "-1", "169", "1.5", "soon"])
    def test_what_is_no_number_of_hours_is_said_at_the_question(self, cast: Cast, owner: Client, hours: str) -> None:
        row = authentication_for(cast.account).authentication
        response = self.rotate(owner, cast.account, row, secret_version=1, grace_hours=hours)
        assert response.status_code == 422
        assert error_of("grace_hours", response.text)
        row.refresh_from_db()
        assert row.secret_version == 1

    def test_what_is_revoked_has_no_secret_to_replace(self, cast: Cast, owner: Client) -> None:
        row = authentication_for(cast.account).authentication
        authentications.revoke(authentication=row, by=BY)
        for what, told in (("rotate", "no secret to replace"), ("change", "nothing about it can be changed")):
            assert told in owner.get(path(f"authentication-{what}", cast.account, pk=row.pk)).text
        assert self.rotate(owner, cast.account, row, secret_version=1).status_code == 422
        changed = owner.post(path("authentication-change", cast.account, pk=row.pk), {"name": "New"})
        assert changed.status_code == 422
        ended = owner.post(path("authentication-end-grace", cast.account, pk=row.pk), follow=True)
        assert "is revoked, for good" in ended.text


class TestAccess:
    def test_it_is_filled_in_and_changed_in_the_accounts_time(self, cast: Cast, owner: Client) -> None:
        access: dict[str, Any] = {
            "expires_at": datetime(2099, 7, 1, 10, 0, tzinfo=UTC),
            "allowed_networks": ["192.0.2.0/24", "::/0"],
        }
        row = authentication_for(cast.account, **access).authentication
        address = path("authentication-change", cast.account, pk=row.pk)
        page = owner.get(address).text
        assert 'value="2099-07-01T12:00"' in page
        assert "192.0.2.0/24\n::/0</textarea>" in page
        sent = change_answers(
            *(owner, cast.account, row.pk),
            name="Shop",
            expires_at="2099-01-01T12:00",
            allowed_networks="10.0.0.0/8;::/0\r\n",
            read_only="on",
        )
        assert owner.post(address, sent)["Location"] == path("authentication", cast.account, pk=row.pk)
        row.refresh_from_db()
        assert row.expires_at == datetime(2099, 1, 1, 11, 0, tzinfo=UTC)
        assert (row.allowed_networks, row.read_only) == (["10.0.0.0/8", "::/0"], True)

    @pytest.mark.parametrize(
        ("field", "sent", "told"),
        [
            ("expires_at", "2020-01-01T12:00", "Choose a time to come"),
            ("expires_at", "tomorrow", "Write a day and a time"),
            ("expires_at", "2099-02-30T12:00", "Write a day and a time"),
            ("expires_at", "0001-01-01T00:00", "Write a day from 2000-01-01 to 2999-12-31"),
            ("expires_at", "9999-12-31T23:59", "Write a day from 2000-01-01 to 2999-12-31"),
            ("expires_at", "2099-01-01T12:00+05:00", "leave out the offset"),
            ("expires_at", "2099-01-01T12:00Z", "leave out the offset"),
            ("expires_at", "2027-03-28T02:30", "02:30 is skipped, or comes twice"),
            ("expires_at", "2027-10-31T02:30", "02:30 is skipped, or comes twice"),
            ("allowed_networks", "nowhere", "“nowhere” is no network"),
            ("name", "x" * 101, "at most 100 characters"),
        ],
    )
    def test_what_is_wrong_is_said_at_its_question(
        self, cast: Cast, owner: Client, field: str, sent: str, told: str
    ) -> None:
        row = authentication_for(cast.account).authentication
        answered = change_answers(owner, cast.account, row.pk, **{"name": "Shop", field: sent})
        response = owner.post(path("authentication-change", cast.account, pk=row.pk), answered)
        assert response.status_code == 422
        assert told in error_of(field, response.text)

    def test_a_form_from_before_undoes_nothing_unseen(self, cast: Cast, owner: Client) -> None:
        row = authentication_for(cast.account).authentication
        address = path("authentication-change", cast.account, pk=row.pk)
        stale = change_answers(owner, cast.account, row.pk, name="Till")
        access = Access("Shop", True, datetime(2099, 7, 1, 10, 0, tzinfo=UTC), ["192.0.2.0/24"])
        authentications.change(authentication=row, access=access, by=BY)
        assert owner.post(address, {"name": "Till"}).status_code == 422
        refused = owner.post(address, stale)
        assert refused.status_code == 422
        for told in ("Somebody changed it", "Read only", "192.0.2.0/24", "1 Jul 2099, 12:00", 'value="Till"'):
            assert told in refused.text
        row.refresh_from_db()
        assert (row.name, row.read_only, row.allowed_networks) == ("Shop", True, ["192.0.2.0/24"])
        found = SEEN.search(refused.text)
        assert found
        again = {"name": "Till", "seen": found[1]}
        assert owner.post(address, again).status_code == 302
        assert owner.post(address, again).status_code == 302  # sent twice, it finds what it asks for
        row.refresh_from_db()
        assert (row.name, row.read_only, row.allowed_networks) == ("Till", False, [])

    @pytest.mark.parametrize(("networks", "is_warned"), [("192.0.2.0/24", False), ("10.0.0.0/8", True), ("", False)])
    def test_networks_without_the_address_of_the_last_call_are_warned_of(
        self, cast: Cast, owner: Client, networks: str, is_warned: bool
    ) -> None:
        row = authentication_for(cast.account).authentication
        Authentication.objects.for_account(cast.account).update(last_used_at=NOON, last_used_ip="192.0.2.7")
        answered = change_answers(owner, cast.account, row.pk, name="Till", allowed_networks=networks)
        page = owner.post(path("authentication-change", cast.account, pk=row.pk), answered, follow=True).text
        warned = "Its last call came from 192.0.2.7, which is outside of these networks." in plain(page)
        assert (warned, "notice-warning" in page) == (is_warned, is_warned)

    def test_all_of_it_is_asked_under_more(self, cast: Cast, owner: Client) -> None:
        authentication_for(cast.account)
        second = answers(owner, cast.account, id_field=id_field(cast.account).pk)
        address, more = path("authentication-new", cast.account), {"allowed_networks": "nowhere"}
        page = owner.post(address, second | more).text
        assert "“nowhere” is no network" in error_of("allowed_networks", page)
        assert re.search(r'<details class="more"\s+open', page)
        more = {"name": "Till", "allowed_networks": "192.0.2.7", "expires_at": "2099-01-01T12:00"}
        assert owner.post(address, second | more).status_code == 200
        row = Authentication.objects.for_account(cast.account).latest("created_at")
        assert (row.name, row.allowed_networks) == ("Till", ["192.0.2.7/32"])
        assert row.expires_at == datetime(2099, 1, 1, 11, 0, tzinfo=UTC)


@pytest.mark.parametrize("what", ["rotate", "change", "revoke"])
def test_who_it_is_must_have_been_said_lately(cast: Cast, sign_in: SignIn, what: str) -> None:
    row = authentication_for(cast.account).authentication
    address = path(f"authentication-{what}", cast.account, pk=row.pk)
    for response in (sign_in(cast.owner).get(address), sign_in(cast.owner).post(address, {"name": "Shop"})):
        assert "reauthenticate" in response["Location"]
    row.refresh_from_db()
    assert (row.revoked_at, row.secret_version) == (None, 1)
