from django.core.validators import RegexValidator
from django.db import models
from django.utils import timezone
from uuid_utils.compat import uuid7

from accounts.tenancy.models import AccountOwned
from contacts.catalogue import KIND_CHOICES

NAME = RegexValidator(
    r"\A[a-z][A-Za-z0-9]{0,62}\Z",
    "Start with a small letter and use letters and digits only (at most 63), such as webshopCustomerId.",
)


class SourceSystem(AccountOwned):
    """Where records come from: one webshop, one CRM, one ERP of the account."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(max_length=40, choices=KIND_CHOICES)
    name = models.CharField(max_length=100)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    created_by = models.CharField(max_length=254)

    class Meta(AccountOwned.Meta):
        ordering = ("name",)
        constraints = (models.UniqueConstraint(fields=("account", "name"), name="contacts_sourcesystem_name"),)

    def __str__(self) -> str:
        return self.name


class IdField(AccountOwned):
    """A namespace of external ids. Its source system is set once, by its first authentication, and stays.

    A retired one takes no ids any more, and no authentication; the ids in it stay readable.
    """

    name = models.CharField(max_length=63, validators=[NAME])
    label = models.CharField(max_length=100)
    source_system = models.ForeignKey(
        SourceSystem, on_delete=models.PROTECT, null=True, blank=True, related_name="id_fields"
    )
    unique_data = models.CharField(
        max_length=100, blank=True, help_text="What its system calls the id, such as Customer number."
    )
    is_default = models.BooleanField(default=False, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    created_by = models.CharField(max_length=254)
    retired_at = models.DateTimeField(null=True, blank=True, editable=False)
    retired_by = models.CharField(max_length=254, blank=True, editable=False)

    class Meta(AccountOwned.Meta):
        ordering = ("-is_default", "pk")
        constraints = (
            models.UniqueConstraint(
                fields=("account", "name"),
                name="contacts_idfield_name",
                violation_error_message="An id field with this name exists already in this account.",
            ),
            models.UniqueConstraint(
                fields=("account",), condition=models.Q(is_default=True), name="contacts_idfield_default"
            ),
            models.CheckConstraint(
                name="contacts_idfield_source",
                condition=models.Q(source_system__isnull=True, unique_data="")
                | (models.Q(source_system__isnull=False) & ~models.Q(unique_data="")),
            ),
            models.CheckConstraint(
                name="contacts_idfield_retired",
                condition=models.Q(retired_at__isnull=True, retired_by="")
                | (models.Q(retired_at__isnull=False) & ~models.Q(retired_by="")),
            ),
        )

    def __str__(self) -> str:
        return self.name
