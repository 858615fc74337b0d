"""Pure: from the bytes of an import file to its rows, never more than a row and a piece of the file in memory.

CSV as RFC 4180 has it, with the usual delimiters and encodings; NDJSON is one JSON object a line.
"""

import codecs
import csv
import io
import re
import zlib
from collections.abc import Iterable, Iterator
from typing import IO, Any

from accounts.errors import DomainError

MAX_UNPACKED = 10 * 2**30
MAX_ROW = 2**20
"""Characters of a CSV's row, bytes of an NDJSON's."""
MAX_COLUMNS = 1000
MAX_ROWS = 10_000_000
PIECE = 2**18
"""Bytes that are unpacked and looked at in one go."""
DELIMITERS = ",;\t|"
ENCODINGS = ("utf-8", "utf-16", "windows-1252", "iso-8859-1", "iso-8859-15")
MARKS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
QUOTED = re.compile(r'"[^"]*"')
GZIP = 31
"""zlib's number for data with gzip's header."""

csv.field_size_limit(MAX_ROW)


class Unreadable(DomainError):
    """The file can't be read on: in which row, and why."""

    code = "malformed_csv"
    status = 422
    title = "The file can't be read"


def unpacked(parts: Iterable[bytes]) -> Iterator[bytes]:
    """The content of gzip data (RFC 1952), of several members too, piece by piece.

    Raises Unreadable `malformed_gzip` or, beyond 10 GiB, `too_large`.
    """
    decoder, total, is_open = zlib.decompressobj(GZIP), 0, False
    for part in parts:
        data = part
        while data:
            try:
                piece = decoder.decompress(data, PIECE)
            except zlib.error as error:
                raise Unreadable(f"This is not gzip data, or damaged: {error}.", code="malformed_gzip") from None
            total += len(piece)
            if total > MAX_UNPACKED:
                raise Unreadable(f"Unpacked it is larger than {MAX_UNPACKED // 2**30} GiB.", code="too_large")
            yield piece
            data, is_open = decoder.unconsumed_tail, True
            if decoder.eof:
                data, decoder, is_open = decoder.unused_data, zlib.decompressobj(GZIP), False
    if is_open:
        raise Unreadable("The gzip data end too early: was all of the file sent?", code="malformed_gzip")


def ndjson_rows(parts: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """Line numbers, from 1, and lines; blank ones are empty. Raises Unreadable `row_too_large`, `too_many_rows`."""
    file = _opened(parts)
    for number, line in enumerate(iter(lambda: file.readline(MAX_ROW + 1), b""), start=1):
        _check(number, len(line))
        yield number, line.removeprefix(codecs.BOM_UTF8).strip()


def csv_rows(parts: Iterable[bytes], delimiter: str = "", encoding: str = "") -> Iterator[tuple[int, list[str]]]:
    """Row numbers, the header's is 1, and cells; none in a blank row. Delimiter and encoding are guessed when empty.

    Raises Unreadable `malformed_csv`, `invalid_encoding`, `row_too_large`, `too_many_columns` or `too_many_rows`, with
    the row.
    """
    text = _Text(_opened(parts), encoding)
    reader = csv.reader(text, delimiter=delimiter or _delimiter(text.first), strict=True)
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise Unreadable(f"Row {text.row}: {_reason(str(error))}") from None
        if len(cells) > MAX_COLUMNS:
            raise Unreadable(f"Row {text.row} has more than {MAX_COLUMNS:,} columns.", code="too_many_columns")
        yield text.row, cells
        text.begin_row()


def _reason(error: str) -> str:
    """What the csv module says, for who has the file."""
    if error == "unexpected end of data":
        return "a quote is opened there and never closed. Close it, or write it twice where it belongs to the text."
    if "expected after" in error:
        return "something stands behind a closing quote. Write a quote twice where it belongs to the text."
    return f"{error}."


def csv_form(parts: Iterable[bytes], delimiter: str = "", encoding: str = "") -> tuple[str, str]:
    """The delimiter and the encoding that `csv_rows` reads with. Raises Unreadable `invalid_encoding`."""
    text = _Text(_opened(parts), encoding)
    return delimiter or _delimiter(text.first), text.encoding


class _Text:
    """The lines of encoded text, as csv.reader asks for them; counts what it has taken for one row."""

    def __init__(self, file: io.BufferedReader, encoding: str) -> None:
        self.row = 1
        self._taken = 0
        self.encoding = encoding or _encoding(file.peek(PIECE))
        # With a mark or without
        codec = "utf-8-sig" if self.encoding == "utf-8" else self.encoding
        self._file: IO[str] = io.TextIOWrapper(file, codec, newline="")
        self.first = self._line()
        self._is_first = True

    def __iter__(self) -> "_Text":
        return self

    def __next__(self) -> str:
        line = self.first if self._is_first else self._line()
        self._is_first = False
        if not line:
            raise StopIteration
        self._taken += len(line)
        _check(self.row, self._taken)
        return line

    def begin_row(self) -> None:
        self.row, self._taken = self.row + 1, 0

    def _line(self) -> str:
        try:
            return self._file.readline(MAX_ROW + 1)
        except UnicodeError:
            detail = f"Row {self.row}, or one soon after it, is not {self.encoding}. Name the encoding, such as "
            raise Unreadable(f"{detail}encoding=windows-1252.", code="invalid_encoding") from None


def _check(row: int, length: int) -> None:
    """Raises Unreadable `row_too_large` or `too_many_rows`."""
    if length > MAX_ROW:
        detail = f"Row {row} is longer than {MAX_ROW // 2**20} MiB. Is a quote never closed?"
        raise Unreadable(detail, code="row_too_large")
    if row > MAX_ROWS:
        raise Unreadable(f"The file has more than {MAX_ROWS:,} rows; send it in parts.", code="too_many_rows")


def _encoding(first: bytes) -> str:
    """By its mark, else UTF-8 if it can be, else what Windows writes in Western Europe."""
    for mark, encoding in MARKS.items():
        if first.startswith(mark):
            return encoding
    try:
        # A character may be cut where the look ends.
        codecs.getincrementaldecoder("utf-8")().decode(first)
    except UnicodeDecodeError:
        return "windows-1252"
    return "utf-8"


def _delimiter(header: str) -> str:
    """The one that is most in the header, outside quotes; a comma when there is none."""
    plain = QUOTED.sub("", header)
    return max(DELIMITERS, key=plain.count)


def _opened(parts: Iterable[bytes]) -> io.BufferedReader:
    return io.BufferedReader(_Parts(iter(parts)), PIECE)


class _Parts(io.RawIOBase):
    """Pieces of bytes as a file, so that the library's readers can read it."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        self._parts = parts
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """As much as fits, unless the end is near."""
        filled = 0
        while filled < len(buffer):
            if not self._rest:
                part = next(self._parts, None)
                if part is None:
                    break
                self._rest = memoryview(part)
            size = min(len(buffer) - filled, len(self._rest))
            buffer[filled : filled + size] = self._rest[:size]
            self._rest = self._rest[size:]
            filled += size
        return filled
