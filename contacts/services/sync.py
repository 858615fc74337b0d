"""The engine: a list of records in, a list of results out, with the meaning of one by one in order.

One for single writes and batches. Under the account's lock: look up, decide in memory, look up once more for the
keys that came to be on the way, store. What is decided, and why, stands in contacts.matching.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from uuid_utils.compat import uuid7

from accounts.actor import Actor
from accounts.errors import Conflict, DomainError, NotFound
from accounts.models import Account
from accounts.services import audit
from contacts import matching, normalise
from contacts.matching import TOO_COMMON, Decision, Outcome, Suspicion
from contacts.models import Contact, ExternalId, Write
from contacts.overlay import Chunk, HeldKey, Mode, Record, Step, review
from contacts.services import store

__all__ = ["Mode", "Origin", "Record", "Result", "unlink", "write"]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a write comes from, for the provenance of the values."""

    authentication_id: UUID | None
    request_id: str


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one record.

    `outcome`: created, linked, updated or unchanged, None when refused, and then `error` says why. `matched_by` and
    `warnings` are the JSON of the API; `version` is the contact's after the whole write.
    """

    outcome: str | None = None
    contact_id: UUID | None = None
    version: int = 0
    matched_by: dict[str, Any] | None = None
    warnings: list[dict[str, Any]] = field(default_factory=list)
    error: DomainError | None = None


@transaction.atomic
def write(*, account_id: int, id_field_id: int, records: Sequence[Record], origin: Origin) -> list[Result]:
    """Writes records for an id field, in order, as if one by one. All of them or, on an error raised, none.

    A record that is refused (`contact_not_found`, `id_conflict`, `ambiguous_match`) has its error in its result and
    changes nothing. Raises NotFound `id_field_not_found` when the id field is not the account's.
    """
    book = store.lock(account_id=account_id, id_field_id=id_field_id)
    chunk, holders = _look_up(book, id_field_id, records)
    steps = [chunk.take(record) for record in records]
    gained = {key for step in steps for key in step.gained}
    holders |= store.holders(book=book, keys=gained - holders.keys())
    pairs, told = review(steps, holders, store.existing_pairs(book=book, contact_ids=_looked_at(chunk, steps)))
    origin_row = Write(
        account_id=account_id,
        authentication_id=origin.authentication_id,
        request_id=origin.request_id,
        rule_set=book.rule_set,
        at=timezone.now(),
    )
    store.save(book=book, chunk=chunk, write=origin_row, pairs=pairs)
    return [_result(book, chunk, step, suspicions) for step, suspicions in zip(steps, told, strict=True)]


@transaction.atomic
def unlink(*, account_id: int, id_field_id: int, external_id: str, by: Actor) -> None:
    """Takes an external id off its contact, which stays with its values.

    Raises NotFound `contact_not_found` when the id field has no such id.
    """
    store.lock(account_id=account_id, id_field_id=id_field_id)
    ids = ExternalId.objects.for_account(account_id)
    row = ids.select_related("contact", "id_field").filter(id_field_id=id_field_id, value=external_id).first()
    if row is None:
        raise NotFound("Your id field has no such external id.", code="contact_not_found")
    contact: Contact = row.contact
    contact.version += 1
    contact.updated_at = timezone.now()
    contact.save(update_fields=["version", "updated_at"])
    row.delete()
    audit.record(
        account=Account.objects.get(pk=account_id),
        action="external_id.unlinked",
        object_id=contact.pk,
        object_label=row.id_field.name,
        by=by,
    )


def _look_up(book: store.Book, id_field_id: int, records: Sequence[Record]) -> tuple[Chunk, dict[HeldKey, list[UUID]]]:
    """Own ids of all records, the holders of the records' keys, and the contacts that they may concern."""
    own = store.own_ids(book=book, id_field_id=id_field_id, external_ids={record.external_id for record in records})
    new = [record for record in records if record.external_id not in own and record.link_to is None]
    sent = {key for record in new for key in matching.keys(book.rules, record.values).items()}
    holders = store.holders(book=book, keys=sent)
    # A record takes a key off one contact at most, so a key held by more than there are records stays ambiguous.
    linkable = [contact for contacts in holders.values() if len(contacts) <= len(records) for contact in contacts]
    named = [record.link_to for record in records if record.link_to is not None]
    chunk = Chunk(
        rules=book.rules,
        reject=book.reject,
        id_field=id_field_id,
        own=own,
        holders=holders,
        states=store.states(book=book, id_field_id=id_field_id, contact_ids={*own.values(), *linkable, *named}),
        new_id=uuid7,
    )
    return chunk, holders


