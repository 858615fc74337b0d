"""Pure: who wrote each value of a contact, and what was there before.

Stored on the contact as compact JSON: `{"stamps": [[id field, external id, write, rule], …], "most": entry, "fields":
{name: entry}}`. An entry is `[stamp, [stamps that shared it], stamp before, value before]`, where stamps are positions
in the list and trailing empty parts are left out. A value without an entry in `fields` has the one in `most`, or else
`[0]`: most values of a contact have the same, because they came together.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from msgspec import Struct

from contacts.normalise import Value

THIS_WRITE = 0
"""The write of a stamp until `encode` is told which row of contacts.models.Write it became."""

PERSON = 0
"""In place of an id field: the writer is a person."""


class Writer(Struct, frozen=True):
    """Who last wrote a value: an external id, by the id field's primary key and the value; or PERSON and a label."""

    id_field: int
    external_id: str


class Stamp(Struct, frozen=True):
    """A writer in one write (primary key), with the number of the rule that led it to the contact, if one did."""

    writer: Writer
    write: int
    rule: int | None


class Before(Struct, frozen=True):
    """The last value (None: empty) of another writer, so that a split can give it back."""

    value: Value | None
    stamp: Stamp


class Entry(Struct, frozen=True):
    """Of one value, or of its emptiness. `shared`: the other writers that have sent the same since."""

    stamp: Stamp
    shared: tuple[Stamp, ...] = ()
    before: Before | None = None


def written(entry: Entry | None, old: Value | None, new: Value | None, stamp: Stamp) -> Entry | None:
    """The entry of a field after a writer has sent `new` where `old` stood: an equal value of another writer marks it
    shared, a different value clears the mark."""
    if entry is None:
        return None if new is None else Entry(stamp)
    same_writer = entry.stamp.writer == stamp.writer
    if new == old:
        known = same_writer or any(sharer.writer == stamp.writer for sharer in entry.shared)
        return entry if known else Entry(entry.stamp, (*entry.shared, stamp), entry.before)
    # A writer that corrects itself keeps what it first replaced: its own former value is nobody's to get back.
    return Entry(stamp, before=entry.before if same_writer else Before(old, entry.stamp))


class Parted(NamedTuple):
    """What becomes of a field when one of its writers leaves the contact. `went`: what goes with the writer, if it
    sent what stands there; `stayed` with its entry: what the contact has then (no entry: nobody else wrote there)."""

    went: tuple[Value | None, Entry] | None
    stayed: Value | None
    entry: Entry | None


def part(entry: Entry, value: Value | None, writer: Writer) -> Parted:
    """Takes a writer out of a field: what it alone sent goes, and what that had replaced comes back."""
    senders = (entry.stamp, *entry.shared)
    went = next(((value, Entry(stamp)) for stamp in senders if stamp.writer == writer), None)
    others = [stamp for stamp in senders if stamp.writer != writer]
    before = entry.before
    if others:
        # What the writer once wrote is another person's now, and not to be given back here.
        kept = None if before is not None and before.stamp.writer == writer else before
        return Parted(went, value, Entry(others[0], tuple(others[1:]), kept))
    if before is not None:
        return Parted(went, before.value, Entry(before.stamp))
    return Parted(went, None, None)


def encode(entries: Mapping[str, Entry], values: Mapping[str, Value], this_write: int) -> dict[str, Any]:
    """Entries as JSON, stamps of THIS_WRITE pointing at the row it became."""
    if not entries:
        return {}
    stamps: dict[Stamp, int] = {}

    def row(entry: Entry) -> list[Any]:
        shared, before = entry.shared, entry.before
        position = stamps.setdefault(entry.stamp, len(stamps))
        if before is None and not shared:
            return [position]
        sharers = [stamps.setdefault(sharer, len(stamps)) for sharer in shared]
        if before is None:
            return [position, sharers]
        return [position, sharers, stamps.setdefault(before.stamp, len(stamps)), before.value]

    most = _most(entries)
    most_row = row(most)
    fields = {
        name: row(entry)
        for name, entry in entries.items()
        if name not in values or (entry is not most and entry != most)
    }
    data: dict[str, Any] = {
        "stamps": [
            [stamp.writer.id_field, stamp.writer.external_id, stamp.write or this_write, stamp.rule] for stamp in stamps
        ],
    }
    if len(most_row) > 1:
        data["most"] = most_row
    if fields:
        data["fields"] = fields
    return data


def _most(entries: Mapping[str, Entry]) -> Entry:
    """The entry that more than half of the fields have, if one does (Boyer and Moore's majority vote)."""
    found = list(entries.values())
    if found.count(found[0]) * 2 > len(found):
        return found[0]  # the usual case, at once
    votes, candidate = 0, found[0]
    for entry in found:
        if votes == 0:
            candidate = entry
        votes += 1 if entry == candidate else -1
    return candidate


def decode(data: Mapping[str, Any], values: Mapping[str, Value]) -> dict[str, Entry]:
    """The entries that `encode` made JSON of, for a contact with these values."""
    if not data:
        return {}
    stamps = [Stamp(Writer(field, value), write, rule) for field, value, write, rule in data["stamps"]]

    def entry(row: list[Any]) -> Entry:
        shared = tuple([stamps[position] for position in row[1]]) if len(row) > 1 else ()
        return Entry(stamps[row[0]], shared, Before(row[3], stamps[row[2]]) if len(row) > 2 else None)

    entries = dict.fromkeys(values, entry(data.get("most", [0])))
    for name, row in data.get("fields", {}).items():
        entries[name] = entry(row)
    return entries
