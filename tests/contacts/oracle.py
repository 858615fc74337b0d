"""An oracle for the matching engine: the specification said once more, as plainly as possible.

It imports nothing of the project, keeps everything in dicts, and asks every contact every time. What only people do is
in tests.contacts.oracle_people.
"""

from collections.abc import Iterable

from tests.contacts.oracle_words import (
    MOST_PAIRS,
    REFUSED,
    TOO_COMMON,
    Contact,
    Found,
    Key,
    Result,
    RuleSet,
    Stamp,
    Values,
    Warnings,
    Writer,
    is_placeholder,
    normalised,
    set_values,
)


class Oracle:
    def __init__(self, rule_set: RuleSet) -> None:
        self.rule_set, self.signatures = rule_set, dict[tuple[object, ...], int]()
        self.clock = self.created = self.newest = 0
        self.shapes: dict[int, tuple[object, ...]] = {}  # of all signatures that ever were
        self.contacts: dict[int, Contact] = {}
        self.ids: dict[Writer, int] = {}  # in the order in which they were given
        self.former: dict[Writer, int] = {}
        self.erased: set[Writer] = set()
        self.pairs: dict[tuple[int, int], tuple[str, str]] = {}  # kind and state
        self.crowds: dict[Key, tuple[int, str]] = {}  # count and state
        self.publish(rule_set)

    def publish(self, rule_set: RuleSet) -> None:
        shapes = [(*rule, rule_set.folds and "email" in rule) for rule in rule_set.rules]
        used, self.rule_set = self.signatures, rule_set
        self.signatures = {shape: used.get(shape, self.newest + n) for n, shape in enumerate(shapes, start=1)}
        self.newest += len(shapes)
        self.shapes |= {signature: shape for shape, signature in self.signatures.items()}

    def write(
        self, id_field: str, external_id: str, values: Values, mode: str = "merge", link_to: int | None = None
    ) -> Result:
        self.clock += 1
        writer = (id_field, external_id)
        result, rule, found = self.decide(writer, values, mode, link_to)
        result.warnings = self.blocked_values(values) + result.warnings
        if result.outcome in REFUSED:
            return result
        if result.contact is None:
            result.contact = self.create().name
        contact = self.contacts[result.contact]
        self.ids.setdefault(writer, contact.name)
        before = dict(contact.values)
        sent = {name: value or None for name, value in values.items()}
        if mode == "replace":
            for name, entry in contact.entries.items():
                if entry.stamp.writer == writer and not entry.shared:
                    sent.setdefault(name, None)
        set_values(contact, sent, Stamp(writer, rule, self.clock))
        if result.outcome == "updated" and contact.values == before:
            result.outcome = "unchanged"
        result.warnings += self.review(contact, before, found)
        return result

    def unlink(self, id_field: str, external_id: str) -> Result:
        writer = (id_field, external_id)
        if writer not in self.ids:
            return Result("contact_erased" if writer in self.erased else "not_found")
        self.former[writer] = self.ids.pop(writer)
        return Result("unlinked", self.former[writer])

    def decide(
        self, writer: Writer, values: Values, mode: str, link_to: int | None
    ) -> tuple[Result, int | None, list[Found]]:
        own = self.ids.get(writer)
        while link_to in self.contacts and self.contacts[link_to].merged_into is not None:
            link_to = self.contacts[link_to].merged_into
        if own is None and writer in self.erased:
            return Result("contact_erased"), None, []
        if (own is None and mode == "patch") or (link_to is not None and link_to not in self.contacts):
            return Result("not_found"), None, []
        if own is not None and link_to in {None, own}:
            return Result("updated", own, "external_id"), None, []
        if link_to is None:
            return self.ask_rules(writer, values)
        if own is None and self.is_free(link_to, writer):
            return Result("linked", link_to, "link_to"), None, []
        return Result("id_conflict", candidates=[link_to if own is None else own]), None, []

    def ask_rules(self, writer: Writer, values: Values) -> tuple[Result, int | None, list[Found]]:
        last = self.former.get(writer)
        barred = {x for x in self.contacts if last is not None and self.state_of(last, x) == "not_a_match"}
        found = [(rule, key, self.holders(key) - barred) for rule, key in self.asked(values)]
        found = [each for each in found if each[2]]
        if not found:
            return Result("created"), None, []
        rule, key, names = found[0]  # the first that found anyone decides
        others = [("possible_duplicate", other, n, k) for n, k, holders in found[1:] for other in self.named(holders)]
        (only, *more) = sorted(names)
        if not more and self.is_free(only, writer):
            rest = [("possible_duplicate", o, n, k) for n, k, hs in found[1:] for o in self.named(hs - {only})]
            return Result("linked", only, f"rule {rule}"), rule, rest
        warnings: Warnings = [("value_too_common", rule)] if len(names) > TOO_COMMON else []
        if self.rule_set.policy == "reject":
            outcome = "ambiguous_match" if more else "id_conflict"
            return Result(outcome, warnings=warnings, candidates=self.named(names)), None, []
        kind = "ambiguous" if more else "id_conflict"
        deciding = [(kind, name, rule, key) for name in self.named(names)]
        return Result("created", warnings=warnings), None, deciding + others

    def named(self, holders: set[int]) -> list[int]:
        return sorted(holders)[: MOST_PAIRS if len(holders) > TOO_COMMON else None]

    def is_free(self, name: int, writer: Writer) -> bool:
        return not any(to == name and field == writer[0] for (field, _), to in self.ids.items())

    def state_of(self, one: int, other: int) -> str | None:
        return self.pairs.get((min(one, other), max(one, other)), ("", None))[1]

    def keys_of(self, values: Values) -> dict[int, Key]:
        """The key of each rule that has one, in the order of the rules."""
        keys = {}
        for number, (rule, signature) in enumerate(
            zip(self.rule_set.rules, self.signatures.values(), strict=True), start=1
        ):
            parts = [normalised(name, values.get(name), self.rule_set.folds) for name in rule]
            if all(parts) and not any(is_placeholder(name, values.get(name)) for name in rule):
                keys[number] = (signature, "\x1f".join(parts))
        return keys

    def asked(self, values: Values) -> list[tuple[int, Key]]:
        keys = self.keys_of(values).items()
        return [(n, key) for n, key in keys if not any(self.is_blocked(x, values) for x in self.rule_set.rules[n - 1])]

    def is_blocked(self, name: str, values: Values) -> bool:
        own = {normalised(name, value, self.rule_set.folds) for value in self.rule_set.blocked.get(name, ())}
        return is_placeholder(name, values.get(name)) or normalised(name, values.get(name), self.rule_set.folds) in own

    def blocked_values(self, values: Values) -> Warnings:
        used = {name for rule in self.rule_set.rules for name in rule}
        return [("blocked_value", name) for name in values if name in used and self.is_blocked(name, values)]

    def holders(self, key: Key) -> set[int]:
        return {name for name, contact in self.contacts.items() if key in self.keys_of(contact.values).values()}

    def create(self) -> Contact:
        contact = self.contacts[self.created] = Contact(self.created)
        self.created += 1
        return contact

    def review(self, contact: Contact, values_before: Values, found: Iterable[Found]) -> Warnings:
        gained = self.keys_of(values_before)
        new = [(n, key) for n, key in self.asked(contact.values) if gained.get(n) != key]
        found = list(found)
        for rule, key in new:
            others = self.named(self.holders(key) - {contact.name})
            found += [("possible_duplicate", other, rule, key) for other in others]
        left_over = {key for _, _, _, key in found if len(self.holders(key)) - 1 > TOO_COMMON}
        warnings: Warnings = []
        seen, opened = {contact.name}, 0
        for kind, other, rule, key in found:
            if other in seen:
                continue
            seen.add(other)
            state = self.state_of(contact.name, other)
            if state is None and opened == MOST_PAIRS:
                left_over.add(key)
                continue
            if state is None:
                opened += 1
                self.pairs[min(contact.name, other), max(contact.name, other)] = (kind, "open")
            if state != "not_a_match":
                warnings.append((kind, other, rule))
        for key in left_over:
            _, state = self.crowds.get(key, (0, "open"))
            if state == "open":
                self.crowds[key] = (len(self.holders(key)) - 1, "open")
        return warnings
