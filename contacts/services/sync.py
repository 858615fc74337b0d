"""The engine: a list of records in, a list of results out, with the meaning of one by one in order.

One for single writes, batches and imports. Under the account's lock: look up, decide in memory, look up once more for
the keys that came to be on the way, store. What is decided, and why, stands in contacts.matching.
"""

import itertools
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from msgspec import Struct
from uuid_utils.compat import uuid7

from accounts.actor import Actor
from accounts.errors import Conflict, DomainError, Gone, NotFound, PreconditionFailed, ValidationFailed
from accounts.models import Account
from accounts.services import audit
from contacts import matching, normalise
from contacts.matching import Decision, HeldKey, Outcome, Suspicion
from contacts.models import ExternalId, FormerId, IdField, Write
from contacts.overlay import Asked, Chunk, Holders, Mode, Record, Step
from contacts.review import Findings, review
from contacts.services import saving, store

__all__ = ["Mode", "Origin", "Record", "Result", "foresee", "unlink", "write"]

NO_ID_FIELD = -1
"""In place of the primary key of an id field that does not exist yet."""
LOOKS = 3


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a write comes from, for the provenance of the values: an authentication, or a person's label in `by`."""

    authentication_id: UUID | None
    request_id: str
    by: str = ""


class Result(Struct, frozen=True):
    """What became of one record.

    `outcome`: created, linked, updated or unchanged, None when refused, and then `error` says why. `matched_by` and
    `warnings` are the JSON of the API; `version` is the contact's after the whole write.
    """

    outcome: str | None = None
    contact_id: UUID | None = None
    version: int = 0
    matched_by: dict[str, Any] | None = None
    warnings: Sequence[dict[str, Any]] = ()
    error: DomainError | None = None


@transaction.atomic
def write(*, account_id: int, id_field_id: int, records: Sequence[Record], origin: Origin) -> list[Result]:
    """Writes records for an id field, in order, as if one by one. All of them or, on an error raised, none.

    A record that is refused (`contact_not_found`, `contact_erased`, `id_conflict`, `ambiguous_match`,
    `version_mismatch`) has its error in its result and changes nothing. Raises NotFound `id_field_not_found` when the
    id field is not the account's.
    """
    book = _lock(account_id, id_field_id)
    chunk, steps, findings = _decide(book, id_field_id, records)
    row = Write(
        account_id=account_id,
        id_field_id=id_field_id,
        authentication_id=origin.authentication_id,
        by=origin.by,
        request_id=origin.request_id,
        rule_set_id=book.rule_set_id,
        at=timezone.now(),
    )
    outcome = saving.Outcome(chunk.states.values(), chunk.links, findings.pairs, findings.crowds)
    with saving.at_work(book, row, outcome):
        return [
            _result(book, chunk, record, step, told)
            for record, step, told in zip(records, steps, findings.told, strict=True)
        ]


def foresee(*, account_id: int, id_field_id: int | None, records: Sequence[Record]) -> list[Result]:
    """What `write` would answer now; takes no lock and writes nothing. `id_field_id` is None for an id field that is
    still to come. Raises Conflict `contacts_changing` when contacts go away under its eyes, again and again."""
    for _ in range(LOOKS):
        # Without the lock a contact that one query found may be gone in the next.
        with suppress(KeyError):
            book = store.read(account_id)
            chunk, steps, findings = _decide(book, NO_ID_FIELD if id_field_id is None else id_field_id, records)
            return [
                _result(book, chunk, record, step, told)
                for record, step, told in zip(records, steps, findings.told, strict=True)
            ]
    raise Conflict("The contacts are changing just now. Try again.", code="contacts_changing")


@transaction.atomic
def unlink(
    *, account_id: int, id_field_id: int, external_id: str, versions: Collection[int] | None = None, by: Actor
) -> None:
    """Takes an external id off its contact, which stays with its values.

    Raises NotFound `contact_not_found` when the id field has no such id, Gone `contact_erased` when a person erased
    its contact, PreconditionFailed `version_mismatch` when the contact has none of the `versions`.
    """
    book = _lock(account_id, id_field_id)
    ids = ExternalId.objects.for_account(account_id)
    row = ids.filter(id_field_id=id_field_id, value=external_id).first()
    if row is None:
        raise _erased() if store.known(book, id_field_id, [external_id]).erased else _not_found()
    state = store.states(book, [row.contact_id])[row.contact_id]
    store.check_version(state.version, versions)
    state.changed = True
    # Whom it pointed at is remembered: what a person said of that contact holds when the id is sent again.
    FormerId.objects.for_account(account_id).bulk_create(
        [FormerId(id_field_id=id_field_id, value=external_id, contact_id=row.contact_id)],
        update_conflicts=True,
        unique_fields=["account", "id_field", "value"],
        update_fields=["contact"],
    )
    ids.filter(pk=row.pk).delete()
    write_row = Write(
        account_id=account_id,
        id_field_id=id_field_id,
        request_id=by.request_id,
        rule_set_id=book.rule_set_id,
        at=timezone.now(),
    )
    saving.save(book, write_row, saving.Outcome([state]))
    audit.record(
        account=Account.objects.get(pk=account_id),
        action="external_id.unlinked",
        object_id=row.contact_id,
        object_label=IdField.objects.for_account(account_id).get(pk=id_field_id).name,
        by=by,
    )


def _lock(account_id: int, id_field_id: int) -> store.Book:
    book = store.lock(account_id, for_engine=True)
    if id_field_id not in book.id_fields:
        raise NotFound("There is no such id field in this account, or it is retired.", code="id_field_not_found")
    return book


