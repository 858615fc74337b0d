"""Reads of contacts that share a match key: what rules would newly match."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import combinations
from typing import Any, NamedTuple
from uuid import UUID

from contacts import matching
from contacts.matching import TOO_COMMON, HeldKey, Rule
from contacts.sql import digits, json, parameter, probe, rows, select, sent, uuid


class Group(NamedTuple):
    """A match key that several contacts hold, and how many."""

    key: str
    size: int


class NewPair(NamedTuple):
    """Two contacts, the older one first, that share a key. `id_field_id`: one in which both have an external id."""

    key: str
    contact: UUID
    other: UUID
    id_field_id: int | None


def groups(*, account_id: int, signature_id: int, after: str | None, size: int) -> list[Group]:
    """The next keys of a signature that several contacts hold, in the order of the keys."""
    found = select(
        f"""
        SELECT held.key, count(*) FROM contacts_matchkey held
        WHERE held.account_id = %s AND held.signature_id = %s {"" if after is None else "AND held.key > %s"}
        GROUP BY held.key HAVING count(*) > 1 ORDER BY held.key LIMIT %s
        """,
        [account_id, signature_id, *([] if after is None else [parameter(UUID(after))]), size],
    )
    return [Group(digits(key), size) for key, size in found]


def commonest(*, account_id: int, signature_id: int, size: int) -> list[tuple[Group, UUID]]:
    """The keys of a signature that most contacts hold, several at least, each with one of those."""
    of = "held.account_id = %s AND held.signature_id = %s"
    found = select(
        f"""
        SELECT held.key, count(*), min(CAST(held.contact_id AS text)) FROM contacts_matchkey held WHERE {of}
        GROUP BY held.key HAVING count(*) > 1 ORDER BY count(*) DESC, held.key LIMIT %s
        """,
        [account_id, signature_id, size],
    )
    return [(Group(digits(key), holders), UUID(contact)) for key, holders, contact in found]


def keys_of(*, account_id: int, signature_id: int, contact_ids: Iterable[UUID]) -> list[Group]:
    """The keys of a signature that these contacts hold and others too."""
    of = "{0}.account_id = %s AND {0}.signature_id = %s AND {0}."
    found = select(
        f"""
        SELECT held.key, (SELECT count(*) FROM contacts_matchkey other WHERE {of.format("other")}key = held.key)
        FROM {sent(id="uuid")} {probe("contacts_matchkey", "held", of.format("held") + "contact_id = sent.id")}
        """,
        [account_id, signature_id, rows({"id": pk} for pk in contact_ids), account_id, signature_id],
    )
    return sorted({Group(digits(key), size) for key, size in found if size > 1})


def new_pairs(*, account_id: int, rule: Rule, known: Sequence[Rule], keys: Collection[str]) -> list[NewPair]:
    """The pairs that share one of the keys under a rule, and that no `known` rule matches.

    A key that is too common identifies nobody, neither under the rule nor under a known one. Nor does a blocked value.
    """
    held = _holders(account_id, rule.signature.id, keys)
    contacts = {contact for group in held.values() for contact in group}
    values: dict[UUID, Any] = {}
    if rule.blocked or any(each.blocked for each in known):
        values = _values(account_id, contacts)
        held = {key: group for key, group in held.items() if matching.asks(rule, values[group[0]])}
    keys_now = _known_keys(account_id, contacts, [each.signature.id for each in known])
    too_common = _too_common(account_id, held.values(), keys_now)
    id_fields = _id_fields(account_id, contacts)

    def is_known(one: UUID, other: UUID) -> bool:
        mine, theirs = keys_now.get(one, {}), keys_now.get(other, {})
        for each in known:
            key = mine.get(each.signature.id)
            if key is None or key != theirs.get(each.signature.id):
                continue
            if HeldKey(each.signature.id, key) not in too_common and matching.asks(each, values.get(one, {})):
                return True
        return False

    return [
        NewPair(key, one, other, min(id_fields.get(one, set()) & id_fields.get(other, set()), default=None))
        for key, group in held.items()
        for one, other in combinations(group, 2)
        if not is_known(one, other)
    ]


def _holders(account_id: int, signature_id: int, keys: Collection[str]) -> dict[str, list[UUID]]:
    """Who holds each of the keys, oldest first; without those that are too common."""
    holds = "held.account_id = %s AND held.signature_id = %s AND held.key = sent.key"
    found = select(
        f"""
        SELECT sent.key, held.contact_id FROM {sent(key="uuid")} {probe("contacts_matchkey", "held", holds)}
        ORDER BY held.contact_id
        """,
        [rows({"key": key} for key in keys), account_id, signature_id],
    )
    result: dict[str, list[UUID]] = {}
    for key, contact in found:
        result.setdefault(digits(key), []).append(uuid(contact))
    return {key: group for key, group in sorted(result.items()) if len(group) <= TOO_COMMON}


def _values(account_id: int, contact_ids: Iterable[UUID]) -> dict[UUID, Any]:
    of = "contact.account_id = %s AND contact.id = sent.id"
    found = select(
        f"""
        SELECT contact.id, contact."values" FROM {sent(id="uuid")} {probe("contacts_contact", "contact", of)}
        """,
        [rows({"id": pk} for pk in contact_ids), account_id],
    )
    return {uuid(pk): json(values) for pk, values in found}


def _known_keys(
    account_id: int, contact_ids: Iterable[UUID], signatures: Collection[int]
) -> dict[UUID, dict[int, str]]:
    """Contact → signature → key, of these signatures."""
    # Each with each signature: by the contact alone, SQLite would read all keys of the account.
    of = "held.account_id = %s AND held.contact_id = sent.id AND held.signature_id = sent.signature"
    found = select(
        f"""
        SELECT held.contact_id, held.signature_id, held.key FROM {sent(id="uuid", signature="bigint")}
        {probe("contacts_matchkey", "held", of)}
        """,
        [rows({"id": pk, "signature": signature} for pk in contact_ids for signature in signatures), account_id],
    )
    result: dict[UUID, dict[int, str]] = {}
    for contact, signature, key in found:
        result.setdefault(uuid(contact), {})[signature] = digits(key)
    return result


def _too_common(
    account_id: int, together: Iterable[Sequence[UUID]], keys: Mapping[UUID, Mapping[int, str]]
) -> set[HeldKey]:
    """Those of the keys that two of a group share and that identify nobody."""
    shared: set[HeldKey] = set()
    for group in together:
        seen: set[tuple[int, str]] = set()
        for contact in group:
            mine = set(keys.get(contact, {}).items())
            shared |= {HeldKey(*each) for each in seen & mine}
            seen |= mine
    of = "held.account_id = %s AND held.signature_id = sent.signature AND held.key = sent.key"
    found = select(
        f"""
        SELECT sent.signature, sent.key FROM {sent(signature="bigint", key="uuid")}
        WHERE (SELECT count(*) FROM (
            SELECT 1 FROM contacts_matchkey held WHERE {of} LIMIT %s) AS first) > %s
        """,
        [
            rows({"signature": each.signature, "key": each.key} for each in shared),
            *(account_id, TOO_COMMON + 1, TOO_COMMON),
        ],
    )
    return {HeldKey(signature, digits(key)) for signature, key in found}


def _id_fields(account_id: int, contact_ids: Iterable[UUID]) -> dict[UUID, set[int]]:
    """Contact → the id fields in which it has an external id."""
    found = select(
        f"""
        SELECT own.contact_id, own.id_field_id FROM {sent(id="uuid")}
        {probe("contacts_externalid", "own", "own.account_id = %s AND own.contact_id = sent.id")}
        """,
        [rows({"id": pk} for pk in contact_ids), account_id],
    )
    result: dict[UUID, set[int]] = {}
    for contact, id_field in found:
        result.setdefault(uuid(contact), set()).add(id_field)
    return result
