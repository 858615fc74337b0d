from django.db import models

from accounts.tenancy.models import AccountOwned
from contacts.models.contact import Write


class Merge(AccountOwned):
    """Two contacts that a person made one, with all that undoing it needs.

    `before`: both contacts and their review items as they were; null when it was undone, or a contact erased.
    """

    class State(models.TextChoices):
        DONE = "done", "Done"
        UNDONE = "undone", "Undone"
        ERASED = "erased", "Contact erased"

    survivor_id = models.UUIDField()
    loser_id = models.UUIDField()
    write = models.ForeignKey(Write, on_delete=models.PROTECT, related_name="+", db_index=False)
    before = models.JSONField(null=True)
    state = models.CharField(max_length=10, choices=State, default=State.DONE)

    class Meta(AccountOwned.Meta):
        ordering = ("-pk",)
        constraints = (
            models.CheckConstraint(
                name="contacts_merge_before",
                condition=models.Q(state="done", before__isnull=False)
                | (~models.Q(state="done") & models.Q(before__isnull=True)),
            ),
        )
        indexes = (
            models.Index(fields=("account", "survivor_id"), name="contacts_merge_survivor"),
            models.Index(fields=("account", "loser_id"), name="contacts_merge_loser"),
        )

    def __str__(self) -> str:
        return f"Merge {self.pk}"
