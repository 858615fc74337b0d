"""Reads of an account's activity: who did what, when, from where. Newest first, in pages that never get slower."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Q, QuerySet

from accounts import activity
from accounts.models import Account, AuditEvent

PAGE = 50
CHUNK = 1000
"""Events that a download reads in one go."""
NEWEST_FIRST = ("-at", "-pk")


@dataclass(frozen=True, slots=True)
class Filters:
    """What of an account's activity is asked for. `actor` and `text` are parts of it, in any case; `action` is a whole
    action or a kind of thing; `since` and `until` are instants, the latter not included."""

    actor: str = ""
    action: str = ""
    since: datetime | None = None
    until: datetime | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """Some events, and the one behind which the next page begins (None: there is none)."""

    events: Sequence[AuditEvent]
    last: AuditEvent | None


def events_of(account: Account, filters: Filters) -> QuerySet[AuditEvent]:
    """An account's events, the newest first."""
    rows = AuditEvent.objects.filter(account_id=account.pk)
    # Both are looked up among the few that there are, so that an index finds the events.
    if filters.actor:
        sought = filters.actor.casefold()
        rows = rows.filter(actor__in=[actor for actor in actors_of(account) if sought in actor.casefold()])
    if filters.action:
        asked = [each for each in actions_of(account) if filters.action in {each, activity.kind(each)}]
        rows = rows.filter(action__in=asked)
    if filters.since:
        rows = rows.filter(at__gte=filters.since)
    if filters.until:
        rows = rows.filter(at__lt=filters.until)
    if filters.text:
        rows = rows.filter(Q(object_label__icontains=filters.text) | Q(object_id=filters.text))
    return rows.order_by(*NEWEST_FIRST)


def page_of(rows: QuerySet[AuditEvent], after: AuditEvent | None, size: int = PAGE) -> Page:
    """The events behind one, of rows that are the newest first."""
    if after is not None:
        # The first condition says no more than the second, and is what an index can begin at.
        rows = rows.filter(at__lte=after.at).filter(Q(at__lt=after.at) | Q(at=after.at, pk__lt=after.pk))
    found = list(rows[: size + 1])
    return Page(found[:size], found[size - 1] if len(found) > size else None)


def every(rows: QuerySet[AuditEvent]) -> Iterator[AuditEvent]:
    """All of the rows, which are the newest first, without a query that stays open."""
    page = page_of(rows, None, CHUNK)
    yield from page.events
    while page.last is not None:
        page = page_of(rows, page.last, CHUNK)
        yield from page.events


def event_of(account: Account, pk: int) -> AuditEvent | None:
    """One event of an account."""
    return AuditEvent.objects.filter(account_id=account.pk, pk=pk).first()


def actors_of(account: Account) -> list[str]:
    """Everybody and everything that ever did something in an account, in order."""
    return _distinct("actor", account)


def actions_of(account: Account) -> list[str]:
    """Everything that was ever done in an account, in order."""
    return _distinct("action", account)


def _distinct(column: str, account: Account) -> list[Any]:
    """The values of a column, each found behind the one before it in the index: DISTINCT would read every event."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH RECURSIVE found(value) AS (
                SELECT MIN({column}) FROM accounts_auditevent WHERE account_id = %s
                UNION ALL
                SELECT (SELECT MIN({column}) FROM accounts_auditevent WHERE account_id = %s AND {column} > found.value)
                FROM found WHERE found.value IS NOT NULL
            )
            SELECT value FROM found WHERE value IS NOT NULL
            """,  # noqa: S608 - the column is one of the two above
            [account.pk, account.pk],
        )
        return [value for (value,) in cursor.fetchall()]