def _decide(book: store.Book, id_field_id: int, records: Sequence[Record]) -> tuple[Chunk, list[Step], Findings]:
    """What becomes of the records, in memory."""
    chunk, asked = _look_up(book, id_field_id, records)
    steps = [chunk.take(record, keys) for record, keys in zip(records, asked, strict=True)]
    return chunk, steps, _review(book, chunk, steps)


def _look_up(book: store.Book, id_field_id: int, records: Sequence[Record]) -> tuple[Chunk, list[Asked]]:
    """Own ids of all records, the holders of the records' keys, and the contacts that they may concern."""
    named = {record.link_to for record in records if record.link_to is not None}
    known = store.known(book, id_field_id, {record.external_id for record in records}, named)
    asked: list[Asked] = [
        matching.look_ups(book.rules, record.values)
        if record.external_id not in known.own and record.link_to is None
        else []
        for record in records
    ]
    holders = store.holders(book, {key for keys in asked for _, key in keys}, room=len(records))
    sure = {*known.own.values(), *named, *known.survivors.values(), *itertools.chain(*known.barred.values())}
    chunk = Chunk(
        rules=book.rules,
        id_field=id_field_id,
        own=known.own,
        erased=known.erased,
        barred=known.barred,
        retired=book.retired,
        survivors=known.survivors,
        holders=holders,
        states=store.states(book, _may_concern(holders, sure), id_field_id=id_field_id),
        new_id=uuid7,
    )
    return chunk, asked


def _may_concern(holders: Mapping[HeldKey, Holders], sure: set[UUID]) -> set[UUID]:
    """The contacts that records may be linked to, beside those that they surely concern.

    A key's holder is linked when it is the only one, in the end: when all others may have lost the key by then, which
    only contacts can that records concern. What thousands share is not loaded.
    """
    concerned = set(sure)
    waiting = [each for each in holders.values() if each.oldest and not each.more]
    while True:
        found = {
            contact
            for each in waiting
            if len(rest := [contact for contact in each.oldest if contact not in concerned]) == 1
            for contact in rest
        }
        if not found:
            return concerned
        concerned |= found


def _review(book: store.Book, chunk: Chunk, steps: Sequence[Step]) -> Findings:
    """The second look-up: the holders of every key that a contact came to ask by on the way, and the known pairs."""
    asking = {key for step in steps for _, key in step.moved.asking}
    doubtful = [
        step.contact
        for step in steps
        if step.contact is not None
        and (step.decision.suspicions or step.moved.asking)
        and not chunk.states[step.contact].is_new
    ]
    held, pairs = store.holders_and_pairs(book, asking - chunk.holders.keys(), doubtful, room=len(steps))
    return review(steps, {**chunk.holders, **held}, pairs)


def _result(book: store.Book, chunk: Chunk, record: Record, step: Step, told: Sequence[Suspicion]) -> Result:
    if step.contact is None:
        return Result(error=_refusal(step.decision))
    warnings = _value_warnings(book, record)
    if step.found:
        warnings += _common_key(step)
    if told:
        warnings += _duplicates(told)
    return Result(
        outcome=_outcome(step),
        contact_id=step.contact,
        version=chunk.states[step.contact].version,
        matched_by=_matched_by(step.decision),
        warnings=warnings,
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
        return {"rule": decision.rule.number, "fields": [name for name, _ in decision.rule.signature.fields]}
    return None


def _not_found() -> NotFound:
    return NotFound("There is no such contact.", code="contact_not_found")


def _erased() -> Gone:
    return Gone(
        "The contact with this external id was erased. An owner of the account can lift that.", code="contact_erased"
    )


def _refusal(decision: Decision) -> DomainError:
    candidates = {"candidates": [str(contact) for contact in decision.candidates]}
    if decision.outcome is Outcome.NOT_FOUND:
        return _not_found()
    if decision.outcome is Outcome.ERASED:
        return _erased()
    if decision.outcome is Outcome.OTHER_VERSION:
        return PreconditionFailed(store.OTHER_VERSION)
    if decision.outcome is Outcome.RETIRED_FIELD:
        return ValidationFailed.of("/values", "retired_field", "A field was retired just now; GET /fields lists them.")
    if decision.outcome is Outcome.AMBIGUOUS:
        detail = f"Rule {decision.rule.number if decision.rule else ''} finds several contacts; name one by link_to."
        return Conflict(detail, code="ambiguous_match", extra=candidates)
    return Conflict(
        "The contact has another id in your id field, or your id belongs to another contact.",
        code="id_conflict",
        extra=candidates,
    )


def _value_warnings(book: store.Book, record: Record) -> list[dict[str, Any]]:
    """Values that were stored and identify nobody."""
    warnings = [{"code": "invalid_phone", "field": name} for name in record.no_phones]
    for name in book.rule_fields:
        value = record.values.get(name)
        if value is not None and name not in record.no_phones and _is_blocked(book, name, value, record.values):
            warnings.append({"code": "blocked_value", "field": name})
    return warnings


def _is_blocked(
    book: store.Book, name: str, value: normalise.Value, values: Mapping[str, normalise.Value | None]
) -> bool:
    """By the built-in list, or by the rule set's own."""
    type_ = book.field_types[name]
    if normalise.is_blocked(name, type_, value):
        return True
    return book.blocks and any(matching.is_blocked(rule, name, type_, values) for rule in book.rules.asked)


def _common_key(step: Step) -> list[dict[str, Any]]:
    """Whether the key that decided is held by too many to identify anybody."""
    deciding = step.found[0]
    if not deciding.too_common:
        return []
    return [{"code": "value_too_common", "rule": deciding.rule.number, "count": deciding.total}]


def _duplicates(told: Sequence[Suspicion]) -> list[dict[str, Any]]:
    return [
        {"code": str(suspicion.doubt), "contact": str(suspicion.contact), "rule": suspicion.rule} for suspicion in told
    ]
