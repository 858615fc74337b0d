"""Pure: one chunk of records, taken one by one in order over what the chunk has changed so far.

Keys lost and gained, id fields occupied, contacts made: each record sees what the records before it did, as if
they had been written one by one. `Chunk.take` decides and applies; `review` then replays the steps to find the
pairs that a person should look at, for which the holders of every key gained on the way must be known.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

from contacts import matching
from contacts.matching import MAX_PAIRS, Decision, Doubt, Found, Named, Outcome, Rule, Suspicion
from contacts.provenance import THIS_WRITE, Entry, Stamp, Writer, written

HeldKey = tuple[int, UUID]
"""A rule's number and a match key."""


class Mode(StrEnum):
    """What a record says of the fields that it does not name: nothing, or that its system has no value there.

    PATCH is MERGE that never creates.
    """

    MERGE = "merge"
    REPLACE = "replace"
    PATCH = "patch"


@dataclass(frozen=True, slots=True)
class Record:
    """One incoming record: its external id and values as contacts.normalise returned them (None empties)."""

    external_id: str
    values: Mapping[str, str | None]
    mode: Mode = Mode.MERGE
    link_to: UUID | None = None


@dataclass(slots=True)
class State:
    """A contact as the chunk has it now. `occupied`: it has an external id in the chunk's id field."""

    id: UUID
    values: dict[str, str]
    provenance: dict[str, Entry]
    version: int
    occupied: bool
    is_new: bool = False
    changed: bool = False
    marked: bool = False
    keys_before: dict[int, UUID] = field(default_factory=dict)


@dataclass(slots=True)
class Step:
    """What one record did: the decision, the contact it concerned, and the keys that contact lost and gained."""

    record: Record
    decision: Decision
    found: Sequence[Found]
    contact: UUID | None
    changed: bool = False
    lost: tuple[HeldKey, ...] = ()
    gained: tuple[HeldKey, ...] = ()


@dataclass(frozen=True, slots=True)
class Pair:
    """Two contacts for a review item, the older one first."""

    contact: UUID
    other: UUID

    @classmethod
    def of(cls, one: UUID, another: UUID) -> "Pair":
        return cls(min(one, another), max(one, another))


