"""How much each authentication is used: noted in memory by whoever answers, written by a thread every few seconds.

A request writes nothing for it. What was noted since the last round is lost with a process that is killed, and with
no other: the thread outlives the main thread for as long as it takes to write the rest.
"""

import os
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from threading import Lock, Thread, main_thread
from typing import NamedTuple

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from contacts import sql

log = structlog.get_logger(__name__)

LISTED = 100
"""The last requests of each authentication that are kept, with what each was."""
KEPT = timedelta(days=400)
"""How long the hours are kept."""
MAX_CALLS = 5_000
"""Requests that wait to be listed; beyond it the oldest are only counted."""
MAX_HOURS = 10_000
"""Keys, times the hours of an outage, that are counted until they are written."""
MAX_REFUSED = 1_000
"""Beyond it, keys that came without their secret aren't counted: anybody can make them up."""


class Call(NamedTuple):
    """A request as it is listed: an instant, the method, the name of the route, the status, how many contacts were
    read or written, the caller's address, the request's id, and how long it took."""

    at: datetime
    method: str
    route: str
    status: int
    contacts: int
    address: str | None
    request_id: str
    milliseconds: int


@dataclass(slots=True)
class _Hour:
    requests: int = 0
    errors: int = 0
    contacts_read: int = 0
    contacts_written: int = 0

    def add(self, other: "_Hour") -> None:
        self.requests += other.requests
        self.errors += other.errors
        self.contacts_read += other.contacts_read
        self.contacts_written += other.contacts_written


COUNTS = ("requests", "errors", "contacts_read", "contacts_written")
CALL = {
    "at": "timestamptz",
    "method": "text",
    "route": "text",
    "status": "integer",
    "contacts": "integer",
    "address": "inet",
    "request_id": "text",
    "milliseconds": "integer",
}
"""The columns of a call, and PostgreSQL's types of them."""
_Hours = dict[tuple[str, datetime], _Hour]
"""By key, and when the hour began."""
_Calls = deque[tuple[str, Call]]


@dataclass(slots=True)
class _Noted:
    """What this process has noted and not written yet. The lock is only ever held to touch it, never to write."""

    hours: _Hours = field(default_factory=dict)
    calls: _Calls = field(default_factory=lambda: deque(maxlen=MAX_CALLS))
    dropped: int = 0
    lock: Lock = field(default_factory=Lock)
    writer: Thread | None = None


_noted = _Noted()


def record_call(
    *, key: str, call: Call, secret_was_right: bool, contacts_read: int = 0, contacts_written: int = 0
) -> None:
    """Notes a request that was answered. Keys that don't exist are left out when it is written."""
    hour = _Hour(1, int(call.status >= 400), contacts_read, contacts_written)
    room = MAX_HOURS if secret_was_right else MAX_REFUSED
    with _noted.lock:
        if _count(key, _hour_of(call.at), hour, room):
            _noted.calls.append((key, call))
        _start_writer()


def record_contacts(*, key: str, read: int = 0, written: int = 0) -> None:
    """Notes contacts that were read or written for an authentication by no request: of its exports and imports."""
    with _noted.lock:
        hour = _Hour(contacts_read=read, contacts_written=written)
        _count(key, _hour_of(timezone.now()), hour, MAX_HOURS)
        _start_writer()


def flush() -> None:
    """Writes what was noted, in one transaction of a fixed number of statements.

    Raises DatabaseError; the counts are then kept for the next time. The list of requests is not: what couldn't be
    written may be the reason.
    """
    with _noted.lock:
        hours, calls, dropped = _noted.hours, _noted.calls, _noted.dropped
        _noted.hours, _noted.calls, _noted.dropped = {}, deque(maxlen=MAX_CALLS), 0
    if dropped:
        log.warning("usage_dropped", requests=dropped)
    if not hours:
        return
    try:
        _write(hours, calls)
    except Exception:
        with _noted.lock:
            for (key, hour), counts in hours.items():
                _count(key, hour, counts, MAX_HOURS)
        raise


def forget() -> None:
    """Empties what was noted: in a process that was forked, for its parent will write it."""
    global _noted  # noqa: PLW0603 - one for each process
    _noted = _Noted()


os.register_at_fork(after_in_child=forget)


def _hour_of(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)


def _count(key: str, hour: datetime, counts: _Hour, room: int) -> bool:
    """Adds to an hour; False when there is no room for another one."""
    found = _noted.hours.get((key, hour))
    if found is not None:
        found.add(counts)
    elif len(_noted.hours) < room:
        _noted.hours[key, hour] = counts
    else:
        _noted.dropped += counts.requests
        return False
    return True


