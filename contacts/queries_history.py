"""Reads of what became of a contact: its changes, what people did in them and to whom, and that it was erased."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q

from accounts.models import Account
from contacts.models import Change, Contact, Merge
from contacts.queries_contact import name_of

HISTORY = 25
"""Changes on a page."""
Kind = Change.Kind


@dataclass(frozen=True, slots=True)
class Told:
    """A change as people read it. `other`: the contact that it was about too (None: nobody else), what it is called,
    and whether it has a page of its own now."""

    change: Change
    what: str
    other: UUID | None = None
    other_name: str = ""
    is_there: bool = False


def history(account: Account, contact_id: UUID, before: int | None) -> tuple[list[Told], int | None]:
    """A contact's changes, newest first, from behind a number; and where older ones begin (None: there are none).
    The number of queries is fixed."""
    rows = Change.objects.for_account(account).filter(contact_id=contact_id)
    if before is not None:
        rows = rows.filter(number__lt=before)
    found = list(rows.select_related("write__id_field__source_system").order_by("-number")[: HISTORY + 1])
    shown, older = found[:HISTORY], found[HISTORY - 1].number if len(found) > HISTORY else None
    others = _others(account, shown)
    merges = _merges(account, contact_id)
    contacts = Contact.objects.for_account(account).in_bulk({each.contact_id for each in others.values()})
    return [_told(change, others.get(change.number), merges, contacts) for change in shown], older


def _others(account: Account, changes: Iterable[Change]) -> dict[int, Change]:
    """By number, what the same write made of another contact, where a person wrote it: of two at most, whose numbers
    are neighbours."""
    by_hand = {change.number: change for change in changes if change.write.id_field_id is None}
    beside = {number + step for number in by_hand for step in (-1, 1)}
    found = Change.objects.for_account(account).filter(number__in=beside)
    return {
        change.number: other
        for other in found
        for change in (by_hand.get(other.number - 1), by_hand.get(other.number + 1))
        if change is not None and change.write_id == other.write_id and change.contact_id != other.contact_id
    }


def _merges(account: Account, contact_id: UUID) -> list[tuple[UUID, UUID, int]]:
    """Survivor, loser and write of each merge that the contact was in."""
    rows = Merge.objects.for_account(account).filter(Q(survivor_id=contact_id) | Q(loser_id=contact_id))
    return list(rows.values_list("survivor_id", "loser_id", "write_id"))


def _told(
    change: Change,
    other: Change | None,
    merges: Sequence[tuple[UUID, UUID, int]],
    contacts: Mapping[UUID, Contact],
) -> Told:
    if other is None:
        return Told(change, change.get_kind_display())
    contact = contacts.get(other.contact_id)
    is_there = contact is not None and contact.merged_into_id is None
    return Told(
        change,
        _what(change, other, merges),
        other.contact_id,
        name_of(contact.values) if contact is not None and is_there else "",
        is_there,
    )


def _what(change: Change, other: Change, merges: Sequence[tuple[UUID, UUID, int]]) -> str:
    """A merge, its undoing or a split, seen from the contact of the change. Split off is only what was never merged."""
    if other.kind == Kind.MERGED:
        return "Merged with"
    if change.kind == Kind.MERGED:
        return "Merged into"
    both = {change.contact_id, other.contact_id}
    was_merged = any({survivor, loser} == both and write < change.write_id for survivor, loser, write in merges)
    if change.kind == Kind.CREATED:
        return "Merge undone, apart again from" if was_merged else "Split off from"
    return "Merge undone, apart again from" if was_merged else "Split off"


def erasure(account: Account, contact_id: UUID) -> Change | None:
    """The change in which a contact that is gone was erased, or one that it was merged into; None for any other."""
    changes = Change.objects.for_account(account).filter(kind=Kind.ERASED).select_related("write__id_field")
    gone: UUID | None = contact_id
    while gone is not None:
        found: Change | None = changes.filter(contact_id=gone).first()
        if found is not None:
            return found
        merges = Merge.objects.for_account(account).filter(loser_id=gone).exclude(state=Merge.State.UNDONE)
        gone = merges.values_list("survivor_id", flat=True).first()
    return None
