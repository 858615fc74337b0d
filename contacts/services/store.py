"""What the engine reads and writes: a fixed number of set-wise statements for a chunk, all of one account.

Reads first, then writes. Every statement restricts every table to the account.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from contacts import normalise
from contacts.matching import TOO_COMMON, HeldKey, Rule, Rules, Signature
from contacts.models import ContactBook, ContactField, IdField, Policy, ReviewItem, RuleSet
from contacts.models import Signature as SignatureRow
from contacts.overlay import Holders
from contacts.provenance import decode
from contacts.review import Pair
from contacts.services.statements import json, rows, select, sent, uuid
from contacts.state import State


@dataclass(frozen=True, slots=True)
class Book:
    """An account's contacts while their row lock is held: its rules, the types of its fields, its change counter."""

    account_id: int
    last_change: int
    rule_set_id: int
    phone_region: str
    rules: Rules
    field_types: Mapping[str, str] = field(repr=False)
    erasure_salt: str = field(repr=False)
    rule_fields: frozenset[str] = field(init=False)
    """The contact fields that the rules ask for."""
    phone_fields: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        names = frozenset(name for rule in self.rules.asked for name in rule.signature.names)
        object.__setattr__(self, "rule_fields", names)
        phones = frozenset(name for name, type_ in self.field_types.items() if type_ == "phone")
        object.__setattr__(self, "phone_fields", phones)

    def digest(self, id_field_id: int, external_id: str) -> str:
        """What is kept of an external id whose contact a person erased (SHA-256, salted per account)."""
        return hashlib.sha256(f"{self.erasure_salt}{id_field_id}:{external_id}".encode()).hexdigest()


def lock(account_id: int) -> Book:
    """Takes the lock that serialises all writes to the account's contacts; must be in a transaction.

    The rules are read after the lock: a statement that waits for it still sees what was there before.
    """
    book = (
        ContactBook.objects.for_account(account_id)
        .select_for_update(of=("self",))
        .values_list("rule_set_id", "building_id", "last_change", "erasure_salt")
        .get(account_id=account_id)
    )
    rule_set_id, building_id, last_change, salt = book
    rule_sets = RuleSet.objects.for_account(account_id).in_bulk([pk for pk in (rule_set_id, building_id) if pk])
    types = dict(ContactField.objects.for_account(account_id).order_by().values_list("name", "type"))
    signatures = {
        pk: Signature(pk, tuple((name, types[name]) for name in fields), region, folds)
        for pk, fields, region, folds in SignatureRow.objects.for_account(account_id)
        .filter(retired_at__isnull=True)
        .values_list("pk", "fields", "phone_region", "folds_plus_tags")
    }
    current = rule_sets[rule_set_id]
    maintained = {pk for rule_set in rule_sets.values() for pk in rule_set.rules}
    rules = Rules(
        asked=[
            Rule(number, signatures[pk], _blocked(signatures[pk], current.blocked))
            for number, pk in enumerate(current.rules, start=1)
        ],
        signatures=[signature for pk, signature in signatures.items() if pk in maintained],
        reject=current.policy == Policy.REJECT,
    )
    return Book(account_id, last_change, rule_set_id, current.phone_region, rules, types, salt)


def _blocked(signature: Signature, blocked: Mapping[str, Collection[str]]) -> dict[str, frozenset[str]]:
    """The rule set's own blocked values of a rule's fields, canonical."""
    return {
        name: frozenset(
            text
            for value in blocked[name]
            if (text := normalise.canonical(type_, value, signature.phone_region, signature.folds_plus_tags))
        )
        for name, type_ in signature.fields
        if blocked.get(name)
    }


def has_id_field(account_id: int, id_field_id: int) -> bool:
    """Whether the id field is the account's."""
    return bool(IdField.objects.for_account(account_id).filter(pk=id_field_id).exists())


def own_ids(book: Book, id_field_id: int, external_ids: Iterable[str]) -> dict[str, UUID]:
    """External id → contact, in one id field."""
    found = select(
        f"""
        SELECT id.value, id.contact_id FROM {sent(value="text")} CROSS JOIN contacts_externalid id
        WHERE id.account_id = %s AND id.id_field_id = %s AND id.value = sent.value
        """,
        [rows({"value": value} for value in external_ids), book.account_id, id_field_id],
    )
    return {value: uuid(contact) for value, contact in found}


def erased_ids(book: Book, id_field_id: int, external_ids: Iterable[str]) -> frozenset[str]:
    """Those of the external ids whose contact a person erased."""
    digests = {book.digest(id_field_id, value): value for value in external_ids}
    found = select(
        f"""
        SELECT erased.digest FROM {sent(digest="text")} CROSS JOIN contacts_erasedid erased
        WHERE erased.account_id = %s AND erased.id_field_id = %s AND erased.digest = sent.digest
        """,
        [rows({"digest": digest} for digest in digests), book.account_id, id_field_id],
    )
    return frozenset(digests[digest] for (digest,) in found)


