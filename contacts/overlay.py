"""Pure: one chunk of records, taken one by one in order over what the chunk has changed so far.

Keys lost and gained, id fields occupied, contacts made: each record sees what the records before it did, as if
they had been written one by one. The pairs that a person should look at are found afterwards (contacts.review).
"""

from bisect import bisect_left, insort
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

from msgspec import Struct

from contacts import matching
from contacts.matching import TOO_COMMON, Decision, Found, HeldKey, Named, Outcome, Rule, Rules
from contacts.normalise import Value
from contacts.provenance import THIS_WRITE, Stamp, Writer
from contacts.state import NOTHING_MOVED, Moved, State, write

Asked = Sequence[tuple[Rule, HeldKey]]
"""The keys by which a record asks the rules, in their order."""


class Mode(StrEnum):
    """What a record says of the fields that it does not name: nothing, or that its system has no value there.

    PATCH is MERGE that never creates.
    """

    MERGE = "merge"
    REPLACE = "replace"
    PATCH = "patch"


class Record(Struct, frozen=True):
    """One incoming record: its external id and values as contacts.normalise returned them (None empties).

    `no_phones`: the phone fields whose value is no phone number, as was found when the record was read. `versions`:
    those that its contact must have one of, if the caller says so.
    """

    external_id: str
    values: Mapping[str, Value | None]
    mode: Mode = Mode.MERGE
    link_to: UUID | None = None
    no_phones: Collection[str] = ()
    versions: Collection[int] | None = None


class Step(Struct):
    """What one record did to a contact (None: it was refused). `changed`: a value is another one now."""

    contact: UUID | None
    decision: Decision
    found: Sequence[Found] = ()
    changed: bool = False
    moved: Moved = NOTHING_MOVED


class Holders(Struct):
    """Who holds a match key: the oldest, oldest first, and how many more there are, each newer than those."""

    oldest: list[UUID] = []
    more: int = 0

    @property
    def count(self) -> int:
        return len(self.oldest) + self.more

    def copy(self) -> "Holders":
        return Holders(self.oldest.copy(), self.more)

    def add(self, contact: UUID) -> None:
        if self.more and contact > self.oldest[-1]:
            self.more += 1
        else:
            insort(self.oldest, contact)

    def discard(self, contact: UUID) -> None:
        """Takes off a contact that holds the key."""
        position = bisect_left(self.oldest, contact)
        if position < len(self.oldest) and self.oldest[position] == contact:
            del self.oldest[position]
        else:
            self.more -= 1

    def without(self, barred: Collection[UUID]) -> "Holders":
        return Holders([contact for contact in self.oldest if contact not in barred], self.more)


def move(held: Mapping[HeldKey, Holders], contact: UUID, moved: Moved) -> None:
    """Takes a contact off the keys that it lost and puts it on those that it gained, where they are known."""
    for key in moved.lost:
        if key in held:
            held[key].discard(contact)
    for key in moved.gained:
        if key in held:
            held[key].add(contact)


@dataclass(slots=True)
class Chunk:
    """The overlay. `own`: external id → contact in the chunk's id field; `erased`: external ids that a person erased;
    `barred`: external id → contacts that are no match for its last contact; `retired`: contact fields that take no
    values any more; `survivors`: merged contact → what it is now; `holders`: who has a key; `states`: the contacts
    that records may concern. All are as stored when the chunk begins.
    """

    rules: Rules
    id_field: int
    own: dict[str, UUID]
    erased: Collection[str]
    barred: Mapping[str, Collection[UUID]]
    retired: Collection[str]
    survivors: Mapping[UUID, UUID]
    holders: Mapping[HeldKey, Holders]
    states: dict[UUID, State]
    new_id: Callable[[], UUID]
    links: list[tuple[str, UUID, int | None]] = field(default_factory=list)
    """External ids given by the chunk: to which contact, by which rule."""
    _held: dict[HeldKey, Holders] = field(init=False)

    def __post_init__(self) -> None:
        self._held = {key: holders.copy() for key, holders in self.holders.items()}

    def take(self, record: Record, asked: Asked) -> Step:
        """Decides one record and applies it to the overlay."""
        if self.retired and not record.values.keys().isdisjoint(self.retired):
            return Step(None, Decision(Outcome.RETIRED_FIELD))
        own = self.own.get(record.external_id)
        found = self._find(record.external_id, asked) if own is None and asked else ()
        decision = matching.decide(
            own=own,
            erased=record.external_id in self.erased,
            named=self._named(record.link_to),
            found=found,
            occupied=self._occupied,
            may_create=record.mode is not Mode.PATCH,
            reject=self.rules.reject,
        )
        if record.versions is not None and not decision.refused and not self._has_version(own, record.versions):
            return Step(None, Decision(Outcome.OTHER_VERSION))
        step = Step(decision.contact, decision, found)
        if not decision.refused:
            self._apply(record, step)
        return step

    def _find(self, external_id: str, asked: Asked) -> list[Found]:
        """The holders of the asked keys, without those that a person said are no match for this id."""
        barred = self.barred.get(external_id)
        found = []
        for rule, key in asked:
            holders = self._held[key].without(barred) if barred else self._held[key]
            if holders.oldest:
                found.append(Found(rule, key, holders.oldest[: TOO_COMMON + 1], holders.count))
        return found

    def _occupied(self, contact: UUID) -> bool:
        return self.states[contact].occupied

    def _has_version(self, own: UUID | None, versions: Collection[int]) -> bool:
        return own is not None and self.states[own].version in versions

    def _named(self, contact: UUID | None) -> Named | None:
        if contact is None:
            return None
        contact = self.survivors.get(contact, contact)
        state = self.states.get(contact)
        return Named(contact, exists=state is not None, occupied=state is not None and state.occupied)

    def _apply(self, record: Record, step: Step) -> None:
        """Gives the contact the id, the values and their provenance, and moves its keys."""
        outcome, rule = step.decision.outcome, step.decision.rule
        if step.contact is None:
            step.contact = self.new_id()
            self.states[step.contact] = State(step.contact, {}, {}, version=0, is_new=True)
        state = self.states[step.contact]
        by_rule = rule.number if rule is not None and outcome is Outcome.LINK else None
        if outcome is not Outcome.UPDATE:
            self.own[record.external_id] = state.id
            self.links.append((record.external_id, state.id, by_rule))
            state.occupied = state.changed = True
        stamp = Stamp(Writer(self.id_field, record.external_id), THIS_WRITE, by_rule)
        step.changed, step.moved = write(state, self._sent(record, state, stamp.writer), stamp, self.rules)
        if step.moved is not NOTHING_MOVED:
            move(self._held, state.id, step.moved)

    def _sent(self, record: Record, state: State, writer: Writer) -> Mapping[str, Value | None]:
        """What the record says: a replacing one also empties what its own id wrote last, unless another shares it, or
        the field is retired and can't be sent."""
        if record.mode is not Mode.REPLACE:
            return record.values
        sent = dict(record.values)
        for name, entry in state.provenance.items():
            if entry.stamp.writer == writer and not entry.shared and name not in self.retired:
                sent.setdefault(name, None)
        return sent
