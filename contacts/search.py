"""Finding contacts: pages of those that changed last, and of those that a text finds."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from contacts.models import IdField
from contacts.normalise import CONTROL
from contacts.pages import Position, contacts_by_id
from contacts.search_terms import LAST, NAMES, prefixes
from contacts.sql import Query, instant, parameter, probe, rows, select, sent, uuid

COUNTED = 10_000
"""Contacts are counted this far: to count all of a large base would take longer than to show a page of it."""
READ = 2 * COUNTED
"""Terms that are read for that."""
PERSON, ORGANISATION = NAMES


class Place(NamedTuple):
    """Where a page of found contacts ends: behind this contact, which this term found."""

    term: str
    contact_id: UUID


@dataclass(frozen=True, slots=True)
class Row:
    """A contact as a list shows it. `ids`: its external ids in each id field, the primary one first."""

    id: UUID
    name: str
    organisation: str
    email: str
    ids: Sequence[tuple[IdField, Sequence[str]]]
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Count:
    """So many; and `more`, which were not counted."""

    number: int
    more: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """A page of contacts, how many there are on all pages, and behind which the next begins (None: there is none)."""

    rows: Sequence[Row]
    count: Count | None
    """Only of the first page."""
    next: Position | Place | None


def page(*, account_id: int, query: str, after: Position | Place | None, size: int) -> Found:
    """A page of what the query finds, of all contacts when it is empty. A place on a page of the other kind is none."""
    if query:
        return find(account_id=account_id, query=query, after=after if isinstance(after, Place) else None, size=size)
    return latest(account_id=account_id, after=after if isinstance(after, Position) else None, size=size)


def latest(*, account_id: int, after: Position | None, size: int) -> Found:
    """Contacts, those that changed last first."""
    beyond, values = "", list[Any]()
    if after is not None:
        beyond = "AND (contact.updated_at, contact.id) < (%s, %s)"
        values = [parameter(after.updated_at), parameter(after.contact_id)]
    found = select(
        f"""
        SELECT contact.updated_at, contact.id FROM contacts_contact contact
        WHERE contact.account_id = %s AND contact.merged_into_id IS NULL {beyond}
        ORDER BY contact.updated_at DESC, contact.id DESC LIMIT %s
        """,
        [account_id, *values, size + 1],
    )
    places = [Position(instant(updated_at), uuid(pk)) for updated_at, pk in found]
    listed = [each.contact_id for each in places[:size]]
    more = len(places) > size
    count = None if after else _count_all(account_id) if more else Count(len(listed))
    return Found(_rows(account_id, listed), count, places[size - 1] if more else None)


def find(*, account_id: int, query: str, after: Place | None, size: int) -> Found:
    """Contacts with a term that begins as the query, in the order of their first such term. Before all others, on the
    first page, those with exactly this id: their own, or one in an id field."""
    named = _named(account_id, query)[: size - 1]
    asked = _by_term(account_id, prefixes(query), after, size + len(named) + 1)
    places = [Place(term, uuid(pk)) for term, pk in (select(*asked) if asked else [])]
    others = [each for each in places if each.contact_id not in named]
    first = [] if after else named
    rest = others[: size - len(first)]
    listed = [*first, *(each.contact_id for each in rest)]
    more = len(others) > len(rest)
    count = None if after else _count_found(account_id, prefixes(query), named) if more else Count(len(listed))
    return Found(_rows(account_id, listed), count, rest[-1] if more else None)


def id_fields(account_id: int) -> list[IdField]:
    """The account's id fields in the order of their columns."""
    return list(IdField.objects.for_account(account_id))


def _count_all(account_id: int) -> Count:
    ((found,),) = select(
        """
        SELECT count(*) FROM (
            SELECT 1 FROM contacts_contact contact WHERE contact.account_id = %s AND contact.merged_into_id IS NULL
            LIMIT %s
        ) counted
        """,
        [account_id, COUNTED + 1],
    )
    return Count(min(found, COUNTED), found > COUNTED)


