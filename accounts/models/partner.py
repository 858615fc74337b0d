from django.conf import settings
from django.db import models


class Partner(models.Model):
    """An agency that looks after accounts: opens them, cancels licenses, makes id fields, adjusts rules."""

    name = models.CharField(max_length=150, unique=True)
    email = models.EmailField("e-mail", help_text="Where requests of its accounts are announced.")
    phone = models.CharField(max_length=40, blank=True)

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class PartnerStaff(models.Model):
    """A person who works for a partner and sees that partner's accounts in the admin, and no others."""

    partner = models.ForeignKey(Partner, on_delete=models.CASCADE, related_name="staff")
    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="partner_staff")

    class Meta:
        verbose_name = "partner staff"
        verbose_name_plural = "partner staff"

    def __str__(self) -> str:
        return f"{self.user} ({self.partner})"
