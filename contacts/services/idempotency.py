"""Calls that are done once, however often they are sent: the answer is stored in the transaction that did the work.

A crash between the two is none: either both are there, or the call was never made.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import OperationalError, connection, transaction
from django.utils import timezone

from accounts.errors import Conflict, FieldError, ValidationFailed
from contacts.models import IdempotencyKey
from contacts.sql import run

KEPT = timedelta(hours=24)
LONGEST_WAIT = "10s"
LOCK_NOT_AVAILABLE = "55P03"
REUSED = "idempotency_key_reused"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call was answered: status, headers, the body as text; and whose values stand in it."""

    status: int
    headers: dict[str, str]
    body: str
    contact_id: UUID | None = None


@transaction.atomic
def once(*, account_id: int, authentication_id: UUID, key: str, call: str, work: Callable[[], Answer]) -> Answer:
    """Does the work and keeps its answer; or gives the answer that is kept. A call that comes while another with its
    key is under way waits for that.

    Raises ValidationFailed `idempotency_key_reused` when the key came with another call before, Conflict
    `idempotency_in_progress` when the other takes too long, and whatever the work raises: then the key stays unused.
    """
    keys = IdempotencyKey.objects.for_account(account_id)
    named = {"authentication_id": authentication_id, "key": key}
    keys.filter(**named, created_at__lt=timezone.now() - KEPT).delete()
    row, is_new = _claim(keys, named, call)
    if row.call != call:
        detail = "This key came with another call before. Send each call with a key of its own."
        raise ValidationFailed([FieldError("Idempotency-Key", REUSED, detail)], code=REUSED)
    if not is_new:
        return Answer(row.status, row.headers, row.answer, row.contact_id)
    answer = work()
    row.status, row.headers, row.answer, row.contact_id = answer.status, answer.headers, answer.body, answer.contact_id
    keys.save_fields(row, "status", "headers", "answer", "contact_id")
    return answer


def _claim(keys: Any, named: dict[str, Any], call: str) -> tuple[IdempotencyKey, bool]:
    """The row of a key, and whether it is new. PostgreSQL waits for a transaction that is making it."""
    if connection.vendor == "postgresql":
        run(f"SET LOCAL lock_timeout = '{LONGEST_WAIT}'", ())
    try:
        found: tuple[IdempotencyKey, bool] = keys.get_or_create(**named, defaults={"call": call})
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", "") != LOCK_NOT_AVAILABLE:
            raise
        detail = "The first call with this key is still under way. Send this one again in a moment."
        raise Conflict(detail, code="idempotency_in_progress") from None
    if connection.vendor == "postgresql":
        run("SET LOCAL lock_timeout TO DEFAULT", ())
    return found


def forget(*, account_id: int, contact_ids: Collection[UUID]) -> None:
    """Deletes the answers in which the values of these contacts stand."""
    IdempotencyKey.objects.for_account(account_id).filter(contact_id__in=contact_ids).delete()


def delete_old(*, before: datetime) -> int:
    """Deletes what was kept long enough, of all accounts; how many that were."""
    return IdempotencyKey.all_accounts.filter(created_at__lt=before).delete()[0]
