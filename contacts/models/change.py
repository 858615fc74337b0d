from django.db import models

from accounts.tenancy.models import AccountOwned
from contacts.models.contact import Write


class Change(AccountOwned):
    """What became of one contact in one write. Numbered without gaps, in the order in which writes were committed.

    Names the changed contact fields, never their values. The contact is a plain id: a change outlives it.
    """

    class Kind(models.TextChoices):
        CREATED = "created", "Created"
        UPDATED = "updated", "Updated"
        MERGED = "merged", "Merged into another"
        ERASED = "erased", "Erased"

    number = models.PositiveBigIntegerField()
    contact_id = models.UUIDField()
    kind = models.CharField(max_length=10, choices=Kind)
    fields = models.JSONField(default=list)
    write = models.ForeignKey(Write, on_delete=models.PROTECT, related_name="+", db_index=False)

    class Meta(AccountOwned.Meta):
        ordering = ("number",)
        constraints = (models.UniqueConstraint(fields=("account", "number"), name="contacts_change_number"),)
        indexes = (models.Index(fields=("account", "contact_id", "number"), name="contacts_change_contact"),)

    def __str__(self) -> str:
        return f"Change {self.number}"
