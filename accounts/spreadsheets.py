"""CSV that spreadsheets open as what it is: text, and never a formula (OWASP, CSV injection).

Where a cell begins, or may begin for a spreadsheet that splits elsewhere than at commas, an apostrophe stands in front
of what would begin a formula. Whoever takes one away at each of these places has the value again.
"""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

MARK = "\ufeff"
"""At the beginning of a file: tells spreadsheets that it is UTF-8."""
FORMULA = re.compile(
    r"""
    ^ (?= '* [\t\r\n] )  # blanks that are cut off, with the formula behind them
    | (?<! [^;|\t\r\n] )  # at the beginning, or where others split cells
    ( (?: [^\S\t\r\n] | " )* ) (?= '* [=+\-@\uff1d\uff0b\uff0d\uff20] )  # and wide ones, which some make narrow
    """,
    re.VERBOSE,
)
"""In front of what a spreadsheet takes for a formula, and of the apostrophes that stand there already."""


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
    return FORMULA.sub(r"\1'", text)
