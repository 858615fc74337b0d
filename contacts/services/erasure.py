"""Erasing a contact, and lifting what its erasure left behind."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from accounts.actor import Actor
from accounts.errors import Conflict, Gone, NotFound
from accounts.models import Account
from accounts.services import audit
from contacts.models import (
    Change,
    ContactBook,
    ErasedId,
    ExternalId,
    FormerId,
    MatchKey,
    Merge,
    ReviewItem,
)
from contacts.services import idempotency, saving, search_index, store
from contacts.services.by_hand import ByHand, with_merged


@transaction.atomic
def erase(*, account: Account, contact_id: UUID, version: int | None = None, by: Actor) -> None:
    """Erases a contact by a person's decision: values, ids, keys, provenance, contacts merged into it, and what undoing
    those would need. Each id leaves a salted digest, and writes to it are refused until an owner lifts it.
    `version`: the one that the person saw.

    Raises NotFound `contact_not_found`, Conflict `merged_away`, PreconditionFailed `version_mismatch`.
    """
    hand = ByHand.begin(account, by)
    hand.load_seen(contact_id, version)
    ids = ExternalId.objects.for_account(account).filter(contact_id=contact_id)
    ErasedId.objects.for_account(account).bulk_create(
        ErasedId(id_field_id=field, digest=hand.book.digest(field, value), erased_by=by.label)
        for field, value in ids.values_list("id_field_id", "value")
    )
    _erase(account, hand, contact_id, by)


@transaction.atomic
def erase_own(
    *, account: Account, id_field_id: int, external_id: str, versions: Collection[int] | None = None, by: Actor
) -> None:
    """Erases a contact for the system that it came from, which may send it again.

    Raises NotFound `contact_not_found`, Gone `contact_erased`, Conflict `linked_elsewhere` when any other external id
    points at the contact, PreconditionFailed `version_mismatch` when the contact has none of the `versions`.
    """
    hand = ByHand.begin(account, by)
    ids = ExternalId.objects.for_account(account)
    row = ids.filter(id_field_id=id_field_id, value=external_id).first()
    if row is None:
        if store.known(hand.book, id_field_id, [external_id]).erased:
            raise Gone("The contact with this external id was erased already.", code="contact_erased")
        raise NotFound("Your id field has no such external id.", code="contact_not_found")
    if ids.filter(contact_id=row.contact_id).exclude(pk=row.pk).exists():
        raise Conflict(
            "Other external ids point at this contact. Unlink yours instead: DELETE without erase=true.",
            code="linked_elsewhere",
        )
    (contact,) = hand.load(row.contact_id)
    store.check_version(contact.version, versions)
    hand.row.id_field_id = id_field_id
    _erase(account, hand, row.contact_id, by)


@transaction.atomic
def lift(*, account: Account, id_field_id: int, external_id: str, by: Actor) -> None:
    """Lets an erased external id be written again.

    Raises NotFound `erasure_not_found`.
    """
    book = store.lock(account.pk)
    erased = ErasedId.objects.for_account(account).filter(
        id_field_id=id_field_id, digest=book.digest(id_field_id, external_id)
    )
    if not erased.delete()[0]:
        raise NotFound("No contact with this external id was erased.", code="erasure_not_found")
    audit.record(account=account, action="erasure.lifted", object_id=id_field_id, object_label="external id", by=by)


def _erase(account: Account, hand: ByHand, contact_id: UUID, by: Actor) -> None:
    """Deletes what there is of a contact and of those merged into it; a change tells that it is gone."""
    gone = with_merged(account, contact_id)
    _forget_merges(account, gone)
    ReviewItem.objects.for_account(account).filter(Q(contact__in=gone) | Q(other__in=gone)).delete()
    for model in (MatchKey, ExternalId, FormerId):
        model.objects.for_account(account).filter(contact__in=gone).delete()
    idempotency.forget(account_id=account.pk, contact_ids=gone)
    search_index.forget(account_id=account.pk, contact_ids=gone)
    saving.delete_contacts(hand.book, gone)
    hand.row.save(force_insert=True)
    number = hand.book.last_change + 1
    Change.objects.for_account(account).create(
        number=number, contact_id=contact_id, kind=Change.Kind.ERASED, write=hand.row
    )
    ContactBook.objects.for_account(account).update(last_change=number)
    audit.record(account=account, action="contact.erased", object_id=contact_id, object_label=str(contact_id), by=by)


def _forget_merges(account: Account, gone: Collection[UUID]) -> None:
    """No merge of the contacts can be undone any more, nor one that remembers what came through their ids: an id that
    was split off since has left its values in what was there before the merge. People merge, so there are few."""
    ids = {
        pair
        for model in (ExternalId, FormerId)
        for pair in model.objects.for_account(account)
        .filter(contact__in=gone)
        .order_by()
        .values_list("id_field_id", "value")
    }
    done = Merge.objects.for_account(account).filter(state=Merge.State.DONE)
    forgotten = [
        merge.pk for merge in done.iterator() if {merge.survivor_id, merge.loser_id} & {*gone} or ids & _ids_in(merge)
    ]
    done.filter(pk__in=forgotten).update(state=Merge.State.ERASED, before=None)


def _ids_in(merge: Merge) -> set[tuple[int, str]]:
    """The ids that a merge moved, and those through which anything was written that it remembers."""
    before: dict[str, Any] = merge.before or {}
    sides = [before[side]["provenance"].get("stamps", ()) for side in ("survivor", "loser")]
    return {(id_field, value) for rows in (*sides, before["ids"]) for id_field, value, *_ in rows}
