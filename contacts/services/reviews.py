"""Deciding what waits for review: merge, not a match, or later."""

from collections.abc import Mapping
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from accounts.actor import Actor
from accounts.errors import Conflict, NotFound, PreconditionFailed, ValidationFailed
from accounts.models import Account
from accounts.services import audit
from contacts.models import Contact, Merge, ReviewItem
from contacts.services import merges, store

State = ReviewItem.State


@transaction.atomic
def merge(
    *,
    account: Account,
    item_id: UUID,
    survivor_id: UUID,
    choices: Mapping[str, UUID],
    versions: Mapping[UUID, int],
    by: Actor,
) -> Merge:
    """The two are one: merges them as contacts.services.merges does. `versions`: those that the person saw.

    Raises NotFound `review_item_not_found`, Conflict `already_decided`, PreconditionFailed `version_mismatch`,
    ValidationFailed (`survivor`, `choices`).
    """
    store.lock(account.pk)
    item = _undecided(account, item_id)
    pair = {pk for pk in (item.contact_id, item.other_id) if pk is not None}
    if survivor_id not in pair:
        raise ValidationFailed.of("survivor", "unknown_contact", "Choose which of the two contacts stays.")
    now = dict(Contact.objects.for_account(account).filter(pk__in=pair).values_list("pk", "version"))
    if any(now[pk] != versions.get(pk) for pk in pair):
        raise PreconditionFailed("A contact has changed since you saw it. Look again before you merge.")
    (loser_id,) = pair - {survivor_id}
    return merges.merge(account=account, survivor_id=survivor_id, loser_id=loser_id, choices=choices, by=by)


def not_a_match(*, account: Account, item_id: UUID, by: Actor) -> ReviewItem:
    """They are different people; of a key: it identifies nobody. Sticks for good.

    Raises NotFound `review_item_not_found`, Conflict `already_decided`.
    """
    return _decide(account, item_id, State.NOT_A_MATCH, by)


def later(*, account: Account, item_id: UUID, by: Actor) -> ReviewItem:
    """Puts an item aside; it may still be decided.

    Raises NotFound `review_item_not_found`, Conflict `already_decided`.
    """
    return _decide(account, item_id, State.LATER, by)


@transaction.atomic
def _decide(account: Account, item_id: UUID, decided: ReviewItem.State, by: Actor) -> ReviewItem:
    """Under the account's lock: what is not a match changes what writes may link."""
    store.lock(account.pk)
    item = _undecided(account, item_id)
    item.state, item.decided_at, item.decided_by = decided, timezone.now(), by.label
    ReviewItem.objects.for_account(account).save_fields(item, "state", "decided_at", "decided_by")
    audit.record(
        account=account,
        action=f"review_item.{decided}",
        object_id=item.pk,
        object_label=item.get_kind_display(),
        by=by,
    )
    return item


def _undecided(account: Account, item_id: UUID) -> ReviewItem:
    """The item, if it may be decided. The account's lock is held."""
    item: ReviewItem | None = ReviewItem.objects.for_account(account).filter(pk=item_id).first()
    if item is None:
        raise NotFound("There is no such review item in this account.", code="review_item_not_found")
    if item.state not in {State.OPEN, State.LATER}:
        raise Conflict(f"This was decided already: {item.get_state_display().lower()}.", code="already_decided")
    return item
