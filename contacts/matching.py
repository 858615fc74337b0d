"""Pure: how an incoming record finds its contact. Keys and candidates in, decisions with reasons out.

The record's own id always wins; rules are only for records whose id is new.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from contacts import normalise

TOO_COMMON = 20
"""A key held by more contacts than this identifies nobody."""

MAX_PAIRS = 5
"""Review items that one write opens at most, the oldest contacts first."""


@dataclass(frozen=True, slots=True)
class Rule:
    """An ordered list of contact fields that together identify a person. `fields`: (name, type) each."""

    number: int
    signature_id: int
    fields: tuple[tuple[str, str], ...]
    phone_region: str


class Outcome(StrEnum):
    """What becomes of a record."""

    UPDATE = "update"
    LINK = "link"
    CREATE = "create"
    NOT_FOUND = "contact_not_found"
    ID_CONFLICT = "id_conflict"
    AMBIGUOUS = "ambiguous_match"

    @property
    def refused(self) -> bool:
        """Nothing is written."""
        return self in {Outcome.NOT_FOUND, Outcome.ID_CONFLICT, Outcome.AMBIGUOUS}


class Doubt(StrEnum):
    """Why two contacts may be the same; the kind of their review item."""

    POSSIBLE_DUPLICATE = "possible_duplicate"
    ID_CONFLICT = "id_conflict"
    AMBIGUOUS = "ambiguous"


class Suspicion(NamedTuple):
    """A contact that the record's contact may be the same as, and the rule that says so."""

    contact: UUID
    rule: int
    doubt: Doubt


@dataclass(frozen=True, slots=True)
class Found:
    """The holders of a record's key under one rule, oldest first."""

    rule: Rule
    contacts: Sequence[UUID]


@dataclass(frozen=True, slots=True)
class Named:
    """The contact that a caller named by `link_to`; `exists` is false for one that is not in the account."""

    contact: UUID
    exists: bool
    occupied: bool


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of a record, and why.

    `contact` is None when one is to be created or nothing is written; `rule` is the rule that decided,
    `suspicions` what a person should look at, `candidates` the contacts in the way of a refused record.
    """

    outcome: Outcome
    contact: UUID | None = None
    rule: Rule | None = None
    by_link_to: bool = False
    suspicions: tuple[Suspicion, ...] = ()
    candidates: tuple[UUID, ...] = ()


def key(rule: Rule, values: Mapping[str, str | None]) -> UUID | None:
    """The match key: a digest of the normalised values of the rule's fields, None if any is empty or blocked.

    128 bits of SHA-256: as a UUID it takes 16 bytes in an index, however long the values are.
    """
    parts = []
    for name, type_ in rule.fields:
        text = values.get(name)
        if not text or normalise.is_blocked(name, type_, text):
            return None
        canonical = normalise.canonical(type_, text, rule.phone_region)
        if not canonical:
            return None
        parts.append(canonical)
    # Each part with its length before it, so that no two lists of parts make the same text.
    text = "".join(f"{len(part)}:{part}" for part in parts)
    return UUID(bytes=hashlib.sha256(text.encode()).digest()[:16])


def keys(rules: Sequence[Rule], values: Mapping[str, str | None]) -> dict[int, UUID]:
    """The match keys of a contact or a record, by number of the rule."""
    found = ((rule.number, key(rule, values)) for rule in rules)
    return {number: digest for number, digest in found if digest is not None}


def decide(
    *,
    own: UUID | None,
    named: Named | None,
    found: Sequence[Found],
    occupied: Callable[[UUID], bool],
    may_create: bool,
    reject: bool,
) -> Decision:
    """The decision for one record.

    `own`: the contact that has the record's external id in the record's id field. `named`: what `link_to` says.
    `found`: per rule in order, the holders of the record's keys. `occupied`: whether a contact already has an
    external id in that id field. `may_create` is false for a PATCH, `reject` is the rule set's conflict policy.
    """
    if (named is not None and not named.exists) or (own is None and not may_create):
        return Decision(Outcome.NOT_FOUND)
    if own is not None:
        if named is not None and named.contact != own:
            return Decision(Outcome.ID_CONFLICT, candidates=(own,))
        return Decision(Outcome.UPDATE, own)
    if named is not None:
        return _link_to(named)
    deciding = next((each for each in found if each.contacts), None)
    if deciding is None:
        return Decision(Outcome.CREATE)
    return _by_rule(deciding, found, occupied, reject)


def _link_to(named: Named) -> Decision:
    """A caller that knows the contact may name it: it links if that contact is free in the id field."""
    if named.occupied:
        return Decision(Outcome.ID_CONFLICT, candidates=(named.contact,))
    return Decision(Outcome.LINK, named.contact, by_link_to=True)


def _by_rule(deciding: Found, found: Sequence[Found], occupied: Callable[[UUID], bool], reject: bool) -> Decision:
    """The first rule whose key any contact has decides; later rules never rescue it."""
    only = deciding.contacts[0]
    if len(deciding.contacts) > 1:
        refusal, doubt = Outcome.AMBIGUOUS, Doubt.AMBIGUOUS
    elif occupied(only):
        refusal, doubt = Outcome.ID_CONFLICT, Doubt.ID_CONFLICT
    else:
        others = tuple(_suspicions(found, deciding, Doubt.POSSIBLE_DUPLICATE, linked=only))
        return Decision(Outcome.LINK, only, rule=deciding.rule, suspicions=others)
    if reject:
        return Decision(refusal, rule=deciding.rule, candidates=tuple(deciding.contacts))
    suspicions = tuple(_suspicions(found, deciding, doubt, linked=None))
    return Decision(Outcome.CREATE, rule=deciding.rule, suspicions=suspicions)


def _suspicions(found: Sequence[Found], deciding: Found, doubt: Doubt, *, linked: UUID | None) -> Iterator[Suspicion]:
    """Every contact that any rule found, the deciding rule's first, named under the first rule that found it."""
    seen = {linked}
    for each in [deciding, *(other for other in found if other is not deciding)]:
        kind = doubt if each is deciding else Doubt.POSSIBLE_DUPLICATE
        for contact in each.contacts:
            if contact not in seen:
                seen.add(contact)
                yield Suspicion(contact, each.rule.number, kind)
