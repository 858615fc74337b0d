from django.db import models
from django.utils import timezone

from accounts.tenancy.models import AccountOwned


class Policy(models.TextChoices):
    """What happens to a record that its rule would link to an occupied contact, or to several."""

    CREATE = "create", "Make a separate contact and a review item"
    REJECT = "reject", "Write nothing and answer 409"


class Signature(AccountOwned):
    """What a match key is made of: ordered contact fields, and all that changes how they are normalised."""

    fields = models.JSONField(help_text="Names of contact fields, in order.")
    phone_region = models.CharField(max_length=2)
    normaliser = models.PositiveSmallIntegerField(help_text="Version of contacts.normalise.")

    class Meta(AccountOwned.Meta):
        constraints = (
            models.UniqueConstraint(
                fields=("account", "fields", "phone_region", "normaliser"), name="contacts_signature_once"
            ),
        )

    def __str__(self) -> str:
        return " + ".join(self.fields)


class RuleSet(AccountOwned):
    """An immutable, numbered version of an account's rules. The ContactBook names the current one."""

    number = models.PositiveIntegerField()
    rules = models.JSONField(help_text="Signature ids in the order in which the rules are asked.")
    policy = models.CharField(max_length=10, choices=Policy, default=Policy.CREATE)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    created_by = models.CharField(max_length=254)

    class Meta(AccountOwned.Meta):
        ordering = ("-number",)
        constraints = (models.UniqueConstraint(fields=("account", "number"), name="contacts_ruleset_number"),)

    def __str__(self) -> str:
        return f"Rule set {self.number}"
