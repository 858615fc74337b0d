"""Reads of how much authentications are used. Days are those of UTC: the hours of a day are the same for everybody."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import F, QuerySet, Sum
from django.db.models.functions import TruncDay
from django.urls import get_resolver
from django.utils import timezone

from accounts.models import Account
from integrations.charts import Bars
from integrations.models import Authentication, RecentCall, UsageHour

DAYS = 30
LISTED = 100
NO_CALL = ("", "api", "api-nothing-here")
FAILING = 10
"""So many errors in 24 hours, and more than half of the requests, make a key one that fails."""


@dataclass(frozen=True, slots=True)
class Day:
    """What an authentication did in a day."""

    day: date
    requests: int = 0
    errors: int = 0
    contacts_read: int = 0
    contacts_written: int = 0


@dataclass(frozen=True, slots=True)
class Chart:
    """One of the charts: `total` is that of all days, `most` that of the busiest one."""

    name: str
    label: str
    total: int
    most: int
    bars: Bars


@dataclass(frozen=True, slots=True)
class Usage:
    """The last 30 days of an authentication, oldest first, today included."""

    days: Sequence[Day]

    @property
    def requests(self) -> int:
        return sum(day.requests for day in self.days)

    @property
    def errors(self) -> int:
        return sum(day.errors for day in self.days)

    @property
    def request_bars(self) -> Bars:
        return Bars.of([day.requests for day in self.days], [day.errors for day in self.days])

    @property
    def charts(self) -> list[Chart]:
        requests = [day.requests for day in self.days]
        read = [day.contacts_read for day in self.days]
        written = [day.contacts_written for day in self.days]
        return [
            Chart("requests", "Requests", sum(requests), max(requests), self.request_bars),
            Chart("read", "Contacts read", sum(read), max(read), Bars.of(read)),
            Chart("written", "Contacts written", sum(written), max(written), Bars.of(written)),
        ]


def usage_of(account: Account, authentications: Iterable[Authentication]) -> Mapping[UUID, Usage]:
    """The last 30 days of some of an account's authentications, by primary key; one query for all."""
    last = timezone.now().astimezone(UTC).date()
    days = [last - timedelta(days=back) for back in reversed(range(DAYS))]
    keys = [authentication.pk for authentication in authentications]
    since = datetime(days[0].year, days[0].month, days[0].day, tzinfo=UTC)
    hours = UsageHour.objects.for_account(account).filter(authentication_id__in=keys, hour__gte=since)
    found = {(pk, day.date()): Day(day.date(), *counts) for pk, day, *counts in _by_day(hours)}
    return {key: Usage([found.get((key, day)) or Day(day) for day in days]) for key in keys}


def _by_day(hours: QuerySet[Any]) -> QuerySet[Any, tuple[Any, ...]]:
    """Authentication, day, requests, errors, contacts read, contacts written."""
    grouped = hours.order_by().values("authentication_id", day=TruncDay("hour", tzinfo=UTC))
    sums = {f"total_{name}": Sum(name) for name in ("requests", "errors", "contacts_read", "contacts_written")}
    rows: QuerySet[Any, tuple[Any, ...]] = grouped.annotate(**sums).values_list("authentication_id", "day", *sums)
    return rows


@dataclass(frozen=True, slots=True)
class ListedCall:
    """A request as people read it: `call` is the method and the address with its parts by name."""

    call: str
    row: RecentCall


def recent_calls(authentication: Authentication) -> list[ListedCall]:
    """The last requests of an authentication, latest first."""
    rows = RecentCall.objects.for_account(authentication.account_id).filter(authentication=authentication)
    return [ListedCall(f"{row.method} {address_of(row.route)}", row) for row in rows.order_by("-at", "-pk")[:LISTED]]


def address_of(route: str) -> str:
    """A route of the API as its documentation writes it, such as /contacts/{external_id}."""
    if route in NO_CALL:
        return "(no such call)"
    for found, *_ in get_resolver().reverse_dict.getlist(route):
        pattern, names = found[0]
        return "/" + str(pattern % {name: f"{{{name}}}" for name in names}).removeprefix("api/v1/")
    return route  # of an earlier version


def a_day_ago() -> datetime:
    """When the last 24 hours began: with a full hour, so that the one under way comes on top."""
    return (timezone.now() - timedelta(days=1)).replace(minute=0, second=0, microsecond=0)


def requests_in_a_day(authentications: Sequence[Authentication]) -> Mapping[UUID, int]:
    """Requests in the last 24 hours by primary key, of those authentications of one account that made any."""
    if not authentications:
        return {}
    hours = UsageHour.objects.for_account(authentications[0].account_id).filter(
        authentication_id__in=[row.pk for row in authentications], hour__gte=a_day_ago()
    )
    return dict(hours.order_by().values_list("authentication_id").annotate(Sum("requests")))


def failing(accounts: QuerySet[Account]) -> QuerySet[Any, dict[str, Any]]:
    """Keys of these accounts that fail: at least 10 errors in the last 24 hours, and more than half of the requests.

    A row has account_id, authentication_id, and the sums as `failed` and `made`.
    """
    hours = UsageHour.all_accounts.filter(account_id__in=accounts.values("pk"), hour__gte=a_day_ago()).order_by()
    sums = hours.values("account_id", "authentication_id").annotate(failed=Sum("errors"), made=Sum("requests"))
    rows: QuerySet[Any, dict[str, Any]] = sums.filter(failed__gte=FAILING, failed__gt=F("made") - F("failed"))
    return rows


def failing_keys_of(accounts: QuerySet[Account]) -> Mapping[int, int]:
    """How many keys fail, per account id."""
    return Counter(row["account_id"] for row in failing(accounts))


def keys_that_fail(accounts: QuerySet[Account]) -> Mapping[str, Any]:
    """The ten that fail most, each with its sums."""
    worst = list(failing(accounts).order_by("-failed", "authentication_id")[:10])
    rows = Authentication.all_accounts.select_related("account", "id_field__source_system").in_bulk(
        [row["authentication_id"] for row in worst]
    )
    return {"keys": [(rows[row["authentication_id"]], row["failed"], row["made"]) for row in worst], "least": FAILING}
