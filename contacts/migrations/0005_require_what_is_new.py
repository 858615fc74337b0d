import django.db.models.deletion
from django.db import migrations, models

from accounts.tenancy.migrations import KeepInAccount


class Migration(migrations.Migration):
    dependencies = (("contacts", "0004_fill_in_what_is_new"),)

    operations = (
        migrations.AlterField(
            model_name="contactbook",
            name="erasure_salt",
            field=models.CharField(help_text="Goes into the digests of erased external ids.", max_length=64),
        ),
        migrations.AlterField(
            model_name="ruleset",
            name="phone_region",
            field=models.CharField(help_text="Where phone numbers without a country are from.", max_length=2),
        ),
        migrations.AlterField(
            model_name="externalid",
            name="write",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="contacts.write",
            ),
        ),
        KeepInAccount("contacts_contact", "merged_into_id", "contacts_contact"),
        KeepInAccount("contacts_formerid", "contact_id", "contacts_contact"),
        KeepInAccount("contacts_formerid", "id_field_id", "contacts_idfield"),
        KeepInAccount("contacts_erasedid", "id_field_id", "contacts_idfield"),
        KeepInAccount("contacts_write", "id_field_id", "contacts_idfield"),
    )
