"""What the engine reads and writes: a fixed number of set-wise statements for a chunk, all of one account.

Reads first, then writes. Every statement restricts every table to the account.
"""

import hashlib
import itertools
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from django.db import connection

from accounts.errors import PreconditionFailed
from contacts import normalise
from contacts.matching import TOO_COMMON, HeldKey, Rule, Rules, Signature
from contacts.models import Policy, ReviewItem
from contacts.overlay import Holders
from contacts.provenance import decode
from contacts.review import Pair
from contacts.sql import Query, Rows, digits, json, probe, rows, select, select_each, sent, uuid
from contacts.state import State


@dataclass(frozen=True, slots=True)
class Book:
    """An account's contacts while their row lock is held: its rules, the types of its fields, its change counter."""

    account_id: int
    last_change: int
    rule_set_id: int
    phone_region: str
    rules: Rules
    coming: Sequence[Rule]
    """The rules that would be asked once the rule set that is being built is current; none when there is none."""
    field_types: Mapping[str, str] = field(repr=False)
    retired: frozenset[str]
    """Contact fields that take no values any more."""
    id_fields: Collection[int]
    """Those that take ids: not retired."""
    erasure_salt: str = field(repr=False)
    has_erased: bool
    """Whether a person erased a contact that had an external id, so that ids are looked for among those."""
    rule_fields: Collection[str] = field(init=False)
    """The contact fields that the rules ask for, in their order."""
    blocks: bool = field(init=False)
    """Whether the rule set has blocked values of its own."""

    def __post_init__(self) -> None:
        names = dict.fromkeys(name for rule in self.rules.asked for name, _ in rule.signature.fields)
        object.__setattr__(self, "rule_fields", tuple(names))
        object.__setattr__(self, "blocks", any(rule.blocked for rule in self.rules.asked))

    def digest(self, id_field_id: int, external_id: str) -> str:
        """What is kept of an external id whose contact a person erased (SHA-256, salted per account)."""
        return hashlib.sha256(f"{self.erasure_salt}{id_field_id}:{external_id}".encode()).hexdigest()


OTHER_VERSION = "The contact has another version by now, or is not there. Read it, and send the call again."


def check_version(version: int, wanted: Collection[int] | None) -> None:
    """Raises PreconditionFailed `version_mismatch` when a contact has none of the versions that a caller asks for."""
    if wanted is not None and version not in wanted:
        raise PreconditionFailed(OTHER_VERSION)


ONE_PLAN = ", set_config('plan_cache_mode', 'force_generic_plan', true)"
"""Planning is most of what a single call's statement costs PostgreSQL. Each statement of the engine goes by an index
whatever its parameters are, so that one plan is good for all, until the transaction ends."""


def lock(account_id: int, *, for_engine: bool = False) -> Book:
    """Takes the lock that serialises all writes to the account's contacts; must be in a transaction.

    The rules are read after the lock: a statement that waits for it still sees what was there before.
    """
    is_shared = connection.features.has_select_for_update  # else all of the database is locked
    return _book(account_id, ONE_PLAN if is_shared and for_engine else "", " FOR UPDATE" if is_shared else "")


def read(account_id: int) -> Book:
    """The same without the lock, for who writes nothing."""
    return _book(account_id, "", "")


def _book(account_id: int, set_up: str, for_update: str) -> Book:
    locked, found = select_each(
        [
            (
                f"""
                SELECT rule_set_id, building_id, last_change, erasure_salt{set_up}
                FROM contacts_contactbook WHERE account_id = %s{for_update}
                """,
                [account_id],
            ),
            _base(account_id),
        ]
    )
    ((rule_set_id, building_id, last_change, salt, *_),) = locked
    fields = [(row[2], row[3], bool(row[1])) for row in found if row[0] == "field"]
    signature_rows = [(row[1], row[2], row[3], int(row[4])) for row in found if row[0] == "signature"]
    rule_sets = {row[1]: row[2:] for row in found if row[0] == "rule_set" and row[1] in {rule_set_id, building_id}}
    id_fields = frozenset(row[1] for row in found if row[0] == "id_field")
    types = {name: type_ for name, type_, _ in fields}
    retired = frozenset(name for name, _, is_retired in fields if is_retired)
    signatures = {
        pk: Signature(pk, tuple((name, types[name]) for name in json(names)), region, bool(folds))
        for pk, names, region, folds in signature_rows
    }
    maintained = {pk for numbers, _, _, _ in rule_sets.values() for pk in json(numbers)}
    asked = {
        pk: [
            Rule(number, signatures[signature], _blocked(signatures[signature], json(blocked)))
            for number, signature in enumerate(json(numbers), start=1)
        ]
        for pk, (numbers, _, blocked, _) in rule_sets.items()
    }
    _, policy, _, region = rule_sets[rule_set_id]
    rules = Rules(
        asked=asked[rule_set_id],
        signatures=[signature for pk, signature in signatures.items() if pk in maintained],
        reject=policy == Policy.REJECT,
    )
    erased = any(row[0] == "erased" for row in found)
    return Book(
        *(account_id, last_change, rule_set_id, region, rules, asked.get(building_id, ()), types, retired, id_fields),
        *(salt, erased),
    )


