"""P2 and P3: the engine's upsert beside the bare copying of exactly the rows that it leaves behind.

Run as `python -m tests.bench.engine --records N [--json FILE]` on the database of DATABASE_URL.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.bench.database import fresh_database, put_aside
from tests.bench.report import Finding, write

RUNS = 3
TABLES = ("write", "contact", "externalid", "matchkey", "change", "reviewitem")
"""In an order in which foreign keys allow their rows to be inserted."""


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


class LeftBehind:
    """The rows that a run of the engine left behind: taken out, to be put back at the bare speed of the database."""

    def __init__(self, account: int) -> None:
        from django.db import connection

        self.connection, self.account = connection, account
        self.before = {table: self._newest(table) for table in TABLES if table not in {"contact", "reviewitem"}}
        self.since = self._value("SELECT max(at) FROM contacts_write")

    def _value(self, sql: str, *parameters: Any) -> Any:
        with self.connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            (value,) = cursor.fetchone()
            return value

    def _newest(self, table: str) -> int:
        return int(self._value(f"SELECT coalesce(max(id), 0) FROM contacts_{table}"))

    def condition(self, table: str) -> tuple[str, Any]:
        column = {"contact": "updated_at", "reviewitem": "created_at"}.get(table)
        return (f"{column} > %s", self.since) if column else ("id > %s", self.before[table])

    def sizes(self) -> dict[str, int]:
        """Rows by table."""
        found = {}
        for table in TABLES:
            where, value = self.condition(table)
            found[table] = int(self._value(f"SELECT count(*) FROM contacts_{table} WHERE {where}", value))
        return found

    def bytes_per_contact(self) -> float:
        """What was written, of all tables, ÷ the contacts' own values (PostgreSQL)."""
        total, own = 0, 1
        for table in TABLES:
            where, value = self.condition(table)
            sql = f"SELECT coalesce(sum(pg_column_size(r.*)), 0) FROM contacts_{table} r WHERE {where}"
            total += int(self._value(sql, value))
        where, value = self.condition("contact")
        own = int(self._value(f'SELECT sum(pg_column_size("values")) FROM contacts_contact WHERE {where}', value))
        return total / own

    def copy(self) -> float:
        """Takes the rows out and measures how long it takes to put them back."""
        return self._copy_postgresql() if self.connection.vendor == "postgresql" else self._copy_sqlite()

    def _take_out(self) -> None:
        """Foreign keys are looked away from: keys and ids from before point at contacts that are taken out."""
        off, on = (
            ("SET session_replication_role = replica", "SET session_replication_role = origin")
            if self.connection.vendor == "postgresql"
            else ("PRAGMA foreign_keys = OFF", "PRAGMA foreign_keys = ON")
        )
        with self.connection.cursor() as cursor:
            cursor.execute(off)
            for table in reversed(TABLES):
                where, value = self.condition(table)
                cursor.execute(f"DELETE FROM contacts_{table} WHERE {where}", [value])
            cursor.execute(on)

    def _copy_postgresql(self) -> float:
        from django.db import transaction
        from psycopg import sql

        data = {}
        raw = self.connection.connection
        for table in TABLES:
            where, value = self.condition(table)
            query = f"COPY (SELECT * FROM contacts_{table} WHERE {where.replace('%s', '{}')}) TO STDOUT"
            with raw.cursor() as cursor, cursor.copy(sql.SQL(query).format(sql.Literal(value))) as out:
                data[table] = b"".join(bytes(block) for block in out)
        self._take_out()
        with self.connection.cursor() as cursor:
            for table in TABLES:
                cursor.execute(f"VACUUM ANALYZE contacts_{table}")

        def put_back() -> None:
            with transaction.atomic():
                for table in TABLES:
                    with raw.cursor() as cursor, cursor.copy(f"COPY contacts_{table} FROM STDIN") as into:
                        into.write(data[table])

        return seconds(put_back)

    def _copy_sqlite(self) -> float:
        from django.db import transaction

        data: dict[str, list[Any]] = {}
        for table in TABLES:
            where, value = self.condition(table)
            with self.connection.cursor() as cursor:
                cursor.execute(f"SELECT * FROM contacts_{table} WHERE {where}", [value])
                data[table] = cursor.fetchall()
        self._take_out()

        def put_back() -> None:
            with transaction.atomic(), self.connection.cursor() as cursor:
                for table in TABLES:
                    if data[table]:
                        marks = ", ".join(["%s"] * len(data[table][0]))
                        cursor.executemany(f"INSERT INTO contacts_{table} VALUES ({marks})", data[table])

        return seconds(put_back)


