from typing import Any

from django.db import migrations, models
from django.db.models import OuterRef, Subquery


def name_after_their_systems(apps: Any, schema_editor: Any) -> None:
    systems = apps.get_model("contacts", "IdField")._base_manager.filter(pk=OuterRef("id_field_id"))
    rows = apps.get_model("integrations", "Authentication")._base_manager
    rows.update(name=Subquery(systems.values("source_system__name")[:1]))


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0003_invite_people"),
        ("contacts", "0010_preview_rules"),
        ("integrations", "0006_record_usage"),
    ]

    operations = [
        migrations.AddField(
            model_name="authentication",
            name="allowed_networks",
            field=models.JSONField(
                blank=True,
                default=list,
                help_text="CIDRs as integrations.networks writes them; none: from anywhere.",
            ),
        ),
        migrations.AddField(
            model_name="authentication",
            name="expires_at",
            field=models.DateTimeField(blank=True, help_text="From this instant on it is refused.", null=True),
        ),
        migrations.AddField(
            model_name="authentication",
            name="grace_until",
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name="authentication",
            name="name",
            field=models.CharField(default="", max_length=100),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="authentication",
            name="previous_digest",
            field=models.BinaryField(max_length=32, null=True),
        ),
        migrations.AddField(
            model_name="authentication",
            name="previous_pepper",
            field=models.PositiveSmallIntegerField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name="authentication",
            name="secret_version",
            field=models.PositiveIntegerField(
                default=1, editable=False, help_text="1 as issued; one more with each rotation."
            ),
        ),
        migrations.RunPython(name_after_their_systems, migrations.RunPython.noop, elidable=True),
        migrations.AddConstraint(
            model_name="authentication",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("grace_until__isnull", True),
                        ("previous_digest__isnull", True),
                        ("previous_pepper__isnull", True),
                    ),
                    models.Q(
                        ("grace_until__isnull", False),
                        ("previous_digest__isnull", False),
                        ("previous_pepper__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="integrations_authentication_previous",
            ),
        ),
        migrations.AddConstraint(
            model_name="authentication",
            constraint=models.CheckConstraint(
                condition=models.Q(("name", ""), _negated=True), name="integrations_authentication_named"
            ),
        ),
    ]
