"""The catalogue of integrations and what they cost: kept by operators."""

from collections.abc import Mapping
from decimal import Decimal

from django.db import transaction

from accounts.actor import Actor
from accounts.errors import ValidationFailed
from accounts.services import audit
from integrations.models import Integration, Price


@transaction.atomic
def save_integration(
    *,
    integration: Integration | None,
    code: str,
    name: str,
    description: str,
    is_available: bool,
    position: int,
    by: Actor,
) -> Integration:
    """Adds an integration to the catalogue, or changes one. Raises ValidationFailed when the code is taken."""
    others = Integration.objects.exclude(pk=integration.pk) if integration else Integration.objects.all()
    if others.filter(code=code).exists():
        raise ValidationFailed.of("code", "taken", "An integration with this code exists already.")
    row = Integration.objects.select_for_update().get(pk=integration.pk) if integration else Integration()
    before = _entry(row) if integration else None
    row.code, row.name, row.description = code, name, description
    row.is_available, row.position = is_available, position
    row.save()
    if before != _entry(row):
        _record(row, "changed" if integration else "added", by, before=before, after=_entry(row))
    return row


@transaction.atomic
def set_prices(*, integration: Integration, prices: Mapping[str, Decimal], by: Actor) -> None:
    """Makes these the prices a month, by currency. Charges that run keep the price that they were opened with."""
    Integration.objects.select_for_update().get(pk=integration.pk)
    before = dict(integration.prices.values_list("currency", "amount"))
    integration.prices.exclude(currency__in=prices).delete()
    for currency, amount in prices.items():
        Price.objects.update_or_create(integration=integration, currency=currency, defaults={"amount": amount})
    if before != dict(prices):
        _record(integration, "priced", by, before={**before}, after={**prices})


def _entry(integration: Integration) -> dict[str, object]:
    names = ("code", "name", "description", "is_available", "position")
    return {name: getattr(integration, name) for name in names}


def _record(
    integration: Integration, happened: str, by: Actor, *, before: dict[str, object] | None, after: dict[str, object]
) -> None:
    audit.record(
        account=None,
        action=f"integration.{happened}",
        object_id=integration.pk,
        object_label=integration.name,
        before=before,
        after=after,
        by=by,
    )
