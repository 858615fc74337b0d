from django.db import models
from django.utils import timezone
from uuid_utils.compat import uuid7

from accounts.tenancy.models import AccountOwned
from contacts.models import IdField
from integrations.models.license import License


class Request(AccountOwned):
    """What an account asks of its partner, for the partner to decide in the admin."""

    class Kind(models.TextChoices):
        DEACTIVATE = "deactivate", "Deactivate an integration"
        ID_FIELD = "id_field", "An extra id field"
        RULES = "rules", "Other deduplication rules"
        ADVICE = "advice", "Advice"

    class Status(models.TextChoices):
        OPEN = "open", "Open"
        APPROVED = "approved", "Approved"
        DECLINED = "declined", "Declined"
        WITHDRAWN = "withdrawn", "Withdrawn"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(max_length=20, choices=Kind)
    license = models.ForeignKey(
        License,
        on_delete=models.PROTECT,
        related_name="requests",
        null=True,
        blank=True,
        help_text="What is to be deactivated.",
    )
    system = models.CharField(max_length=100, blank=True, help_text="The system that an extra id field is for.")
    id_field = models.ForeignKey(
        IdField,
        on_delete=models.PROTECT,
        related_name="+",
        null=True,
        blank=True,
        help_text="The extra id field that was made.",
    )
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
            models.CheckConstraint(
                name="integrations_request_about",
                condition=models.Q(kind="deactivate", license__isnull=False, system="", id_field__isnull=True)
                | (models.Q(kind="id_field", license__isnull=True) & ~models.Q(system=""))
                | models.Q(kind__in=("rules", "advice"), license__isnull=True, system="", id_field__isnull=True),
            ),
        )

    def __str__(self) -> str:
        about = self.license.integration.name if self.license else self.system
        return f"{self.get_kind_display()}: {about}" if about else str(self.get_kind_display())


class RequestMessage(AccountOwned):
    """What an account and its partner write to each other about a request."""

    request = models.ForeignKey(Request, on_delete=models.PROTECT, related_name="messages", db_index=False)
    text = models.CharField(max_length=1000)
    from_partner = models.BooleanField()
    written_at = models.DateTimeField(default=timezone.now, editable=False)
    written_by = models.CharField(max_length=254)

    class Meta(AccountOwned.Meta):
        ordering = ("written_at", "pk")
        indexes = (models.Index(fields=("account", "request"), name="integrations_requestmessage_of"),)

    def __str__(self) -> str:
        return f"{self.written_by}: {self.text[:50]}"
