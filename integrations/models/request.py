from django.db import models
from django.utils import timezone
from uuid_utils.compat import uuid7

from accounts.tenancy.models import AccountOwned
from integrations.models.license import License


class Request(AccountOwned):
    """What an account asks of its partner, for the partner to decide in the admin."""

    class Kind(models.TextChoices):
        DEACTIVATE = "deactivate", "Deactivate an integration"

    class Status(models.TextChoices):
        OPEN = "open", "Open"
        APPROVED = "approved", "Approved"
        DECLINED = "declined", "Declined"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(max_length=20, choices=Kind)
    license = models.ForeignKey(License, on_delete=models.PROTECT, related_name="requests")
    reason = models.CharField(max_length=500)
    status = models.CharField(max_length=10, choices=Status, default=Status.OPEN, editable=False)
    requested_at = models.DateTimeField(default=timezone.now, editable=False)
    requested_by = models.CharField(max_length=254)
    decided_at = models.DateTimeField(null=True, blank=True, editable=False)
    decided_by = models.CharField(max_length=254, blank=True, editable=False)
    answer = models.CharField(max_length=500, blank=True)

    class Meta(AccountOwned.Meta):
        ordering = ("-requested_at", "-pk")
        indexes = (models.Index(fields=("account", "-requested_at"), name="integrations_request_account"),)
        constraints = (
            models.UniqueConstraint(
                fields=("license", "kind"),
                condition=models.Q(status="open"),
                name="integrations_request_one_open",
            ),
            models.CheckConstraint(
                name="integrations_request_decided",
                condition=models.Q(status="open", decided_at__isnull=True, decided_by="")
                | (~models.Q(status="open") & models.Q(decided_at__isnull=False) & ~models.Q(decided_by="")),
            ),
        )

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.account}"
