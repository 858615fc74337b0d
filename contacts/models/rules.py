from django.db import models
from django.utils import timezone
from django.utils.functional import cached_property

from accounts.tenancy.models import AccountOwned


class Policy(models.TextChoices):
    """What happens to a record that its rule would link to an occupied contact, or to several."""

    CREATE = "create", "Make a separate contact and a review item"
    REJECT = "reject", "Write nothing and answer 409"


class Signature(AccountOwned):
    """What a match key is made of: ordered contact fields, and all that changes how they are normalised.

    Writers maintain the keys of the signatures of the current rule set and of the one that is being built. A retired
    signature has no keys, and never gets any again: rules that need it later get a new one.
    """

    fields = models.JSONField(help_text="Names of contact fields, in order.")
    folds_plus_tags = models.BooleanField(default=False)
    phone_region = models.CharField(max_length=2)
    normaliser = models.PositiveSmallIntegerField(help_text="Version of contacts.normalise.")
    retired_at = models.DateTimeField(null=True)

    class Meta(AccountOwned.Meta):
        constraints = (
            models.UniqueConstraint(
                fields=("account", "fields", "folds_plus_tags", "phone_region", "normaliser"),
                condition=models.Q(retired_at__isnull=True),
                name="contacts_signature_once",
            ),
        )

    def __str__(self) -> str:
        return " + ".join(self.fields)


class RuleSet(AccountOwned):
    """An immutable, numbered version of an account's rules. Only its status changes.

    building → ready → current → superseded; or cancelled before it was current.
    """

    class Status(models.TextChoices):
        BUILDING = "building", "Building"
        READY = "ready", "Ready"
        CURRENT = "current", "Current"
        SUPERSEDED = "superseded", "Superseded"
        CANCELLED = "cancelled", "Cancelled"

    number = models.PositiveIntegerField()
    status = models.CharField(max_length=10, choices=Status, default=Status.CURRENT)
    rules = models.JSONField(help_text="Signature ids in the order in which the rules are asked.")
    policy = models.CharField(max_length=10, choices=Policy, default=Policy.CREATE)
    blocked = models.JSONField(default=dict, help_text="Contact field → values that identify nobody, as written.")
    phone_region = models.CharField(max_length=2, help_text="Where phone numbers without a country are from.")
    built_to = models.UUIDField(null=True, help_text="The last contact whose match keys have been built.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    created_by = models.CharField(max_length=254)

    class Meta(AccountOwned.Meta):
        ordering = ("-number",)
        constraints = (
            models.UniqueConstraint(fields=("account", "number"), name="contacts_ruleset_number"),
            models.UniqueConstraint(
                fields=("account",), condition=models.Q(status="current"), name="contacts_ruleset_one_current"
            ),
            models.UniqueConstraint(
                fields=("account",),
                condition=models.Q(status__in=("building", "ready")),
                name="contacts_ruleset_one_building",
            ),
        )

    def __str__(self) -> str:
        return f"Rule set {self.number}"

    @cached_property
    def signatures(self) -> list[Signature]:
        """Of its rules, in order."""
        found = Signature.objects.for_account(self.account_id).in_bulk(self.rules)
        return [found[pk] for pk in self.rules]
