"""What a merge does to the review items of both contacts, and how its undo takes that back."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.utils.dateparse import parse_datetime

from accounts.models import Account
from contacts.matching import HeldKey
from contacts.models import ReviewItem, Write
from contacts.review import Pair

Kept = list[Any]
"""What a merge may change of an item, as JSON: state, when it was decided, by whom, count."""

State = ReviewItem.State


def look(account: Account, *contact_ids: UUID) -> dict[UUID, Kept]:
    """The items of pairs with one of these contacts, as they are."""
    items = ReviewItem.objects.for_account(account)
    return {item.pk: _kept(item) for item in items.filter(Q(contact__in=contact_ids) | Q(other__in=contact_ids))}


def look_at_keys(account: Account, keys: Iterable[HeldKey]) -> dict[UUID, Kept]:
    """The items of these keys, as they are."""
    wanted = Q(pk__in=())
    for held in keys:
        wanted |= Q(signature_id=held.signature, key=held.key)
    return {item.pk: _kept(item) for item in ReviewItem.objects.for_account(account).filter(wanted)}


def settle(account: Account, survivor: UUID, loser: UUID, write: Write) -> None:
    """The pair is merged. What waits or was decided for the loser and a third contact goes on for the survivor: what
    is not a match stays none, and the loser's own item is settled."""
    items = ReviewItem.objects.for_account(account)
    pairs = {
        Pair(item.contact_id, item.other_id): item
        for item in items.filter(
            Q(contact__in=(survivor, loser)) | Q(other__in=(survivor, loser)), contact__isnull=False
        )
    }
    for pair, item in list(pairs.items()):
        if loser not in pair or survivor in pair:
            continue
        third = pair.contact if pair.other == loser else pair.other
        heir = pairs.get(Pair.of(survivor, third))
        if heir is None:
            _open(account, Pair.of(survivor, third), item, write)
        elif item.state == State.NOT_A_MATCH and heir.state != State.NOT_A_MATCH:
            _decide(heir, State.NOT_A_MATCH, write)
        if item.state in {State.OPEN, State.LATER}:
            _decide(item, State.SETTLED, write)
    both = Pair.of(survivor, loser)
    _decide(pairs.get(both) or _open(account, both, None, write), State.MERGED, write)


def changed(account: Account, before: dict[UUID, Kept], write: Write) -> list[list[Any]]:
    """The items that the merge made or changed: id, what it was (null: not there), what it is."""
    items = ReviewItem.objects.for_account(account)
    now = items.filter(Q(pk__in=before) | Q(created_at=write.at))
    return [[str(item.pk), before.get(item.pk), _kept(item)] for item in now if before.get(item.pk) != _kept(item)]


def restore(account: Account, changes: Sequence[Sequence[Any]]) -> None:
    """Takes back what nobody has decided since."""
    rows = ReviewItem.objects.for_account(account)
    items = rows.in_bulk([UUID(pk) for pk, _, _ in changes])
    for pk, before, after in changes:
        item = items.get(UUID(pk))
        if item is None or _kept(item) != after:
            continue
        if before is None:
            rows.filter(pk=item.pk).delete()
            continue
        item.state, decided_at, item.decided_by, item.count = before
        item.decided_at = parse_datetime(decided_at) if decided_at else None
        rows.save_fields(item, "state", "decided_at", "decided_by", "count")


def _kept(item: ReviewItem) -> Kept:
    decided_at = item.decided_at.isoformat() if item.decided_at else None
    return [item.state, decided_at, item.decided_by, item.count]


def _open(account: Account, pair: Pair, like: ReviewItem | None, write: Write) -> ReviewItem:
    """A new item for a pair, like that of another one; or of a pair that nobody had proposed."""
    item: ReviewItem = ReviewItem.objects.for_account(account).create(
        kind=like.kind if like else ReviewItem.Kind.POSSIBLE_DUPLICATE,
        state=State.OPEN if like is None or like.state == State.SETTLED else like.state,
        contact_id=pair.contact,
        other_id=pair.other,
        rule_set_id=like.rule_set_id if like else write.rule_set_id,
        rule=like.rule if like else None,
        created_at=write.at,
        decided_at=None if like is None or like.state == State.SETTLED else like.decided_at,
        decided_by="" if like is None or like.state == State.SETTLED else like.decided_by,
    )
    return item


def _decide(item: ReviewItem, decided: ReviewItem.State, write: Write) -> None:
    item.state, item.decided_at, item.decided_by = decided, write.at, write.by
    ReviewItem.objects.for_account(item.account_id).save_fields(item, "state", "decided_at", "decided_by")
