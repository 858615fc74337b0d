"""What the oracle speaks of: contacts, values and their provenance, as plain as possible."""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

Values = Mapping[str, str | None]
Writer = tuple[str, str]  # (id field name, external id); a person is ("person", label)
Key = tuple[int, str]  # (signature, normalised text)
Found = tuple[str, int, int, Key]  # (kind of review item, contact, rule, key)
Warnings = list[tuple[str | int, ...]]

NAME_FIELDS = {"firstName", "infix", "lastName", "initials", "organisation"}
BLOCKED_TEXTS = {"n/a", "none", "null", "unknown", "undefined", "-", "-1"}
REFUSED = {"not_found", "contact_erased", "id_conflict", "ambiguous_match"}
TOO_COMMON, MOST_PAIRS = 20, 5


@dataclass(frozen=True)
class Stamp:
    writer: Writer
    rule: int | None  # by which the write was linked
    at: int


@dataclass(frozen=True)
class Entry:
    stamp: Stamp
    shared: tuple[Stamp, ...] = ()
    before: tuple[str | None, Stamp] | None = None  # the last value of another writer


@dataclass
class Contact:
    name: int
    values: dict[str, str] = field(default_factory=dict)
    entries: dict[str, Entry] = field(default_factory=dict)  # also of values that were emptied
    merged_into: int | None = None


@dataclass
class Result:
    outcome: str
    contact: int | None = None
    matched_by: str | None = None
    warnings: Warnings = field(default_factory=list)
    candidates: list[int] = field(default_factory=list)


@dataclass
class RuleSet:
    rules: Sequence[Sequence[str]] = (("email",),)
    policy: str = "create"
    blocked: Mapping[str, Sequence[str]] = field(default_factory=dict)
    folds: bool = False


def normalised(name: str, value: str | None, folds: bool = False) -> str:
    if name != "email":
        return " ".join(unicodedata.normalize("NFKC", value or "").casefold().split())
    local, _, domain = (value or "").casefold().rpartition("@")
    return f"{local.partition('+')[0] if folds else local}@{domain}" if value else ""


def is_placeholder(name: str, value: str | None) -> bool:
    text = normalised(name, value)
    if name == "email":
        return text == "test@test.com" or text.rpartition("@")[0] in {"noreply", "no-reply"}
    return name not in NAME_FIELDS and (text in BLOCKED_TEXTS or set(text) == {"0"})


def put(contact: Contact, name: str, value: str | None, entry: Entry | None) -> None:
    contact.values.pop(name, None)
    contact.entries.pop(name, None)
    if value is not None:
        contact.values[name] = value
    if entry is not None:
        contact.entries[name] = entry


def set_values(contact: Contact, sent: Values, stamp: Stamp) -> None:
    for name, value in sent.items():
        old, entry = contact.values.get(name), contact.entries.get(name)
        if entry is None and value is not None:
            put(contact, name, value, Entry(stamp))
        elif entry is not None and value == old:
            if stamp.writer not in {known.writer for known in (entry.stamp, *entry.shared)}:
                contact.entries[name] = replace(entry, shared=(*entry.shared, stamp))
        elif entry is not None:
            same = entry.stamp.writer == stamp.writer
            put(contact, name, value, Entry(stamp, before=entry.before if same else (old, entry.stamp)))
