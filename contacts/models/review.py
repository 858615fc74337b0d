from django.db import models
from django.utils import timezone
from uuid_utils.compat import uuid7

from accounts.tenancy.models import AccountOwned
from contacts.models.contact import Contact
from contacts.models.rules import RuleSet


class ReviewItem(AccountOwned):
    """Two contacts that may be the same, or a key that too many share: for a person to decide.

    A pair is stored once, the older contact (lower id) first, whatever finds it again.
    """

    class Kind(models.TextChoices):
        POSSIBLE_DUPLICATE = "possible_duplicate", "Possible duplicate"
        ID_CONFLICT = "id_conflict", "Id conflict"
        AMBIGUOUS = "ambiguous", "Ambiguous"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(max_length=20, choices=Kind)
    contact = models.ForeignKey(Contact, on_delete=models.PROTECT, related_name="+", db_index=False)
    other = models.ForeignKey(Contact, on_delete=models.PROTECT, related_name="+", db_index=False)
    rule_set = models.ForeignKey(RuleSet, on_delete=models.PROTECT, related_name="+")
    rule = models.PositiveSmallIntegerField(help_text="Number of the rule that found the pair, from 1.")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta(AccountOwned.Meta):
        ordering = ("created_at", "pk")
        constraints = (
            models.UniqueConstraint(fields=("account", "contact", "other"), name="contacts_reviewitem_pair"),
            models.CheckConstraint(name="contacts_reviewitem_order", condition=models.Q(contact__lt=models.F("other"))),
        )
        indexes = (models.Index(fields=("account", "other"), name="contacts_reviewitem_other"),)

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.contact_id} and {self.other_id}"
