from django.apps import AppConfig


class IntegrationsConfig(AppConfig):
    name = "integrations"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from accounts.queries_activity import FINDERS  # noqa: PLC0415 - needs the models
        from integrations import (  # noqa: PLC0415
            checks,  # noqa: F401 - registers itself
            queries,
            queries_authentications,
        )

        FINDERS["authentication"] = queries_authentications.things
        FINDERS["request"] = queries.requests_as_things
