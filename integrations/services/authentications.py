"""Issuing and revoking authentications."""

from dataclasses import dataclass, field
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from uuid_utils.compat import uuid7

from accounts.actor import Actor
from accounts.errors import Conflict
from accounts.models import Account
from accounts.services import audit, mail
from contacts.services import fields
from integrations import credentials
from integrations.models import Authentication, Integration, License


@dataclass(frozen=True, slots=True)
class Issued:
    """A new authentication with its secret in clear, for the one response that may show it."""

    authentication: Authentication
    secret: str = field(repr=False)


@transaction.atomic
def issue(
    *,
    account: Account,
    integration: Integration,
    id_field_id: int,
    unique_data: str,
    kind: str,
    system_name: str,
    read_only: bool = False,
    authentication_id: UUID | None = None,
    by: Actor,
) -> Issued:
    """Makes an authentication on an id field, binding the field to its source system for good.

    `authentication_id` is the new row's, for callers that must recognise a repeated call.
    Raises Conflict `license_inactive` without an active license, `already_issued` for a repeated call, `id_field_taken`
    while the field has a live authentication, and whatever `contacts.services.fields.bind` raises.
    """
    Account.objects.select_for_update().get(pk=account.pk)  # a form sent twice at once issues one authentication
    if Authentication.objects.for_account(account).filter(pk=authentication_id).exists():
        raise Conflict("This authentication was issued already.", code="already_issued")
    if not License.objects.for_account(account).filter(integration=integration).active(timezone.now()).exists():
        raise Conflict(f"Activate {integration.name} first.", code="license_inactive")
    id_field = fields.bind(
        account=account, id_field_id=id_field_id, unique_data=unique_data, kind=kind, system_name=system_name, by=by
    )
    authentications = Authentication.objects.for_account(account)
    # bind() holds the id field's row lock, so two at once can't both find it free.
    if authentications.filter(id_field=id_field).live().exists():
        raise Conflict(
            f"{id_field.name} has an authentication already; revoke that one first, or use another id field.",
            code="id_field_taken",
        )
    issued = credentials.issue(settings.API_KEY_PEPPERS)
    authentication: Authentication = authentications.create(
        pk=authentication_id or uuid7(),
        integration=integration,
        id_field=id_field,
        key=issued.key,
        secret_digest=issued.digest,
        pepper=issued.pepper,
        read_only=read_only,
        created_by=by.label,
    )
    _tell(authentication, "issued", by)
    return Issued(authentication=authentication, secret=issued.secret)


@transaction.atomic
def revoke(*, authentication: Authentication, by: Actor) -> Authentication:
    """Ends an authentication for good; it counts from the very next request. Revoking twice changes nothing."""
    locked: Authentication = (
        Authentication.objects.for_account(authentication.account_id)
        .select_for_update(of=("self",))
        .select_related("account__partner", "id_field__source_system")
        .get(pk=authentication.pk)
    )
    if locked.revoked_at is None:
        locked.revoked_at, locked.revoked_by = timezone.now(), by.label
        locked.save(update_fields=["revoked_at", "revoked_by"])
        _tell(locked, "revoked", by)
    return locked


def _tell(authentication: Authentication, happened: str, by: Actor) -> None:
    """The audit event and the mail to the owners about what happened to an authentication."""
    id_field = authentication.id_field
    audit.record(
        account=authentication.account,
        action=f"authentication.{happened}",
        object_id=authentication.pk,
        object_label=credentials.mask(authentication.key),
        after={
            "id_field": id_field.name,
            "source_system": str(id_field.source_system),
            "read_only": authentication.read_only,
        },
        by=by,
    )
    mail.to_owners(
        account=authentication.account,
        template=f"integrations/mail/authentication_{happened}.txt",
        context={"authentication": authentication, "by": by},
    )
