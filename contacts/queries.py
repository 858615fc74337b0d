"""Reads of contacts."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db.models import JSONField, Q, Value

from contacts.models import Contact, ContactField, ExternalId, IdField
from contacts.normalise import Field


def contact_id(*, account_id: int, id_field_id: int, external_id: str) -> UUID | None:
    """The contact that an external id points at."""
    found: UUID | None = (
        ExternalId.objects.for_account(account_id)
        .filter(id_field_id=id_field_id, value=external_id)
        .values_list("contact_id", flat=True)
        .first()
    )
    return found


def contact_json(*, account_id: int, contact_id: UUID, external_id: str) -> dict[str, Any] | None:
    """A contact as the API shows it; `external_id` is the one that was asked for. None when it is not there."""
    contact: Contact | None = Contact.objects.for_account(account_id).filter(pk=contact_id).first()
    if contact is None:
        return None
    external_ids: dict[str, list[str]] = {}
    # In order of pk: the first of a field is the contact's primary one.
    rows = ExternalId.objects.for_account(account_id).filter(contact_id=contact_id).order_by("pk")
    for id_field, value in rows.values_list("id_field__name", "value"):
        external_ids.setdefault(id_field, []).append(value)
    return {
        "id": str(contact.pk),
        "external_id": external_id,
        "external_ids": external_ids,
        "values": contact.values,
        "created_at": _instant(contact.created_at),
        "updated_at": _instant(contact.updated_at),
        "version": contact.version,
    }


def field_names(account_id: int) -> tuple[Mapping[str, Field], frozenset[str]]:
    """An account's contact fields by name, retired ones too, and the names of its id fields; one query."""
    fields = (
        ContactField.objects.for_account(account_id)
        .order_by()
        .values_list("name", "type", "choices", Q(retired_at__isnull=False))
    )
    id_fields = (
        IdField.objects.for_account(account_id)
        .order_by()
        .values_list("name", Value(""), Value([], JSONField()), Value(False))
    )
    rows = list(fields.union(id_fields, all=True))
    return (
        {name: Field(type_, tuple(choices), bool(retired)) for name, type_, choices, retired in rows if type_},
        frozenset(name for name, type_, _, _ in rows if not type_),
    )


def fields_json(*, account_id: int, own_id_field_id: int) -> dict[str, Any]:
    """The contact fields and id fields of an account as the API shows them."""
    contact_fields = ContactField.objects.for_account(account_id).values(
        "name", "label", "type", "choices", retired=Q(retired_at__isnull=False)
    )
    id_fields = IdField.objects.for_account(account_id).values_list("pk", "name", "label", "source_system__name")
    return {
        "fields": list(contact_fields),
        "id_fields": [
            {"name": name, "label": label, "source_system": system, "yours": pk == own_id_field_id}
            for pk, name, label, system in id_fields
        ],
    }


def _instant(value: Any) -> str:
    """ISO 8601 in UTC, to the microsecond."""
    text: str = value.isoformat()
    return text.replace("+00:00", "Z")
