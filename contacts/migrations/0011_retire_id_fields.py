from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0003_invite_people"),
        ("contacts", "0010_preview_rules"),
    ]

    operations = [
        migrations.AddField(
            model_name="idfield",
            name="retired_at",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name="idfield",
            name="retired_by",
            field=models.CharField(blank=True, editable=False, max_length=254),
        ),
        migrations.AddIndex(
            model_name="write",
            index=models.Index(fields=["account", "id_field", "-at"], name="contacts_write_id_field"),
        ),
        migrations.AddConstraint(
            model_name="idfield",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("retired_at__isnull", True), ("retired_by", "")),
                    models.Q(("retired_at__isnull", False), models.Q(("retired_by", ""), _negated=True)),
                    _connector="OR",
                ),
                name="contacts_idfield_retired",
            ),
        ),
    ]
