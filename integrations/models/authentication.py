from datetime import datetime
from typing import Any, Self

from django.db import models
from django.utils import timezone
from uuid_utils.compat import uuid7

from accounts.tenancy.models import AccountOwned
from accounts.tenancy.querysets import AccountQuerySet, Door, door
from contacts.models import IdField
from integrations.models.integration import Integration


class AuthenticationQuerySet(AccountQuerySet["Authentication"]):
    def live(self) -> Self:
        return self.filter(revoked_at__isnull=True)


class Authentication(AccountOwned):
    """A key and secret with which one external system uses one integration, bound to one id field.

    Only a keyed digest of the secret is stored (see integrations.credentials), and one of the secret before it, which
    works until `grace_until`; from then on it is only recognised.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    integration = models.ForeignKey(Integration, on_delete=models.PROTECT, related_name="+")
    id_field = models.ForeignKey(IdField, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=100)
    key = models.CharField(max_length=23, unique=True, editable=False)
    secret_digest = models.BinaryField(max_length=32, editable=False)
    pepper = models.PositiveSmallIntegerField(editable=False)
    secret_version = models.PositiveIntegerField(
        default=1, editable=False, help_text="1 as issued; one more with each rotation."
    )
    previous_digest = models.BinaryField(max_length=32, null=True, editable=False)
    previous_pepper = models.PositiveSmallIntegerField(null=True, editable=False)
    grace_until = models.DateTimeField(null=True, editable=False)
    read_only = models.BooleanField(default=False)
    expires_at = models.DateTimeField(null=True, blank=True, help_text="From this instant on it is refused.")
    allowed_networks = models.JSONField(
        default=list, blank=True, help_text="CIDRs as integrations.networks writes them; none: from anywhere."
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    created_by = models.CharField(max_length=254)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)
    revoked_by = models.CharField(max_length=254, blank=True, editable=False)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_used_ip = models.GenericIPAddressField(null=True, blank=True, editable=False)

    objects: Door[Any] = door(AuthenticationQuerySet)

    class Meta(AccountOwned.Meta):
        ordering = ("created_at", "pk")
        indexes = (models.Index(fields=("account", "created_at"), name="integrations_authentication_a"),)
        constraints = (
            models.UniqueConstraint(
                fields=("id_field",),
                condition=models.Q(revoked_at__isnull=True),
                name="integrations_authentication_one_live",
            ),
            models.CheckConstraint(
                name="integrations_authentication_revoked",
                condition=models.Q(revoked_at__isnull=True, revoked_by="")
                | (models.Q(revoked_at__isnull=False) & ~models.Q(revoked_by="")),
            ),
            models.CheckConstraint(
                name="integrations_authentication_previous",
                condition=models.Q(previous_digest__isnull=True, previous_pepper__isnull=True, grace_until__isnull=True)
                | models.Q(previous_digest__isnull=False, previous_pepper__isnull=False, grace_until__isnull=False),
            ),
            models.CheckConstraint(name="integrations_authentication_named", condition=~models.Q(name="")),
        )

    def __str__(self) -> str:
        return self.key

    def is_in_grace(self, now: datetime) -> bool:
        """Whether the secret before the present one still works."""
        return self.grace_until is not None and now < self.grace_until

    def is_expired(self, now: datetime) -> bool:
        return self.expires_at is not None and self.expires_at <= now
