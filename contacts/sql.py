"""Set-wise SQL that runs alike on PostgreSQL and SQLite: rows go in as one JSON parameter, however many they are.

On PostgreSQL a statement fed by `jsonb_to_recordset` does 1,000 rows in a third of the time of `unnest`; COPY
is a little faster still, but only inserts. On SQLite `json_each` takes as long as filling a temporary table, which it
makes needless; for what is written it reads the same JSON once per column, so that rows go in one by one there.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
from django.db import connection

Query = tuple[str, Sequence[Any]]
"""SQL and its parameters."""
Rows = list[tuple[Any, ...]]

_encoders = {
    "postgresql": msgspec.json.Encoder(uuid_format="canonical").encode,
    # It has no type for them: Django keeps the 32 digits.
    "sqlite": msgspec.json.Encoder(uuid_format="hex").encode,
}
_decode = msgspec.json.Decoder().decode


def sent(**columns: str) -> str:
    """The FROM item `sent` of a JSON parameter, an array of objects. `columns`: name → PostgreSQL type."""
    if connection.vendor == "postgresql":
        described = ", ".join(f'"{name}" {type_}' for name, type_ in columns.items())
        return f"jsonb_to_recordset(%s::jsonb) AS sent({described})"
    # An arrow with one head keeps JSON as it is, one with two makes it a value.
    read = (f"value {'->' if type_ == 'jsonb' else '->>'} '{name}' AS \"{name}\"" for name, type_ in columns.items())
    return f"(SELECT {', '.join(read)} FROM json_each(%s)) AS sent"


def probe(table: str, alias: str, condition: str) -> str:
    """Joins the rows of a table that are looked up for each row of what stands before, by an index.

    PostgreSQL would else read all rows of a large account to join them with a thousand; SQLite takes the order of a
    CROSS JOIN for an order.
    """
    if connection.vendor == "postgresql":
        return f"CROSS JOIN LATERAL (SELECT * FROM {table} {alias} WHERE {condition} OFFSET 0) {alias}"
    return f"CROSS JOIN {table} {alias} ON {condition}"


def rows(objects: Iterable[Mapping[str, Any]]) -> str:
    """The JSON parameter for `sent`."""
    return _encoders[connection.vendor](list(objects)).decode()


def parameter(value: datetime | UUID) -> Any:
    """An instant or an id as the database's own parameter."""
    if isinstance(value, datetime):
        return connection.ops.adapt_datetimefield_value(value)
    return value if connection.features.has_native_uuid_field else value.hex


def instant(value: Any) -> datetime:
    """An instant as read: SQLite keeps text, in UTC."""
    return value if isinstance(value, datetime) else datetime.fromisoformat(value).replace(tzinfo=UTC)


def uuid(value: Any) -> UUID:
    """An id as read: PostgreSQL has a type for it, SQLite keeps 32 digits."""
    return value if isinstance(value, UUID) else msgspec.convert(value, UUID)  # in a third of UUID's own time


def digits(value: Any) -> str:
    """The 32 hexadecimal digits of an id as read."""
    return value.hex if isinstance(value, UUID) else str(value)


def json(value: str) -> Any:
    """A JSON column as read."""
    return _decode(value)


@contextmanager
def together() -> Iterator[None]:
    """Inside, statements are sent without waiting for the end of the one before: PostgreSQL's pipeline mode. An error
    of any of them is raised at the end, as Django raises it."""
    if connection.vendor != "postgresql":
        yield
        return
    connection.ensure_connection()
    with connection.wrap_database_errors, connection.connection.pipeline():
        yield


def select(sql: str, parameters: Sequence[Any]) -> Rows:
    """The rows of a query."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        found: Rows = cursor.fetchall()
        return found


def select_each(queries: Sequence[Query]) -> list[Rows]:
    """The rows of each query, one after the other in one round trip."""
    if len(queries) < 2:
        return [select(*each) for each in queries]
    with together(), ExitStack() as stack:
        cursors = [stack.enter_context(connection.cursor()) for _ in queries]
        for cursor, (sql, parameters) in zip(cursors, queries, strict=True):
            cursor.execute(sql, parameters)
        return [cursor.fetchall() for cursor in cursors]


def run(sql: str, parameters: Sequence[Any]) -> None:
    """Runs a statement that returns nothing."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)


def run_each(sql: str, parameters: Sequence[Any], objects: Iterable[Mapping[str, Any]], **columns: str) -> None:
    """Runs a statement that writes the rows that `{sent}` stands for in it, of which none meets another. `parameters`:
    all the others. `columns` as for `sent`; each object has all of them."""
    before = sql[: sql.index("{sent}")].count("%s")
    first, last = parameters[:before], parameters[before:]
    if connection.vendor == "postgresql":
        run(sql.replace("{sent}", sent(**columns)), [*first, rows(objects), *last])
        return
    one = ", ".join(f'%s AS "{name}"' for name in columns)
    objects = list(objects)
    cells = [_cells(type_, [each[name] for each in objects]) for name, type_ in columns.items()]
    with connection.cursor() as cursor:
        cursor.executemany(
            sql.replace("{sent}", f"(SELECT {one}) AS sent"),
            [(*first, *row, *last) for row in zip(*cells, strict=True)],
        )


def _cells(type_: str, column: list[Any]) -> list[Any]:
    """A column as SQLite's own parameters."""
    if type_ == "jsonb":
        encode = _encoders["sqlite"]
        return [encode(cell).decode() for cell in column]
    if type_ == "uuid":
        return [cell.hex if isinstance(cell, UUID) else cell for cell in column]
    return column


def check_foreign_keys() -> None:
    """Checks what was written so far: PostgreSQL would wait for the end of the transaction, and we for PostgreSQL."""
    if connection.vendor == "postgresql":
        run("SET CONSTRAINTS ALL IMMEDIATE", ())
        run("SET CONSTRAINTS ALL DEFERRED", ())
