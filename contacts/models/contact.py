from django.db import models
from django.utils import timezone
from uuid_utils.compat import uuid7

from accounts.tenancy.models import AccountOwned
from contacts.models.rules import RuleSet, Signature
from contacts.models.source import IdField


class ContactBook(AccountOwned):
    """One per account: the row lock that serialises writes to its contacts, its current rules, its change counter."""

    rule_set = models.ForeignKey(RuleSet, on_delete=models.PROTECT, related_name="+")
    building = models.ForeignKey(RuleSet, on_delete=models.PROTECT, null=True, related_name="+")
    last_change = models.PositiveBigIntegerField(default=0, help_text="Number of the newest change.")
    erasure_salt = models.CharField(max_length=64, help_text="Goes into the digests of erased external ids.")

    class Meta(AccountOwned.Meta):
        constraints = (models.UniqueConstraint(fields=("account",), name="contacts_contactbook_once"),)

    def __str__(self) -> str:
        return f"Contacts of account {self.account_id}"


class Write(AccountOwned):
    """One call, or one decision of a person, that wrote contacts: what provenance and changes point at.

    By an authentication of an id field, or by a person (`by`).
    """

    authentication_id = models.UUIDField(null=True)
    id_field = models.ForeignKey(IdField, on_delete=models.PROTECT, null=True, related_name="+", db_index=False)
    by = models.CharField(max_length=254, blank=True)
    request_id = models.CharField(max_length=64)
    rule_set = models.ForeignKey(RuleSet, on_delete=models.PROTECT, related_name="+", db_index=False)
    at = models.DateTimeField(default=timezone.now)

    class Meta(AccountOwned.Meta):
        indexes = (models.Index(fields=("account", "id_field", "-at"), name="contacts_write_id_field"),)

    def __str__(self) -> str:
        return f"Write {self.pk}"


class Contact(AccountOwned):
    """A person or organisation that the account's systems know.

    `values`: contact field name → stored value. `provenance`: who wrote each of them, as in contacts.provenance.
    One that was merged away holds nothing but the contact that it was merged into.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    values = models.JSONField(default=dict)
    provenance = models.JSONField(default=dict)
    version = models.PositiveIntegerField(default=1)
    merged_into = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="+", db_index=False)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta(AccountOwned.Meta):
        indexes = (
            models.Index(
                fields=("account", "merged_into"),
                condition=models.Q(merged_into__isnull=False),
                name="contacts_contact_merged_into",
            ),
            models.Index(fields=("account", "updated_at", "id"), name="contacts_contact_updated"),
            # And one by e-mail address in lower case, which migration 0007 makes
        )

    def __str__(self) -> str:
        return str(self.pk)


class ExternalId(AccountOwned):
    """One value in one id field, pointing at one contact. The lowest pk of a contact in a field is its primary.

    `rule`: number of the rule that linked it, if one did, in the rule set of the write.
    """

    id_field = models.ForeignKey(IdField, on_delete=models.PROTECT, related_name="+", db_index=False)
    value = models.CharField(max_length=255)
    contact = models.ForeignKey(Contact, on_delete=models.PROTECT, related_name="+", db_index=False)
    write = models.ForeignKey(Write, on_delete=models.PROTECT, related_name="+", db_index=False)
    rule = models.PositiveSmallIntegerField(null=True)

    class Meta(AccountOwned.Meta):
        constraints = (
            models.UniqueConstraint(fields=("account", "id_field", "value"), name="contacts_externalid_value"),
        )
        indexes = (models.Index(fields=("account", "contact"), name="contacts_externalid_contact"),)

    def __str__(self) -> str:
        return self.value


class FormerId(AccountOwned):
    """The contact that an external id pointed at before its system unlinked it (see contacts.services.store.barred)."""

    id_field = models.ForeignKey(IdField, on_delete=models.PROTECT, related_name="+", db_index=False)
    value = models.CharField(max_length=255)
    contact = models.ForeignKey(Contact, on_delete=models.PROTECT, related_name="+", db_index=False)

    class Meta(AccountOwned.Meta):
        constraints = (
            models.UniqueConstraint(fields=("account", "id_field", "value"), name="contacts_formerid_value"),
        )
        indexes = (models.Index(fields=("account", "contact"), name="contacts_formerid_contact"),)

    def __str__(self) -> str:
        return self.value


class ErasedId(AccountOwned):
    """The salted digest of an external id whose contact a person erased: refused until an owner lifts it."""

    id_field = models.ForeignKey(IdField, on_delete=models.PROTECT, related_name="+", db_index=False)
    digest = models.CharField(max_length=64)
    erased_at = models.DateTimeField(default=timezone.now)
    erased_by = models.CharField(max_length=254)

    class Meta(AccountOwned.Meta):
        constraints = (
            models.UniqueConstraint(fields=("account", "id_field", "digest"), name="contacts_erasedid_digest"),
        )

    def __str__(self) -> str:
        return self.digest


class MatchKey(AccountOwned):
    """The digest of a contact's normalised values for one signature (see contacts.matching.key)."""

    signature = models.ForeignKey(Signature, on_delete=models.PROTECT, related_name="+", db_index=False)
    key = models.UUIDField()
    contact = models.ForeignKey(Contact, on_delete=models.PROTECT, related_name="+", db_index=False)

    class Meta(AccountOwned.Meta):
        constraints = (
            models.UniqueConstraint(fields=("account", "contact", "signature"), name="contacts_matchkey_once"),
        )
        # The contact too, so that the oldest holders of a key that thousands share are read from the index alone.
        indexes = (models.Index(fields=("account", "signature", "key", "contact"), name="contacts_matchkey_key"),)

    def __str__(self) -> str:
        return str(self.key)
