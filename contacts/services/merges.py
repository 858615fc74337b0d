"""Merging two contacts, and undoing it: only people do these. What each means stands in the functions."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction
from msgspec import structs

from accounts.actor import Actor
from accounts.errors import Conflict, NotFound, ValidationFailed
from accounts.models import Account
from accounts.services import audit
from contacts import queries_contact as queries
from contacts.models import Change, Contact, ExternalId, FormerId, IdField, Merge
from contacts.normalise import Value
from contacts.provenance import Before, Entry, Stamp, decode, encode
from contacts.services import merged_items
from contacts.services.by_hand import ByHand, Sides
from contacts.state import State

Held = tuple[Value | None, Entry | None]
"""What a contact has in a field: the value and its provenance."""


@dataclass(frozen=True, slots=True)
class Undone:
    """A merge that was undone, and what stayed with the survivor because others linked or wrote it since."""

    merge: Merge
    stayed_ids: list[tuple[str, str]]
    """Id field's name and value."""
    stayed_fields: list[str]


@transaction.atomic
def merge(
    *, account: Account, survivor_id: UUID, loser_id: UUID, choices: Mapping[str, UUID] | None = None, by: Actor
) -> Merge:
    """Makes two contacts one. The survivor's value wins where both have one, unless `choices` names the loser for a
    field; all external ids move to the survivor, whose own stay primary; the loser's id keeps resolving to it.

    Raises NotFound `contact_not_found`, Conflict `merged_away`, ValidationFailed (`loser`, `choices`).
    """
    if survivor_id == loser_id:
        raise ValidationFailed.of("loser", "same_contact", "Choose two different contacts.")
    hand = ByHand.begin(account, by)
    survivor, loser = hand.load(survivor_id, loser_id)
    chosen = _chosen(survivor, loser, choices or {})
    before: dict[str, Any] = {"survivor": _snapshot(survivor), "loser": _snapshot(loser)}
    hand.put(loser, dict.fromkeys(loser.values))
    _hold(hand, survivor, chosen)
    loser.provenance = {}
    survivor.changed = loser.changed = True
    before["ids"] = _move_ids(account, loser.id, survivor.id)
    formers = FormerId.objects.for_account(account).filter(contact_id=loser.id)
    before["former"] = list(formers.values_list("pk", flat=True))
    formers.update(contact_id=survivor.id)
    items = merged_items.look(account, survivor.id, loser.id)
    merged_items.settle(account, survivor.id, loser.id, hand.row)
    findings = hand.review()
    items |= merged_items.look_at_keys(account, findings.crowds)
    hand.save(findings, kinds={loser.id: Change.Kind.MERGED})
    Contact.objects.for_account(account).filter(pk=loser.id).update(merged_into=survivor.id)
    before["items"] = merged_items.changed(account, items, hand.row)
    done: Merge = Merge.objects.for_account(account).create(
        survivor_id=survivor.id, loser_id=loser.id, write=hand.row, before=before
    )
    _record(account, "contact.merged", done, by)
    return done


def _chosen(survivor: State, loser: State, choices: Mapping[str, UUID]) -> dict[str, Held]:
    """What the survivor has after the merge, field by field."""
    for name, contact in choices.items():
        if contact not in {survivor.id, loser.id}:
            raise ValidationFailed.of("choices", "unknown_contact", f"{name}: choose one of the two contacts.")
        if name not in survivor.values and name not in loser.values:
            raise ValidationFailed.of("choices", "unknown_field", f"Neither contact has a value in “{name}”.")
    chosen: dict[str, Held] = {}
    for name in survivor.provenance.keys() | loser.provenance.keys():
        own, other = _held(survivor, name), _held(loser, name)
        if own[0] is not None and other[0] is not None:
            chosen[name] = other if choices.get(name) == loser.id else own
        elif own[0] is None and other[0] is None:
            chosen[name] = own if own[1] is not None else other
        else:
            chosen[name] = own if own[0] is not None else other
    return chosen


def _held(contact: State, name: str) -> Held:
    return contact.values.get(name), contact.provenance.get(name)


