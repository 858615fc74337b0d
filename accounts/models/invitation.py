from django.db import models
from django.utils import timezone
from uuid_utils.compat import uuid7

from accounts.models.account import Role
from accounts.tenancy.models import AccountOwned


class Invitation(AccountOwned):
    """Asks a person, by mail, to become a member of an account. Good once, and for a week."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    email = models.EmailField("e-mail", max_length=254)
    role = models.CharField(max_length=10, choices=Role)
    invited_at = models.DateTimeField(default=timezone.now, editable=False)
    invited_by = models.CharField(max_length=254)
    accepted_at = models.DateTimeField(null=True, blank=True, editable=False)
    accepted_by = models.CharField(max_length=254, blank=True, editable=False)

    class Meta(AccountOwned.Meta):
        ordering = ("-invited_at", "-pk")
        indexes = (models.Index(fields=("account", "-invited_at"), name="accounts_invitation_account"),)
        constraints = (
            models.CheckConstraint(
                name="accounts_invitation_accepted",
                condition=models.Q(accepted_at__isnull=True, accepted_by="")
                | (models.Q(accepted_at__isnull=False) & ~models.Q(accepted_by="")),
            ),
        )

    def __str__(self) -> str:
        return f"{self.email}: {self.get_role_display()} of {self.account}"
