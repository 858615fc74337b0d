from django.db import models

from accounts.tenancy.models import AccountOwned
from contacts.models.source import NAME


class FieldType(models.TextChoices):
    TEXT = "text", "Text"
    EMAIL = "email", "E-mail"
    PHONE = "phone", "Phone"
    DATE = "date", "Date"
    DATE_TIME = "date_time", "Date and time"
    INTEGER = "integer", "Integer"
    DECIMAL = "decimal", "Decimal"
    BOOLEAN = "boolean", "Boolean"
    CHOICE = "choice", "Choice"
    MULTIPLE_CHOICE = "multiple_choice", "Multiple choice"


class ContactField(AccountOwned):
    """A typed property of an account's contacts. Its name and type never change, its label may.

    A retired field takes no values any more; those that contacts have stay readable.
    """

    name = models.CharField(max_length=63, validators=[NAME])
    label = models.CharField(max_length=100)
    type = models.CharField(max_length=20, choices=FieldType)
    choices = models.JSONField(default=list, blank=True, help_text="The texts that a choice field takes, in order.")
    position = models.PositiveSmallIntegerField(default=0)
    retired_at = models.DateTimeField(null=True, blank=True, editable=False)
    retired_by = models.CharField(max_length=254, blank=True, editable=False)

    class Meta(AccountOwned.Meta):
        ordering = ("position", "pk")
        constraints = (
            models.UniqueConstraint(fields=("account", "name"), name="contacts_contactfield_name"),
            models.CheckConstraint(
                name="contacts_contactfield_retired",
                condition=models.Q(retired_at__isnull=True, retired_by="")
                | (models.Q(retired_at__isnull=False) & ~models.Q(retired_by="")),
            ),
        )

    def __str__(self) -> str:
        return self.name
