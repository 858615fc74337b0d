from django.db import models
from django.utils import timezone

from accounts.tenancy.models import AccountOwned


class Charge(AccountOwned):
    """What recurs on an account's invoices: an amount a calendar month, from a day on, the first one pro rata."""

    description = models.CharField(max_length=200)
    currency = models.CharField(max_length=3)
    amount_per_month = models.DecimalField(max_digits=12, decimal_places=2)
    first_amount = models.DecimalField(max_digits=12, decimal_places=2)
    starts_on = models.DateField()
    ends_on = models.DateField(null=True, blank=True, help_text="The last day that is charged.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    created_by = models.CharField(max_length=254)

    class Meta(AccountOwned.Meta):
        ordering = ("-starts_on", "-pk")
        indexes = (models.Index(fields=("account", "-starts_on"), name="accounts_charge_account"),)
        constraints = (
            models.CheckConstraint(
                name="accounts_charge_amounts",
                condition=models.Q(amount_per_month__gte=0, first_amount__gte=0),
            ),
        )

    def __str__(self) -> str:
        return f"{self.description}: {self.amount_per_month} {self.currency} a month"
