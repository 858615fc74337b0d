"""Reads of licenses and authentications."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Case, Count, Max, QuerySet, Value, When
from django.urls import reverse
from django.utils import timezone

from accounts.models import Account
from accounts.queries_activity import Thing
from contacts.models import IdField, SourceSystem
from integrations.models import Authentication, Integration, License, Price, Request, RequestMessage
from integrations.models.license import active_at

OPEN_FIRST = (Case(When(status=Request.Status.OPEN, then=Value(0)), default=Value(1)), "-requested_at", "-pk")
"""The order of requests: those that wait for an answer, then the latest."""


def missing_peppers() -> list[int]:
    """The numbers of peppers that secrets which work need and that aren't configured, in order."""
    live = Authentication.all_accounts.filter(revoked_at__isnull=True).order_by()
    in_grace = live.filter(grace_until__gt=timezone.now())
    needed = set(live.values_list("pepper", flat=True).union(in_grace.values_list("previous_pepper", flat=True)))
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


class Status(StrEnum):
    """How an integration stands in an account."""

    ANNOUNCED = "announced"
    NOT_ACTIVE = "not_active"
    ACTIVE = "active"
    BEGINS = "begins"
    ENDS = "ends"
    ENDED = "ended"
    SUSPENDED = "suspended"


@dataclass(frozen=True, slots=True)
class OverviewRow:
    """An integration as the overview shows it. `request` is the last one about its license, whatever came of it."""

    integration: Integration
    price: Price | None
    status: Status
    license: License | None
    request: Request | None

    @property
    def can_be_bought(self) -> bool:
        return self.price is not None and self.status in {Status.NOT_ACTIVE, Status.ENDED, Status.ENDS}

    @property
    def can_be_used(self) -> bool:
        return self.status in {Status.ACTIVE, Status.ENDS}

    @property
    def may_ask_to_deactivate(self) -> bool:
        is_open = self.request is not None and self.request.status == Request.Status.OPEN
        return self.status in {Status.ACTIVE, Status.SUSPENDED} and not is_open


def overview(account: Account) -> list[OverviewRow]:
    """Every integration of the catalogue with its price in the account's currency and its license."""
    now = timezone.now()
    prices = {price.integration_id: price for price in Price.objects.filter(currency=account.currency)}
    licenses: dict[int, list[License]] = {}
    for license_ in License.objects.for_account(account).order_by("-active_from"):
        licenses.setdefault(license_.integration_id, []).append(license_)
    requests: dict[UUID, Request] = {}
    for request in Request.objects.for_account(account).filter(license__isnull=False).order_by("requested_at"):
        requests[request.license_id] = request
    rows = []
    for integration in Integration.objects.all():
        status, license_ = _standing(integration, licenses.get(integration.pk, []), now)
        request = requests.get(license_.pk) if license_ else None
        rows.append(OverviewRow(integration, prices.get(integration.pk), status, license_, request))
    return rows


def _standing(integration: Integration, licenses: list[License], now: datetime) -> tuple[Status, License | None]:
    """The status, and the license that it is about. `licenses` are the integration's, the latest first."""
    current = next((license_ for license_ in licenses if license_.is_active(now)), None)
    if current is not None:
        continued = any(license_.active_until is None for license_ in licenses)
        return (Status.ACTIVE if continued else Status.ENDS), current
    if not licenses:
        return (Status.NOT_ACTIVE if integration.is_available else Status.ANNOUNCED), None
    latest = licenses[0]
    if latest.active_until is not None and latest.active_until <= now:
        return Status.ENDED, latest
    return (Status.BEGINS if latest.active_from > now else Status.SUSPENDED), latest


def has_active_license(account: Account, integration: Integration) -> bool:
    """Whether the account may use an integration now."""
    return bool(License.objects.for_account(account).filter(integration=integration).active(timezone.now()).exists())


def live_authentications(license: License) -> list[Authentication]:
    """What works while a license is active, with account, id field and source system."""
    rows = Authentication.objects.for_account(license.account_id).filter(integration_id=license.integration_id).live()
    return list(rows.select_related("account", "id_field__source_system").order_by("created_at", "pk"))


def has_live_authentication(id_field: IdField) -> bool:
    """Whether a system is connected to an id field."""
    return bool(Authentication.objects.for_account(id_field.account_id).filter(id_field=id_field).live().exists())


@dataclass(frozen=True, slots=True)
class IdFieldChoice:
    """An id field in the question which one to link to; `authentication` is the live one that has it."""

    id_field: IdField
    authentication: Authentication | None

    @property
    def is_free(self) -> bool:
        return self.authentication is None


def requests_of(account: Account) -> QuerySet[Request]:
    """What an account asked of its partner: what waits for an answer first, then the latest."""
    rows: QuerySet[Request] = Request.objects.for_account(account).select_related("license__integration", "id_field")
    return rows.order_by(*OPEN_FIRST)


def requests_as_things(account: Account, ids: Collection[UUID]) -> dict[UUID, Thing]:
    """Requests by id, for the account's activity."""
    rows = Request.objects.for_account(account).filter(pk__in=ids).select_related("license__integration")
    return {
        row.pk: Thing(
            str(row), reverse("integrations-request", kwargs={"account_number": account.number, "pk": row.pk})
        )
        for row in rows
    }


def messages_about(request: Request) -> QuerySet[RequestMessage]:
    """What was written about a request, in order."""
    rows: QuerySet[RequestMessage] = RequestMessage.objects.for_account(request.account_id).filter(request=request)
    return rows


def unused_id_fields(account: Account) -> list[IdField]:
    """The id fields that no system has: a new one may take any of them."""
    return [
        choice.id_field
        for choice in id_field_choices(account)
        if choice.is_free and choice.id_field.source_system is None
    ]


def has_system_of_kind(account: Account, kind: str) -> bool:
    """Whether a system of a kind was connected before."""
    return bool(SourceSystem.objects.for_account(account).filter(kind=kind).exists())


def id_field_choices(account: Account) -> list[IdFieldChoice]:
    """The id fields of an account that may be chosen, or are taken, the default one first."""
    live = {row.id_field_id: row for row in Authentication.objects.for_account(account).live()}
    rows = IdField.objects.for_account(account).filter(retired_at__isnull=True).select_related("source_system")
    return [IdFieldChoice(row, live.get(row.pk)) for row in rows]