def _start_writer() -> None:
    """Not before there is something to write: no thread survives the fork by which a server starts a process."""
    if settings.USAGE_FLUSH_SECONDS and (_noted.writer is None or not _noted.writer.is_alive()):
        # No daemon: Python waits for it at the end of every process that ends by itself.
        writer = Thread(target=_keep_writing, name="usage", daemon=False)
        try:
            writer.start()
        except RuntimeError as error:  # no thread to be had; the next request tries again
            log.warning("usage_writer_not_started", reason=str(error))
        else:
            _noted.writer = writer


def _keep_writing() -> None:
    main = main_thread()
    ended = False
    while not ended:
        main.join(settings.USAGE_FLUSH_SECONDS)
        ended = not main.is_alive()
        try:
            flush()
        except Exception:
            log.exception("usage_not_written")
        finally:
            connection.close()


@transaction.atomic
def _write(hours: _Hours, calls: _Calls) -> None:
    """Each row finds its authentication, and with it the account, by the key."""
    owner = sql.probe("integrations_authentication", "owner", "owner.key = sent.key")
    _add_hours(owner, hours)
    _list_calls(owner, _latest(calls))
    _tidy_up(owner, {key for key, _ in hours})


def _add_hours(owner: str, hours: _Hours) -> None:
    """In order, so that two processes with the same rows wait for each other instead of for ever."""
    given = [{"key": key, "hour": sql.parameter(hour), **asdict(counts)} for (key, hour), counts in hours.items()]
    sent = sql.sent(key="text", hour="timestamptz", **dict.fromkeys(COUNTS, "bigint"))
    sql.run(
        f"""
        INSERT INTO integrations_usagehour (account_id, authentication_id, hour, {", ".join(COUNTS)})
        SELECT owner.account_id, owner.id, sent.hour, {", ".join(f"sent.{name}" for name in COUNTS)}
        FROM {sent} {owner} WHERE true ORDER BY owner.account_id, owner.id, sent.hour
        ON CONFLICT (account_id, hour, authentication_id) DO UPDATE
        SET {", ".join(f"{name} = integrations_usagehour.{name} + excluded.{name}" for name in COUNTS)}
        """,
        [sql.rows(given)],
    )


def _list_calls(owner: str, calls: Sequence[tuple[str, Call]]) -> None:
    given = [{"key": key, **call._asdict(), "at": sql.parameter(call.at)} for key, call in calls]
    names = ", ".join(CALL)
    sql.run(
        f"""
        INSERT INTO integrations_recentcall (account_id, authentication_id, {names})
        SELECT owner.account_id, owner.id, {", ".join(f"sent.{name}" for name in CALL)}
        FROM {sql.sent(key="text", **CALL)} {owner}
        """,
        [sql.rows(given)],
    )


def _tidy_up(owner: str, keys: Iterable[str]) -> None:
    """Deletes what is beyond the list, and beyond its time: whoever adds also takes away."""
    sent, given = sql.sent(key="text"), sql.rows({"key": key} for key in keys)
    call = sql.probe(
        "integrations_recentcall", "call", "call.account_id = owner.account_id AND call.authentication_id = owner.id"
    )
    beyond = sql.select(
        f"""
        SELECT id FROM (
            SELECT call.id, row_number() OVER (PARTITION BY owner.id ORDER BY call.at DESC, call.id DESC) AS place
            FROM {sent} {owner} {call}
        ) AS ranked WHERE place > {LISTED}
        """,
        [given],
    )
    if beyond:
        # Not by the query itself: PostgreSQL would go through the whole table to join it.
        listed = sql.sent(id="bigint")
        sql.run(
            f"DELETE FROM integrations_recentcall WHERE id IN (SELECT sent.id FROM {listed})",
            [sql.rows({"id": pk} for (pk,) in beyond)],
        )
    sql.run(
        f"""
        DELETE FROM integrations_usagehour
        WHERE hour < %s AND account_id IN (SELECT owner.account_id FROM {sent} {owner})
        """,
        [sql.parameter(timezone.now() - KEPT), given],
    )


def _latest(calls: _Calls) -> Sequence[tuple[str, Call]]:
    """Those that there is room for in the list of each key, oldest first."""
    seen = Counter[str]()
    kept = []
    for key, call in reversed(calls):
        seen[key] += 1
        if seen[key] <= LISTED:
            kept.append((key, call))
    return kept[::-1]
