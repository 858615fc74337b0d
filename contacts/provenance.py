"""Pure: who wrote each value of a contact, and what was there before.

Stored on the contact as compact JSON: `{"stamps": [[id field, external id, write, rule], …], "fields": {name:
[stamp, shared, stamp before, value before]}}`, where stamps are positions in the list and a field's trailing zeros
and nulls are left out, because most values of a contact share one stamp and were never anything else.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

THIS_WRITE = 0
"""The write of a stamp until `encode` is told which row of contacts.models.Write it became."""


class Writer(NamedTuple):
    """Who last wrote a value: an external id, by the id field's primary key and the value."""

    id_field: int
    external_id: str


class Stamp(NamedTuple):
    """A writer in one write (primary key), with the number of the rule that led it to the contact, if one did."""

    writer: Writer
    write: int
    rule: int | None


class Before(NamedTuple):
    """The last value (None: empty) of another writer, so that a split can give it back."""

    value: str | None
    stamp: Stamp


@dataclass(frozen=True, slots=True)
class Entry:
    """Of one value, or of its emptiness. `shared`: another writer has sent the same."""

    stamp: Stamp
    shared: bool = False
    before: Before | None = None


def written(entry: Entry | None, old: str | None, new: str | None, stamp: Stamp) -> Entry | None:
    """The entry of a field after a writer has sent `new` where `old` stood."""
    if entry is None:
        return None if new is None else Entry(stamp)
    same_writer = entry.stamp.writer == stamp.writer
    if new == old:
        return entry if same_writer else replace(entry, shared=True)
    # A writer that corrects itself keeps what it first replaced: its own former value is nobody's to get back.
    return Entry(stamp, before=entry.before if same_writer else Before(old, entry.stamp))


def encode(entries: Mapping[str, Entry], this_write: int) -> dict[str, Any]:
    """Entries as JSON, stamps of THIS_WRITE pointing at the row it became."""
    stamps: dict[Stamp, int] = {}

    def position(stamp: Stamp) -> int:
        if stamp.write == THIS_WRITE:
            stamp = stamp._replace(write=this_write)
        return stamps.setdefault(stamp, len(stamps))

    fields: dict[str, list[Any]] = {}
    for name, entry in entries.items():
        row: list[Any] = [position(entry.stamp)]
        if entry.before is not None:
            row += [int(entry.shared), position(entry.before.stamp), entry.before.value]
        elif entry.shared:
            row.append(1)
        fields[name] = row
    rows = [[*stamp.writer, stamp.write, stamp.rule] for stamp in stamps]
    return {"stamps": rows, "fields": fields} if fields else {}


def decode(data: Mapping[str, Any]) -> dict[str, Entry]:
    """The entries that `encode` made JSON of."""
    if not data:
        return {}
    stamps = [Stamp(Writer(field, value), write, rule) for field, value, write, rule in data["stamps"]]
    entries = {}
    for name, row in data["fields"].items():
        before = Before(row[3], stamps[row[2]]) if len(row) > 2 else None
        entries[name] = Entry(stamps[row[0]], shared=len(row) > 1 and bool(row[1]), before=before)
    return entries