def bulk_create(base: Any, records: Sequence[Any]) -> None:
    """The peer: contacts and ids alone, by `bulk_create(update_conflicts=True)` in chunks."""
    from django.db import transaction

    from contacts.models import Contact, ExternalId, Write
    from tests.bench.mix import CHUNK

    account = base.account
    ids, contacts = ExternalId.objects.for_account(account), Contact.objects.for_account(account)
    write_row = Write.objects.for_account(account).order_by("pk").first()
    for start in range(0, len(records), CHUNK):
        chunk = records[start : start + CHUNK]
        with transaction.atomic():
            known = ids.filter(id_field=base.shop, value__in=[record.external_id for record in chunk])
            found = dict(known.values_list("value", "contact_id"))
            rows = [
                Contact(values=record.values, **({"id": found[own]} if (own := record.external_id) in found else {}))
                for record in chunk
            ]
            contacts.bulk_create(rows, update_conflicts=True, unique_fields=["id"], update_fields=["values", "version"])
            ids.bulk_create(
                [
                    ExternalId(id_field=base.shop, value=record.external_id, contact=row, write=write_row)
                    for record, row in zip(chunk, rows, strict=True)
                ],
                update_conflicts=True,
                unique_fields=["account", "id_field", "value"],
                update_fields=["contact"],
            )


def measure(vendor: str, count: int) -> list[Finding]:
    """Each run with new accounts and new people, the three ways one after the other."""
    from tests.bench.mix import Base

    ratios, faster, speeds = [], [], []
    sizes: dict[str, int] = {}
    size: float | None = None
    for run in range(RUNS):
        base = Base(int(count * 0.75))
        records = base.mix(count, seed=run)
        left = LeftBehind(base.account.pk)
        put_aside()
        engine = seconds(lambda: base.send(records, base.shop))  # noqa: B023 - called at once
        sizes = left.sizes()
        size = left.bytes_per_contact() if vendor == "postgresql" else None
        copied = left.copy()
        other = Base(int(count * 0.75))
        peer = seconds(lambda: bulk_create(other, records))  # noqa: B023 - called at once
        ratios.append(copied / engine)
        faster.append(peer / engine)
        speeds.append((count / engine, count / copied, count / peer))
    rows_a_second = [f"{statistics.median(run[index] for run in speeds):,.0f}" for index in range(3)]
    limit = "bare COPY" if vendor == "postgresql" else "executemany"
    number, must = ("P2", 0.4) if vendor == "postgresql" else ("P3", 0.25)
    told = {
        "rows/s": f"engine {rows_a_second[0]}, {limit} {rows_a_second[1]}, bulk_create {rows_a_second[2]}",
        "rows left behind": ", ".join(f"{name} {rows:,}" for name, rows in sizes.items()),
        "rows per contact": f"{sum(sizes.values()) / sizes['contact']:.2f}",
    }
    findings = [
        Finding(number, f"engine upsert of {count:,} records ÷ {limit} of the same rows", ratios, must, figures=told),
        Finding(number, "engine ÷ bulk_create(update_conflicts) of contacts and ids alone", faster, 1.5),
    ]
    if size is not None:
        what = "bytes written per contact ÷ the bytes of its own values"
        findings.append(Finding(number, what, [size], 4, least=False))
    return findings


def main() -> int:
    """1 when a promise is missed."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.engine", description=__doc__)
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with fresh_database() as vendor:
        return write(measure(vendor, arguments.records), vendor, arguments.json)


if __name__ == "__main__":
    sys.exit(main())
