from django.db import models
from django.utils import timezone

from accounts.tenancy.models import AccountOwned


class IdempotencyKey(AccountOwned):
    """A call that an external system wants to be done once, and what it was answered.

    `call` is a digest of method, address and body. `contact_id` is the contact whose values stand in the answer.
    """

    authentication_id = models.UUIDField()
    key = models.CharField(max_length=255)
    call = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(default=0)
    headers = models.JSONField(default=dict)
    answer = models.TextField(blank=True)
    contact_id = models.UUIDField(null=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta(AccountOwned.Meta):
        constraints = (
            models.UniqueConstraint(
                fields=("account", "authentication_id", "key"), name="contacts_idempotencykey_once"
            ),
        )
        indexes = (
            models.Index(fields=("created_at",), name="contacts_idempotencykey_age"),
            models.Index(
                fields=("account", "contact_id"),
                condition=models.Q(contact_id__isnull=False),
                name="contacts_idempotency_contact",
            ),
        )

    def __str__(self) -> str:
        return self.key
