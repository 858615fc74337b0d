"""Rows from before: salts, phone regions, and a write that the external ids of an account point at."""

import secrets
from typing import Any

from django.db import migrations


def fill_in(apps: Any, schema_editor: Any) -> None:
    books, ids, rule_sets, writes = (
        apps.get_model("contacts", name)._base_manager for name in ("ContactBook", "ExternalId", "RuleSet", "Write")
    )
    for book in books.select_related("account"):
        book.erasure_salt = secrets.token_hex(32)
        book.save(update_fields=["erasure_salt"])
        rule_sets.filter(account_id=book.account_id).update(phone_region=book.account.phone_region)
        older = ids.filter(account_id=book.account_id)
        if older.exists():
            older.update(write=writes.create(account_id=book.account_id, request_id="", rule_set_id=book.rule_set_id))


class Migration(migrations.Migration):
    dependencies = (("contacts", "0003_remember_decisions"),)

    operations = (migrations.RunPython(fill_in, migrations.RunPython.noop),)