def _hold(hand: ByHand, contact: State, held: Mapping[str, Held]) -> None:
    """Puts values and their provenance in place of all that a contact has."""
    contact.provenance = {name: entry for name, (_, entry) in held.items() if entry is not None}
    contact.marked = True
    hand.put(contact, {name: value for name, (value, _) in held.items()})


def _snapshot(contact: State) -> dict[str, Any]:
    return {
        "values": dict(contact.values),
        "provenance": encode(contact.provenance, contact.values, 0),
    }


def _move_ids(account: Account, from_contact: UUID, to_contact: UUID) -> list[list[Any]]:
    """Moves all external ids. They are inserted anew, so that those that the other has keep the lowest pk."""
    ids = ExternalId.objects.for_account(account)
    rows = list(ids.filter(contact_id=from_contact).order_by("pk"))
    ids.filter(contact_id=from_contact).delete()
    ids.bulk_create(
        ExternalId(
            id_field_id=row.id_field_id, value=row.value, contact_id=to_contact, write_id=row.write_id, rule=row.rule
        )
        for row in rows
    )
    return [[row.id_field_id, row.value] for row in rows]


@dataclass(frozen=True, slots=True)
class Undoing:
    """What undoing a merge does: the external ids that go back (id field's name, value), those that were linked since
    and stay, and per field what the survivor has now, then, and what goes to the other contact (None: nothing)."""

    ids: list[tuple[str, str]]
    stayed_ids: list[tuple[str, str]]
    values: dict[str, Sides]


@dataclass(frozen=True, slots=True)
class _Parting:
    """How the ids and the fields of a survivor are parted again."""

    going: list[ExternalId]
    since: list[ExternalId]
    fields: Mapping[str, "_Part"]


@transaction.atomic
def undo(*, account: Account, merge_id: int, version: int | None = None, by: Actor) -> Undone:
    """Takes a merge back. The loser's ids that still point at the survivor go back, and each value last written since
    through such an id with them; ids linked and values written since by others stay.
    `version`: the survivor's that the person saw.

    Only the newest merge of both contacts. Raises NotFound `merge_not_found`, Conflict `merged_since`,
    `contact_erased`, `merge_undone`, PreconditionFailed `version_mismatch`.
    """
    hand = ByHand.begin(account, by)
    done = _undoable(account, merge_id)
    survivor, loser = hand.load(done.survivor_id, done.loser_id, merged=True)
    hand.check_seen(survivor, version)
    before = done.before or {}
    parting = _parting(account, done, survivor.values, survivor.provenance)
    _hold(hand, survivor, {name: part.survivor for name, part in parting.fields.items()})
    _hold(hand, loser, {name: part.loser for name, part in parting.fields.items()})
    survivor.changed = loser.changed = True
    ids = ExternalId.objects.for_account(account)
    ids.filter(pk__in=[row.pk for row in parting.going]).update(contact_id=loser.id)
    formers = FormerId.objects.for_account(account).filter(pk__in=before["former"], contact_id=survivor.id)
    formers.update(contact_id=loser.id)
    merged_items.restore(account, before["items"])
    hand.save(kinds={loser.id: Change.Kind.CREATED})
    Contact.objects.for_account(account).filter(pk=loser.id).update(merged_into=None)
    done.state, done.before = Merge.State.UNDONE, None
    Merge.objects.for_account(account).save_fields(done, "state", "before")
    _record(account, "contact.merge_undone", done, by)
    stayed = sorted(name for name, part in parting.fields.items() if part.stayed)
    return Undone(done, _named(account, parting.since), stayed)


def look_at_undo(*, account: Account, merge_id: int) -> Undoing:
    """What `undo` would do now; writes nothing. Raises as `undo` does."""
    done = _undoable(account, merge_id)
    survivor = Contact.objects.for_account(account).get(pk=done.survivor_id)
    held = decode(survivor.provenance, survivor.values)
    parting = _parting(account, done, survivor.values, held)
    values = {
        name: Sides(survivor.values.get(name), part.survivor[0], part.loser[0])
        for name, part in sorted(parting.fields.items())
    }
    return Undoing(_named(account, parting.going), _named(account, parting.since), values)


