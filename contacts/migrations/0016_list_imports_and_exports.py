"""Lists of imports and exports by their keys; and since when a job is paused, so that none stays so for ever."""

from typing import Any

from django.db import migrations, models
from django.utils import timezone


def pause_now(apps: Any, schema_editor: Any) -> None:
    """Those that are paused already have their days from now on."""
    apps.get_model("contacts", "Job").all_accounts.filter(state="paused").update(paused_at=timezone.now())


class Migration(migrations.Migration):
    dependencies = (("contacts", "0015_check_references_once"),)

    operations = (
        migrations.AddField("job", "paused_at", models.DateTimeField(null=True)),
        migrations.AddIndex("import", models.Index(fields=["account", "-id"], name="contacts_import_list")),
        migrations.AddIndex("export", models.Index(fields=["account", "-id"], name="contacts_export_list")),
        migrations.AddIndex(
            "job",
            models.Index(fields=["paused_at"], condition=models.Q(state="paused"), name="contacts_job_paused"),
        ),
        migrations.RunPython(pause_now, migrations.RunPython.noop),
    )
