"""Pure: how an incoming record finds its contact. Keys and candidates in, decisions with reasons out.

The record's own id always wins; rules are only for records whose id is new.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from msgspec import Struct

from contacts import normalise
from contacts.normalise import Value

TOO_COMMON = 20
"""A key held by more contacts than this identifies nobody."""

MAX_PAIRS = 5
"""Review items for pairs that one write opens at most, the oldest contacts first. The rest are one item per key."""


@dataclass(frozen=True, slots=True, eq=False)
class Signature:
    """What a match key is made of: ordered contact fields, (name, type) each, and how they are normalised."""

    id: int
    fields: tuple[tuple[str, str], ...]
    phone_region: str
    folds_plus_tags: bool = False
    names: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", frozenset(name for name, _ in self.fields))


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """An ordered list of contact fields that together identify a person.

    `blocked`: the rule set's own blocked values by contact field, canonical. They apply at look-up only, so that
    changing them rebuilds no key.
    """

    number: int
    signature: Signature
    blocked: Mapping[str, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Rules:
    """An account's rules as its writers need them: those that are asked, in order, and the signatures whose keys are
    maintained: the current rule set's, and those of one that is being built. `reject`: the conflict policy."""

    asked: Sequence[Rule]
    signatures: Sequence[Signature]
    reject: bool = False


class HeldKey(Struct, frozen=True):
    """A match key, 32 hexadecimal digits, under its signature (primary key)."""

    signature: int
    key: str


class Outcome(StrEnum):
    """What becomes of a record."""

    UPDATE = "update"
    LINK = "link"
    CREATE = "create"
    NOT_FOUND = "contact_not_found"
    ERASED = "contact_erased"
    RETIRED_FIELD = "retired_field"
    ID_CONFLICT = "id_conflict"
    AMBIGUOUS = "ambiguous_match"
    OTHER_VERSION = "version_mismatch"


class Doubt(StrEnum):
    """Why two contacts may be the same; the kind of their review item."""

    POSSIBLE_DUPLICATE = "possible_duplicate"
    ID_CONFLICT = "id_conflict"
    AMBIGUOUS = "ambiguous"


class Suspicion(NamedTuple):
    """A contact that the record's contact may be the same as, and the rule and the key that say so."""

    contact: UUID
    rule: int
    doubt: Doubt
    key: HeldKey


class Found(Struct, frozen=True):
    """The holders of a record's key under one rule, oldest first; of a key that is too common at least the oldest
    MAX_PAIRS + 1. `total`: all of them."""

    rule: Rule
    key: HeldKey
    contacts: Sequence[UUID]
    total: int

    @property
    def too_common(self) -> bool:
        return self.total > TOO_COMMON


class Named(NamedTuple):
    """The contact that a caller named by `link_to`; `exists` is false for one that is not in the account."""

    contact: UUID
    exists: bool
    occupied: bool


class Decision(Struct, frozen=True):
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

    @property
    def refused(self) -> bool:
        """Nothing is written."""
        return self.contact is None and self.outcome is not Outcome.CREATE


def key(signature: Signature, values: Mapping[str, Value | None]) -> str | None:
    """The match key: a digest of the normalised values of the fields, None if any is empty or blocked.

    128 bits of SHA-256 in 32 hexadecimal digits: as a UUID it takes 16 bytes in an index, however long the values are.
    """
    text = ""
    for name, type_ in signature.fields:
        value = values.get(name)
        if value is None or normalise.is_blocked(name, type_, value):
            return None
        part = normalise.canonical(type_, value, signature.phone_region, signature.folds_plus_tags)
        if not part:
            return None
        # Each part with its length before it, so that no two lists of parts make the same text.
        text += f"{len(part)}:{part}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def asks(rule: Rule, values: Mapping[str, Value | None]) -> bool:
    """Whether the rule set lets these values ask for anybody: blocked values never match anything."""
    return not rule.blocked or not any(is_blocked(rule, name, type_, values) for name, type_ in rule.signature.fields)


