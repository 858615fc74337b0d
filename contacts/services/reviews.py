"""Deciding what waits for review: not a match, or later. Merging is in contacts.services.merges."""

from uuid import UUID

from django.db import transaction
from django.utils import timezone

from accounts.actor import Actor
from accounts.errors import Conflict, NotFound
from accounts.models import Account
from accounts.services import audit
from contacts.models import ReviewItem
from contacts.services import store

State = ReviewItem.State


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
    items = ReviewItem.objects.for_account(account)
    item: ReviewItem | None = items.filter(pk=item_id).first()
    if item is None:
        raise NotFound("There is no such review item in this account.", code="review_item_not_found")
    if item.state not in {State.OPEN, State.LATER}:
        raise Conflict(f"This was decided already: {item.get_state_display().lower()}.", code="already_decided")
    item.state, item.decided_at, item.decided_by = decided, timezone.now(), by.label
    items.save_fields(item, "state", "decided_at", "decided_by")
    audit.record(
        account=account,
        action=f"review_item.{decided}",
        object_id=item.pk,
        object_label=item.get_kind_display(),
        by=by,
    )
    return item
