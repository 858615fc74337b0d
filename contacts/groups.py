"""Reads of contacts that share a match key: what rules would newly match."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from contacts import matching
from contacts.matching import TOO_COMMON, Rule
from contacts.normalise import Value
from contacts.sql import json, parameter, probe, rows, select, sent, uuid


class Group(NamedTuple):
    """A match key that several contacts hold, as the database writes it, and how many."""

    key: str
    size: int


class NewPair(NamedTuple):
    """Two contacts, the older one first, that share a key; ids and key as the database writes them, for there may be
    many thousands. `id_field_id`: one in which both have an external id."""

    key: str
    contact: str
    other: str
    id_field_id: int | None


def contacts(
    *, account_id: int, fields: Collection[str], after: UUID | None, size: int
) -> list[tuple[UUID, dict[str, Value]]]:
    """The next contacts in the order of their ids, each with what it has in the fields."""
    names = sorted(fields)
    columns = "".join(', "values" -> CAST(%s AS text)' for _ in names)
    found = select(
        f"""
        SELECT id{columns} FROM contacts_contact
        WHERE account_id = %s {"" if after is None else "AND id > %s"} ORDER BY id LIMIT %s
        """,
        [*names, account_id, *([] if after is None else [parameter(after)]), size],
    )
    return [
        (uuid(pk), {name: json(value) for name, value in zip(names, values, strict=True) if value is not None})
        for pk, *values in found
    ]


def groups(*, account_id: int, signature_id: int, after: str | None, size: int) -> list[Group]:
    """The next keys of a signature that several contacts hold, in the order of the keys."""
    found = select(
        f"""
        SELECT CAST(held.key AS text), count(*) FROM contacts_matchkey held
        WHERE held.account_id = %s AND held.signature_id = %s {"" if after is None else "AND held.key > %s"}
        GROUP BY held.key HAVING count(*) > 1 ORDER BY held.key LIMIT %s
        """,
        [account_id, signature_id, *([] if after is None else [parameter(UUID(after))]), size],
    )
    return [Group(*row) for row in found]


def commonest(*, account_id: int, signature_id: int, size: int) -> list[Group]:
    """The keys of a signature that most contacts hold, several at least."""
    found = select(
        """
        SELECT CAST(held.key AS text), count(*) FROM contacts_matchkey held
        WHERE held.account_id = %s AND held.signature_id = %s
        GROUP BY held.key HAVING count(*) > 1 ORDER BY count(*) DESC, held.key LIMIT %s
        """,
        [account_id, signature_id, size],
    )
    return [Group(*row) for row in found]


def examples(*, account_id: int, keys: Iterable[tuple[int, str]]) -> dict[tuple[int, str], dict[str, Value]]:
    """Keys, each with its signature → the values of the oldest contact that holds it. Keys that nobody holds any more
    are not there."""
    of_key = "held.account_id = %s AND held.signature_id = sent.signature AND held.key = sent.key"
    of = "contact.account_id = %s AND contact.id = first.contact"
    found = select(
        f"""
        WITH first AS MATERIALIZED (
            SELECT sent.signature, sent.key, (
                SELECT held.contact_id FROM contacts_matchkey held WHERE {of_key} ORDER BY held.contact_id LIMIT 1
            ) AS contact
            FROM {sent(signature="bigint", key="uuid")}
        )
        SELECT first.signature, CAST(first.key AS text), contact."values"
        FROM first {probe("contacts_contact", "contact", of)}
        """,
        [account_id, rows({"signature": signature, "key": key} for signature, key in keys), account_id],
    )
    return {(signature, key): json(values) for signature, key, values in found}


def keys_of(*, account_id: int, signature_id: int, contact_ids: Iterable[UUID]) -> list[Group]:
    """The keys of a signature that these contacts hold and others too. Nobody counts on when a key is too common."""
    of = "{0}.account_id = %s AND {0}.signature_id = %s AND {0}."
    holds = of.format("held") + "contact_id = sent.id"
    found = select(
        f"""
        WITH asked AS MATERIALIZED (
            SELECT DISTINCT held.key FROM {sent(id="uuid")} {probe("contacts_matchkey", "held", holds)}
        )
        SELECT CAST(asked.key AS text), (SELECT count(*) FROM (
            SELECT 1 FROM contacts_matchkey other WHERE {of.format("other")}key = asked.key LIMIT %s) AS first)
        FROM asked
        """,
        [
            *(rows({"id": pk} for pk in contact_ids), account_id, signature_id),
            *(account_id, signature_id, TOO_COMMON + 1),
        ],
    )
    return sorted(Group(key, size) for key, size in found if size > 1)


def new_pairs(*, account_id: int, rule: Rule, known: Sequence[Rule], keys: Collection[str]) -> list[NewPair]:
    """The pairs that share one of the keys under a rule, and that no `known` rule matches; none of keys that are too
    common may be given. One statement, and two more where a rule has blocked values.

    A key that is too common identifies nobody under a known rule either. Nor does a blocked value under any.
    """
    if any(is_part_of(rule, each) for each in known):
        return []
    blocking = [each for each in known if each.blocked]
    others = {each.signature.id for each in known if not each.blocked}
    pairs = _pairs(account_id, rule.signature.id, keys, others)
    if not rule.blocked and not blocking:
        return pairs
    values = _values(account_id, {pair.contact for pair in pairs})
    pairs = [pair for pair in pairs if matching.asks(rule, values[pair.contact])]
    shared = _shared(account_id, pairs, {each.signature.id for each in blocking})

    def is_known(pair: NewPair) -> bool:
        return any(
            (pair.contact, pair.other, each.signature.id) in shared and matching.asks(each, values[pair.contact])
            for each in blocking
        )

    return [pair for pair in pairs if not is_known(pair)]


def is_part_of(rule: Rule, other: Rule) -> bool:
    """Whether a rule can match nobody that the other one does not match: the same fields, and no fewer values
    blocked."""
    return rule.signature.id == other.signature.id and all(
        blocked <= rule.blocked.get(name, frozenset()) for name, blocked in other.blocked.items()
    )


def _pairs(account_id: int, signature_id: int, keys: Collection[str], known: Iterable[int]) -> list[NewPair]:
    """The pairs that share one of the keys, and none under a known signature."""
    holds = "held.account_id = %s AND held.signature_id = %s AND held.key = sent.key"
    # Contacts in their order, so that what is looked up of them lies together. `+ 0`, lest their ids be looked for in
    # the index by id field and value.
    found = select(
        f"""
        WITH member AS MATERIALIZED (
            SELECT held.key, held.contact_id AS contact FROM {sent(key="uuid")}
            {probe("contacts_matchkey", "held", holds)}
        ),
        pair AS MATERIALIZED (
            SELECT one.key, one.contact, other.contact AS other
            FROM member one JOIN member other ON other.key = one.key AND other.contact > one.contact
            ORDER BY one.contact
        ),
        known AS MATERIALIZED (SELECT sent.signature FROM {sent(signature="bigint")})
        SELECT CAST(pair.key AS text), CAST(pair.contact AS text), CAST(pair.other AS text), (
            SELECT own.id_field_id FROM contacts_externalid own CROSS JOIN contacts_externalid theirs
            WHERE own.account_id = %s AND own.contact_id = pair.contact
            AND theirs.account_id = %s AND theirs.contact_id = pair.other AND theirs.id_field_id + 0 = own.id_field_id
            LIMIT 1
        )
        FROM pair WHERE NOT EXISTS (SELECT 1 FROM {_shares()})
        """,
        [
            *(rows({"key": key} for key in keys), account_id, signature_id),
            *(rows({"signature": signature} for signature in known), account_id, account_id),
            *(account_id, account_id, account_id, TOO_COMMON + 1, TOO_COMMON),
        ],
    )
    return [NewPair(*row) for row in found]


def _shares() -> str:
    """What follows FROM, for keys under `known` signatures that both contacts of a `pair` hold, and few others."""
    of_one = "mine.account_id = %s AND mine.contact_id = pair.contact AND mine.signature_id = known.signature"
    of_other = "theirs.account_id = %s AND theirs.contact_id = pair.other AND theirs.signature_id = mine.signature_id"
    # Not by key, for which PostgreSQL would look here and there in its index.
    return f"""
        known {probe("contacts_matchkey", "mine", of_one)} {probe("contacts_matchkey", "theirs", of_other)}
        WHERE theirs.key = mine.key AND (SELECT count(*) FROM (
            SELECT 1 FROM contacts_matchkey held WHERE held.account_id = %s
            AND held.signature_id = theirs.signature_id AND held.key = theirs.key LIMIT %s) AS first) <= %s
        """


def _shared(account_id: int, pairs: Iterable[NewPair], known: Iterable[int]) -> set[tuple[Any, ...]]:
    """The pairs that share a key under one of the known signatures, with that signature."""
    found = select(
        f"""
        WITH known AS MATERIALIZED (SELECT sent.signature FROM {sent(signature="bigint")}),
        pair AS MATERIALIZED (SELECT sent.contact, sent.other FROM {sent(contact="uuid", other="uuid")})
        SELECT CAST(pair.contact AS text), CAST(pair.other AS text), theirs.signature_id
        FROM pair CROSS JOIN {_shares()}
        """,
        [
            rows({"signature": signature} for signature in known),
            rows({"contact": pair.contact, "other": pair.other} for pair in pairs),
            *(account_id, account_id, account_id, TOO_COMMON + 1, TOO_COMMON),
        ],
    )
    return set(found)


def _values(account_id: int, contact_ids: Iterable[str]) -> dict[str, dict[str, Value]]:
    of = "contact.account_id = %s AND contact.id = sent.id"
    found = select(
        f"""
        SELECT CAST(contact.id AS text), contact."values"
        FROM {sent(id="uuid")} {probe("contacts_contact", "contact", of)}
        """,
        [rows({"id": pk} for pk in contact_ids), account_id],
    )
    return {pk: json(values) for pk, values in found}
