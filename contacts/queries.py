"""Reads of contacts."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts.models import Account
from contacts.models import ContactField, Export, ExternalId, IdField, Import, Job, RejectedRow, ReviewItem
from contacts.normalise import Field
from contacts.sql import instant, json, parameter, select

COUNTS = ("rows", "created", "linked", "updated", "unchanged", "rejected")
"""What an import counts."""

MANY_REVIEWS = 100
"""Open review items are counted this far: a badge of 99+ says as much as the number."""


def open_reviews(account: Account) -> int:
    """How many doubts wait for a person, MANY_REVIEWS at most."""
    waiting = ReviewItem.objects.for_account(account).filter(state=ReviewItem.State.OPEN)
    return len(waiting.order_by().values_list("pk")[:MANY_REVIEWS])


def contact_id(*, account_id: int, id_field_id: int, external_id: str) -> UUID | None:
    """The contact that an external id points at."""
    found: UUID | None = (
        ExternalId.objects.for_account(account_id)
        .filter(id_field_id=id_field_id, value=external_id)
        .values_list("contact_id", flat=True)
        .first()
    )
    return found


def contact(*, account_id: int, contact_id: UUID, external_id: str) -> dict[str, Any] | None:
    """A contact that has external ids as the API shows it; one query. `external_id` is the one that was asked for.
    None when it is not there."""
    # In order of pk: the first of a field is the contact's primary one.
    rows = select(
        """
        SELECT field.name, own.value, contact."values", contact.created_at, contact.updated_at, contact.version
        FROM contacts_externalid own CROSS JOIN contacts_contact contact CROSS JOIN contacts_idfield field
        WHERE own.account_id = %s AND own.contact_id = %s AND contact.account_id = %s AND contact.id = own.contact_id
        AND field.account_id = %s AND field.id = own.id_field_id ORDER BY own.id
        """,
        [account_id, parameter(contact_id), account_id, account_id],
    )
    if not rows:
        return None
    external_ids: dict[str, list[str]] = {}
    for id_field, value, *_ in rows:
        external_ids.setdefault(id_field, []).append(value)
    return contact_json(contact_id, external_id, external_ids, rows[0][2:])


def contact_json(
    contact_id: UUID, external_id: str | None, external_ids: Mapping[str, Sequence[str]], columns: Sequence[Any]
) -> dict[str, Any]:
    """A contact as the API shows it. `columns`: values, created_at, updated_at and version as read."""
    values, created_at, updated_at, version = columns
    return {
        "id": str(contact_id),
        "external_id": external_id,
        "external_ids": external_ids,
        "values": json(values),
        "created_at": utc(created_at),
        "updated_at": utc(updated_at),
        "version": version,
    }


def field_names(account_id: int) -> tuple[Mapping[str, Field], frozenset[str], str]:
    """An account's contact fields by name, retired ones too, the names of its id fields, and the country that its
    phone numbers are from; one query."""
    rows = select(
        """
        SELECT name, type, CAST(choices AS text), CASE WHEN retired_at IS NULL THEN 0 ELSE 1 END
        FROM contacts_contactfield WHERE account_id = %s
        UNION ALL SELECT name, 'id field', NULL, 0 FROM contacts_idfield WHERE account_id = %s
        UNION ALL SELECT phone_region, 'region', NULL, 0 FROM contacts_ruleset
            WHERE account_id = %s AND status = 'current'
        """,
        [account_id, account_id, account_id],
    )
    fields = {
        name: Field(type_, tuple(json(choices)), bool(retired)) for name, type_, choices, retired in rows if choices
    }
    (region,) = (name for name, kind, _, _ in rows if kind == "region")
    return fields, frozenset(name for name, kind, _, _ in rows if kind == "id field"), region


def fields_json(*, account_id: int, own_id_field_id: int) -> dict[str, Any]:
    """The contact fields and id fields of an account as the API shows them."""
    contact_fields = ContactField.objects.for_account(account_id).values(
        "name", "label", "type", "choices", retired=Q(retired_at__isnull=False)
    )
    id_fields = IdField.objects.for_account(account_id).values_list(
        "pk", "name", "label", "source_system__name", Q(retired_at__isnull=False)
    )
    return {
        "fields": list(contact_fields),
        "id_fields": [
            {"name": name, "label": label, "source_system": system, "yours": pk == own_id_field_id, "retired": retired}
            for pk, name, label, system, retired in id_fields
        ],
    }


def progress(source: Import) -> float:
    """How much of an import's file was read: 0 to 1."""
    if source.job.state == Job.State.COMPLETED:
        return 1.0
    done: int = source.job.progress.get("consumed", 0)
    return round(done / source.size, 4)


def estimated_end(source: Import) -> datetime | None:
    """When an import that is running should end, if it goes on like this."""
    job, done = source.job, source.job.progress.get("consumed", 0)
    if job.state != Job.State.RUNNING or job.started_at is None or not done:
        return None
    ends_at: datetime = job.started_at + (timezone.now() - job.started_at) * (source.size / done)
    return ends_at


def import_json(source: Import) -> dict[str, Any]:
    """An import as the API shows it, with its job."""
    job, ends_at = source.job, estimated_end(source)
    return {
        "id": str(source.pk),
        "state": job.state,
        "format": source.format,
        "mode": source.mode,
        "size": source.size,
        "progress": progress(source),
        "counts": {name: job.progress.get(name, 0) for name in COUNTS},
        "columns_left_out": job.progress.get("left_out", []),
        "failure": {"code": job.failure_code, "detail": job.failure_detail} if job.failure_code else None,
        "created_at": utc(job.created_at),
        "started_at": utc(job.started_at) if job.started_at else None,
        "estimated_end_at": utc(ends_at) if ends_at else None,
        "ended_at": utc(job.ended_at) if job.ended_at else None,
    }


def export_json(export: Export, link: str | None, until: str | None) -> dict[str, Any]:
    """An export as the API shows it, with its job and a link to its file."""
    job = export.job
    return {
        "id": str(export.pk),
        "state": job.state,
        "format": export.format,
        "contacts": job.progress.get("contacts", 0),
        "size": job.progress.get("size", 0),
        "link": link,
        "link_expires_at": until,
        "failure": {"code": job.failure_code, "detail": job.failure_detail} if job.failure_code else None,
        "created_at": utc(job.created_at),
        "ended_at": utc(job.ended_at) if job.ended_at else None,
    }


def exports_of(account: Account) -> QuerySet[Export]:
    """The account's exports with their jobs, the latest first."""
    rows: QuerySet[Export] = Export.objects.for_account(account).select_related("job")
    return rows.order_by("-pk")


def rejected_rows(*, source: Import, after: int, size: int) -> tuple[list[dict[str, Any]], int | None]:
    """Why rows of an import were left out, and where the next page begins (None: there is none)."""
    rejected = RejectedRow.objects.for_account(source.account_id).filter(source=source, pk__gt=after)
    found = list(rejected.values_list("pk", "row", "code", "field", "reason")[: size + 1])
    listed = [
        {"row": row, "code": code, "field": field or None, "reason": reason} for _, row, code, field, reason in found
    ]
    return listed[:size], found[size - 1][0] if len(found) > size else None


def utc(value: Any) -> str:
    """ISO 8601 in UTC, to the microsecond."""
    return instant(value).astimezone(UTC).isoformat().replace("+00:00", "Z")
