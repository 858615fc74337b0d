"""Pure: a contact in memory, and what writing to it does to its values, their provenance and its match keys."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

from contacts import matching
from contacts.matching import HeldKey, Rule, Rules
from contacts.normalise import Value
from contacts.provenance import Entry, Stamp, written


@dataclass(slots=True)
class State:
    """A contact as it is now. `occupied`: it has an external id in the id field that is being written.

    What has become of it since it was read: `fields` whose values changed, `keys_before` by signature where the key
    changed, and `keys` that it has there now; `changed` when a reader can see it, `marked` when only provenance did.
    """

    id: UUID
    values: dict[str, Value]
    provenance: dict[str, Entry]
    version: int
    occupied: bool = False
    merged_into: UUID | None = None
    is_new: bool = False
    changed: bool = False
    marked: bool = False
    fields: set[str] = field(default_factory=set)
    keys_before: dict[int, str | None] = field(default_factory=dict)
    keys: dict[int, str | None] = field(default_factory=dict)


class Moved(NamedTuple):
    """The keys that a contact lost and gained; `asking`: those gained by which a rule looks for others."""

    lost: Sequence[HeldKey] = ()
    gained: Sequence[HeldKey] = ()
    asking: Sequence[tuple[Rule, HeldKey]] = ()


NOTHING_MOVED = Moved()


def write(state: State, sent: Mapping[str, Value | None], stamp: Stamp, rules: Rules) -> tuple[bool, Moved]:
    """Writes the named values (None empties); whether any was different, and the keys that moved."""
    if not state.provenance:
        # Nothing was ever written here.
        filled = {name: value for name, value in sent.items() if value is not None}
        state.provenance = dict.fromkeys(filled, Entry(stamp))
        return bool(filled), put(state, filled, rules)
    changes: dict[str, Value | None] = {}
    for name, new in sent.items():
        old, entry = state.values.get(name), state.provenance.get(name)
        if new == old and entry is not None and entry.stamp.writer == stamp.writer:
            continue
        after = written(entry, old, new, stamp)
        if after is not None and after is not entry:
            state.provenance[name] = after
            state.marked = True
        if new != old:
            changes[name] = new
    return bool(changes), put(state, changes, rules)


def put(state: State, changes: Mapping[str, Value | None], rules: Rules) -> Moved:
    """Puts different values in their fields, and moves the keys that are made of them."""
    if not changes:
        return NOTHING_MOVED
    before = dict(state.values)
    for name, value in changes.items():
        if value is None:
            state.values.pop(name, None)
        else:
            state.values[name] = value
    state.changed = True
    state.fields.update(changes)
    return _move_keys(state, before, changes.keys(), rules)


def _move_keys(state: State, before: Mapping[str, Value], changed: Collection[str], rules: Rules) -> Moved:
    lost, gained, now = [], [], {}
    for signature in rules.signatures:
        if signature.names.isdisjoint(changed):
            continue
        old, new = matching.key(signature, before), matching.key(signature, state.values)
        if old == new:
            continue
        state.keys_before.setdefault(signature.id, old)
        state.keys[signature.id] = new
        if old is not None:
            lost.append(HeldKey(signature.id, old))
        if new is not None:
            now[signature.id] = HeldKey(signature.id, new)
            gained.append(now[signature.id])
    asking = [
        (rule, now[rule.signature.id])
        for rule in rules.asked
        if rule.signature.id in now and matching.asks(rule, state.values)
    ]
    return Moved(lost, gained, asking)