def _base(account_id: int) -> Query:
    """What the engine needs to know of an account, in one query: its contact fields, its live signatures, the current
    rule set and one that is being built, its id fields, and whether a contact with an external id was erased."""
    return (
        """
        SELECT 'field', CASE WHEN retired_at IS NULL THEN 0 ELSE 1 END, name, type, NULL, NULL
        FROM contacts_contactfield WHERE account_id = %s
        UNION ALL
        SELECT 'signature', id, CAST(fields AS text), phone_region, CAST(CAST(folds_plus_tags AS integer) AS text), NULL
        FROM contacts_signature WHERE account_id = %s AND retired_at IS NULL
        UNION ALL
        SELECT 'rule_set', id, CAST(rules AS text), policy, CAST(blocked AS text), phone_region
        FROM contacts_ruleset WHERE account_id = %s AND status IN ('current', 'building', 'ready')
        UNION ALL
        SELECT 'id_field', id, NULL, NULL, NULL, NULL FROM contacts_idfield WHERE account_id = %s AND retired_at IS NULL
        UNION ALL
        SELECT 'erased', 0, NULL, NULL, NULL, NULL
        WHERE EXISTS (SELECT 1 FROM contacts_erasedid WHERE account_id = %s)
        """,
        [account_id] * 5,
    )


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


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of the external ids and contacts that records name.

    `own`: external id → contact; `erased`: external ids whose contact a person erased; `barred`: unlinked external id
    → the contacts that a person said are no match for its last contact; `survivors`: merged contact → what it is now.
    """

    own: dict[str, UUID] = field(default_factory=dict)
    erased: set[str] = field(default_factory=set)
    barred: dict[str, set[UUID]] = field(default_factory=dict)
    survivors: dict[UUID, UUID] = field(default_factory=dict)


def known(book: Book, id_field_id: int, external_ids: Collection[str], contact_ids: Collection[UUID] = ()) -> Known:
    """One query. Contacts of other accounts are not there."""
    account = book.account_id
    merged = "contact.account_id = %s AND contact.merged_into_id IS NOT NULL AND contact.id ="
    in_field = "{0}.account_id = %s AND {0}.id_field_id = %s AND"
    pair = "item.account_id = %s AND item.state = %s AND item"
    found = select(
        f"""
        WITH RECURSIVE given AS MATERIALIZED (SELECT sent.value, sent.digest FROM {sent(value="text", digest="text")}),
        chain(id, now, length) AS (
            SELECT sent.id, contact.merged_into_id, 1
            FROM {sent(id="uuid")} {probe("contacts_contact", "contact", f"{merged} sent.id")}
            UNION ALL
            SELECT chain.id, contact.merged_into_id, chain.length + 1
            FROM chain {probe("contacts_contact", "contact", f"{merged} chain.now")}
        ),
        former AS MATERIALIZED (
            SELECT given.value, unlinked.contact_id FROM given
            {probe("contacts_formerid", "unlinked", f"{in_field.format('unlinked')} unlinked.value = given.value")}
        )
        SELECT 'survivor', NULL, chain.id, chain.now, chain.length FROM chain
        UNION ALL
        SELECT 'own', given.value, owned.contact_id, NULL, 0 FROM given
        {probe("contacts_externalid", "owned", f"{in_field.format('owned')} owned.value = given.value")}
        UNION ALL
        SELECT 'erased', given.value, NULL, NULL, 0 FROM given
        {probe("contacts_erasedid", "erased", f"{in_field.format('erased')} erased.digest = given.digest")}
        UNION ALL
        SELECT 'barred', former.value, item.other_id, NULL, 0
        FROM former {probe("contacts_reviewitem", "item", f"{pair}.contact_id = former.contact_id")}
        UNION ALL
        SELECT 'barred', former.value, item.contact_id, NULL, 0
        FROM former {probe("contacts_reviewitem", "item", f"{pair}.other_id = former.contact_id")}
        ORDER BY 5
        """,
        [
            rows(
                {"value": value, "digest": book.digest(id_field_id, value) if book.has_erased else None}
                for value in external_ids
            ),
            *(rows({"id": pk} for pk in contact_ids), account, account),
            *(account, id_field_id) * 3,
            *(account, ReviewItem.State.NOT_A_MATCH) * 2,
        ],
    )
    result = Known()
    for kind, value, contact, survivor, _ in found:
        if kind == "own":
            result.own[value] = uuid(contact)
        elif kind == "erased":
            result.erased.add(value)
        elif kind == "barred":
            result.barred.setdefault(value, set()).add(uuid(contact))
        else:
            # Along the chain: the last one counts.
            result.survivors[uuid(contact)] = uuid(survivor)
    return result


def holders(book: Book, keys: Collection[HeldKey], *, room: int) -> dict[HeldKey, Holders]:
    """Who holds each of the keys: one query.

    Of a key that is too common the oldest are read, `room` more than are needed to know that it is: as many as may
    lose it before anybody asks.
    """
    return _holders(keys, select_each(_holder_queries(book, keys, room)))


def holders_and_pairs(
    book: Book, keys: Collection[HeldKey], contact_ids: Collection[UUID], *, room: int
) -> tuple[dict[HeldKey, Holders], dict[Pair, bool]]:
    """Who holds each of the keys, and the pairs with a review item in which one of the contacts is: whether they may
    be told again."""
    about_keys = _holder_queries(book, keys, room)
    found = select_each([*about_keys, *_pairs_queries(book, contact_ids)])
    held, pairs = found[: len(about_keys)], itertools.chain(*found[len(about_keys) :])
    known = {Pair(uuid(one), uuid(other)): state != ReviewItem.State.NOT_A_MATCH for one, other, state in pairs}
    return _holders(keys, held), known


def _holder_queries(book: Book, keys: Collection[HeldKey], room: int) -> list[Query]:
    """One, or none when there is nothing to ask."""
    if not keys:
        return []
    of_key = "{0}.account_id = %s AND {0}.signature_id = asked.signature AND {0}.key = asked.key"
    holds = f"{of_key.format('held')} AND (asked.newest IS NULL OR held.contact_id <= asked.newest)"
    sql = f"""
        WITH asked AS MATERIALIZED (
            SELECT asked.signature, asked.key,
            (SELECT k.contact_id FROM contacts_matchkey k WHERE {of_key.format("k")}
                ORDER BY k.contact_id LIMIT 1 OFFSET %s) AS newest
            FROM (SELECT sent.signature, sent.key FROM {sent(signature="bigint", key="uuid")}) asked
        ),
        counted AS MATERIALIZED (
            SELECT asked.signature, asked.key, asked.newest, CASE WHEN asked.newest IS NULL THEN NULL ELSE
                (SELECT count(*) FROM contacts_matchkey k WHERE {of_key.format("k")}) END AS count
            FROM asked
        )
        SELECT asked.signature, asked.key, held.contact_id, asked.count
        FROM counted asked {probe("contacts_matchkey", "held", holds)}
        ORDER BY held.contact_id
        """
    account, asked = book.account_id, rows({"signature": held.signature, "key": held.key} for held in keys)
    return [(sql, [account, TOO_COMMON + 1 + room, asked, account, account])]


def _holders(keys: Collection[HeldKey], found: Iterable[Rows]) -> dict[HeldKey, Holders]:
    result = {key: Holders() for key in keys}
    for signature, key, contact, count in itertools.chain(*found):
        each = result[HeldKey(signature, digits(key))]
        each.oldest.append(uuid(contact))
        each.more = 0 if count is None else count - len(each.oldest)
    return result


def states(book: Book, contact_ids: Collection[UUID], *, id_field_id: int | None = None) -> dict[UUID, State]:
    """The contacts with what the engine needs to know of them. Those of other accounts are not there."""
    if not contact_ids:
        return {}
    # Not EXISTS, for which PostgreSQL may read all ids of the account first; `+ 0`, lest the ids be looked for in the
    # index by id field and value, which may look as good as the right one.
    found = select(
        f"""
        SELECT contact.id, contact."values", contact.provenance, contact.version, contact.merged_into_id,
        (SELECT 1 FROM contacts_externalid id
            WHERE id.account_id = %s AND id.contact_id = contact.id AND id.id_field_id + 0 = %s LIMIT 1) IS NOT NULL
        FROM {sent(id="uuid")}
        {probe("contacts_contact", "contact", "contact.account_id = %s AND contact.id = sent.id")}
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


def _pairs_queries(book: Book, contact_ids: Collection[UUID]) -> list[Query]:
    if not contact_ids:
        return []
    ids, scope = rows({"id": pk} for pk in contact_ids), book.account_id
    by_contact, by_other = (
        probe("contacts_reviewitem", "item", f"item.account_id = %s AND item.{column} = sent.id")
        for column in ("contact_id", "other_id")
    )
    sql = f"""
        SELECT item.contact_id, item.other_id, item.state FROM {sent(id="uuid")} {by_contact}
        UNION ALL
        SELECT item.contact_id, item.other_id, item.state FROM {sent(id="uuid")} {by_other}
        """
    return [(sql, [ids, scope, ids, scope])]
