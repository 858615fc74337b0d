from datetime import datetime
from typing import Any, Self

from django.db import models
from django.db.models import Q
from django.utils import timezone
from uuid_utils.compat import uuid7

from accounts.models import Charge
from accounts.tenancy.models import AccountOwned
from accounts.tenancy.querysets import AccountQuerySet, Door, door
from integrations.models.integration import Integration


def active_at(now: datetime, prefix: str = "") -> Q:
    """The condition that a license is active at an instant: begun, not ended, not suspended."""
    return Q(**{f"{prefix}active_from__lte": now, f"{prefix}suspended_at__isnull": True}) & (
        Q(**{f"{prefix}active_until__isnull": True}) | Q(**{f"{prefix}active_until__gt": now})
    )


class LicenseQuerySet(AccountQuerySet["License"]):
    def active(self, now: datetime) -> Self:
        return self.filter(active_at(now))

    def not_ended(self, now: datetime) -> Self:
        """Active, suspended, or to begin later."""
        return self.filter(Q(active_until__isnull=True) | Q(active_until__gt=now))


class License(AccountOwned):
    """The right of an account to use an integration, from an instant until it is cancelled.

    Buying again after it ended makes a new row; authentications belong to (account, integration) and so live
    on under the new one.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    integration = models.ForeignKey(Integration, on_delete=models.PROTECT, related_name="+")
    charge = models.OneToOneField(Charge, on_delete=models.PROTECT, related_name="license")
    active_from = models.DateTimeField()
    active_until = models.DateTimeField(null=True, blank=True)
    bought_at = models.DateTimeField(default=timezone.now, editable=False)
    bought_by = models.CharField(max_length=254)
    cancelled_at = models.DateTimeField(null=True, blank=True, editable=False)
    cancelled_by = models.CharField(max_length=254, blank=True, editable=False)
    cancel_reason = models.CharField(max_length=500, blank=True)
    suspended_at = models.DateTimeField(null=True, blank=True, editable=False)
    suspended_by = models.CharField(max_length=254, blank=True, editable=False)

    objects: Door[Any] = door(LicenseQuerySet)

    class Meta(AccountOwned.Meta):
        ordering = ("-active_from", "-pk")
        indexes = (models.Index(fields=("account", "integration"), name="integrations_license_account"),)
        constraints = (
            models.UniqueConstraint(
                fields=("account", "integration"),
                condition=Q(active_until__isnull=True),
                name="integrations_license_one_open",
            ),
            models.CheckConstraint(
                name="integrations_license_cancelled",
                condition=Q(cancelled_at__isnull=True, cancelled_by="", active_until__isnull=True)
                | (Q(cancelled_at__isnull=False, active_until__isnull=False) & ~Q(cancelled_by="")),
            ),
            models.CheckConstraint(
                name="integrations_license_suspended",
                condition=Q(suspended_at__isnull=True, suspended_by="")
                | (Q(suspended_at__isnull=False) & ~Q(suspended_by="")),
            ),
            models.CheckConstraint(
                name="integrations_license_period",
                condition=Q(active_until__isnull=True) | Q(active_until__gte=models.F("active_from")),
            ),
        )

    def __str__(self) -> str:
        return f"{self.integration} of {self.account}"

    def is_active(self, now: datetime) -> bool:
        """The same condition as `active_at`, for a row at hand."""
        return (
            self.suspended_at is None
            and self.active_from <= now
            and (self.active_until is None or now < self.active_until)
        )
