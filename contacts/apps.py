from django.apps import AppConfig


class ContactsConfig(AppConfig):
    name = "contacts"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from accounts.queries_activity import FINDERS  # noqa: PLC0415 - needs the models
        from contacts.queries_contact import things  # noqa: PLC0415

        FINDERS["contact"] = things
