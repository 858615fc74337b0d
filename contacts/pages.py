"""Reads of many contacts: lists, and the change feed."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from django.db.models import Model, QuerySet

from contacts.models import Change, ContactBook
from contacts.queries import contact_json, utc
from contacts.sql import instant, parameter, probe, rows, select, sent, uuid

M = TypeVar("M", bound=Model)
SCANNED = 10_000
"""Changes that one call goes through at most, to leave out those of the caller."""


class Position(NamedTuple):
    """Where a page of contacts ends: behind this contact."""

    updated_at: datetime
    contact_id: UUID


def rows_behind(rows: QuerySet[M], key: Any, size: int) -> tuple[list[M], Any]:
    """The next rows of a list by primary key, from one end or the other, behind a key (None: the first ones); and
    behind which key there are more (None: there are none)."""
    if key is not None:
        rows = rows.filter(**{"pk__lt" if rows.query.order_by[0] == "-pk" else "pk__gt": key})
    found = list(rows[: size + 1])
    return found[:size], found[size - 1].pk if len(found) > size else None


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which contacts: with an e-mail address (in upper or lower case), changed at an instant or later, with or without
    an id in the caller's id field."""

    email: str | None = None
    updated_since: datetime | None = None
    linked: bool | None = None


def contact_page(
    *, account_id: int, id_field_id: int, wanted: Wanted, after: Position | None, size: int
) -> tuple[list[dict[str, Any]], Position | None]:
    """Contacts as the API shows them, those that changed last at the end, and where the next page begins (None: there
    is none). A contact that changes while one turns the pages comes again, so that nothing is missed."""
    conditions, values = _conditions(account_id, id_field_id, wanted, after)
    # Whose address it is comes first: to go through all contacts in order for it would take long.
    found = select(
        f"""
        WITH named AS MATERIALIZED (
            SELECT id FROM contacts_contact
            WHERE account_id = %s AND lower("values" ->> 'email') = lower(CAST(%s AS text))
        )
        SELECT contact.id, contact.updated_at FROM contacts_contact contact
        WHERE contact.account_id = %s AND contact.merged_into_id IS NULL {conditions}
        ORDER BY contact.updated_at, contact.id LIMIT %s
        """,
        [account_id, wanted.email or "", account_id, *values, size + 1],
    )
    page = [Position(instant(updated_at), uuid(pk)) for pk, updated_at in found[:size]]
    contacts = contacts_by_id(
        account_id=account_id, id_field_id=id_field_id, contact_ids=[each.contact_id for each in page]
    )
    listed = [contacts[each.contact_id] for each in page if each.contact_id in contacts]
    return listed, page[-1] if len(found) > size else None


def _conditions(account_id: int, id_field_id: int, wanted: Wanted, after: Position | None) -> tuple[str, list[Any]]:
    conditions, values = "", list[Any]()
    if wanted.email is not None:
        conditions += " AND contact.id IN (SELECT id FROM named)"
    if wanted.updated_since is not None:
        conditions += " AND contact.updated_at >= %s"
        values.append(parameter(wanted.updated_since))
    if wanted.linked is not None:
        conditions += f""" AND {"" if wanted.linked else "NOT"} EXISTS (
            SELECT 1 FROM contacts_externalid own
            WHERE own.account_id = %s AND own.contact_id = contact.id AND own.id_field_id = %s)"""
        values += [account_id, id_field_id]
    if after is not None:
        conditions += " AND (contact.updated_at, contact.id) > (%s, %s)"
        values += [parameter(after.updated_at), parameter(after.contact_id)]
    return conditions, values


def contacts_by_id(*, account_id: int, id_field_id: int, contact_ids: Collection[UUID]) -> dict[UUID, dict[str, Any]]:
    """Contacts as the API shows them, by the id that was asked for. One that was merged away says into which, and has
    what the survivor at the end has. What is not there is left out. Two queries."""
    of_account = "contact.account_id = %s AND contact.id = chain.now AND contact.merged_into_id"
    found = select(
        f"""
        WITH RECURSIVE chain(asked, now, merged_into) AS (
            SELECT sent.id, sent.id, CAST(NULL AS uuid) FROM {sent(id="uuid")}
            UNION ALL
            SELECT chain.asked, contact.merged_into_id, COALESCE(chain.merged_into, contact.merged_into_id)
            FROM chain {probe("contacts_contact", "contact", f"{of_account} IS NOT NULL")}
        )
        SELECT chain.asked, contact.id, chain.merged_into,
            contact."values", contact.created_at, contact.updated_at, contact.version
        FROM chain {probe("contacts_contact", "contact", f"{of_account} IS NULL")}
        """,
        [rows({"id": pk} for pk in contact_ids), account_id, account_id],
    )
    ids = _external_ids(account_id, {uuid(now) for _, now, *_ in found})
    result = {}
    for asked, now, merged_into, *columns in found:
        by_field = ids.get(uuid(now), {})
        own = by_field.get(id_field_id, ("", [None]))[1][0]
        contact = contact_json(uuid(asked), own, dict(by_field.values()), columns)
        if merged_into is not None:
            contact["merged_into"] = str(uuid(merged_into))
        result[uuid(asked)] = contact
    return result


def _external_ids(account_id: int, contact_ids: Collection[UUID]) -> dict[UUID, dict[int, tuple[str, list[str]]]]:
    """Contact → id field → its name and the contact's ids there, the primary one first."""
    found = select(
        f"""
        SELECT own.contact_id, field.id, field.name, own.value
        FROM {sent(id="uuid")}
        {probe("contacts_externalid", "own", "own.account_id = %s AND own.contact_id = sent.id")}
        {probe("contacts_idfield", "field", "field.account_id = %s AND field.id = own.id_field_id")}
        ORDER BY own.id
        """,
        [rows({"id": pk} for pk in contact_ids), account_id, account_id],
    )
    result: dict[UUID, dict[int, tuple[str, list[str]]]] = {}
    for contact, field, name, value in found:
        result.setdefault(uuid(contact), {}).setdefault(field, (name, []))[1].append(value)
    return result


@dataclass(frozen=True, slots=True)
class ChangePage:
    """Changes as the API shows them, the number to go on behind, and whether there are more already."""

    changes: Sequence[dict[str, Any]]
    cursor: int
    has_more: bool


def change_page(*, account_id: int, id_field_id: int, after: int, exclude_own: bool, size: int) -> ChangePage | None:
    """The changes behind a number, in order, each with its contact as it is now (None: it was erased). `exclude_own`
    leaves out what the id field wrote. None when there is no change of that number yet."""
    # First: what is read afterwards has at least the changes that are counted here.
    last = ContactBook.objects.for_account(account_id).values_list("last_change", flat=True).get()
    if after > last:
        return None
    end = min(after + SCANNED, last)
    changes = Change.objects.for_account(account_id).filter(number__gt=after, number__lte=end)
    if exclude_own:
        changes = changes.exclude(write__id_field_id=id_field_id)
    found = list(changes.values_list("number", "contact_id", "kind", "fields", "write__at")[:size])
    contacts = contacts_by_id(
        account_id=account_id, id_field_id=id_field_id, contact_ids={contact for _, contact, *_ in found}
    )
    told = [
        {
            "number": number,
            "contact_id": str(contact),
            "kind": kind,
            "fields": fields,
            "at": utc(at),
            "contact": contacts.get(contact),
        }
        for number, contact, kind, fields, at in found
    ]
    cursor = found[-1][0] if len(found) == size else end
    return ChangePage(told, cursor, cursor < last)
