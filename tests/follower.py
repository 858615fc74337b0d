"""Somebody who knows an account's contacts from the change feed alone."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from accounts.models import Account
from contacts.models import Contact, ExternalId, IdField


@dataclass
class Follower:
    """What is known of each contact: its survivor's id, or its ids and values."""

    known: dict[str, Any] = field(default_factory=dict)
    cursor: int = 0
    """The number of the last change that was read."""

    def read(self, page: Mapping[str, Any]) -> bool:
        """Takes in what GET /changes answers to the cursor; whether there is more."""
        numbers = [each["number"] for each in page["changes"]]
        assert numbers == list(range(self.cursor + 1, page["next_cursor"] + 1))
        for change in page["changes"]:
            if change["contact"] is None:
                self._forget(change["contact_id"])
            else:
                self.learn(change["contact"])
        self.cursor = page["next_cursor"]
        more: bool = page["has_more"]
        return more

    def learn(self, contact: Mapping[str, Any]) -> None:
        """Takes in a contact as the API shows it."""
        self.known[contact["id"]] = contact.get("merged_into", (contact["external_ids"], contact["values"]))

    def _forget(self, contact_id: str) -> None:
        """A contact is gone, and with it those that were merged into it."""
        self.known.pop(contact_id, None)
        for other in [each for each, told in self.known.items() if told == contact_id]:
            self._forget(other)


def all_there_is(account: Account) -> dict[str, Any]:
    """What a follower must know who has read everything."""
    names = dict(IdField.objects.for_account(account).values_list("pk", "name"))
    ids: dict[Any, dict[str, list[str]]] = {}
    for row in ExternalId.objects.for_account(account).order_by("pk"):
        ids.setdefault(row.contact_id, {}).setdefault(names[row.id_field_id], []).append(row.value)
    return {
        str(each.pk): str(each.merged_into_id) if each.merged_into_id else (ids.get(each.pk, {}), each.values)
        for each in Contact.objects.for_account(account)
    }