def _parting(account: Account, done: Merge, values: Mapping[str, Value], provenance: Mapping[str, Entry]) -> _Parting:
    """How what the survivor has now is parted. Reads the survivor's ids."""
    before = done.before or {}
    ids = list(ExternalId.objects.for_account(account).filter(contact_id=done.survivor_id).order_by("pk"))
    back = {(row.id_field_id, row.value) for row in ids} & {tuple(pair) for pair in before["ids"]}
    own, lost = _held_before(before["survivor"]), _held_before(before["loser"])
    nothing: Held = (None, None)
    fields = {
        name: _part(
            (values.get(name), provenance.get(name)), own.get(name, nothing), lost.get(name, nothing), done, back
        )
        for name in provenance.keys() | own.keys() | lost.keys()
    }
    going = [row for row in ids if (row.id_field_id, row.value) in back]
    since = [row for row in ids if row not in going and row.write_id > done.write_id]
    return _Parting(going, since, fields)


def _named(account: Account, rows: Sequence[ExternalId]) -> list[tuple[str, str]]:
    names = dict(IdField.objects.for_account(account).order_by().values_list("pk", "name"))
    return [(names[row.id_field_id], row.value) for row in rows]


def _undoable(account: Account, merge_id: int) -> Merge:
    """The merge, if it may be undone."""
    done: Merge | None = Merge.objects.for_account(account).filter(pk=merge_id).first()
    if done is None:
        raise NotFound("There is no such merge in this account.", code="merge_not_found")
    if done.state == Merge.State.ERASED:
        raise Conflict("A contact of this merge was erased; nothing is left to undo.", code="contact_erased")
    if done.state == Merge.State.UNDONE:
        raise Conflict("This merge was undone already.", code="merge_undone")
    if queries.merged_since(account, [done]):
        raise Conflict("One of the contacts was merged again since; undo that first.", code="merged_since")
    return done


@dataclass(frozen=True, slots=True)
class _Part:
    """What each contact has in a field after an undo; `stayed`: others wrote it since."""

    survivor: Held
    loser: Held
    stayed: bool = False


def _part(now: Held, own: Held, lost: Held, done: Merge, back: Collection[tuple[int, str]]) -> _Part:
    """Parts one field. `own` and `lost`: what survivor and loser had before the merge; `back`: the ids that go back."""
    value, entry = now

    def stays(stamp: Stamp) -> bool:
        return stamp.write > done.write_id and (stamp.writer.id_field, stamp.writer.external_id) not in back

    if entry is None or entry.stamp.write <= done.write_id:
        return _Part(
            _confirmed(now, own, [] if entry is None else [each for each in entry.shared if stays(each)]), lost
        )
    if stays(entry.stamp):
        return _Part(now, lost, stayed=True)
    # Written since through an id that goes back: the value goes with it.
    gone = value, Entry(entry.stamp)
    if entry.before is not None and stays(entry.before.stamp):
        return _Part((entry.before.value, Entry(entry.before.stamp)), gone, stayed=True)
    return _Part(own, gone)


def _confirmed(now: Held, own: Held, sharers: Sequence[Stamp]) -> Held:
    """What the survivor has in a field that nobody wrote since: its own, unless writers that stay sent what stands
    there now, and would miss it."""
    if not sharers:
        return own
    (value, entry), (own_value, own_entry) = now, own
    if own_entry is not None and entry is not None and (value, entry.stamp) == (own_value, own_entry.stamp):
        return value, structs.replace(own_entry, shared=own_entry.shared + tuple(sharers))
    return value, Entry(
        sharers[0], tuple(sharers[1:]), None if own_entry is None else Before(own_value, own_entry.stamp)
    )


def _held_before(snapshot: Mapping[str, Any]) -> dict[str, Held]:
    values = snapshot["values"]
    return {name: (values.get(name), entry) for name, entry in decode(snapshot["provenance"], values).items()}


def _record(account: Account, action: str, done: Merge, by: Actor) -> None:
    audit.record(
        account=account,
        action=action,
        object_id=done.survivor_id,
        object_label=str(done.survivor_id),
        after={"merge": done.pk, "survivor": str(done.survivor_id), "loser": str(done.loser_id)},
        by=by,
    )
