"""Taking a contact apart, and editing it by hand: what only people do, and neither merges nor erases."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import transaction
from uuid_utils.compat import uuid7

from accounts.actor import Actor
from accounts.errors import FieldError, NotFound, ValidationFailed
from accounts.models import Account
from accounts.services import audit
from contacts import normalise, state
from contacts.models import Contact, ContactField, ExternalId, Merge, ReviewItem
from contacts.normalise import Field, Invalid, Value
from contacts.provenance import THIS_WRITE, Writer, decode, encode, part
from contacts.review import Pair
from contacts.services.by_hand import ByHand, Sides, warnings, with_merged
from contacts.state import State


@transaction.atomic
def split(
    *,
    account: Account,
    id_field_id: int,
    external_id: str,
    contact_id: UUID | None = None,
    version: int | None = None,
    by: Actor,
) -> UUID:
    """Takes an external id out of its contact into one of its own, with the values that it sent last; the contact
    keeps those that others sent too, and gets back what each of the rest replaced. The two become *not a match*.
    Returns the new contact's id. `contact_id` and `version`: those that the person saw it at.

    Raises NotFound `contact_not_found`, also when it points at another contact by now, and PreconditionFailed
    `version_mismatch`.
    """
    hand = ByHand.begin(account, by)
    ids = ExternalId.objects.for_account(account)
    row: ExternalId | None = ids.filter(id_field_id=id_field_id, value=external_id).first()
    if row is None:
        raise NotFound("There is no such external id in this account.", code="contact_not_found")
    if contact_id is not None and row.contact_id != contact_id:
        raise NotFound("This id points at another contact by now.", code="contact_not_found")
    contact = hand.load_seen(row.contact_id, version)
    apart = State(uuid7(), {}, {}, version=0, is_new=True)
    hand.states[apart.id] = apart
    contact.changed = apart.changed = True
    writer = Writer(id_field_id, external_id)
    _part(hand, contact, apart, writer)
    _take_out_of_merges(account, contact.id, writer)
    pair = Pair.of(contact.id, apart.id)
    ReviewItem.objects.for_account(account).create(
        kind=ReviewItem.Kind.POSSIBLE_DUPLICATE,
        state=ReviewItem.State.NOT_A_MATCH,
        contact_id=pair.contact,
        other_id=pair.other,
        rule_set_id=hand.row.rule_set_id,
        created_at=hand.row.at,
        decided_at=hand.row.at,
        decided_by=by.label,
    )
    hand.save(hand.review())
    row.contact_id, row.write, row.rule = apart.id, hand.row, None
    ids.save_fields(row, "contact_id", "write", "rule")
    _record(account, "contact.split", contact.id, by, {"new_contact": str(apart.id)})
    return apart.id


def look_at_split(*, contact: Contact, writer: Writer) -> dict[str, Sides]:
    """What `split` would do to each field of the contact that has this external id; writes nothing."""
    return {
        name: Sides(value, parted.stayed, None if parted.went is None else parted.went[0])
        for name, entry in sorted(decode(contact.provenance, contact.values).items())
        for value in [contact.values.get(name)]
        for parted in [part(entry, value, writer)]
    }


def _part(hand: ByHand, contact: State, apart: State, writer: Writer) -> None:
    """Gives the new contact all that the writer sent last, and the old one what others did."""
    moving: dict[str, Value | None] = {}
    staying: dict[str, Value | None] = {}
    for name, entry in list(contact.provenance.items()):
        parted = part(entry, contact.values.get(name), writer)
        if parted.went is not None:
            moving[name], apart.provenance[name] = parted.went
        staying[name] = parted.stayed
        if parted.entry is not None:
            contact.provenance[name] = parted.entry
        else:
            del contact.provenance[name]
    hand.put(contact, staying)
    hand.put(apart, moving)


def _take_out_of_merges(account: Account, contact_id: UUID, writer: Writer) -> None:
    """What the contact's merges remember of the writer goes, too: it is another person's, and undoing them would give
    it back to this one."""
    family = with_merged(account, contact_id)
    merges = Merge.objects.for_account(account)
    for merge in merges.filter(state=Merge.State.DONE, survivor_id__in=family):
        merge.before |= {side: _without(merge.before[side], writer) for side in ("survivor", "loser")}
        merges.save_fields(merge, "before")


def _without(snapshot: Mapping[str, Any], writer: Writer) -> dict[str, Any]:
    """A contact as a merge remembers it, without what a writer alone sent."""
    values, entries = dict(snapshot["values"]), decode(snapshot["provenance"], snapshot["values"])
    for name, entry in list(entries.items()):
        _, value, stays = part(entry, values.pop(name, None), writer)
        if value is not None:
            values[name] = value
        if stays is not None:
            entries[name] = stays
        else:
            del entries[name]
    return {"values": values, "provenance": encode(entries, values, THIS_WRITE)}


@transaction.atomic
def edit(
    *, account: Account, contact_id: UUID, values: Mapping[str, object], version: int | None = None, by: Actor
) -> list[dict[str, Any]]:
    """Writes values by hand (None empties); returns the possible duplicates that come of it, as the API tells them.
    `version`: the one that the person saw.

    Raises NotFound `contact_not_found`, Conflict `merged_away`, PreconditionFailed `version_mismatch`,
    ValidationFailed naming each field.
    """
    hand = ByHand.begin(account, by)
    contact = hand.load_seen(contact_id, version)
    sent = _checked(account, values)
    _, moved = state.write(contact, sent, hand.stamp, hand.book.rules)
    hand.moved(contact, moved)
    findings = hand.review()
    hand.save(findings)
    if contact.changed:
        _record(account, "contact.edited", contact.id, by, {"fields": sorted(contact.fields)})
    return [warning for told in findings.told for warning in warnings(told)]


def _checked(account: Account, values: Mapping[str, object]) -> dict[str, Value | None]:
    """The values as they are stored. Raises ValidationFailed."""
    fields = {field.name: field for field in ContactField.objects.for_account(account)}
    errors, sent = [], {}
    for name, value in values.items():
        if name not in fields:
            errors.append(FieldError(name, "unknown_field", f"There is no contact field “{name[:63]}”."))
        elif fields[name].retired_at is not None:
            errors.append(FieldError(name, "retired_field", f"{name} is retired and takes no values any more."))
        else:
            try:
                sent[name] = normalise.stored(Field(fields[name].type, tuple(fields[name].choices)), value)
            except Invalid as refusal:
                errors.append(FieldError(name, refusal.code, refusal.detail))
    if errors:
        raise ValidationFailed(errors)
    return sent


def _record(account: Account, action: str, contact_id: UUID, by: Actor, after: dict[str, Any]) -> None:
    audit.record(account=account, action=action, object_id=contact_id, object_label=str(contact_id), after=after, by=by)
