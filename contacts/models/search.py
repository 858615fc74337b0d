from typing import Any

from django.db import models

from accounts.tenancy.models import AccountOwned


class BytewiseField(models.CharField):  # type: ignore[type-arg]
    """Text in the order of its code points, so that what begins alike stands together. On SQLite all text is."""

    def db_parameters(self, connection: Any) -> Any:
        parameters = super().db_parameters(connection)
        return parameters | ({"collation": "C"} if connection.vendor == "postgresql" else {})


class SearchIndex(AccountOwned):
    """One per account: how far its search terms are, and the row lock of whoever makes them.

    They are derived: with `last_change` 0, another version or another region they are made anew, change by change.
    """

    last_change = models.PositiveBigIntegerField(default=0, help_text="Number of the newest change that is in.")
    version = models.PositiveSmallIntegerField(help_text="Version of contacts.search_terms that made them.")
    phone_region = models.CharField(max_length=2, help_text="Where phone numbers without a country are from.")

    class Meta(AccountOwned.Meta):
        constraints = (models.UniqueConstraint(fields=("account",), name="contacts_searchindex_once"),)

    def __str__(self) -> str:
        return f"Search of account {self.account_id}"


class SearchTerm(AccountOwned):
    """What a contact is found by (see contacts.search_terms). The contact is a plain id, as in a change."""

    term = BytewiseField(max_length=100)
    contact_id = models.UUIDField()

    class Meta(AccountOwned.Meta):
        # Both have all that is read of a term. SQLite, which counts no rows, would else take the first of them for the
        # terms of a contact too, and read all of the account.
        indexes = (
            models.Index(fields=("account", "term", "contact_id"), name="contacts_searchterm_term"),
            models.Index(fields=("account", "contact_id", "term"), name="contacts_searchterm_contact"),
        )

    def __str__(self) -> str:
        return str(self.term)
