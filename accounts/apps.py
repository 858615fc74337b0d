from django.apps import AppConfig
from django.core.validators import validate_email

from accounts.text import NO_EMAIL


class AccountsConfig(AppConfig):
    name = "accounts"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        validate_email.message = NO_EMAIL  # of every form and model: one wording
