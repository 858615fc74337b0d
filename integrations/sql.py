"""A query of the ORM, built and compiled once: doing that again for each request costs several times what the query
itself does."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from django.db import connection, models


class CompiledQuery:
    """`build` makes the query from the values that differ from one run to the next, texts and times, given by name as
    the field of a model that takes them; it uses each of them as a value to compare with, and nothing else."""

    def __init__(self, build: Callable[..., models.QuerySet[Any, tuple[Any, ...]]], **fields: models.Field[Any, Any]):
        self._build, self._fields = build, fields
        self._compiled: tuple[str, tuple[Any, ...], Mapping[int, Any]] | None = None

    def rows(self, **values: Any) -> list[list[Any]]:
        """What `values_list` would give for these values."""
        sql, params, converters = self._compiled = self._compiled or self._compile()
        ready = {name: field.get_db_prep_value(values[name], connection) for name, field in self._fields.items()}
        with connection.cursor() as cursor:
            cursor.execute(sql, [ready[each.name] if isinstance(each, _Place) else each for each in params])
            found = [list(row) for row in cursor.fetchall()]
        for row in found:
            for position, (converts, expression) in converters.items():
                for convert in converts:
                    row[position] = convert(row[position], expression, connection)
        return found

    def _compile(self) -> tuple[str, tuple[Any, ...], Mapping[int, Any]]:
        """The statement, its parameters with places for the values, and how each column becomes what Python has."""
        marks = {
            name: datetime(2000, 1, 1, tzinfo=UTC) if isinstance(field, models.DateTimeField) else f"the {name}"
            for name, field in self._fields.items()
        }
        places = {self._fields[name].get_db_prep_value(mark, connection): _Place(name) for name, mark in marks.items()}
        compiler = self._build(**marks).query.get_compiler(connection=connection)
        sql, params = compiler.as_sql()
        columns = [column for column, *_ in compiler.select[: compiler.col_count]]
        return sql, tuple(places.get(each, each) for each in params), compiler.get_converters(columns)


class _Place:
    """Where among the parameters a value belongs."""

    def __init__(self, name: str) -> None:
        self.name = name
