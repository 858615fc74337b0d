"""Reads for one contact's page, and for what is done there."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import Count, Max, Q
from django.urls import reverse

from accounts.models import Account
from accounts.queries_activity import Thing
from contacts import explain, pages
from contacts.explain import Source, ValueStory
from contacts.models import Change, Contact, ContactField, ErasedId, ExternalId, FieldType, IdField, Merge, ReviewItem
from contacts.normalise import Value
from contacts.queries import utc

DOUBTS = 25
"""Open doubts on a page."""
NAMES = ("firstName", "infix", "lastName")


def name_of(values: Mapping[str, Any]) -> str:
    """What to call a contact: the person's name, else the organisation's, the e-mail address; empty without these."""
    name = " ".join(str(values[part]) for part in NAMES if values.get(part))
    return name or str(values.get("organisation") or values.get("email") or "")


def local(value: Value, zone: tzinfo) -> datetime | None:
    """A stored moment in a time zone, to the second; None where the zone's calendar has no such year."""
    try:
        return datetime.fromisoformat(str(value).upper()).astimezone(zone).replace(microsecond=0)
    except OverflowError:
        return None


def said(field: ContactField | None, value: Value | None, zone: tzinfo) -> str:
    """A value as people read it, moments in their time zone; empty for none."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if isinstance(value, list):
        return ", ".join(value)
    moment = local(value, zone) if field is not None and field.type == FieldType.DATE_TIME else None
    return str(value) if moment is None else f"{moment:%Y-%m-%d %H:%M:%S}"


def fields_of(account: Account) -> dict[str, ContactField]:
    """The account's contact fields by name, in their order, retired ones too."""
    return {field.name: field for field in ContactField.objects.for_account(account)}


def survivor_of(contact: Contact) -> Contact:
    """The contact that a merged one lives on in; itself when it was not merged away."""
    while contact.merged_into_id is not None:
        contact = Contact.objects.for_account(contact.account_id).get(pk=contact.merged_into_id)
    return contact


@dataclass(frozen=True, slots=True)
class ValueRow:
    """A field on the page: value, source and what stood there before, as people read them."""

    field: ContactField
    value: str
    story: ValueStory
    before: str


@dataclass(frozen=True, slots=True)
class MergedFrom:
    """A merge that this contact survived, and whether it may be undone: not when one of both was merged again."""

    merge: Merge
    name: str
    is_undone: bool
    is_newest: bool


@dataclass(frozen=True, slots=True)
class ContactPage:
    """All that a contact's page shows, but its history (contacts.queries_history)."""

    name: str
    values: Sequence[ValueRow]
    ids: Sequence[tuple[int, Source]]
    """Primary key and source of each external id, field by field."""
    merged_from: Sequence[MergedFrom]
    doubts: Sequence[tuple[ReviewItem, str]]
    """Each with what the other contact is called."""


def contact_page(account: Account, contact: Contact) -> ContactPage:
    """The number of queries is fixed."""
    fields, told = fields_of(account), explain.story(account_id=account.pk, contact=contact)
    values = [
        ValueRow(field, said(field, each.value, account.zone), each, said(field, each.value_before, account.zone))
        for name, field in fields.items()
        for each in [told.values.get(name)]
        if each is not None
    ]
    ids = sorted(
        told.external_ids.items(), key=lambda each: (0 if each[1].id_field is None else each[1].id_field.pk, each[0])
    )
    return ContactPage(
        name_of(contact.values), values, ids, merged_from(account, contact.pk), open_doubts(account, contact.pk)
    )


def merged_from(account: Account, contact_id: UUID) -> list[MergedFrom]:
    """The merges that a contact survived, newest first; those undone too."""
    rows = Merge.objects.for_account(account).filter(survivor_id=contact_id).select_related("write")
    merges = list(rows.exclude(state=Merge.State.ERASED))
    blocked = merged_since(account, merges)
    return [
        MergedFrom(merge, _lost_name(merge), merge.state == Merge.State.UNDONE, merge.pk not in blocked)
        for merge in merges
    ]


def _lost_name(merge: Merge) -> str:
    """What the contact that was merged away was called; empty once the merge was undone."""
    return "" if merge.before is None else name_of(merge.before["loser"]["values"])


def merged_since(account: Account, merges: Collection[Merge]) -> set[int]:
    """Those of the merges after which one of their contacts was merged again, and is still."""
    contacts = {contact for merge in merges for contact in (merge.survivor_id, merge.loser_id)}
    done = Merge.objects.for_account(account).filter(
        Q(survivor_id__in=contacts) | Q(loser_id__in=contacts), state=Merge.State.DONE
    )
    others = list(done.values_list("pk", "survivor_id", "loser_id"))
    return {
        merge.pk
        for merge in merges
        for pk, *both in others
        if pk > merge.pk and not {merge.survivor_id, merge.loser_id}.isdisjoint(both)
    }


