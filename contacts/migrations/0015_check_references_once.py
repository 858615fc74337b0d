"""What a chunk of records writes by the thousand: each reference is checked by one foreign key instead of up to three."""

from django.db import migrations

from accounts.tenancy.migrations import CheckOnce, KeepInAccount


class Migration(migrations.Migration):
    dependencies = (("contacts", "0014_search_contacts"),)

    operations = (
        KeepInAccount("contacts_externalid", "write_id", "contacts_write"),
        KeepInAccount("contacts_change", "write_id", "contacts_write"),
        CheckOnce("contacts_externalid", "contact_id", "contacts_contact"),
        CheckOnce("contacts_externalid", "id_field_id", "contacts_idfield"),
        CheckOnce("contacts_externalid", "write_id", "contacts_write"),
        CheckOnce("contacts_change", "write_id", "contacts_write"),
        CheckOnce("contacts_matchkey", "contact_id", "contacts_contact"),
        CheckOnce("contacts_reviewitem", "contact_id", "contacts_contact"),
        CheckOnce("contacts_reviewitem", "other_id", "contacts_contact"),
        CheckOnce("contacts_previewpair", "preview_id", "contacts_preview"),
        # Their account is that of a contact, a write or a preview, which must be there, too.
        CheckOnce("contacts_externalid", "account_id", "accounts_account"),
        CheckOnce("contacts_change", "account_id", "accounts_account"),
        CheckOnce("contacts_matchkey", "account_id", "accounts_account"),
        CheckOnce("contacts_previewpair", "account_id", "accounts_account"),
    )
