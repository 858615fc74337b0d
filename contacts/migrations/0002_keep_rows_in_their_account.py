from django.db import migrations

from accounts.tenancy.migrations import KeepInAccount


class Migration(migrations.Migration):
    dependencies = (("contacts", "0001_initial"),)

    operations = (
        KeepInAccount("contacts_externalid", "contact_id", "contacts_contact"),
        KeepInAccount("contacts_externalid", "id_field_id", "contacts_idfield"),
        KeepInAccount("contacts_matchkey", "contact_id", "contacts_contact"),
        KeepInAccount("contacts_reviewitem", "contact_id", "contacts_contact"),
        KeepInAccount("contacts_reviewitem", "other_id", "contacts_contact"),
        KeepInAccount("contacts_idfield", "source_system_id", "contacts_sourcesystem"),
    )
