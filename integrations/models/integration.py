from django.db import models


class Integration(models.Model):
    """An entry of the catalogue, the same for all accounts. Announced ones are shown and can't be bought yet."""

    REST_API = "rest-api"

    code = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=100)
    description = models.CharField(max_length=300, help_text="What it is for, in one sentence.")
    is_available = models.BooleanField(default=False, help_text="Off: announced, can't be bought yet.")
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ("position", "name")

    def __str__(self) -> str:
        return self.name


class Price(models.Model):
    """What an integration costs a calendar month in one currency."""

    integration = models.ForeignKey(Integration, on_delete=models.CASCADE, related_name="prices")
    currency = models.CharField(max_length=3)
    amount = models.DecimalField(max_digits=12, decimal_places=2)

    class Meta:
        ordering = ("currency",)
        constraints = (
            models.UniqueConstraint(fields=("integration", "currency"), name="integrations_price_currency"),
            models.CheckConstraint(name="integrations_price_amount", condition=models.Q(amount__gte=0)),
        )

    def __str__(self) -> str:
        return f"{self.amount} {self.currency}"
