"""Why a contact is as it is: who wrote each value and gave each external id, when, by which rule and request."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import OuterRef, Subquery

from contacts.models import Contact, ExternalId, IdField, RuleSet, Signature, SourceSystem, Write
from contacts.normalise import Value
from contacts.provenance import PERSON, Stamp, Writer, decode


@dataclass(frozen=True, slots=True)
class Source:
    """Who wrote something: a person, or an external id of a system; in which write, and by which rule it got there.

    `write` is None where nothing is known of it, `rule` where no rule was asked; `fields` are the rule's.
    """

    person: str
    id_field: IdField | None
    external_id: str
    write: Write | None
    rule_set: int | None = None
    rule: int | None = None
    fields: Sequence[str] = ()

    @property
    def system(self) -> str:
        """What people call the system; empty for a person."""
        return "" if self.id_field is None else getattr(self.id_field, "system_name", None) or self.id_field.name


@dataclass(frozen=True, slots=True)
class ValueStory:
    """Of one field: what stands there (None: somebody emptied it), who wrote it, who sent the same since, and what
    stood there before by whom, if anything did."""

    value: Value | None
    source: Source
    shared: Sequence[Source]
    before: Source | None
    value_before: Value | None


@dataclass(frozen=True, slots=True)
class Story:
    """Of a contact: field → its story, and primary key → source of each external id, a field's
    primary one before the others."""

    values: Mapping[str, ValueStory]
    external_ids: Mapping[int, Source]


@dataclass(frozen=True, slots=True)
class _Known:
    """What the stamps of a contact point at."""

    writes: dict[int, Write]
    rule_sets: dict[int, RuleSet]
    id_fields: dict[int, IdField]
    signatures: dict[int, list[str]]

    def source(self, stamp: Stamp) -> Source:
        field, value = stamp.writer.id_field, stamp.writer.external_id
        write = self.writes.get(stamp.write)
        person, id_field, external_id = (value, None, "") if field == PERSON else ("", self.id_fields[field], value)
        if write is None or stamp.rule is None:
            return Source(person, id_field, external_id, write)
        rule_set = self.rule_sets[write.rule_set_id]
        fields = self.signatures[rule_set.rules[stamp.rule - 1]]
        return Source(person, id_field, external_id, write, rule_set.number, stamp.rule, fields)


def story(*, account_id: int, contact: Contact) -> Story:
    """The number of queries is fixed."""
    entries = decode(contact.provenance, contact.values)
    ids = list(ExternalId.objects.for_account(account_id).filter(contact_id=contact.pk).order_by("pk"))
    stamps = [stamp for entry in entries.values() for stamp in (entry.stamp, *entry.shared)]
    stamps += [entry.before.stamp for entry in entries.values() if entry.before is not None]
    known = _known(account_id, {stamp.write for stamp in stamps} | {row.write_id for row in ids})
    values = {
        name: ValueStory(
            contact.values.get(name),
            known.source(entry.stamp),
            [known.source(stamp) for stamp in entry.shared],
            None if entry.before is None else known.source(entry.before.stamp),
            None if entry.before is None else entry.before.value,
        )
        for name, entry in sorted(entries.items())
    }
    links = {row.pk: Stamp(Writer(row.id_field_id, row.value), row.write_id, row.rule) for row in ids}
    return Story(values, {pk: known.source(link) for pk, link in links.items()})


def explanation(*, account_id: int, contact_id: UUID, with_values: bool = False) -> dict[str, Any]:
    """As JSON, per value: who wrote it, who sent the same since, whose value it replaced. Per external id: who linked
    it. A field that was emptied is there too: somebody emptied it. `with_values`: also what was replaced."""
    contact: Contact = Contact.objects.for_account(account_id).get(pk=contact_id)
    told = story(account_id=account_id, contact=contact)
    return {
        "values": {name: _value(each, with_values=with_values) for name, each in told.values.items()},
        "external_ids": [
            {"id_field": str(each.id_field), "external_id": each.external_id, **_call(each)}
            for each in told.external_ids.values()
        ],
    }


def _value(story: ValueStory, *, with_values: bool) -> dict[str, Any]:
    replaced = None if story.before is None else _sent(story.before)
    if replaced is not None and with_values:
        replaced["value"] = story.value_before
    return _sent(story.source) | {"also_sent_by": [_sent(each) for each in story.shared], "replaced": replaced}


def _sent(source: Source) -> dict[str, Any]:
    external_id = {"id_field": str(source.id_field), "external_id": source.external_id}
    who = {"person": source.person} if source.id_field is None else external_id
    return {"written_by": who, **_call(source)}


def _call(source: Source) -> dict[str, Any]:
    """The call, or the person's decision, that made a write, and the rule that led it to the contact."""
    write = source.write
    if write is None:
        return {}
    rule = {"rule_set": source.rule_set, "rule": source.rule, "fields": source.fields}
    return {
        "at": write.at.isoformat().replace("+00:00", "Z"),
        "request_id": write.request_id,
        "authentication": None if write.authentication_id is None else str(write.authentication_id),
        "matched_by": None if source.rule is None else rule,
    }


def _known(account_id: int, write_ids: Collection[int]) -> _Known:
    return _Known(
        Write.objects.for_account(account_id).in_bulk(list(write_ids)),
        RuleSet.objects.for_account(account_id).in_bulk(),
        _id_fields(account_id),
        dict(Signature.objects.for_account(account_id).values_list("pk", "fields")),
    )


def _id_fields(account_id: int) -> dict[int, IdField]:
    """With `system_name`; not by a join, which would not be restricted to the account on both sides."""
    name = SourceSystem.objects.for_account(account_id).filter(pk=OuterRef("source_system_id")).values("name")
    rows = IdField.objects.for_account(account_id).order_by().annotate(system_name=Subquery(name))
    return {row.pk: row for row in rows}
