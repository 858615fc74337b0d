from django.db import models

from accounts.tenancy.models import AccountOwned
from contacts.models.job import Job
from contacts.models.rules import RuleSet
from contacts.models.source import IdField


class Preview(AccountOwned):
    """What a rule set that is not current yet would newly match. Its findings are in the progress of its job."""

    rule_set = models.OneToOneField(RuleSet, on_delete=models.PROTECT, related_name="preview")
    job = models.OneToOneField(Job, on_delete=models.PROTECT, related_name="+")

    class Meta(AccountOwned.Meta):
        pass

    def __str__(self) -> str:
        return f"Preview of {self.rule_set}"


class PreviewPair(AccountOwned):
    """Two contacts, the older one first, that a rule would newly match. `id_field`: one in which both have an id."""

    preview = models.ForeignKey(Preview, on_delete=models.PROTECT, related_name="+", db_index=False)
    rule = models.PositiveSmallIntegerField(help_text="Number of the first rule that finds it, from 1.")
    contact_id = models.UUIDField("contact")
    other_id = models.UUIDField("other contact")
    id_field = models.ForeignKey(
        IdField,
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        db_index=False,
        verbose_name="both have an id in",
    )

    class Meta(AccountOwned.Meta):
        ordering = ("pk",)
        constraints = (
            models.UniqueConstraint(
                fields=("account", "preview", "contact_id", "other_id"), name="contacts_previewpair_once"
            ),
        )

    def __str__(self) -> str:
        return f"{self.contact_id} and {self.other_id}"