def _looked_at(chunk: Chunk, steps: Sequence[Step]) -> set[UUID]:
    """The contacts of the steps that may have review items already: all but those made on the way."""
    return {step.contact for step in steps if step.contact is not None and not chunk.states[step.contact].is_new}


def _result(book: store.Book, chunk: Chunk, step: Step, suspicions: Sequence[Suspicion]) -> Result:
    decision = step.decision
    if step.contact is None:
        return Result(error=_refusal(decision))
    return Result(
        outcome=_outcome(step),
        contact_id=step.contact,
        version=chunk.states[step.contact].version,
        matched_by=_matched_by(decision),
        warnings=[*_value_warnings(book, step), *_common_key(step), *_duplicates(suspicions)],
    )


def _outcome(step: Step) -> str:
    if step.decision.outcome is Outcome.CREATE:
        return "created"
    if step.decision.outcome is Outcome.LINK:
        return "linked"
    return "updated" if step.changed else "unchanged"


def _matched_by(decision: Decision) -> dict[str, Any] | None:
    if decision.outcome is Outcome.UPDATE:
        return {"external_id": True}
    if decision.by_link_to:
        return {"link_to": True}
    if decision.outcome is Outcome.LINK and decision.rule is not None:
        return {"rule": decision.rule.number, "fields": [name for name, _ in decision.rule.fields]}
    return None


def _refusal(decision: Decision) -> DomainError:
    candidates = {"candidates": [str(contact) for contact in decision.candidates]}
    if decision.outcome is Outcome.NOT_FOUND:
        return NotFound("There is no such contact.", code="contact_not_found")
    if decision.outcome is Outcome.AMBIGUOUS:
        detail = f"Rule {decision.rule.number if decision.rule else ''} finds several contacts; name one by link_to."
        return Conflict(detail, code="ambiguous_match", extra=candidates)
    return Conflict(
        "The contact has another id in your id field, or your id belongs to another contact.",
        code="id_conflict",
        extra=candidates,
    )


def _value_warnings(book: store.Book, step: Step) -> list[dict[str, Any]]:
    """Values that were stored and identify nobody."""
    in_rules = {name for rule in book.rules for name, _ in rule.fields}
    warnings = []
    for name, text in step.record.values.items():
        type_ = book.field_types.get(name, "text")
        if text is None:
            continue
        if type_ == "phone" and normalise.canonical(type_, text, book.phone_region) is None:
            warnings.append({"code": "invalid_phone", "field": name})
        elif name in in_rules and normalise.is_blocked(name, type_, text):
            warnings.append({"code": "blocked_value", "field": name})
    return warnings


def _common_key(step: Step) -> list[dict[str, Any]]:
    """Whether the key that decided is held by too many to identify anybody."""
    found = next((each for each in step.found if each.contacts), None)
    if found is None or len(found.contacts) <= TOO_COMMON:
        return []
    return [{"code": "value_too_common", "rule": found.rule.number, "count": len(found.contacts)}]


def _duplicates(suspicions: Sequence[Suspicion]) -> list[dict[str, Any]]:
    return [
        {"code": str(suspicion.doubt), "contact": str(suspicion.contact), "rule": suspicion.rule}
        for suspicion in suspicions
    ]
