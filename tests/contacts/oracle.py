"""An oracle for the matching engine: the specification said once more, as plainly as possible.

It imports nothing of the project, keeps everything in dicts, and asks every contact every time.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

Values = dict[str, str | None]
Writer = tuple[str, str]  # (id field name, external id)
Found = tuple[str, int, int]  # (kind of review item, contact, rule)
Warnings = list[tuple[str | int, ...]]

NAME_FIELDS = {"firstName", "infix", "lastName", "initials", "organisation"}
BLOCKED_TEXTS = {"n/a", "none", "null", "unknown", "undefined", "-", "-1"}
REFUSED = {"not_found", "id_conflict", "ambiguous_match"}
TOO_COMMON, MOST_PAIRS = 20, 5


@dataclass
class Provenance:
    writer: Writer
    rule: int | None  # by which the write that set the value was linked
    before: tuple[str | None, Writer] | None  # the last value of another writer
    shared: bool


@dataclass
class Contact:
    name: int
    values: dict[str, str] = field(default_factory=dict)
    provenance: dict[str, Provenance] = field(default_factory=dict)  # also of values that were emptied
    ids: dict[str, list[str]] = field(default_factory=dict)


@dataclass
class Result:
    outcome: str
    contact: int | None = None
    matched_by: str | None = None
    warnings: Warnings = field(default_factory=list)
    candidates: list[int] = field(default_factory=list)


Decision = tuple[Result, int | None, list[Found]]  # with the rule that links, and whom the rules found


def normalised(field_name: str, value: str | None) -> str:
    if field_name == "email":
        return (value or "").casefold()
    return " ".join(unicodedata.normalize("NFKC", value or "").casefold().split())


def is_blocked(field_name: str, value: str | None) -> bool:
    text = normalised(field_name, value)
    if field_name == "email":
        return text == "test@test.com" or text.rpartition("@")[0] in {"noreply", "no-reply"}
    if field_name == "phoneNumber" and text.isdecimal() and len(set(text)) == 1:
        return True
    return field_name not in NAME_FIELDS and (text in BLOCKED_TEXTS or set(text) == {"0"})


def set_value(contact: Contact, field_name: str, value: str | None, writer: Writer, rule: int | None) -> None:
    old, entry = contact.values.get(field_name), contact.provenance.get(field_name)
    if value == old:
        if entry is not None and entry.writer != writer:
            entry.shared = True
        return
    before = None
    if entry is not None:
        before = entry.before if entry.writer == writer else (old, entry.writer)
    contact.provenance[field_name] = Provenance(writer, rule, before, shared=False)
    contact.values.pop(field_name, None)
    if value is not None:
        contact.values[field_name] = value


class Oracle:
    def __init__(self, rules: Sequence[Sequence[str]] = (("email",),), policy: str = "create") -> None:
        self.rules, self.policy = rules, policy
        self.created = 0
        self.contacts: dict[int, Contact] = {}
        self.ids: dict[tuple[str, str], int] = {}
        self.pairs: dict[tuple[int, int], str] = {}

    def write(
        self, id_field: str, external_id: str, values: Values, mode: str = "merge", link_to: int | None = None
    ) -> Result:
        assert mode in {"merge", "replace", "patch"}
        writer = (id_field, external_id)
        result, rule, found = self.decide(writer, values, mode, link_to)
        result.warnings = self.blocked_values(values) + result.warnings
        if result.outcome in REFUSED:
            return result
        contact = self.create() if result.contact is None else self.contacts[result.contact]
        result.contact = contact.name
        if writer not in self.ids:
            self.ids[writer] = contact.name
            contact.ids.setdefault(id_field, []).append(external_id)
        values_before = dict(contact.values)
        self.apply(contact, values, writer, rule, mode)
        if result.outcome == "updated" and contact.values == values_before:
            result.outcome = "unchanged"
        for number, key in self.keys_of(contact.values).items():
            if self.keys_of(values_before).get(number) != key:
                found += [("possible_duplicate", other, number) for other in self.holders(number, key)]
        result.warnings += self.review(contact.name, found)
        return result

    def unlink(self, id_field: str, external_id: str) -> Result:
        name = self.ids.pop((id_field, external_id), None)
        if name is None:
            return Result("not_found")
        ids = self.contacts[name].ids
        ids[id_field].remove(external_id)
        if not ids[id_field]:
            del ids[id_field]
        return Result("unlinked", name)

    def keys(self) -> set[tuple[int, str, int]]:
        keys = {name: self.keys_of(contact.values) for name, contact in self.contacts.items()}
        return {(rule, key, name) for name, held in keys.items() for rule, key in held.items()}

    def decide(self, writer: Writer, values: Values, mode: str, link_to: int | None) -> Decision:
        own = self.ids.get(writer)
        if (own is None and mode == "patch") or (link_to is not None and link_to not in self.contacts):
            return Result("not_found"), None, []
        if own is not None and link_to in {None, own}:
            return Result("updated", own, "external_id"), None, []
        if link_to is None:
            return self.ask_rules(writer, values)
        if own is None and self.is_free(link_to, writer):
            return Result("linked", link_to, "link_to"), None, []
        return Result("id_conflict", candidates=[link_to if own is None else own]), None, []

    def ask_rules(self, writer: Writer, values: Values) -> Decision:
        keys = self.keys_of(values).items()
        found = [(number, other) for number, key in keys for other in self.holders(number, key)]
        if not found:
            return Result("created"), None, []
        rule = found[0][0]  # the first that found anyone decides
        names = [other for number, other in found if number == rule]
        others = [("possible_duplicate", other, number) for number, other in found if number != rule]
        if len(names) == 1 and self.is_free(names[0], writer):
            return Result("linked", names[0], f"rule {rule}"), rule, others
        kind = "id_conflict" if len(names) == 1 else "ambiguous"
        warnings: Warnings = [("value_too_common", rule)] if len(names) > TOO_COMMON else []
        if self.policy == "reject":
            outcome = "id_conflict" if len(names) == 1 else "ambiguous_match"
            return Result(outcome, warnings=warnings, candidates=names), None, []
        return Result("created", warnings=warnings), None, [(kind, name, rule) for name in names] + others

    def is_free(self, name: int, writer: Writer) -> bool:
        return writer[0] not in self.contacts[name].ids

    def holders(self, rule: int, key: str) -> list[int]:
        return sorted(name for number, held, name in self.keys() if (number, held) == (rule, key))

    def keys_of(self, values: Mapping[str, str | None]) -> dict[int, str]:
        """The key of each rule that has one, in the order of the rules."""
        keys = {}
        for number, rule in enumerate(self.rules, start=1):
            parts = [normalised(name, values.get(name)) for name in rule]
            if all(parts) and not any(is_blocked(name, values.get(name)) for name in rule):
                keys[number] = "\x1f".join(parts)
        return keys

    def blocked_values(self, values: Values) -> Warnings:
        blocked = [name for name, value in values.items() if is_blocked(name, value)]
        return [("blocked_value", name) for name in blocked if any(name in rule for rule in self.rules)]

    def create(self) -> Contact:
        contact = self.contacts[self.created] = Contact(self.created)
        self.created += 1
        return contact

    def apply(self, contact: Contact, values: Values, writer: Writer, rule: int | None, mode: str) -> None:
        sent = {name: value or None for name, value in values.items()}
        if mode == "replace":
            for name, entry in contact.provenance.items():
                if entry.writer == writer and not entry.shared and name not in sent:
                    sent[name] = None
        for name, value in sent.items():
            set_value(contact, name, value, writer, rule)

    def review(self, name: int, found: list[Found]) -> Warnings:
        warnings: Warnings = []
        seen, opened = {name}, 0
        for kind, other, rule in found:
            pair = (min(name, other), max(name, other))
            is_new = pair not in self.pairs
            if other in seen or (is_new and opened == MOST_PAIRS):
                continue
            seen.add(other)
            opened += int(is_new)
            self.pairs.setdefault(pair, kind)
            warnings.append((kind, other, rule))
        return warnings
