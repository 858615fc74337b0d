"""Pure: which pairs of contacts, and which keys, a person should look at after a write."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

from contacts.matching import MAX_PAIRS, TOO_COMMON, Doubt, HeldKey, Suspicion
from contacts.overlay import Holders, Step, move
from contacts.state import NOTHING_MOVED


class Pair(NamedTuple):
    """Two contacts for a review item, the older one first."""

    contact: UUID
    other: UUID

    @classmethod
    def of(cls, one: UUID, another: UUID) -> "Pair":
        return cls(one, another) if one < another else cls(another, one)


class Crowd(NamedTuple):
    """A key that too many share, or more than a write may name: the rule, and how many others hold it."""

    rule: int
    total: int


@dataclass(slots=True)
class Findings:
    """What a chunk found. `told`: per step, the suspicions for the caller."""

    pairs: dict[Pair, Suspicion] = field(default_factory=dict)
    crowds: dict[HeldKey, Crowd] = field(default_factory=dict)
    told: list[list[Suspicion]] = field(default_factory=list)


def review(steps: Sequence[Step], holders: Mapping[HeldKey, Holders], known: Mapping[Pair, bool]) -> Findings:
    """Replays the steps of a chunk, one by one.

    `holders` as stored when the chunk began, of every key that a step asks by; `known`: the pairs that have a review
    item already, and whether they may be told again (a pair that is not a match sticks for good). A step opens at
    most MAX_PAIRS, oldest first; keys with others left over, or with too many holders to name, become crowds.
    """
    held = {key: each.copy() for key, each in holders.items()}
    pairs = dict(known)
    findings = Findings()
    for step in steps:
        told: list[Suspicion] = []
        findings.told.append(told)
        if step.contact is None:
            continue
        if step.moved is not NOTHING_MOVED:
            move(held, step.contact, step.moved)
        elif not step.found:
            continue
        room, left_over = MAX_PAIRS, list(_too_common(step, held))
        for suspicion in _suspicions(step, held):
            pair = Pair.of(step.contact, suspicion.contact)
            if pair not in pairs:
                if not room:
                    left_over.append((suspicion.key, suspicion.rule))
                    continue
                room -= 1
                pairs[pair] = True
                findings.pairs[pair] = suspicion
            if pairs[pair]:
                told.append(suspicion)
        for key, rule in left_over:
            findings.crowds[key] = Crowd(rule, held[key].count - 1)
    return findings


def _suspicions(step: Step, held: Mapping[HeldKey, Holders]) -> Iterator[Suspicion]:
    """Who else the step's contact may be: those the decision names, then the other holders of the keys it gained."""
    yield from step.decision.suspicions
    seen = {step.contact, *(suspicion.contact for suspicion in step.decision.suspicions)}
    for rule, key in step.moved.asking:
        holders = held[key]
        others = [contact for contact in holders.oldest[: TOO_COMMON + 2] if contact != step.contact]
        if holders.count - 1 > TOO_COMMON:
            others = others[:MAX_PAIRS]
        for contact in others:
            if contact not in seen:
                seen.add(contact)
                yield Suspicion(contact, rule.number, Doubt.POSSIBLE_DUPLICATE, key)


def _too_common(step: Step, held: Mapping[HeldKey, Holders]) -> Iterator[tuple[HeldKey, int]]:
    """The keys of the step that too many others hold."""
    keys = {found.key: found.rule.number for found in step.found}
    keys |= {key: rule.number for rule, key in step.moved.asking}
    for key, rule in keys.items():
        if held[key].count - 1 > TOO_COMMON:
            yield key, rule
