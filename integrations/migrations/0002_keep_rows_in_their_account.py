from django.db import migrations

from accounts.tenancy.migrations import KeepInAccount


class Migration(migrations.Migration):
    dependencies = (("integrations", "0001_initial"), ("contacts", "0002_keep_rows_in_their_account"))

    operations = (
        KeepInAccount("integrations_authentication", "id_field_id", "contacts_idfield"),
        KeepInAccount("integrations_license", "charge_id", "accounts_charge"),
        KeepInAccount("integrations_request", "license_id", "integrations_license"),
    )
