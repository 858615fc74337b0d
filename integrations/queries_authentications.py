"""Reads of authentications for their pages: how each stands, and what has become of it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from django.urls import reverse
from django.utils import timezone

from accounts import activity
from accounts.models import Account, AuditEvent
from accounts.queries import events_about
from accounts.queries_activity import Thing
from integrations import credentials, networks
from integrations.models import Authentication, Integration
from integrations.queries import has_active_license
from integrations.queries_usage import Usage, usage_of

MOST_EVENTS = 100
UNSAID = ("id_field", "secret_version", "source_system")
"""Members of its events that its page tells elsewhere, or that tell people nothing."""


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
class HistoryEntry:
    """An event about an authentication, in words."""

    event: AuditEvent
    happened: str
    changes: Sequence[activity.Change]


def history_of(account: Account, authentication: Authentication) -> list[HistoryEntry]:
    """What has been done to an authentication, the latest first: its part of the activity, without what goes without
    saying here."""
    events = events_about(account, "authentication", authentication.pk)[:MOST_EVENTS]
    return [
        HistoryEntry(
            event,
            activity.words(event.action.removeprefix("authentication.")),
            [
                change
                for change in activity.changes(event.before, event.after, account.zone)
                if change.name not in UNSAID
            ],
        )
        for event in events
    ]


def things(account: Account, ids: Collection[UUID]) -> dict[UUID, Thing]:
    """Authentications by id, for the account's activity."""
    rows = Authentication.objects.for_account(account).filter(pk__in=ids)
    return {
        pk: Thing(
            f"{name} ({credentials.mask(key)})",
            reverse("integrations-authentication", kwargs={"account_number": account.number, "pk": pk}),
        )
        for pk, name, key in rows.values_list("pk", "name", "key")
    }
