"""The pairs that the engine finds: what a preview is held against."""

from uuid import UUID

from django.db import transaction

from accounts.models import Account
from contacts import matching
from contacts.models import Contact
from contacts.services import store

CHUNK = 1000


def found_by_the_engine(account: Account) -> set[tuple[UUID, UUID]]:
    """The pairs of which the current rules find the one by what the other one has, the older one first."""
    pairs = set()
    with transaction.atomic():
        book = store.lock(account.pk)
        contacts = list(Contact.objects.for_account(account).order_by("pk").values_list("pk", "values"))
        for start in range(0, len(contacts), CHUNK):
            asked = [
                (pk, key)
                for pk, values in contacts[start : start + CHUNK]
                for _, key in matching.look_ups(book.rules, values)
            ]
            found = store.holders(book, {key for _, key in asked}, room=0)
            pairs |= {
                (pk, other)
                for pk, key in asked
                if found[key].count <= matching.TOO_COMMON
                for other in found[key].oldest
                if pk < other
            }
    return pairs
