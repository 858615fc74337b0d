"""Pure: a contact in memory, and what writing to it does to its values, their provenance and its match keys."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from msgspec import Struct, field

from contacts import matching
from contacts.matching import HeldKey, Rule, Rules, Signature
from contacts.normalise import Value
from contacts.provenance import Entry, Stamp, written


class State(Struct):
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


class Moved(Struct, frozen=True):
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
    values, provenance = state.values, state.provenance
    own: Entry | None = None
    for name, new in sent.items():
        old, entry = values.get(name), provenance.get(name)
        if new == old and entry is not None and (entry is own or entry.stamp.writer == stamp.writer):
            own = entry  # most fields have the very same, so that its writer need not be looked at again
            continue
        after = written(entry, old, new, stamp)
        if after is not None and after is not entry:
            provenance[name] = after
            state.marked = True
        if new != old:
            changes[name] = new
    return bool(changes), put(state, changes, rules)


def put(state: State, changes: Mapping[str, Value | None], rules: Rules) -> Moved:
    """Puts different values in their fields, and moves the keys that are made of them."""
    if not changes:
        return NOTHING_MOVED
    moving = [signature for signature in rules.signatures if not signature.names.isdisjoint(changes)]
    before = [matching.key(signature, state.values) for signature in moving]
    for name, value in changes.items():
        if value is None:
            state.values.pop(name, None)
        else:
            state.values[name] = value
    state.changed = True
    state.fields.update(changes)
    return _move_keys(state, moving, before, rules) if moving else NOTHING_MOVED


def _move_keys(state: State, moving: Sequence[Signature], before: Sequence[str | None], rules: Rules) -> Moved:
    lost, gained, now = [], [], {}
    for signature, old in zip(moving, before, strict=True):
        new = matching.key(signature, state.values)
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
