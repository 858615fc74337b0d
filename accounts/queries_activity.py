"""Reads of an account's activity: who did what, when, from where. Newest first, in pages that never get slower."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Q, QuerySet

from accounts import activity
from accounts.models import Account, AuditEvent

PAGE = 50
CHUNK = 1000
"""Events that a download reads in one go."""
MOST_SEARCHED = 20_000
"""Events in which a page looks for a text: no index finds what is in the middle of one."""
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
    """Some events, and the one behind which the next page begins (None: there is none). `is_cut`: it had to stop
    searching for the text there."""

    events: Sequence[AuditEvent]
    last: AuditEvent | None
    is_cut: bool = False


@dataclass(frozen=True, slots=True)
class Thing:
    """What an event is about, as it is called now, and its page."""

    name: str
    url: str


@dataclass(frozen=True, slots=True)
class Entry:
    """An event as people read it; `thing` only where it is still there."""

    event: AuditEvent
    thing: Thing | None
    changes: Sequence[activity.Change]


FINDERS: dict[str, Callable[[Account, Collection[UUID]], Mapping[UUID, Thing]]] = {}
"""Finds an account's things of a kind, such as `contact`, by their ids; apps put theirs in."""


def events_of(account: Account, filters: Filters) -> QuerySet[AuditEvent]:
    """An account's events, the newest first, whatever the text; `page_of` looks for that."""
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
    return rows.order_by(*NEWEST_FIRST)


def page_of(rows: QuerySet[AuditEvent], after: AuditEvent | None, size: int = PAGE, text: str = "") -> Page:
    """The events behind one, of rows that are the newest first: those that are about the text, if there is one."""
    if after is not None:
        # The first condition says no more than the second, and is what an index can begin at.
        rows = rows.filter(at__lte=after.at).filter(Q(at__lt=after.at) | Q(at=after.at, pk__lt=after.pk))
    edge = None
    if text:
        ends = rows[MOST_SEARCHED - 1 : MOST_SEARCHED + 1]
        edge = ends[0] if len(ends) == 2 else None
        if edge is not None:
            rows = rows.filter(at__gte=edge.at).filter(Q(at__gt=edge.at) | Q(at=edge.at, pk__gte=edge.pk))
        rows = rows.filter(Q(object_label__icontains=text) | Q(object_id=text))
    found = list(rows[: size + 1])
    if len(found) > size:
        return Page(found[:size], found[size - 1])
    return Page(found, edge, is_cut=edge is not None)


def every(rows: QuerySet[AuditEvent], text: str = "") -> Iterator[AuditEvent]:
    """All of the rows, which are the newest first, or those about a text, without a query that stays open."""
    page = page_of(rows, None, CHUNK, text)
    yield from page.events
    while page.last is not None:
        page = page_of(rows, page.last, CHUNK, text)
        yield from page.events


def entries_of(account: Account, events: Sequence[AuditEvent]) -> list[Entry]:
    """Events as people read them, with the names that things of the account have by now."""
    ids: dict[str, set[str]] = defaultdict(set)
    for event in events:
        ids[activity.kind(event.action)].add(event.object_id)
        ids["contact"] |= {str(value) for name, value in (event.after or {}).items() if name in activity.CONTACTS}
    things = {
        (kind, str(pk)): thing
        for kind, find in FINDERS.items()
        for pk, thing in find(account, list(_uuids(ids[kind]))).items()
    }

    def told(event: AuditEvent) -> Iterator[activity.Change]:
        for change in activity.changes(event.before, event.after, account.zone):
            thing = things.get(("contact", change.after)) if change.name in activity.CONTACTS else None
            if not (change.name == "survivor" and change.after == event.object_id):  # what the event is about
                yield replace(change, after=thing.name, url=thing.url) if thing else change

    return [
        Entry(event, things.get((activity.kind(event.action), event.object_id)), list(told(event))) for event in events
    ]


def _uuids(ids: Iterable[str]) -> Iterator[UUID]:
    for each in ids:
        with suppress(ValueError):
            yield UUID(each)


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