@dataclass(slots=True)
class Chunk:
    """The overlay. `own`: external id → contact in the chunk's id field; `holders`: who has a key, as stored;
    `states`: the contacts that records may concern. All three are as stored when the chunk begins.
    """

    rules: Sequence[Rule]
    reject: bool
    id_field: int
    own: dict[str, UUID]
    holders: Mapping[HeldKey, Iterable[UUID]]
    states: dict[UUID, State]
    new_id: Callable[[], UUID]
    linked: list[tuple[str, UUID]] = field(default_factory=list)
    _held: dict[HeldKey, set[UUID]] = field(init=False)

    def __post_init__(self) -> None:
        self._held = {key: set(contacts) for key, contacts in self.holders.items()}
        for state in self.states.values():
            state.keys_before = matching.keys(self.rules, state.values)

    def take(self, record: Record) -> Step:
        """Decides one record and applies it to the overlay."""
        own = self.own.get(record.external_id)
        keys = matching.keys(self.rules, record.values) if own is None and record.link_to is None else {}
        found = [Found(rule, self._oldest_first(rule, keys)) for rule in self.rules if rule.number in keys]
        decision = matching.decide(
            own=own,
            named=self._named(record.link_to),
            found=found,
            occupied=lambda contact: self.states[contact].occupied,
            may_create=record.mode is not Mode.PATCH,
            reject=self.reject,
        )
        step = Step(record, decision, found, decision.contact)
        if not decision.outcome.refused:
            self._apply(step)
        return step

    def _oldest_first(self, rule: Rule, keys: Mapping[int, UUID]) -> list[UUID]:
        return sorted(self._held.get((rule.number, keys[rule.number]), ()))

    def _named(self, contact: UUID | None) -> Named | None:
        if contact is None:
            return None
        state = self.states.get(contact)
        return Named(contact, exists=state is not None, occupied=state is not None and state.occupied)

    def _apply(self, step: Step) -> None:
        """Gives the contact the id, the values and their provenance, and moves its keys."""
        if step.contact is None:
            state = State(self.new_id(), {}, {}, version=0, occupied=False, is_new=True, changed=True)
            self.states[state.id] = state
            step.contact = state.id
        state = self.states[step.contact]
        if step.decision.outcome is not Outcome.UPDATE:
            self.own[step.record.external_id] = state.id
            self.linked.append((step.record.external_id, state.id))
            state.occupied = state.changed = True
        keys_before = matching.keys(self.rules, state.values)
        step.changed = self._write_values(state, step)
        if not step.changed:
            return
        state.changed = True
        keys_after = matching.keys(self.rules, state.values)
        step.lost = tuple(keys_before.items() - keys_after.items())
        step.gained = tuple(sorted(keys_after.items() - keys_before.items()))
        _move(self._held, step)

    def _write_values(self, state: State, step: Step) -> bool:
        """Writes what the record names, empties what its own id wrote before where it replaces."""
        writer = Writer(self.id_field, step.record.external_id)
        rule = step.decision.rule.number if step.decision.outcome is Outcome.LINK and step.decision.rule else None
        stamp = Stamp(writer, THIS_WRITE, rule)
        sent = dict(step.record.values)
        if step.record.mode is Mode.REPLACE:
            for name, entry in state.provenance.items():
                if entry.stamp.writer == writer and not entry.shared:
                    sent.setdefault(name, None)
        changed = False
        for name, new in sent.items():
            old, before = state.values.get(name), state.provenance.get(name)
            after = written(before, old, new, stamp)
            if after is not None and after is not before:
                state.provenance[name] = after
                state.marked = True
            if new != old:
                changed = True
                if new is None:
                    del state.values[name]
                else:
                    state.values[name] = new
        return changed


def _move(held: dict[HeldKey, set[UUID]], step: Step) -> None:
    """Takes the step's contact off the keys that it lost and puts it on those that it gained."""
    if step.contact is None:
        return
    for key in step.lost:
        held.get(key, set()).discard(step.contact)
    for key in step.gained:
        held.setdefault(key, set()).add(step.contact)


def review(
    steps: Sequence[Step], holders: Mapping[HeldKey, Iterable[UUID]], existing: Iterable[Pair]
) -> tuple[dict[Pair, Suspicion], list[list[Suspicion]]]:
    """Replays the steps: the pairs to open, and per step the suspicions to tell the caller.

    `holders` as stored when the chunk began, of every key that a step gained; `existing`: the pairs that have a
    review item already. They are told again but not opened again; a step opens at most MAX_PAIRS, oldest first.
    """
    held = {key: set(contacts) for key, contacts in holders.items()}
    known = set(existing)
    opened: dict[Pair, Suspicion] = {}
    told = []
    for step in steps:
        suspicions: list[Suspicion] = []
        told.append(suspicions)
        if step.contact is None:
            continue
        room = MAX_PAIRS
        for suspicion in _suspicions(step, held):
            pair = Pair.of(step.contact, suspicion.contact)
            if pair not in known:
                if not room:
                    continue
                room -= 1
                known.add(pair)
                opened[pair] = suspicion
            suspicions.append(suspicion)
        _move(held, step)
    return opened, told


def _suspicions(step: Step, held: Mapping[HeldKey, set[UUID]]) -> list[Suspicion]:
    """Who else the step's contact may be: those the decision names, then the holders of the keys it gained."""
    result = list(step.decision.suspicions)
    seen = {step.contact, *(suspicion.contact for suspicion in result)}
    for key in step.gained:
        for contact in sorted(held.get(key, set()) - seen):
            seen.add(contact)
            result.append(Suspicion(contact, key[0], Doubt.POSSIBLE_DUPLICATE))
    return result
