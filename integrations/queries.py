"""Reads of licenses and authentications."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.db.models import Case, Count, Max, QuerySet, Value, When
from django.utils import timezone

from accounts.models import Account
from integrations.models import Authentication, License, Request
from integrations.models.license import active_at

OPEN_FIRST = (Case(When(status=Request.Status.OPEN, then=Value(0)), default=Value(1)), "-requested_at", "-pk")
"""The order of requests: those that wait for an answer, then the latest."""


def missing_peppers() -> list[int]:
    """The numbers of peppers that live authentications need and that aren't configured, in order."""
    live = Authentication.all_accounts.filter(revoked_at__isnull=True)
    needed = set(live.values_list("pepper", flat=True).distinct())
    return sorted(needed - settings.API_KEY_PEPPERS.keys())


def _of(rows: QuerySet[Any], accounts: QuerySet[Account], aggregate: Any) -> Mapping[int, Any]:
    """An aggregate over the rows of these accounts, by account id."""
    own = rows.filter(account_id__in=accounts.values("pk")).order_by()
    return dict(own.values_list("account_id").annotate(aggregate))


def active_licenses(rows: QuerySet[Any]) -> QuerySet[Any]:
    """Those of the licenses that are active now."""
    return rows.filter(active_at(timezone.now()))


def active_licenses_of(accounts: QuerySet[Account]) -> Mapping[int, int]:
    """How many licenses are active now, per account id."""
    return _of(active_licenses(License.all_accounts.all()), accounts, Count("pk"))


def last_use_of(accounts: QuerySet[Account]) -> Mapping[int, Any]:
    """When a key of the account was last used, per account id."""
    return _of(Authentication.all_accounts.filter(last_used_at__isnull=False), accounts, Max("last_used_at"))


def open_requests_of(accounts: QuerySet[Account]) -> Mapping[int, int]:
    """How many requests wait for the partner, per account id."""
    return _of(Request.all_accounts.filter(status=Request.Status.OPEN), accounts, Count("pk"))


def requests_to_decide(accounts: QuerySet[Account]) -> Mapping[str, Any]:
    """The requests that have waited longest, ten at most."""
    rows = Request.all_accounts.filter(status=Request.Status.OPEN, account_id__in=accounts.values("pk"))
    return {"requests": rows.select_related("account", "license__integration").order_by("requested_at", "pk")[:10]}