def barred(book: Book, id_field_id: int, external_ids: Iterable[str]) -> dict[str, set[UUID]]:
    """Unlinked external id → the contacts that a person said are no match for its last contact."""
    found = select(
        f"""
        SELECT former.value, CASE WHEN item.contact_id = former.contact_id THEN item.other_id ELSE item.contact_id END
        FROM {sent(value="text")} CROSS JOIN contacts_formerid former CROSS JOIN contacts_reviewitem item
        WHERE former.account_id = %s AND former.id_field_id = %s AND former.value = sent.value
        AND item.account_id = %s AND item.state = %s
        AND (item.contact_id = former.contact_id OR item.other_id = former.contact_id)
        """,
        [
            rows({"value": value} for value in external_ids),
            *(book.account_id, id_field_id),
            *(book.account_id, ReviewItem.State.NOT_A_MATCH),
        ],
    )
    result: dict[str, set[UUID]] = {}
    for value, contact in found:
        result.setdefault(value, set()).add(uuid(contact))
    return result


def holders(book: Book, keys: Collection[HeldKey], *, room: int) -> dict[HeldKey, Holders]:
    """Who holds each of the keys: one query per rule.

    Of a key that is too common the oldest are read, `room` more than are needed to know that it is: as many as may
    lose it before anybody asks.
    """
    result = {key: Holders() for key in keys}
    for rule in book.rules.asked:
        signature = rule.signature.id
        asked = [{"key": key} for of, key in keys if of == signature]
        scope = [book.account_id, signature]
        found = select(
            f"""
            WITH asked AS MATERIALIZED (
                SELECT sent.key AS key,
                (SELECT count(*) FROM contacts_matchkey k
                    WHERE k.account_id = %s AND k.signature_id = %s AND k.key = sent.key) AS count,
                (SELECT k.contact_id FROM contacts_matchkey k
                    WHERE k.account_id = %s AND k.signature_id = %s AND k.key = sent.key
                    ORDER BY k.contact_id LIMIT 1 OFFSET %s) AS newest
                FROM {sent(key="uuid")}
            )
            SELECT asked.key, held.contact_id, asked.count FROM asked CROSS JOIN contacts_matchkey held
            WHERE held.account_id = %s AND held.signature_id = %s AND held.key = asked.key
            AND (asked.newest IS NULL OR held.contact_id <= asked.newest)
            ORDER BY held.contact_id
            """,
            [*scope, *scope, TOO_COMMON + 1 + room, rows(asked), *scope],
        )
        for key, contact, count in found:
            each = result[HeldKey(signature, uuid(key))]
            each.oldest.append(uuid(contact))
            each.more = count - len(each.oldest)
    return result


def survivors(book: Book, contact_ids: Iterable[UUID]) -> dict[UUID, UUID]:
    """For contacts that were merged away: the contact that each is now. Those of other accounts are not there."""
    found = select(
        f"""
        WITH RECURSIVE chain(id, now) AS (
            SELECT sent.id, contact.merged_into_id FROM {sent(id="uuid")} CROSS JOIN contacts_contact contact
            WHERE contact.account_id = %s AND contact.id = sent.id AND contact.merged_into_id IS NOT NULL
            UNION ALL
            SELECT chain.id, contact.merged_into_id FROM chain CROSS JOIN contacts_contact contact
            WHERE contact.account_id = %s AND contact.id = chain.now AND contact.merged_into_id IS NOT NULL
        )
        SELECT id, now FROM chain
        """,
        [rows({"id": pk} for pk in contact_ids), book.account_id, book.account_id],
    )
    # In the order of the chain: the last one counts.
    return {uuid(pk): uuid(now) for pk, now in found}


def states(book: Book, contact_ids: Iterable[UUID], *, id_field_id: int | None = None) -> dict[UUID, State]:
    """The contacts with what the engine needs to know of them. Those of other accounts are not there."""
    found = select(
        f"""
        SELECT contact.id, contact."values", contact.provenance, contact.version, contact.merged_into_id,
        EXISTS (SELECT 1 FROM contacts_externalid id
            WHERE id.account_id = %s AND id.contact_id = contact.id AND id.id_field_id = %s)
        FROM {sent(id="uuid")} CROSS JOIN contacts_contact contact
        WHERE contact.account_id = %s AND contact.id = sent.id
        """,
        [
            *(book.account_id, id_field_id),
            *(rows({"id": pk} for pk in contact_ids), book.account_id),
        ],
    )
    result = {}
    for pk, values_json, provenance, version, merged_into, occupied in found:
        values, contact = json(values_json), uuid(pk)
        entries = decode(json(provenance), values)
        into = None if merged_into is None else uuid(merged_into)
        result[contact] = State(contact, values, entries, version, bool(occupied), into)
    return result


def known_pairs(book: Book, contact_ids: Sequence[UUID]) -> dict[Pair, bool]:
    """The pairs with a review item in which one of these contacts is, and whether they may be told again."""
    ids, scope = rows({"id": pk} for pk in contact_ids), book.account_id
    found = select(
        f"""
        SELECT item.contact_id, item.other_id, item.state FROM {sent(id="uuid")} CROSS JOIN contacts_reviewitem item
        WHERE item.account_id = %s AND item.contact_id = sent.id
        UNION ALL
        SELECT item.contact_id, item.other_id, item.state FROM {sent(id="uuid")} CROSS JOIN contacts_reviewitem item
        WHERE item.account_id = %s AND item.other_id = sent.id
        """,
        [ids, scope, ids, scope],
    )
    return {Pair(uuid(one), uuid(other)): state != ReviewItem.State.NOT_A_MATCH for one, other, state in found}
