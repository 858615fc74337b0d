import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0003_invite_people"),
    ]

    operations = [
        migrations.AlterField(
            model_name="auditevent",
            name="at",
            field=models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name="time"),
        ),
        migrations.RemoveIndex(
            model_name="auditevent",
            name="accounts_audit_account_at",
        ),
        migrations.AddIndex(
            model_name="auditevent",
            index=models.Index(fields=["account_id", "-at", "-id"], name="accounts_auditevent_account"),
        ),
        migrations.AddIndex(
            model_name="auditevent",
            index=models.Index(fields=["account_id", "actor", "-at", "-id"], name="accounts_auditevent_actor"),
        ),
        migrations.AddIndex(
            model_name="auditevent",
            index=models.Index(fields=["account_id", "action", "-at", "-id"], name="accounts_auditevent_action"),
        ),
        migrations.AddIndex(
            model_name="auditevent",
            index=models.Index(fields=["-at", "-id"], name="accounts_auditevent_at"),
        ),
        migrations.AddIndex(
            model_name="auditevent",
            index=models.Index(fields=["object_id", "-at", "-id"], name="accounts_auditevent_object"),
        ),
    ]
