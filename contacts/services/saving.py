"""What a write leaves behind: one set-wise statement a table, all of one account."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import UUID

from uuid_utils.compat import uuid7

from contacts.matching import HeldKey, Suspicion
from contacts.models import Change, ReviewItem, Write
from contacts.provenance import encode
from contacts.review import Crowd, Pair
from contacts.services.store import Book
from contacts.sql import check_foreign_keys, parameter, probe, rows, run, run_each, select, sent, together
from contacts.state import State


@dataclass(slots=True)
class Outcome:
    """What a write leaves behind: contacts, external ids given (value, contact, rule), review items to open."""

    states: Collection[State]
    links: Sequence[tuple[str, UUID, int | None]] = ()
    pairs: Mapping[Pair, Suspicion] = field(default_factory=dict)
    crowds: Mapping[HeldKey, Crowd] = field(default_factory=dict)
    gone: Mapping[UUID, str] = field(default_factory=dict)
    """Contacts of which another kind of change is told than created or updated."""


def save(book: Book, write: Write, outcome: Outcome) -> None:
    """Writes it, unless nothing has changed: the same statements whatever became of the records. Every version that
    it makes has a change row."""
    with at_work(book, write, outcome):
        pass


@contextmanager
def at_work(book: Book, write: Write, outcome: Outcome) -> Iterator[None]:
    """As `save`, with something to do while PostgreSQL is at work; the contacts have their new versions by then."""
    touched = [state for state in outcome.states if state.changed or state.marked]
    if not touched:
        yield
        return
    _save_write(write)
    with together():
        _save_contacts(book, touched, write)
        if outcome.links:
            _save_links(book, outcome.links, write)
        _save_keys(book, touched)
        _save_changes(book, touched, write, outcome.gone)
        if outcome.pairs or outcome.crowds:
            _save_items(book, outcome, write)
        check_foreign_keys()
        yield


def _save_write(write: Write) -> None:
    """As `write.save()`, which takes three times as long."""
    ((write.pk,),) = select(
        """
        INSERT INTO contacts_write (account_id, authentication_id, id_field_id, "by", request_id, rule_set_id, at)
        VALUES (%s, %s, %s, %s, %s, %s, %s) RETURNING id
        """,
        [
            *(write.account_id, write.authentication_id and parameter(write.authentication_id), write.id_field_id),
            *(write.by, write.request_id, write.rule_set_id, parameter(write.at)),
        ],
    )


def _save_contacts(book: Book, touched: Sequence[State], write: Write) -> None:
    """New and changed contacts; only what a reader can see makes a new version."""
    at = parameter(write.at)
    for state in touched:
        state.version += state.changed
    run_each(
        """
        INSERT INTO contacts_contact (id, account_id, "values", provenance, version, created_at, updated_at)
        SELECT sent.id, %s, sent."values", sent.provenance, sent.version, %s, %s FROM {sent} WHERE true
        ON CONFLICT (id) DO UPDATE SET
            "values" = excluded."values", provenance = excluded.provenance, version = excluded.version,
            updated_at = CASE WHEN excluded.version > contacts_contact.version
                THEN excluded.updated_at ELSE contacts_contact.updated_at END
        WHERE contacts_contact.account_id = %s
        """,
        [book.account_id, at, at, book.account_id],
        [_contact(state, write.pk) for state in touched],
        id="uuid",
        values="jsonb",
        provenance="jsonb",
        version="integer",
    )


def _contact(state: State, write_id: int) -> dict[str, object]:
    return {
        "id": state.id,
        "values": state.values,
        "provenance": encode(state.provenance, state.values, write_id),
        "version": state.version,
    }


def _save_links(book: Book, links: Sequence[tuple[str, UUID, int | None]], write: Write) -> None:
    run(
        f"""
        INSERT INTO contacts_externalid (account_id, id_field_id, value, contact_id, write_id, rule)
        SELECT %s, %s, sent.value, sent.contact, %s, sent.rule
        FROM {sent(value="text", contact="uuid", rule="smallint")}
        """,
        [
            *(book.account_id, write.id_field_id, write.pk),
            rows({"value": value, "contact": contact, "rule": rule} for value, contact, rule in links),
        ],
    )


def _save_keys(book: Book, touched: Sequence[State]) -> None:
    """Match keys follow the values: gone ones are deleted, new and changed ones written."""
    gone, now = [], []
    for state in touched:
        for signature, before in state.keys_before.items():
            key = state.keys[signature]
            if key == before:
                continue
            if key is None:
                gone.append({"signature": signature, "contact": state.id})
            else:
                now.append((signature, state.id, key))
    if gone:
        _delete_keys(book, gone)
    if now:
        put_keys(book, now)


def _delete_keys(book: Book, keys: Sequence[Mapping[str, object]]) -> None:
    # `+`, here and below: SQLite would else read all rows of the account, to look for each among a few ids.
    held = "held.account_id = %s AND held.contact_id = sent.contact AND held.signature_id = sent.signature"
    run(
        f"""
        DELETE FROM contacts_matchkey WHERE +contacts_matchkey.account_id = %s AND id IN (
            SELECT held.id FROM {sent(signature="bigint", contact="uuid")} {probe("contacts_matchkey", "held", held)}
        )
        """,
        [book.account_id, rows(keys), book.account_id],
    )


def put_keys(book: Book, keys: Sequence[tuple[int, UUID, str]]) -> None:
    """Gives contacts their match keys: (signature, contact, key) each."""
    run(
        f"""
        INSERT INTO contacts_matchkey (account_id, signature_id, contact_id, key)
        SELECT %s, sent.signature, sent.contact, sent.key
        FROM {sent(signature="bigint", contact="uuid", key="uuid")} WHERE true
        ON CONFLICT (account_id, contact_id, signature_id) DO UPDATE SET key = excluded.key
        """,
        [
            book.account_id,
            rows({"signature": signature, "contact": contact, "key": key} for signature, contact, key in keys),
        ],
    )


def delete_contacts(book: Book, contact_ids: Sequence[UUID]) -> None:
    """Not by the ORM, which would look for rows that point at them in all accounts."""
    run(
        f"""DELETE FROM contacts_contact WHERE +account_id = %s AND id IN (SELECT sent.id FROM {sent(id="uuid")})""",
        [book.account_id, rows({"id": pk} for pk in contact_ids)],
    )


def _save_changes(book: Book, touched: Sequence[State], write: Write, gone: Mapping[UUID, str]) -> None:
    """A change per contact that a reader sees changed, older contacts first, numbered on without gaps: the account's
    lock is held."""
    seen = sorted((state for state in touched if state.changed), key=lambda state: state.id.int)
    changes = [
        {
            "number": number,
            "contact": state.id,
            "kind": gone.get(state.id, Change.Kind.CREATED if state.is_new else Change.Kind.UPDATED),
            "fields": sorted(state.fields),
        }
        for number, state in enumerate(seen, start=book.last_change + 1)
    ]
    run(
        f"""
        INSERT INTO contacts_change (account_id, number, contact_id, kind, fields, write_id)
        SELECT %s, sent.number, sent.contact, sent.kind, sent.fields, %s
        FROM {sent(number="bigint", contact="uuid", kind="text", fields="jsonb")}
        """,
        [book.account_id, write.pk, rows(changes)],
    )
    run(
        "UPDATE contacts_contactbook SET last_change = %s WHERE account_id = %s",
        [book.last_change + len(seen), book.account_id],
    )


def _save_items(book: Book, outcome: Outcome, write: Write) -> None:
    """Opens review items. There is one per key: the count of an open one is brought up to date, a decided one is left
    as it is."""
    items = [
        {
            "id": uuid7(),
            "kind": suspicion.doubt,
            "contact": pair.contact,
            "other": pair.other,
            "rule": suspicion.rule,
        }
        for pair, suspicion in outcome.pairs.items()
    ] + [
        {
            "id": uuid7(),
            "kind": ReviewItem.Kind.TOO_COMMON,
            "signature": held.signature,
            "key": held.key,
            "count": crowd.total,
            "rule": crowd.rule,
        }
        for held, crowd in outcome.crowds.items()
    ]
    columns = sent(
        id="uuid", kind="text", contact="uuid", other="uuid", signature="bigint", key="uuid", count="int", rule="int"
    )
    run(
        f"""
        INSERT INTO contacts_reviewitem (id, account_id, kind, state, contact_id, other_id, signature_id, key, count,
            rule_set_id, rule, created_at, decided_by)
        SELECT sent.id, %s, sent.kind, %s, sent.contact, sent.other, sent.signature, sent.key, sent.count,
            %s, sent.rule, %s, ''
        FROM {columns} WHERE true
        ON CONFLICT (account_id, signature_id, key) DO UPDATE SET count = excluded.count
        WHERE contacts_reviewitem.account_id = %s AND contacts_reviewitem.state = %s
        """,
        [
            *(book.account_id, ReviewItem.State.OPEN, book.rule_set_id, parameter(write.at), rows(items)),
            *(book.account_id, ReviewItem.State.OPEN),
        ],
    )
