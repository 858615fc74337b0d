from django.db import models
from django.utils import timezone

from accounts.tenancy.models import AccountOwned
from integrations.models.authentication import Authentication


class UsageHour(AccountOwned):
    """How much an authentication did in one hour. A contact counts as written where a record of it was accepted, also
    where that changed nothing."""

    authentication = models.ForeignKey(Authentication, on_delete=models.PROTECT, related_name="+", db_index=False)
    hour = models.DateTimeField(help_text="When it began, in UTC.")
    requests = models.PositiveBigIntegerField(default=0)
    errors = models.PositiveBigIntegerField(default=0, help_text="Requests that were answered with 4xx or 5xx.")
    contacts_read = models.PositiveBigIntegerField(default=0)
    contacts_written = models.PositiveBigIntegerField(default=0)

    class Meta(AccountOwned.Meta):
        ordering = ("hour", "pk")
        constraints = (
            models.UniqueConstraint(fields=("account", "hour", "authentication"), name="integrations_usagehour_once"),
        )

    def __str__(self) -> str:
        return f"{self.requests} requests in the hour from {self.hour}"


class RecentCall(AccountOwned):
    """One of the last requests of an authentication: what was asked, never what about. `route` is the name of the
    address in the URL map."""

    authentication = models.ForeignKey(Authentication, on_delete=models.PROTECT, related_name="+", db_index=False)
    at = models.DateTimeField(default=timezone.now, editable=False)
    method = models.CharField(max_length=10)
    route = models.CharField(max_length=50)
    status = models.PositiveSmallIntegerField()
    contacts = models.PositiveIntegerField(help_text="How many were read or written.")
    address = models.GenericIPAddressField(null=True)
    request_id = models.CharField(max_length=64)
    milliseconds = models.PositiveIntegerField()

    class Meta(AccountOwned.Meta):
        ordering = ("-at", "-pk")
        indexes = (models.Index(fields=("account", "authentication", "-at"), name="integrations_recentcall_latest"),)

    def __str__(self) -> str:
        return f"{self.method} {self.route}: {self.status}"
