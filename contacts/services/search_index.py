"""What contacts are found by follows the account's changes, behind the writes: it costs these nothing.

Whoever makes terms holds the row lock of the account's index, never the one that writers take. An erasure takes both,
so that nobody who read a contact before it was erased can leave a term of it behind.
"""

import sqlite3
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from threading import Event
from uuid import UUID

import structlog
from django.db import DatabaseError, OperationalError, connection, transaction

from accounts.models import Account
from contacts import search_terms
from contacts.models import Change, ContactBook, ContactField, SearchIndex
from contacts.sql import json, probe, rows, run, select, sent, uuid

log = structlog.get_logger(__name__)

CHUNK = 1000
"""Changes whose contacts are indexed in one go."""
AT_ONCE = 500
"""Changes that a search waits for: what was just written is found, and a long import does not hold up a page."""


def catch_up(*, account: Account) -> int:
    """Indexes what is missing, if it is little and nobody else is at it: a page waits for no worker. How many changes
    are missing afterwards."""
    missing = _missing(account)
    if not 0 < missing <= AT_ONCE:
        return missing
    left = None
    with _waiting_for_nobody():
        left = _advance(account.pk)
    return _missing(account) if left is None else left


def catch_up_all(*, stopping: Event) -> None:
    """Indexes what is missing in all accounts, a chunk of each in turn, but for those that another worker is at."""
    while not stopping.is_set():
        advanced = [_try(account_id) for account_id in _behind() if not stopping.is_set()]
        if all(missing is None for missing in advanced):
            return


@transaction.atomic
def rebuild(*, account: Account) -> None:
    """Has workers make all terms of an account anew. Those that are there are used until then."""
    SearchIndex.objects.for_account(account).update(last_change=0)


def forget(*, account_id: int, contact_ids: Collection[UUID]) -> None:
    """Deletes what contacts that are being erased were found by, in the transaction that erases them."""
    SearchIndex.objects.for_account(account_id).select_for_update().get()
    held = "held.account_id = %s AND held.contact_id = sent.id"
    run(
        f"""
        DELETE FROM contacts_searchterm WHERE contacts_searchterm.account_id = %s AND id IN (
            SELECT held.id FROM {sent(id="uuid")} {probe("contacts_searchterm", "held", held)}
        )
        """,
        [account_id, rows({"id": pk} for pk in contact_ids), account_id],
    )


def _try(account_id: int) -> int | None:
    """An account that fails does not keep the others waiting; a database that does, does."""
    try:
        return _advance(account_id)
    except DatabaseError:
        raise
    except Exception:
        log.exception("search_index_failed", account_id=account_id)
        return None


def _missing(account: Account) -> int:
    index = SearchIndex.objects.for_account(account).get()
    last: int = ContactBook.objects.for_account(account).values_list("last_change", flat=True).get()
    return last - _done(index, account.phone_region)


def _done(index: SearchIndex, phone_region: str) -> int:
    """The newest change that is in; none is where the terms would be others now."""
    as_now = (index.version, index.phone_region) == (search_terms.VERSION, phone_region)
    return index.last_change if as_now else 0


def _behind() -> list[int]:
    """The accounts, as primary keys, whose index lacks something."""
    found = select(
        """
        SELECT book.account_id FROM contacts_contactbook book
        JOIN contacts_searchindex search ON search.account_id = book.account_id
        JOIN accounts_account account ON account.id = book.account_id
        WHERE book.last_change > search.last_change
        OR (book.last_change > 0 AND (search.version <> %s OR search.phone_region <> account.phone_region))
        """,
        [search_terms.VERSION],
    )
    return [account_id for (account_id,) in found]


@contextmanager
def _waiting_for_nobody() -> Iterator[None]:
    """SQLite locks no rows but its file, for any write: leaves the block where another has that."""
    if connection.vendor != "sqlite":
        yield
        return
    ((as_it_was,),) = select("PRAGMA busy_timeout", ())
    run("PRAGMA busy_timeout = 0", ())
    try:
        yield
    except OperationalError as error:
        if getattr(error.__cause__, "sqlite_errorcode", None) != sqlite3.SQLITE_BUSY:
            raise
    finally:
        run(f"PRAGMA busy_timeout = {as_it_was}", ())


@transaction.atomic
def _advance(account_id: int) -> int | None:
    """Indexes the contacts of the next chunk of changes. How many changes are missing afterwards; None when another is
    at it, or nothing is."""
    indexes = SearchIndex.objects.for_account(account_id).select_for_update(skip_locked=True)
    index: SearchIndex | None = indexes.first()
    if index is None:
        return None
    region = Account.objects.values_list("phone_region", flat=True).get(pk=account_id)
    last: int = ContactBook.objects.for_account(account_id).values_list("last_change", flat=True).get()
    done = _done(index, region)
    index.last_change, index.version, index.phone_region = min(last, done + CHUNK), search_terms.VERSION, region
    if done == last:
        return None
    changes = Change.objects.for_account(account_id).filter(number__gt=done, number__lte=index.last_change)
    _index(account_id, set(changes.values_list("contact_id", flat=True)), region)
    SearchIndex.objects.for_account(account_id).save_fields(index, "last_change", "version", "phone_region")
    return last - index.last_change


def _index(account_id: int, contact_ids: Collection[UUID], region: str) -> None:
    """Makes the terms of contacts what they are to be; those of contacts that are not there any more go."""
    wanted = _terms(account_id, contact_ids, region)
    held = select(
        f"""
        SELECT held.id, held.contact_id, held.term FROM {sent(id="uuid")}
        {probe("contacts_searchterm", "held", "held.account_id = %s AND held.contact_id = sent.id")}
        """,
        [rows({"id": pk} for pk in contact_ids), account_id],
    )
    gone = []
    for pk, contact, term in held:
        if term in (own := wanted.get(uuid(contact), set())):
            own.remove(term)
        else:
            gone.append({"id": pk})
    run(
        f"""
        DELETE FROM contacts_searchterm WHERE contacts_searchterm.account_id = %s
        AND id IN (SELECT sent.id FROM {sent(id="bigint")})
        """,
        [account_id, rows(gone)],
    )
    run(
        f"""
        INSERT INTO contacts_searchterm (account_id, term, contact_id)
        SELECT %s, sent.term, sent.contact FROM {sent(term="text", contact="uuid")}
        """,
        [
            account_id,
            rows({"term": term, "contact": contact} for contact, own in wanted.items() for term in sorted(own)),
        ],
    )


def _terms(account_id: int, contact_ids: Collection[UUID], region: str) -> dict[UUID, set[str]]:
    """What the contacts are to be found by. Nothing those that were merged into another or erased."""
    types: Mapping[str, str] = dict(ContactField.objects.for_account(account_id).values_list("name", "type"))
    scope = [rows({"id": pk} for pk in contact_ids), account_id]
    own = "own.account_id = %s AND own.contact_id = sent.id"
    ids: dict[UUID, list[str]] = {}
    for contact, value in select(
        f"""SELECT own.contact_id, own.value FROM {sent(id="uuid")} {probe("contacts_externalid", "own", own)}""", scope
    ):
        ids.setdefault(uuid(contact), []).append(value)
    there = "contact.account_id = %s AND contact.id = sent.id AND contact.merged_into_id IS NULL"
    found = select(
        f"""
        SELECT contact.id, contact."values" FROM {sent(id="uuid")} {probe("contacts_contact", "contact", there)}
        """,
        scope,
    )
    return {uuid(pk): search_terms.terms(json(values), ids.get(uuid(pk), ()), types, region) for pk, values in found}
