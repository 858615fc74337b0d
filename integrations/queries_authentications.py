"""Reads of authentications for their pages: how each stands, and what has become of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from django.utils import timezone
from django.utils.dateformat import format as date_format
from django.utils.dateparse import parse_datetime

from accounts.models import Account, AuditEvent
from accounts.queries import events_about
from integrations import networks
from integrations.models import Authentication, Integration
from integrations.queries import has_active_license
from integrations.queries_usage import Usage, usage_of

MOST_EVENTS = 100


class State(StrEnum):
    """How an authentication stands; where several are true, the first."""

    REVOKED = "revoked"
    EXPIRED = "expired"
    SUSPENDED = "suspended"
    UNLICENSED = "unlicensed"
    IN_GRACE = "in_grace"
    EXPIRES = "expires"
    LIVE = "live"


@dataclass(frozen=True, slots=True)
class AuthenticationRow:
    """An authentication as its pages show it. `is_in_grace`: whether the secret before the present one still works;
    `usage`: of the last 30 days."""

    authentication: Authentication
    state: State
    is_in_grace: bool
    usage: Usage


def state_of(authentication: Authentication, *, is_suspended: bool, is_licensed: bool, now: datetime) -> State:
    conditions = {
        State.REVOKED: authentication.revoked_at is not None,
        State.EXPIRED: authentication.is_expired(now),
        State.SUSPENDED: is_suspended,
        State.UNLICENSED: not is_licensed,
        State.IN_GRACE: authentication.is_in_grace(now),
        State.EXPIRES: authentication.expires_at is not None,
        State.LIVE: True,
    }
    return next(state for state, is_so in conditions.items() if is_so)


def authentications_of(account: Account, integration: Integration) -> list[AuthenticationRow]:
    """An account's authentications for an integration, with id field and source system, live ones first."""
    rows = Authentication.objects.for_account(account).filter(integration=integration)
    ordered = rows.select_related("id_field__source_system").order_by("revoked_at", "created_at", "pk")
    return _standing(account, integration, list(ordered))


def row_of(account: Account, authentication: Authentication) -> AuthenticationRow:
    """One of them."""
    return _standing(account, authentication.integration, [authentication])[0]


def left_out_by_networks(authentication: Authentication) -> str | None:
    """The address of its last call, where its networks are such that it is refused from there now."""
    address = authentication.last_used_ip
    return None if networks.contain(authentication.allowed_networks, address) else address


def _standing(
    account: Account, integration: Integration, authentications: Sequence[Authentication]
) -> list[AuthenticationRow]:
    now, is_licensed = timezone.now(), has_active_license(account, integration)
    is_suspended = account.suspended_at is not None
    usage = usage_of(account, authentications)
    return [
        AuthenticationRow(
            each,
            state_of(each, is_suspended=is_suspended, is_licensed=is_licensed, now=now),
            each.revoked_at is None and each.is_in_grace(now),
            usage[each.pk],
        )
        for each in authentications
    ]


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that an event changed, in words; `before` is empty for what is new."""

    what: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """An event about an authentication, in words."""

    event: AuditEvent
    happened: str
    changes: Sequence[Change]


HAPPENED = {
    "authentication.issued": "Issued",
    "authentication.rotated": "Secret rotated",
    "authentication.grace_ended": "Old secret ended",
    "authentication.changed": "Changed",
    "authentication.revoked": "Revoked",
}


def history_of(account: Account, authentication: Authentication) -> list[HistoryEntry]:
    """What has been done to an authentication, the latest first, times in the account's zone."""
    events = events_about(account, "authentication", authentication.pk)[:MOST_EVENTS]
    return [HistoryEntry(event, HAPPENED.get(event.action, event.action), _changes(event, account)) for event in events]


def _changes(event: AuditEvent, account: Account) -> list[Change]:
    before, after = event.before or {}, event.after or {}
    if before.get("grace_until") is None:  # there was no old secret
        before.pop("grace_until", None)
    return [
        Change(what, told(before[part], account.zone) if part in before else "", told(after[part], account.zone))
        for part, (what, told) in PARTS.items()
        if part in after
    ]


def _moment(value: str | None, zone: ZoneInfo) -> str:
    at = parse_datetime(value) if value else None
    return date_format(at.astimezone(zone), "j M Y, H:i") if at else "never"


def _text(value: Any, _zone: ZoneInfo) -> str:
    return str(value)


def _access(value: bool, _zone: ZoneInfo) -> str:
    return "read only" if value else "read and write"


def _networks(value: Sequence[str], _zone: ZoneInfo) -> str:
    return ", ".join(value) or "all"


PARTS: dict[str, tuple[str, Callable[[Any, ZoneInfo], str]]] = {
    "name": ("Name", _text),
    "read_only": ("Access", _access),
    "expires_at": ("Expires", _moment),
    "allowed_networks": ("Allowed networks", _networks),
    "grace_until": ("Old secret refused from", _moment),
}
"""What of an event's before and after is told, and how."""
