"""What the engine reads and writes: a fixed number of set-wise queries for a chunk, all of one account."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from django.db.models import Q

from accounts.errors import NotFound
from contacts import matching
from contacts.matching import Rule, Suspicion
from contacts.models import (
    Contact,
    ContactBook,
    ContactField,
    ExternalId,
    IdField,
    MatchKey,
    Policy,
    ReviewItem,
    RuleSet,
    Signature,
    Write,
)
from contacts.overlay import Chunk, HeldKey, Pair, State
from contacts.provenance import decode, encode


@dataclass(frozen=True, slots=True)
class Book:
    """An account's contacts while their row lock is held: its current rules and the types of its fields."""

    account_id: int
    phone_region: str
    rule_set: RuleSet
    rules: Sequence[Rule]
    field_types: Mapping[str, str] = field(repr=False)

    @property
    def reject(self) -> bool:
        return self.rule_set.policy == Policy.REJECT


def lock(*, account_id: int, id_field_id: int) -> Book:
    """Takes the lock that serialises all writes to the account's contacts; must be in a transaction.

    Raises NotFound `id_field_not_found` when the id field is not the account's.
    """
    book = (
        ContactBook.objects.for_account(account_id)
        .select_for_update(of=("self",))
        .select_related("rule_set", "account")
        .get(account_id=account_id)
    )
    if not IdField.objects.for_account(account_id).filter(pk=id_field_id).exists():
        raise NotFound("There is no such id field in this account.", code="id_field_not_found")
    types = dict(ContactField.objects.for_account(account_id).values_list("name", "type"))
    signatures = Signature.objects.for_account(account_id).in_bulk(book.rule_set.rules)
    rules = [
        Rule(number, pk, tuple((name, types[name]) for name in signatures[pk].fields), signatures[pk].phone_region)
        for number, pk in enumerate(book.rule_set.rules, start=1)
    ]
    return Book(account_id, book.account.phone_region, book.rule_set, rules, types)


def own_ids(*, book: Book, id_field_id: int, external_ids: Iterable[str]) -> dict[str, UUID]:
    """External id → contact, in one id field."""
    rows = ExternalId.objects.for_account(book.account_id).filter(id_field_id=id_field_id, value__in=list(external_ids))
    return dict(rows.values_list("value", "contact_id"))


def holders(*, book: Book, keys: Iterable[HeldKey]) -> dict[HeldKey, list[UUID]]:
    """Who holds each of the keys: one query per rule."""
    wanted: dict[int, list[UUID]] = {rule.number: [] for rule in book.rules}
    for number, key in keys:
        wanted[number].append(key)
    result: dict[HeldKey, list[UUID]] = {(number, key): [] for number, keys_ in wanted.items() for key in keys_}
    for rule in book.rules:
        rows = MatchKey.objects.for_account(book.account_id).filter(
            signature_id=rule.signature_id, key__in=wanted[rule.number]
        )
        for key, contact_id in rows.values_list("key", "contact_id"):
            result[rule.number, key].append(contact_id)
    return result


def states(*, book: Book, id_field_id: int, contact_ids: Iterable[UUID]) -> dict[UUID, State]:
    """The contacts with what the engine needs to know of them. Those of other accounts are not there."""
    wanted = list(contact_ids)
    occupied = set(
        ExternalId.objects.for_account(book.account_id)
        .filter(id_field_id=id_field_id, contact_id__in=wanted)
        .values_list("contact_id", flat=True)
    )
    rows = Contact.objects.for_account(book.account_id).filter(pk__in=wanted)
    return {
        pk: State(pk, values, decode(provenance), version, pk in occupied)
        for pk, values, provenance, version in rows.values_list("pk", "values", "provenance", "version")
    }


def existing_pairs(*, book: Book, contact_ids: Iterable[UUID]) -> list[Pair]:
    """The pairs with a review item in which one of these contacts is."""
    wanted = list(contact_ids)
    rows = ReviewItem.objects.for_account(book.account_id).filter(Q(contact_id__in=wanted) | Q(other_id__in=wanted))
    return [Pair(contact, other) for contact, other in rows.values_list("contact_id", "other_id")]


def save(*, book: Book, chunk: Chunk, write: Write, pairs: Mapping[Pair, Suspicion]) -> None:
    """Writes what the chunk changed, a statement per table (and per rule for keys that are gone)."""
    touched = [state for state in chunk.states.values() if state.changed or state.marked]
    if any(state.changed for state in touched):
        write.save(force_insert=True)
    _save_contacts(book, touched, write)
    ExternalId.objects.for_account(book.account_id).bulk_create(
        ExternalId(id_field_id=chunk.id_field, value=value, contact_id=contact) for value, contact in chunk.linked
    )
    _save_keys(book, touched)
    ReviewItem.objects.for_account(book.account_id).bulk_create(
        ReviewItem(
            kind=suspicion.doubt,
            contact_id=pair.contact,
            other_id=pair.other,
            rule_set=book.rule_set,
            rule=suspicion.rule,
            created_at=write.at,
        )
        for pair, suspicion in pairs.items()
    )


def _save_contacts(book: Book, touched: Sequence[State], write: Write) -> None:
    """New and changed contacts in one statement; only what a reader can see makes a new version."""
    rows = []
    for state in touched:
        state.version += state.changed
        rows.append(
            Contact(
                id=state.id,
                values=state.values,
                provenance=encode(state.provenance, write.pk),
                version=state.version,
                created_at=write.at,
                updated_at=write.at,
            )
        )
    seen = [row for row, state in zip(rows, touched, strict=True) if state.changed]
    marked = [row for row, state in zip(rows, touched, strict=True) if not state.changed]
    contacts = Contact.objects.for_account(book.account_id)
    contacts.bulk_create(
        seen,
        update_conflicts=True,
        unique_fields=["id"],
        update_fields=["values", "provenance", "version", "updated_at"],
    )
    contacts.bulk_update(marked, ["provenance"])


def _save_keys(book: Book, touched: Sequence[State]) -> None:
    """Match keys follow the values: gone ones are deleted, new and changed ones written."""
    match_keys = MatchKey.objects.for_account(book.account_id)
    rows = []
    for rule in book.rules:
        gone = []
        for state in touched:
            before, after = state.keys_before.get(rule.number), matching.key(rule, state.values)
            if before is not None and after is None:
                gone.append(state.id)
            elif after is not None and after != before:
                rows.append(MatchKey(signature_id=rule.signature_id, key=after, contact_id=state.id))
        if gone:
            match_keys.filter(signature_id=rule.signature_id, contact_id__in=gone).delete()
    match_keys.bulk_create(
        rows, update_conflicts=True, unique_fields=["account", "contact", "signature"], update_fields=["key"]
    )