def is_blocked(rule: Rule, name: str, type_: str, values: Mapping[str, Value | None]) -> bool:
    """Whether a field's value is on the rule set's own list."""
    blocked, value = rule.blocked.get(name), values.get(name)
    if not blocked or value is None:
        return False
    return normalise.canonical(type_, value, rule.signature.phone_region, rule.signature.folds_plus_tags) in blocked


def look_ups(rules: Rules, values: Mapping[str, Value | None]) -> list[tuple[Rule, HeldKey]]:
    """The keys by which a record asks for contacts, in the order of the rules."""
    asked = []
    for rule in rules.asked:
        digest = key(rule.signature, values)
        if digest is not None and asks(rule, values):
            asked.append((rule, HeldKey(rule.signature.id, digest)))
    return asked


def decide(
    *,
    own: UUID | None,
    erased: bool,
    named: Named | None,
    found: Sequence[Found],
    occupied: Callable[[UUID], bool],
    may_create: bool,
    reject: bool,
) -> Decision:
    """The decision for one record.

    `own`: the contact that has the record's external id in the record's id field. `erased`: a person erased the
    contact that had it. `named`: what `link_to` says. `found`: per rule in order, the holders of the record's keys.
    `occupied`: whether a contact already has an external id in that id field. `may_create` is false for a PATCH,
    `reject` is the rule set's conflict policy.
    """
    if own is None and erased:
        return Decision(Outcome.ERASED)
    if (named is not None and not named.exists) or (own is None and not may_create):
        return Decision(Outcome.NOT_FOUND)
    # 1. Some contact has the id: update that contact. Rules are not asked.
    if own is not None:
        if named is not None and named.contact != own:
            return Decision(Outcome.ID_CONFLICT, candidates=(own,))
        return Decision(Outcome.UPDATE, own)
    if named is not None:
        return _link_to(named)
    # 2. Otherwise the rules in order: the first whose key any contact has decides. 3. Nothing is found: create.
    deciding = next((each for each in found if each.contacts), None)
    return Decision(Outcome.CREATE) if deciding is None else _by_rule(deciding, found, occupied, reject)


def _link_to(named: Named) -> Decision:
    """A caller that knows the contact may name it: it links if that contact is free in the id field."""
    if named.occupied:
        return Decision(Outcome.ID_CONFLICT, candidates=(named.contact,))
    return Decision(Outcome.LINK, named.contact, by_link_to=True)


def _by_rule(deciding: Found, found: Sequence[Found], occupied: Callable[[UUID], bool], reject: bool) -> Decision:
    """One contact, free: link. One contact, occupied: id conflict. Several, free or not: ambiguous."""
    only = deciding.contacts[0]
    if deciding.total > 1:
        refusal, doubt = Outcome.AMBIGUOUS, Doubt.AMBIGUOUS
    elif occupied(only):
        refusal, doubt = Outcome.ID_CONFLICT, Doubt.ID_CONFLICT
    else:
        # Later rules never rescue it, but whom they find is named. Never silent.
        others = tuple(_suspicions(found, deciding, Doubt.POSSIBLE_DUPLICATE, linked=only))
        return Decision(Outcome.LINK, only, rule=deciding.rule, suspicions=others)
    if reject:
        return Decision(refusal, rule=deciding.rule, candidates=tuple(_named(deciding)))
    suspicions = tuple(_suspicions(found, deciding, doubt, linked=None))
    return Decision(Outcome.CREATE, rule=deciding.rule, suspicions=suspicions)


def _suspicions(found: Sequence[Found], deciding: Found, doubt: Doubt, *, linked: UUID | None) -> Iterator[Suspicion]:
    """Every contact that any rule found, the deciding rule's first, named under the first rule that found it."""
    seen = {linked}
    for each in [deciding, *(other for other in found if other is not deciding)]:
        kind = doubt if each is deciding else Doubt.POSSIBLE_DUPLICATE
        for contact in _named(each, but=linked):
            if contact not in seen:
                seen.add(contact)
                yield Suspicion(contact, each.rule.number, kind, each.key)


def _named(found: Found, *, but: UUID | None = None) -> Sequence[UUID]:
    """All holders of a key but one; of a key that is too common the oldest few."""
    others = [contact for contact in found.contacts if contact != but]
    return others[:MAX_PAIRS] if found.too_common else others
