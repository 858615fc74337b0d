from django.db import models

from accounts.tenancy.models import AccountOwned
from contacts.models.source import NAME


class FieldType(models.TextChoices):
    TEXT = "text", "Text"
    EMAIL = "email", "E-mail"
    PHONE = "phone", "Phone"
    DATE = "date", "Date"


class ContactField(AccountOwned):
    """A typed property of an account's contacts. Its name never changes, its label may."""

    name = models.CharField(max_length=63, validators=[NAME])
    label = models.CharField(max_length=100)
    type = models.CharField(max_length=20, choices=FieldType)
    position = models.PositiveSmallIntegerField(default=0)

    class Meta(AccountOwned.Meta):
        ordering = ("position", "pk")
        constraints = (models.UniqueConstraint(fields=("account", "name"), name="contacts_contactfield_name"),)

    def __str__(self) -> str:
        return self.name
