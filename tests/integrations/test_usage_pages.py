"""The figures of use where people see them: the settings, and the partner's admin."""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from integrations import queries_usage
from integrations.models import Authentication, License, UsageHour
from tests import factories
from tests.conftest import Cast, SignIn
from tests.integrations.pages import path
from tests.rows import use

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


@pytest.fixture
def key(cast: Cast) -> Authentication:
    authentication: Authentication = factories.authentication_for(cast.account).authentication
    return authentication


def texts(page: str) -> str:
    """What a page says, in one line, without its tags."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def test_days_are_those_of_utc_and_thirty_of_them(cast: Cast, key: Authentication) -> None:
    for at, times in (
        (NOON - timedelta(days=30), 1),
        (datetime(2026, 10, 27, 0, 0, tzinfo=UTC), 2),
        (datetime(2026, 11, 24, 23, 59, tzinfo=UTC), 3),
        (datetime(2026, 11, 25, 0, 0, tzinfo=UTC), 4),
    ):
        use(key.key, times=times, at=at)
    use(key.key, status=404, at=NOON)
    with time_machine.travel(NOON):
        usage = queries_usage.usage_of(cast.account, [key])[key.pk]
    assert [day.day for day in usage.days] == [date(2026, 10, 27) + timedelta(days=number) for number in range(30)]
    assert {day.day.isoformat(): day.requests for day in usage.days if day.requests} == {
        "2026-10-27": 2,
        "2026-11-24": 3,
        "2026-11-25": 5,
    }
    last = usage.days[-1]
    assert (last.errors, last.contacts_read, last.contacts_written) == (1, 8, 0)
    assert (usage.requests, usage.errors) == (10, 1)


def test_the_page_has_charts_and_the_same_as_a_table(owner: Client, cast: Cast, key: Authentication) -> None:
    use(key.key, times=12)
    use(key.key, times=3, status=422)
    page = owner.get(path("authentication", cast.account, pk=key.pk)).text
    assert page.count('<svg role="img"') == 3
    assert page.count('<rect class="bar"') == 3 * 30
    assert page.count('<rect class="bar-bad"') == 1
    said = texts(page)
    assert "15 in 30 days, 15 on the busiest day" in said
    assert "3 errors" in said
    assert f"{datetime.now(UTC):%-d %b} 15 3 24 0" in said
    assert "until a few seconds ago" in said
    assert "GET /contacts" in said
    assert "192.0.2.7" in said
    assert page.count("request-") == 15


def test_a_key_that_was_never_used_says_what_will_stand_there(owner: Client, cast: Cast, key: Authentication) -> None:
    said = texts(owner.get(path("authentication", cast.account, pk=key.pk)).text)
    assert "None yet." in said
    assert "0 in 30 days" in said


@pytest.mark.parametrize(
    ("route", "address"),
    [
        ("api-contacts", "/contacts"),
        ("api-contact", "/contacts/{external_id}"),
        ("api-import-errors", "/imports/{import_id}/errors"),
        ("api-nothing-here", "(no such call)"),
        ("api", "(no such call)"),
        ("", "(no such call)"),
        ("api-of-yesterday", "api-of-yesterday"),
    ],
)
def test_routes_are_told_as_the_documentation_writes_them(route: str, address: str) -> None:
    assert queries_usage.address_of(route) == address


def test_configurations_show_the_requests_of_each_key(owner: Client, cast: Cast, key: Authentication) -> None:
    use(key.key, times=1_200)
    use(key.key, times=34, status=500)

    def ask() -> tuple[str, int]:
        with CaptureQueriesContext(connection) as queries:
            page = owner.get(path("configurations", cast.account)).text
        return page, len(queries)

    page, few = ask()
    assert "1,234 34 errors" in texts(page)
    assert page.count('<svg class="spark"') == 1
    for number in range(3):
        field = factories.id_field(cast.account, f"f{number}")
        use(factories.authentication_for(cast.account, field).authentication.key)
    page, many = ask()
    assert page.count('<svg class="spark"') == 4
    assert many == few


def cancel_page(client: Client, license_: License) -> str:
    return texts(client.get(reverse("admin:integrations_license_cancel", args=(license_.pk,))).text)


def test_cancelling_names_what_stops_with_its_calls(cast: Cast, sign_in: SignIn, key: Authentication) -> None:
    idle = factories.authentication_for(cast.account, factories.id_field(cast.account), system="Idle").authentication
    now = timezone.now()
    use(key.key, times=7)
    use(key.key, times=2, at=now - timedelta(hours=23))
    use(key.key, times=100, at=now - timedelta(hours=26))
    page = cancel_page(sign_in(cast.agent), License.objects.for_account(cast.account).get())
    assert f"Shop, {key.key}: 9 calls in the last 24 hours" in page
    assert f"Idle, {idle.key}: 0 calls in the last 24 hours" in page


@pytest.mark.parametrize(
    ("good", "bad", "hours", "fails"),
    [(0, 10, 1, True), (0, 9, 1, False), (9, 10, 1, True), (10, 10, 1, False), (0, 50, 26, False)],
)
def test_a_key_fails_that_has_ten_errors_and_more_than_half(
    cast: Cast, sign_in: SignIn, key: Authentication, *, good: int, bad: int, hours: int, fails: bool
) -> None:
    at = timezone.now() - timedelta(hours=hours)
    use(key.key, times=good, at=at)
    use(key.key, times=bad, status=403, at=at)
    home = sign_in(cast.agent).get(reverse("admin:index"))
    assert (key.key in home.text) is fails
    assert {figure.label: total for figure, total in home.context["totals"]}["Keys that fail"] == int(fails)


def test_failing_keys_are_the_partners_own(cast: Cast, sign_in: SignIn, key: Authentication) -> None:
    theirs = factories.authentication_for(cast.other_account, system="Theirs").authentication
    idle = factories.authentication_for(cast.account, factories.id_field(cast.account)).authentication
    for authentication in (key, theirs):
        use(authentication.key, times=12, status=401)
    listed = reverse("admin:integrations_authentication_changelist") + "?use=failing"
    for person, seen in ((cast.agent, {key}), (cast.other_agent, {theirs}), (cast.operator, {key, theirs})):
        client = sign_in(person)
        home = client.get(reverse("admin:index")).text
        assert {each for each in (key, theirs, idle) if each.key in home} == seen
        assert set(client.get(listed).context["cl"].queryset) == seen
    assert "12 of 12 requests failed" in texts(sign_in(cast.agent).get(reverse("admin:index")).text)


def test_the_first_page_of_the_admin_takes_no_more_queries_for_more_keys(cast: Cast, sign_in: SignIn) -> None:
    client = sign_in(cast.agent)

    def add(name: str) -> None:
        field = factories.id_field(cast.account, name)
        use(factories.authentication_for(cast.account, field).authentication.key, times=12, status=401)

    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert client.get(reverse("admin:index")).status_code == 200
        return len(queries)

    add("one")
    few = count()
    for name in ("two", "three", "four"):
        add(name)
    assert count() == few


def test_an_hour_of_another_account_does_not_count(cast: Cast, key: Authentication) -> None:
    theirs: Any = factories.authentication_for(cast.other_account).authentication
    use(theirs.key, times=5)
    assert queries_usage.usage_of(cast.account, [key, theirs])[theirs.pk].requests == 0
    assert UsageHour.objects.for_account(cast.other_account).get().requests == 5
