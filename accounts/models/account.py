import secrets
from zoneinfo import ZoneInfo, available_timezones

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.utils import timezone

from accounts.models.partner import Partner
from accounts.tenancy.models import AccountOwned


def new_account_number() -> int:
    """Eight random digits: an account's number tells nobody how many accounts there are."""
    return 10_000_000 + secrets.randbelow(90_000_000)


def validate_time_zone(value: str) -> None:
    if value not in available_timezones():
        raise ValidationError("Not a time zone of the IANA database; write one such as Europe/Amsterdam.")


class Account(models.Model):
    """A customer: the company whose systems are linked to one contact base."""

    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, related_name="accounts")
    number = models.PositiveIntegerField(unique=True, default=new_account_number, editable=False)
    name = models.CharField(max_length=150)
    country = models.CharField(
        max_length=2, validators=[RegexValidator(r"\A[A-Z]{2}\Z", "Two capital letters (ISO 3166-1), such as NL.")]
    )
    currency = models.CharField(
        max_length=3, validators=[RegexValidator(r"\A[A-Z]{3}\Z", "Three capital letters (ISO 4217), such as EUR.")]
    )
    time_zone = models.CharField(max_length=64, validators=[validate_time_zone])
    phone_region = models.CharField(
        max_length=2,
        validators=[RegexValidator(r"\A[A-Z]{2}\Z", "Two capital letters (ISO 3166-1), such as NL.")],
        help_text="How phone numbers without a country code are read.",
    )
    billing_name = models.CharField(max_length=150, blank=True)
    billing_email = models.EmailField("billing e-mail", blank=True)
    billing_address = models.TextField(max_length=500, blank=True)
    vat_number = models.CharField("VAT number", max_length=32, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    suspended_at = models.DateTimeField(null=True, blank=True, editable=False)
    suspended_by = models.CharField(max_length=254, blank=True, editable=False)

    class Meta:
        ordering = ("name",)
        constraints = (
            models.CheckConstraint(
                name="accounts_account_suspended_at_by",
                condition=models.Q(suspended_at__isnull=True, suspended_by="")
                | (models.Q(suspended_at__isnull=False) & ~models.Q(suspended_by="")),
            ),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def zone(self) -> ZoneInfo:
        """The account's time zone: dates that people read and billing periods are in it."""
        return ZoneInfo(self.time_zone)


class Role(models.TextChoices):
    OWNER = "owner", "Owner"
    ADMIN = "admin", "Admin"
    VIEWER = "viewer", "Viewer"


class Membership(AccountOwned):
    """A person's role in an account."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role)

    class Meta(AccountOwned.Meta):
        constraints = (
            models.UniqueConstraint(fields=("account", "user"), name="accounts_membership_once"),
            models.CheckConstraint(name="accounts_membership_role", condition=models.Q(role__in=Role.values)),
        )

    def __str__(self) -> str:
        return f"{self.user}: {self.get_role_display()} of {self.account}"
