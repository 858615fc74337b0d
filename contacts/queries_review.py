"""Reads for the review of possible duplicates: the list, its counts, and what an item is about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from accounts.models import Account
from contacts import explain
from contacts import queries_contact as queries
from contacts.explain import Source, ValueStory
from contacts.models import Contact, ContactField, MatchKey, Merge, ReviewItem, RuleSet, Signature
from contacts.sql import parameter, select, uuid

Kind, State = ReviewItem.Kind, ReviewItem.State

PAGE = 25
"""Items on a page."""
MANY = 100
"""Items and holders are counted this far."""
SAMPLE = 10
"""Holders of a value that are shown."""
SHOWN: Mapping[str, Sequence[str]] = {
    "open": (State.OPEN,),
    "later": (State.LATER,),
    "decided": (State.MERGED, State.NOT_A_MATCH, State.SETTLED),
}
"""What a person can look at, and the states of it."""
WAITING = (State.OPEN, State.LATER)
"""The states in which an item may be decided."""
KINDS = {
    "": "All kinds",
    Kind.POSSIBLE_DUPLICATE: "Possible duplicates",
    Kind.ID_CONFLICT: "Id conflicts",
    Kind.AMBIGUOUS: "Ambiguous",
    Kind.TOO_COMMON: "Too common values",
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which items: a key of SHOWN, and a kind (empty: all)."""

    shown: str = "open"
    kind: str = ""

    @classmethod
    def read(cls, asked: Mapping[str, str]) -> "Wanted":
        """As an address says it. What is no filter is none."""
        shown, kind = asked.get("shown", ""), asked.get("kind", "")
        return cls(shown if shown in SHOWN else "open", kind if kind in Kind.values else "")

    @property
    def address(self) -> str:
        """The end of an address that says it; empty for what is shown anyway."""
        said = {"shown": "" if self.shown == "open" else self.shown, "kind": self.kind}
        told = urlencode({name: value for name, value in said.items() if value})
        return f"?{told}" if told else ""

    @property
    def parts(self) -> list[tuple[str, str]]:
        """State and kind of each part of the index that the items are read from."""
        return list(product(SHOWN[self.shown], [self.kind] if self.kind else Kind.values))


@dataclass(frozen=True, slots=True)
class Listed:
    """An item in the list: what its contacts are called, and why it is there."""

    item: ReviewItem
    names: Sequence[str]
    reason: str


def listed(account: Account, wanted: Wanted, after: UUID | None) -> tuple[list[Listed], UUID | None]:
    """A page of items, oldest first, and behind which the next begins (None: there is none)."""
    ids = _ids(account, wanted, ">", after, PAGE + 1)
    found = ReviewItem.objects.for_account(account).select_related("signature").in_bulk(ids[:PAGE])
    items = [found[pk] for pk in ids[:PAGE] if pk in found]
    contact_ids = {pk for item in items for pk in (item.contact_id, item.other_id) if pk is not None}
    contacts = Contact.objects.for_account(account).in_bulk(list(contact_ids))
    rules = _Rules.of(account)

    def names(item: ReviewItem) -> list[str]:
        both = [contacts[pk] for pk in (item.contact_id, item.other_id) if pk is not None and pk in contacts]
        return [queries.name_of(contact.values) for contact in both]

    rows = [Listed(item, names(item), rules.reason(item)) for item in items]
    return rows, ids[PAGE - 1] if len(ids) > PAGE else None


def neighbour(account: Account, wanted: Wanted, item_id: UUID, direction: str) -> UUID | None:
    """The item before (`<`) or behind (`>`) another one."""
    return next(iter(_ids(account, wanted, direction, item_id, 1)), None)


def next_to_decide(account: Account, wanted: Wanted, item_id: UUID) -> UUID | None:
    """Where to go on after an item: the next one, or else the first."""
    first = next(iter(_ids(account, wanted, ">", None, 1)), None)
    return neighbour(account, wanted, item_id, ">") or (None if first == item_id else first)


