"""The database's own part in account scoping."""

from typing import Any

from django.db.migrations.operations.base import Operation


class KeepInAccount(Operation):
    """On PostgreSQL: a composite foreign key (account_id, column) → parent (account_id, id), so that the database
    itself refuses a row that points at another account's. SQLite can't add one to a table and does without.
    """

    reversible = True

    def __init__(self, table: str, column: str, parent: str) -> None:
        self.table, self.column, self.parent = table, column, parent
        self.key = f"{parent}_account_id_id"
        self.constraint = f"{table}_{column}_in_account"

    def state_forwards(self, app_label: str, state: Any) -> None:
        pass

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        if schema_editor.connection.vendor != "postgresql":
            return
        schema_editor.execute(f"CREATE UNIQUE INDEX IF NOT EXISTS {self.key} ON {self.parent} (account_id, id)")
        schema_editor.execute(
            f"ALTER TABLE {self.table} ADD CONSTRAINT {self.constraint} FOREIGN KEY (account_id, {self.column}) "
            f"REFERENCES {self.parent} (account_id, id) DEFERRABLE INITIALLY DEFERRED"
        )

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        if schema_editor.connection.vendor != "postgresql":
            return
        schema_editor.execute(f"ALTER TABLE {self.table} DROP CONSTRAINT {self.constraint}")

    def describe(self) -> str:
        return f"Keep {self.table}.{self.column} in its account"


class CheckOnce(Operation):
    """On PostgreSQL: takes off the foreign key of one column alone, where one made by KeepInAccount says more. Each
    would be looked up for every row.

    SQLite, which has none of those, keeps it.
    """

    reversible = True

    def __init__(self, table: str, column: str, parent: str) -> None:
        self.table, self.column, self.parent = table, column, parent

    def state_forwards(self, app_label: str, state: Any) -> None:
        pass

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        connection = schema_editor.connection
        if connection.vendor != "postgresql":
            return
        with connection.cursor() as cursor:
            found = connection.introspection.get_constraints(cursor, self.table)
        for name, constraint in found.items():
            if constraint["foreign_key"] and constraint["columns"] == [self.column]:
                schema_editor.execute(f"ALTER TABLE {self.table} DROP CONSTRAINT {schema_editor.quote_name(name)}")

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        if schema_editor.connection.vendor != "postgresql":
            return
        schema_editor.execute(
            f"ALTER TABLE {self.table} ADD FOREIGN KEY ({self.column}) REFERENCES {self.parent} (id) "
            "DEFERRABLE INITIALLY DEFERRED"
        )

    def describe(self) -> str:
        return f"Check {self.table}.{self.column} once, in its account"
