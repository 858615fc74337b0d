from django.db import models
from django.utils import timezone
from uuid_utils.compat import uuid7

from accounts.tenancy.models import AccountOwned
from contacts.models.contact import Contact
from contacts.models.rules import RuleSet, Signature


class ReviewItem(AccountOwned):
    """Two contacts that may be the same, or a match key that too many share: for a person to decide.

    A pair is stored once, the older contact (lower id) first, whatever finds it again: what was decided sticks. The
    item of a key has the number of its holders instead, as the last write that found it counted them.
    """

    class Kind(models.TextChoices):
        POSSIBLE_DUPLICATE = "possible_duplicate", "Possible duplicate"
        ID_CONFLICT = "id_conflict", "Id conflict"
        AMBIGUOUS = "ambiguous", "Ambiguous"
        TOO_COMMON = "too_common", "Too common"

    class State(models.TextChoices):
        OPEN = "open", "Open"
        LATER = "later", "Later"
        MERGED = "merged", "Merged"
        NOT_A_MATCH = "not_a_match", "Not a match"
        SETTLED = "settled", "Settled by another decision"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(max_length=20, choices=Kind)
    state = models.CharField(max_length=20, choices=State, default=State.OPEN)
    contact = models.ForeignKey(Contact, on_delete=models.PROTECT, null=True, related_name="+", db_index=False)
    other = models.ForeignKey(Contact, on_delete=models.PROTECT, null=True, related_name="+", db_index=False)
    signature = models.ForeignKey(Signature, on_delete=models.PROTECT, null=True, related_name="+", db_index=False)
    key = models.UUIDField(null=True)
    count = models.PositiveIntegerField(null=True)
    rule_set = models.ForeignKey(RuleSet, on_delete=models.PROTECT, related_name="+", db_index=False)
    rule = models.PositiveSmallIntegerField(
        null=True, help_text="Number of the rule that found it, from 1; empty when a split made the pair."
    )
    created_at = models.DateTimeField(default=timezone.now)
    decided_at = models.DateTimeField(null=True)
    decided_by = models.CharField(max_length=254, blank=True)

    class Meta(AccountOwned.Meta):
        ordering = ("created_at", "pk")
        constraints = (
            models.UniqueConstraint(fields=("account", "contact", "other"), name="contacts_reviewitem_pair"),
            models.UniqueConstraint(fields=("account", "signature", "key"), name="contacts_reviewitem_key"),
            models.CheckConstraint(
                name="contacts_reviewitem_about",
                condition=models.Q(
                    contact__lt=models.F("other"), signature__isnull=True, key__isnull=True, count__isnull=True
                )
                | models.Q(
                    kind="too_common",
                    contact__isnull=True,
                    other__isnull=True,
                    signature__isnull=False,
                    key__isnull=False,
                    count__isnull=False,
                ),
            ),
            models.CheckConstraint(
                name="contacts_reviewitem_decided",
                condition=models.Q(state="open", decided_at__isnull=True, decided_by="")
                | (~models.Q(state="open") & models.Q(decided_at__isnull=False) & ~models.Q(decided_by="")),
            ),
        )
        indexes = (
            models.Index(fields=("account", "other"), name="contacts_reviewitem_other"),
            models.Index(fields=("account", "created_at", "id"), name="contacts_reviewitem_oldest"),
            # What waits, in order and by kind, however much was decided
            models.Index(fields=("account", "state", "kind", "id"), name="contacts_reviewitem_state"),
        )

    def __str__(self) -> str:
        about = f"{self.contact_id} and {self.other_id}" if self.contact_id else f"{self.count} contacts"
        return f"{self.get_kind_display()}: {about}"