def _ids(account: Account, wanted: Wanted, direction: str, beside: UUID | None, size: int) -> list[UUID]:
    """Ids of items in order: they are UUIDv7, which begin with the time. Each state and kind is a part of an index
    that is in this order, so that a page takes as long with a million items as with ten."""
    order = "DESC" if direction == "<" else "ASC"
    behind = "" if beside is None else f"AND item.id {direction} %s"
    part = f"""
        SELECT id FROM (
            SELECT item.id FROM contacts_reviewitem item
            WHERE item.account_id = %s AND item.state = %s AND item.kind = %s {behind}
            ORDER BY item.id {order} LIMIT %s
        ) AS part
        """
    values: list[Any] = []
    for state, kind in wanted.parts:
        values += [account.pk, state, kind, *([] if beside is None else [parameter(beside)]), size]
    sql = " UNION ALL ".join([part] * len(wanted.parts))
    return [uuid(pk) for (pk,) in select(f"{sql} ORDER BY id {order} LIMIT %s", [*values, size])]


def counts(account: Account) -> dict[tuple[str, str], int]:
    """How many items there are per key of SHOWN and kind, and per key of SHOWN (kind: empty); MANY at most."""
    part = """
        SELECT %s, %s, count(*) FROM (
            SELECT 1 FROM contacts_reviewitem item
            WHERE item.account_id = %s AND item.state = %s AND item.kind = %s LIMIT %s
        ) AS part
        """
    parts = [(shown, *each) for shown in SHOWN for each in Wanted(shown).parts]
    values = [each for shown, state, kind in parts for each in (shown, kind, account.pk, state, kind, MANY)]
    result = dict.fromkeys(product(SHOWN, ["", *Kind.values]), 0)
    for shown, kind, count in select(" UNION ALL ".join([part] * len(parts)), values):
        for key in ((shown, kind), (shown, "")):
            result[key] = min(result[key] + count, MANY)
    return result


@dataclass(frozen=True, slots=True)
class Tab:
    """A filter of the list: where it leads, and how many items it shows, MANY at most."""

    label: str
    wanted: Wanted
    count: int
    is_current: bool


def tabs(account: Account, wanted: Wanted) -> tuple[list[Tab], list[Tab]]:
    """The filters by state, and by kind within the state that is shown; kinds of which there are none are left out."""
    found = counts(account)
    by_state = [
        Tab(shown.capitalize(), Wanted(shown, wanted.kind), found[shown, wanted.kind], shown == wanted.shown)
        for shown in SHOWN
    ]
    by_kind = [
        Tab(label, Wanted(wanted.shown, kind), found[wanted.shown, kind], kind == wanted.kind)
        for kind, label in KINDS.items()
        if not kind or kind == wanted.kind or found[wanted.shown, kind]
    ]
    return by_state, by_kind


@dataclass(frozen=True, slots=True)
class _Rules:
    """What rules are made of, to tell why an item is there."""

    rule_sets: dict[int, list[int]]
    signatures: dict[int, list[str]]
    fields: dict[str, ContactField]

    @classmethod
    def of(cls, account: Account) -> "_Rules":
        return cls(
            dict(RuleSet.objects.for_account(account).order_by().values_list("pk", "rules")),
            dict(Signature.objects.for_account(account).values_list("pk", "fields")),
            queries.fields_of(account),
        )

    def names(self, item: ReviewItem) -> list[str]:
        """The contact fields of the rule that found an item."""
        if item.signature_id is not None:
            return self.signatures[item.signature_id]
        return [] if item.rule is None else self.signatures[self.rule_sets[item.rule_set_id][item.rule - 1]]

    def reason(self, item: ReviewItem) -> str:
        """Why an item is there, in words."""
        if item.rule is None:
            return "A person took them apart, or made them one."
        rule = f"rule {item.rule} ({' and '.join(queries.labels(self.fields, self.names(item)))})"
        if item.kind == Kind.ID_CONFLICT:
            return f"Alike by {rule}, but one system has an id for each: to that system they are two customers."
        if item.kind == Kind.AMBIGUOUS:
            return f"A record was alike several contacts by {rule}, so that none of them could be meant for sure."
        if item.kind == Kind.TOO_COMMON:
            return f"So many contacts are alike by {rule} that it identifies nobody."
        return f"Alike by {rule}."


