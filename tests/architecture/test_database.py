"""What the database itself holds to."""

import os
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.loader import MigrationLoader

from accounts.tenancy.migrations import CheckOnce, KeepInAccount
from accounts.tenancy.models import AccountOwned
from tests.architecture.code import settle
from tests.architecture.test_models import owned

# References that a composite foreign key does not keep in the account
ONLY_LOOKED_UP = {
    "contacts_contactbook.building_id": "written with the account's own new rules, under the book's row lock",
    "contacts_contactbook.rule_set_id": "written with the account's own current rules, under the book's row lock",
    "contacts_matchkey.signature_id": "written by the engine from the account's own rule set",
    "contacts_merge.write_id": "written with the write that the merge makes at the same time",
    "contacts_reviewitem.rule_set_id": "written by the engine with the account's own rule set",
    "contacts_reviewitem.signature_id": "written by the engine from the account's own rule set",
    "contacts_write.rule_set_id": "written by the engine with the account's own rule set",
}


def kept() -> list[KeepInAccount]:
    return [operation for operation in operations() if isinstance(operation, KeepInAccount)]


def checked_once() -> list[CheckOnce]:
    return [operation for operation in operations() if isinstance(operation, CheckOnce)]


def operations() -> list[Any]:
    """Of all migrations."""
    return [operation for each in MigrationLoader(None).disk_migrations.values() for operation in each.operations]


def checks(table: str) -> list[list[str]]:
    """The columns of each foreign key of a table."""
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, table).values()
    return [each["columns"] for each in found if each["foreign_key"]]


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


@pytest.mark.django_db
def test_what_is_checked_once_is_checked() -> None:
    """By a composite key on PostgreSQL, that of the account by any; by the column's own on SQLite."""
    for operation in checked_once():
        found = [columns for columns in checks(operation.table) if operation.column in columns]
        if connection.vendor == "postgresql":
            assert [operation.column] not in found
            assert found
        else:
            assert found == [[operation.column]]


@pytest.mark.django_db
def test_checking_once_can_be_taken_back() -> None:
    [operation] = [each for each in checked_once() if (each.table, each.column) == ("contacts_change", "write_id")]
    before, editor = checks(operation.table), connection.schema_editor()
    operation.database_backwards("contacts", editor, None, None)
    assert [operation.column] in checks(operation.table)
    operation.database_forwards("contacts", editor, None, None)
    assert sorted(checks(operation.table)) == sorted(before)
    assert operation.describe() == "Check contacts_change.write_id once, in its account"
