"""What may be done to an id field only when nothing is connected to it."""

from django.db import transaction

from accounts.actor import Actor
from contacts.models import IdField
from contacts.services import fields
from integrations import queries


@transaction.atomic
def retire(*, id_field: IdField, by: Actor) -> IdField:
    """Retires an id field that has no live authentication. Raises Conflict `id_field_in_use`, `id_field_retired`."""
    return fields.retire_id_field(id_field=id_field, is_in_use=queries.has_live_authentication, by=by)