@dataclass(frozen=True, slots=True)
class Side:
    """One contact of a pair: what to call it, its ids by field."""

    contact: Contact
    name: str
    ids: Sequence[Source]


@dataclass(frozen=True, slots=True)
class Compared:
    """A field of a pair: what each has there and who wrote it. `is_choice`: both have something, and not the same."""

    field: ContactField
    values: Sequence[tuple[Side, str, ValueStory | None]]
    in_rule: bool

    @property
    def is_choice(self) -> bool:
        return all(said for _, said, _ in self.values) and self.differs

    @property
    def differs(self) -> bool:
        (_, one, _), (_, other, _) = self.values
        return one != other


@dataclass(frozen=True, slots=True)
class PairPage:
    """What the page of a pair shows; the older contact first."""

    reason: str
    sides: Sequence[Side]
    rows: Sequence[Compared]
    shared_systems: Sequence[str]
    """Systems that have an id for each."""

    @property
    def choices(self) -> list[str]:
        """The names of the fields in which somebody has to choose."""
        return [row.field.name for row in self.rows if row.is_choice]


def pair_page(account: Account, item: ReviewItem) -> PairPage:
    """The number of queries is fixed."""
    contacts = Contact.objects.for_account(account).in_bulk([item.contact_id, item.other_id])
    rules = _Rules.of(account)
    in_rule = rules.names(item)
    both = [contacts[pk] for pk in (item.contact_id, item.other_id)]
    stories = [explain.story(account_id=account.pk, contact=contact) for contact in both]
    sides = [
        Side(contact, queries.name_of(contact.values), list(story.external_ids.values()))
        for contact, story in zip(both, stories, strict=True)
    ]
    rows = [
        Compared(
            field,
            [
                (side, queries.said(field, side.contact.values.get(name), account.zone), story.values.get(name))
                for side, story in zip(sides, stories, strict=True)
            ],
            name in in_rule,
        )
        for name, field in rules.fields.items()
        if any(name in contact.values for contact in both)
    ]
    one, other = ({(source.id_field, source.system) for source in side.ids} for side in sides)
    shared = sorted(system for _, system in one & other)
    return PairPage(rules.reason(item), sides, rows, shared)


@dataclass(frozen=True, slots=True)
class CrowdPage:
    """What the page of a value that too many share shows: the value, how many have it (MANY at most), some of them."""

    reason: str
    value: Sequence[tuple[str, str]]
    count: int
    sample: Sequence[tuple[Contact, str]]


def crowd_page(account: Account, item: ReviewItem) -> CrowdPage:
    """The number of queries is fixed."""
    rules = _Rules.of(account)
    keys = MatchKey.objects.for_account(account).filter(signature_id=item.signature_id, key=item.key)
    holders = list(keys.order_by("contact_id").values_list("contact_id", flat=True)[:MANY])
    contacts = Contact.objects.for_account(account).in_bulk(holders[:SAMPLE])
    sample = [(contacts[pk], queries.name_of(contacts[pk].values)) for pk in holders[:SAMPLE] if pk in contacts]
    value = [
        (label, queries.said(rules.fields.get(name), sample[0][0].values.get(name), account.zone))
        for name, label in zip(rules.names(item), queries.labels(rules.fields, rules.names(item)), strict=True)
        if sample
    ]
    return CrowdPage(rules.reason(item), value, len(holders), sample)


def settled_with(merge: Merge) -> int:
    """How many other doubts a merge settled."""
    changes = (merge.before or {}).get("items", [])
    return sum(after[0] == State.SETTLED for _, _, after in changes)
