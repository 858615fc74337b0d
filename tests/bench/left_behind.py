"""The limit of P2 and P3: the rows that a run of the engine left behind, put back at the bare speed of the database."""

from typing import Any

from django.db import connection, transaction
from psycopg import sql

from tests.bench.database import seconds

TABLES = ("write", "contact", "externalid", "matchkey", "change", "reviewitem")
"""In an order in which foreign keys allow their rows to be inserted."""
TIMES = {"contact": "updated_at", "reviewitem": "created_at"}
"""The tables whose new rows are known by their time; those of the others by their number."""


class LeftBehind:
    """All rows that are written after this is made, updated contacts among them."""

    def __init__(self) -> None:
        self.since = self._value("SELECT max(at) FROM contacts_write")
        self.newest = {
            table: self._value(f"SELECT coalesce(max(id), 0) FROM contacts_{table}")
            for table in TABLES
            if table not in TIMES
        }

    def _value(self, query: str, *parameters: Any) -> Any:
        with connection.cursor() as cursor:
            cursor.execute(query, parameters)
            (value,) = cursor.fetchone()
            return value

    def condition(self, table: str) -> tuple[str, Any]:
        if table in TIMES:
            return f"{TIMES[table]} > %s", self.since
        return "id > %s", self.newest[table]

    def sizes(self) -> dict[str, int]:
        """Rows by table."""
        found = {}
        for table in TABLES:
            where, value = self.condition(table)
            found[table] = int(self._value(f"SELECT count(*) FROM contacts_{table} WHERE {where}", value))
        return found

    def bytes_per_contact(self) -> float:
        """What was written, of all tables, ÷ the contacts' own values (PostgreSQL)."""
        total = 0
        for table in TABLES:
            where, value = self.condition(table)
            query = f"SELECT coalesce(sum(pg_column_size(r.*)), 0) FROM contacts_{table} r WHERE {where}"
            total += int(self._value(query, value))
        where, value = self.condition("contact")
        own = int(self._value(f'SELECT sum(pg_column_size("values")) FROM contacts_contact WHERE {where}', value))
        return total / own

    def copy(self) -> float:
        """Takes the rows out and returns how many seconds it takes to put them back."""
        return self._by_copy() if connection.vendor == "postgresql" else self._by_executemany()

    def _take_out(self) -> None:
        """Foreign keys are looked away from: keys and ids from before point at contacts that are taken out."""
        off, on = (
            ("SET session_replication_role = replica", "SET session_replication_role = origin")
            if connection.vendor == "postgresql"
            else ("PRAGMA foreign_keys = OFF", "PRAGMA foreign_keys = ON")
        )
        with connection.cursor() as cursor:
            cursor.execute(off)
            for table in reversed(TABLES):
                where, value = self.condition(table)
                cursor.execute(f"DELETE FROM contacts_{table} WHERE {where}", [value])
            cursor.execute(on)

    def _by_copy(self) -> float:
        raw = connection.connection
        data = {}
        for table in TABLES:
            where, value = self.condition(table)
            query = f"COPY (SELECT * FROM contacts_{table} WHERE {where.replace('%s', '{}')}) TO STDOUT"
            with raw.cursor() as cursor, cursor.copy(sql.SQL(query).format(sql.Literal(value))) as out:
                data[table] = b"".join(bytes(block) for block in out)
        self._take_out()

        def put_back() -> None:
            with transaction.atomic():
                for table in TABLES:
                    with raw.cursor() as cursor, cursor.copy(f"COPY contacts_{table} FROM STDIN") as into:
                        into.write(data[table])

        return seconds(put_back)

    def _by_executemany(self) -> float:
        data: dict[str, list[Any]] = {}
        for table in TABLES:
            where, value = self.condition(table)
            with connection.cursor() as cursor:
                cursor.execute(f"SELECT * FROM contacts_{table} WHERE {where}", [value])
                data[table] = cursor.fetchall()
        self._take_out()

        def put_back() -> None:
            with transaction.atomic(), connection.cursor() as cursor:
                for table, rows in data.items():
                    if rows:
                        marks = ", ".join(["%s"] * len(rows[0]))
                        cursor.executemany(f"INSERT INTO contacts_{table} VALUES ({marks})", rows)

        return seconds(put_back)