def open_doubts(account: Account, contact_id: UUID) -> list[tuple[ReviewItem, str]]:
    """What waits for a person about a contact, oldest first, and what the other contact is called."""
    waiting = (ReviewItem.State.OPEN, ReviewItem.State.LATER)
    items = ReviewItem.objects.for_account(account).filter(state__in=waiting)
    found = items.filter(Q(contact=contact_id) | Q(other=contact_id)).select_related("contact", "other")
    return [
        (item, name_of((item.other if item.contact_id == contact_id else item.contact).values))
        for item in found.order_by("pk")[:DOUBTS]
    ]


def ids_of(account: Account, contact_id: UUID) -> list[ExternalId]:
    """A contact's external ids."""
    rows = ExternalId.objects.for_account(account).filter(contact_id=contact_id)
    return list(rows.select_related("id_field__source_system").order_by("id_field_id", "pk"))


class SidesRow(NamedTuple):
    """A field in which something moves when a contact is parted in two, as people read it."""

    label: str
    now: str
    stays: str
    goes: str


def sides(account: Account, fields: Mapping[str, tuple[Value | None, Value | None, Value | None]]) -> list[SidesRow]:
    """The fields in which something moves. `fields`: what stands there now, what stays, what goes."""
    known = fields_of(account)
    return [
        SidesRow(field.label, *(said(field, each, account.zone) for each in fields[name]))
        for name, field in known.items()
        if name in fields
        for now, stays, goes in [fields[name]]
        if now != stays or goes is not None
    ]


@dataclass(frozen=True, slots=True)
class Weight:
    """How much an erasure takes."""

    values: int
    ids: int
    merged: int


def weight(account: Account, contact: Contact) -> Weight:
    """How much there is of a contact, and of those merged into it."""
    merged, newest = 0, [contact.pk]
    while newest:
        rows = Contact.objects.for_account(account).filter(merged_into__in=newest)
        newest = list(rows.values_list("pk", flat=True))
        merged += len(newest)
    ids = ExternalId.objects.for_account(account).filter(contact=contact)
    return Weight(len(contact.values), ids.count(), merged)


def erasures(account: Account) -> list[tuple[IdField, int, Any]]:
    """The id fields in which ids are refused since their contacts were erased: how many, and when last."""
    counted = ErasedId.objects.for_account(account).order_by().values("id_field_id")
    found = {row["id_field_id"]: row for row in counted.annotate(count=Count("pk"), last=Max("erased_at"))}
    fields = IdField.objects.for_account(account).select_related("source_system")
    return [(field, found[field.pk]["count"], found[field.pk]["last"]) for field in fields if field.pk in found]


def everything(account: Account, contact: Contact) -> dict[str, Any]:
    """All that is known of a contact, as JSON."""
    found = pages.contacts_by_id(account_id=account.pk, id_field_id=0, contact_ids=[contact.pk])
    known = {name: value for name, value in found[contact.pk].items() if name != "external_id"}
    changes = Change.objects.for_account(account).filter(contact_id=contact.pk).select_related("write__id_field")
    items = ReviewItem.objects.for_account(account).filter(Q(contact=contact) | Q(other=contact)).order_by("pk")
    return known | {
        "explanation": explain.explanation(account_id=account.pk, contact_id=contact.pk, with_values=True),
        "history": [_change(change) for change in changes],
        "merged_from": [_merge(each) for each in merged_from(account, contact.pk)],
        "review_items": [_item(item, contact.pk) for item in items],
    }


def _change(change: Change) -> dict[str, Any]:
    write = change.write
    return {
        "number": change.number,
        "kind": change.kind,
        "fields": change.fields,
        "at": utc(write.at),
        "by": write.by or None,
        "id_field": None if write.id_field is None else write.id_field.name,
    }


def _merge(each: MergedFrom) -> dict[str, Any]:
    write = each.merge.write
    return {"id": str(each.merge.loser_id), "at": utc(write.at), "by": write.by, "state": each.merge.state}


def _item(item: ReviewItem, contact_id: UUID) -> dict[str, Any]:
    return {
        "kind": item.kind,
        "state": item.state,
        "other_contact": str(item.other_id if item.contact_id == contact_id else item.contact_id),
        "created_at": utc(item.created_at),
        "decided_at": None if item.decided_at is None else utc(item.decided_at),
        "decided_by": item.decided_by or None,
    }


def labels(fields: Mapping[str, ContactField], names: Iterable[str]) -> list[str]:
    """What people call the fields."""
    return [fields[name].label if name in fields else name for name in names]


def things(account: Account, ids: Collection[UUID]) -> dict[UUID, Thing]:
    """Contacts by id, for an account's activity. One that was merged has no name, and leads to its survivor."""
    rows = Contact.objects.for_account(account).filter(pk__in=ids)
    return {
        row.pk: Thing(
            name_of(row.values) or f"Contact …{str(row.pk)[-6:]}",
            reverse("contacts-contact", kwargs={"account_number": account.number, "pk": row.pk}),
        )
        for row in rows.only("values", "account_id")
    }