def _count_found(account_id: int, sought: Sequence[str], named: Sequence[UUID]) -> Count:
    """By terms: a contact may have several that are found, so that more of them are read."""
    within = "found.account_id = %s AND found.term >= %s AND found.term < %s"
    part = f"SELECT * FROM (SELECT found.contact_id FROM contacts_searchterm found WHERE {within} LIMIT %s) part"
    scope = [value for each in sought for value in (account_id, each, each + LAST, READ + 1)]
    ((terms, contacts),) = select(
        f"""
        SELECT count(*), count(DISTINCT contact_id) FROM (
            {" UNION ALL ".join([part] * len(sought))} UNION ALL SELECT sent.id FROM {sent(id="uuid")}
        ) counted
        """,
        [*scope, rows({"id": pk} for pk in named)],
    )
    return Count(min(contacts, COUNTED), contacts > COUNTED or terms - len(named) > READ)


def _named(account_id: int, query: str) -> list[UUID]:
    """Contacts that this very text is an id of, found without the index of terms."""
    text = CONTROL.sub("", query).strip()
    own = "own.account_id = %s AND own.id_field_id = field.id AND own.value = %s"
    there = "contact.account_id = %s AND contact.merged_into_id IS NULL AND contact.id ="
    found = select(
        f"""
        SELECT contact.id FROM contacts_idfield field
        {probe("contacts_externalid", "own", own)}
        {probe("contacts_contact", "contact", f"{there} own.contact_id")}
        WHERE field.account_id = %s ORDER BY field.id
        """,
        [account_id, text, account_id, account_id],
    )
    with suppress(ValueError):
        found += select(
            f"SELECT contact.id FROM contacts_contact contact WHERE {there} %s", [account_id, parameter(UUID(text))]
        )
    return list(dict.fromkeys(uuid(pk) for (pk,) in found))


def _by_term(account_id: int, sought: Sequence[str], after: Place | None, limit: int) -> Query | None:
    """Term and contact, each contact once, with the first of its terms that is sought; None where nothing can be."""
    # Looked up by contact, never by term: of a common one there may be as many as contacts.
    within = " OR ".join("(before.term || '' >= %s AND before.term || '' < %s)" for _ in sought)
    bounds = [bound for each in sought for bound in (each, each + LAST)]
    parts, values = list[str](), list[Any]()
    for prefix in sought:
        if after is None or after.term < prefix:
            beyond, start = "found.term >= %s", [prefix]
        elif after.term.startswith(prefix):
            beyond, start = "(found.term, found.contact_id) > (%s, %s)", [after.term, parameter(after.contact_id)]
        else:
            continue
        parts.append(
            f"""
            SELECT * FROM (
                SELECT found.term, found.contact_id FROM contacts_searchterm found
                WHERE found.account_id = %s AND {beyond} AND found.term < %s
                AND (SELECT 1 FROM contacts_searchterm before
                    WHERE before.account_id = %s AND before.contact_id = found.contact_id
                    AND before.term || '' < found.term AND ({within}) LIMIT 1) IS NULL
                AND (SELECT 1 FROM contacts_contact contact
                    WHERE contact.account_id = %s AND contact.id = found.contact_id
                    AND contact.merged_into_id IS NULL) IS NOT NULL
                ORDER BY found.term, found.contact_id LIMIT %s
            ) part
            """
        )
        values += [account_id, *start, prefix + LAST, account_id, *bounds, account_id, limit]
    if not parts:
        return None
    return f"{' UNION ALL '.join(parts)} ORDER BY term, contact_id LIMIT %s", [*values, limit]


def _rows(account_id: int, contact_ids: Sequence[UUID]) -> list[Row]:
    """In this order; those that are gone meanwhile are left out."""
    contacts = contacts_by_id(account_id=account_id, id_field_id=0, contact_ids=contact_ids)
    columns = id_fields(account_id)
    return [_row(contacts[pk], columns) for pk in contact_ids if pk in contacts]


def _row(contact: Mapping[str, Any], columns: Sequence[IdField]) -> Row:
    values, ids = contact["values"], contact["external_ids"]
    name, organisation = (
        " ".join(str(values[part]) for part in parts if part in values) for parts in (PERSON, ORGANISATION)
    )
    return Row(
        id=UUID(contact["id"]),
        name=name,
        organisation=organisation,
        email=str(values.get("email", "")),
        ids=[(field, ids.get(field.name, ())) for field in columns],
        updated_at=datetime.fromisoformat(contact["updated_at"]),
    )
