"""Why a contact is as it is: who wrote each value and gave each external id, when, by which rule and request."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from contacts.models import Contact, ExternalId, IdField, RuleSet, Signature, Write
from contacts.provenance import PERSON, Stamp, decode


@dataclass(frozen=True, slots=True)
class _Known:
    """What the stamps of a contact point at."""

    writes: dict[int, Write]
    rule_sets: dict[int, RuleSet]
    id_fields: dict[int, str]
    signatures: dict[int, list[str]]

    def sent(self, stamp: Stamp) -> dict[str, Any]:
        """A stamp as JSON."""
        field, value = stamp.writer
        who = {"person": value} if field == PERSON else {"id_field": self.id_fields[field], "external_id": value}
        return {"written_by": who, **self.call(stamp.write, stamp.rule)}

    def call(self, write_id: int, rule: int | None) -> dict[str, Any]:
        """The call, or the person's decision, that made a write, and the rule that led it to the contact."""
        write = self.writes.get(write_id)
        if write is None:
            return {}
        rule_set = self.rule_sets[write.rule_set_id]
        found_by = None
        if rule is not None:
            fields = self.signatures[rule_set.rules[rule - 1]]
            found_by = {"rule_set": rule_set.number, "rule": rule, "fields": fields}
        return {
            "at": write.at.isoformat().replace("+00:00", "Z"),
            "request_id": write.request_id,
            "authentication": None if write.authentication_id is None else str(write.authentication_id),
            "matched_by": found_by,
        }


def explanation(*, account_id: int, contact_id: UUID) -> dict[str, Any]:
    """Per value: who wrote it, who sent the same since, whose value it replaced. Per external id: who linked it.

    A field that was emptied is there too: somebody emptied it. The number of queries is fixed.
    """
    contact: Contact = Contact.objects.for_account(account_id).get(pk=contact_id)
    entries = decode(contact.provenance, contact.values)
    ids = list(ExternalId.objects.for_account(account_id).filter(contact_id=contact_id).order_by("pk"))
    stamps = [stamp for entry in entries.values() for stamp in (entry.stamp, *entry.shared)]
    stamps += [entry.before.stamp for entry in entries.values() if entry.before is not None]
    known = _known(account_id, {stamp.write for stamp in stamps} | {row.write_id for row in ids})
    values = {}
    for name, entry in sorted(entries.items()):
        values[name] = known.sent(entry.stamp) | {
            "also_sent_by": [known.sent(stamp) for stamp in entry.shared],
            "replaced": None if entry.before is None else known.sent(entry.before.stamp),
        }
    return {
        "values": values,
        "external_ids": [
            {
                "id_field": known.id_fields[row.id_field_id],
                "external_id": row.value,
                **known.call(row.write_id, row.rule),
            }
            for row in ids
        ],
    }


def _known(account_id: int, write_ids: Collection[int]) -> _Known:
    return _Known(
        Write.objects.for_account(account_id).in_bulk(list(write_ids)),
        RuleSet.objects.for_account(account_id).in_bulk(),
        dict(IdField.objects.for_account(account_id).order_by().values_list("pk", "name")),
        dict(Signature.objects.for_account(account_id).values_list("pk", "fields")),
    )
