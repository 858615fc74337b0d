"""What the database itself holds to."""

import os

import pytest
from django.db import connection
from django.db.migrations.loader import MigrationLoader

from accounts.tenancy.migrations import KeepInAccount
from accounts.tenancy.models import AccountOwned
from tests.architecture.code import settle
from tests.architecture.test_models import owned

# References that a composite foreign key does not keep in the account
ONLY_LOOKED_UP = {
    "contacts_change.write_id": "written by the engine with the write that it makes at the same time",
    "contacts_contactbook.building_id": "written with the account's own new rules, under the book's row lock",
    "contacts_contactbook.rule_set_id": "written with the account's own current rules, under the book's row lock",
    "contacts_externalid.write_id": "written by the engine with the write that it makes at the same time",
    "contacts_matchkey.signature_id": "written by the engine from the account's own rule set",
    "contacts_merge.write_id": "written with the write that the merge makes at the same time",
    "contacts_reviewitem.rule_set_id": "written by the engine with the account's own rule set",
    "contacts_reviewitem.signature_id": "written by the engine from the account's own rule set",
    "contacts_write.rule_set_id": "written by the engine with the account's own rule set",
}


def kept() -> list[KeepInAccount]:
    migrations = MigrationLoader(None).disk_migrations.values()
    return [operation for each in migrations for operation in each.operations if isinstance(operation, KeepInAccount)]


def test_the_database_is_the_one_that_this_run_is_about() -> None:
    assert connection.vendor == os.environ.get("EXPECTED_DB_VENDOR", connection.vendor)


def test_references_between_an_accounts_rows_are_kept_in_the_account() -> None:
    references = {
        f"{model._meta.db_table}.{field.attname}"
        for model in owned()
        for field in model._meta.concrete_fields
        if field.is_relation and issubclass(field.related_model, AccountOwned)  # type: ignore[arg-type]
    }
    covered = {f"{operation.table}.{operation.column}" for operation in kept()}
    assert not covered - references
    settle(references - covered, ONLY_LOOKED_UP)


@pytest.mark.django_db
def test_the_composite_keys_are_there_where_the_database_can_have_them() -> None:
    found: set[str] = set()
    for operation in kept():
        with connection.cursor() as cursor:
            found |= connection.introspection.get_constraints(cursor, operation.table).keys()
    named = {operation.constraint for operation in kept()}
    assert named & found == (named if connection.vendor == "postgresql" else set())


@pytest.mark.django_db
def test_keeping_rows_in_their_account_can_be_taken_back() -> None:
    def there(operation: KeepInAccount) -> bool:
        with connection.cursor() as cursor:
            return operation.constraint in connection.introspection.get_constraints(cursor, operation.table)

    [operation] = [each for each in kept() if each.constraint == "integrations_request_license_id_in_account"]
    editor = connection.schema_editor()
    before = there(operation)
    operation.database_backwards("integrations", editor, None, None)
    assert not there(operation)
    operation.database_forwards("integrations", editor, None, None)
    assert there(operation) is before
    assert operation.describe() == "Keep integrations_request.license_id in its account"
