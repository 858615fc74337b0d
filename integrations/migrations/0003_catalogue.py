from typing import Any

from django.db import migrations

CATALOGUE = (
    ("rest-api", "REST API", "Send and read contacts from any system, with a key and a secret.", True),
    ("file-exchange", "File exchange", "Exchange contacts as files on a schedule, for systems without an API.", False),
)


def add_catalogue(apps: Any, schema_editor: Any) -> None:
    """Every installation offers the same integrations; their prices are the operator's."""
    integrations = apps.get_model("integrations", "Integration").objects.using(schema_editor.connection.alias)
    for position, (code, name, description, is_available) in enumerate(CATALOGUE):
        defaults = {"name": name, "description": description, "is_available": is_available, "position": position}
        integrations.get_or_create(code=code, defaults=defaults)


class Migration(migrations.Migration):
    dependencies = (("integrations", "0002_keep_rows_in_their_account"),)

    operations = (migrations.RunPython(add_catalogue, migrations.RunPython.noop, elidable=False),)
