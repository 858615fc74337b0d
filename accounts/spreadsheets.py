"""CSV that spreadsheets open as what it is: text, and never a formula."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

MARK = "\ufeff"
"""At the beginning of a file: tells spreadsheets that it is UTF-8."""
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the beginning of a formula (OWASP, CSV injection)."""


class _Line:
    """What csv.writer writes to, to have each line by itself."""

    def write(self, text: str) -> str:
        return text


def file(columns: Sequence[str], rows: Iterable[Iterable[Any]]) -> Iterator[str]:
    """A file of rows below a header, in pieces."""
    yield MARK
    yield from lines([columns])
    yield from lines(rows)


def lines(rows: Iterable[Iterable[Any]]) -> Iterator[str]:
    """A line for each row, its end included."""
    writer = csv.writer(_Line())
    for row in rows:
        yield writer.writerow([cell(value) for value in row])


def cell(value: Any) -> str:
    """A value as text that no spreadsheet takes for a formula; several with semicolons between them."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = "; ".join(value) if isinstance(value, list) else str(value)
    return f"'{text}" if text.startswith(FORMULA) else text
