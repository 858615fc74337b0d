from django.db import models
from django.utils import timezone
from uuid_utils.compat import uuid7

from accounts.tenancy.models import AccountOwned
from contacts.models.rules import RuleSet, Signature
from contacts.models.source import IdField


class ContactBook(AccountOwned):
    """One per account: the row lock that serialises writes to its contacts, and its current rules."""

    rule_set = models.ForeignKey(RuleSet, on_delete=models.PROTECT, related_name="+")

    class Meta(AccountOwned.Meta):
        constraints = (models.UniqueConstraint(fields=("account",), name="contacts_contactbook_once"),)

    def __str__(self) -> str:
        return f"Contacts of account {self.account_id}"


class Write(AccountOwned):
    """One call that wrote contacts: what the provenance of a value points at."""

    authentication_id = models.UUIDField(null=True)
    request_id = models.CharField(max_length=64)
    rule_set = models.ForeignKey(RuleSet, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(default=timezone.now)

    class Meta(AccountOwned.Meta):
        pass

    def __str__(self) -> str:
        return f"Write {self.pk}"


class Contact(AccountOwned):
    """A person or organisation that the account's systems know.

    `values`: contact field name → stored text. `provenance`: who wrote each of them, as in contacts.provenance.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    values = models.JSONField(default=dict)
    provenance = models.JSONField(default=dict)
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta(AccountOwned.Meta):
        pass

    def __str__(self) -> str:
        return str(self.pk)


class ExternalId(AccountOwned):
    """One value in one id field, pointing at one contact. The lowest pk of a contact in a field is its primary."""

    id_field = models.ForeignKey(IdField, on_delete=models.PROTECT, related_name="+")
    value = models.CharField(max_length=255)
    contact = models.ForeignKey(Contact, on_delete=models.PROTECT, related_name="+", db_index=False)

    class Meta(AccountOwned.Meta):
        constraints = (
            models.UniqueConstraint(fields=("account", "id_field", "value"), name="contacts_externalid_value"),
        )
        indexes = (models.Index(fields=("account", "contact"), name="contacts_externalid_contact"),)

    def __str__(self) -> str:
        return self.value


class MatchKey(AccountOwned):
    """The digest of a contact's normalised values for one signature (see contacts.matching.digest)."""

    signature = models.ForeignKey(Signature, on_delete=models.PROTECT, related_name="+", db_index=False)
    key = models.UUIDField()
    contact = models.ForeignKey(Contact, on_delete=models.PROTECT, related_name="+", db_index=False)

    class Meta(AccountOwned.Meta):
        constraints = (
            models.UniqueConstraint(fields=("account", "contact", "signature"), name="contacts_matchkey_once"),
        )
        indexes = (models.Index(fields=("account", "signature", "key"), name="contacts_matchkey_key"),)

    def __str__(self) -> str:
        return str(self.key)
