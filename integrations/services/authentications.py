"""The life of an authentication: issued, rotated, changed, revoked. Each counts from the very next request."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from dataclasses import fields as dataclass_fields
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction
from django.utils import timezone
from uuid_utils.compat import uuid7

from accounts.actor import Actor
from accounts.errors import Conflict, FieldError, ValidationFailed
from accounts.models import Account
from accounts.services import audit, mail
from accounts.text import ON_ONE_LINE, is_writable
from contacts.models import IdField, SourceSystem
from contacts.services import fields
from integrations import credentials, networks
from integrations.models import Authentication, Integration, License

MOST_GRACE, USUAL_GRACE = 168, 24
"""Hours for which the secret before a rotation may go on working."""
NAME_LENGTH = 100


@dataclass(frozen=True, slots=True)
class Access:
    """What an authentication is called (as its system, if nothing), and what it may do, until when, from where."""

    name: str = ""
    read_only: bool = False
    expires_at: datetime | None = None
    allowed_networks: Sequence[str] = ()

    @classmethod
    def of(cls, authentication: Authentication) -> "Access":
        """As it stands."""
        return cls(**_access(authentication))

    @property
    def fingerprint(self) -> str:
        """Another one once any of it is another."""
        return hashlib.sha256(json.dumps(asdict(self), cls=DjangoJSONEncoder).encode()).hexdigest()


PARTS = tuple(part.name for part in dataclass_fields(Access))
EVERYTHING = Access()


@dataclass(frozen=True, slots=True)
class Issued:
    """An authentication with its new secret in clear, for the one response that may show it."""

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
    is_same_system: bool = False,
    access: Access = EVERYTHING,
    authentication_id: UUID | None = None,
    by: Actor,
) -> Issued:
    """Makes an authentication on an id field, binding the field to its source system for good.

    `is_same_system` says that a free id field is for a system that has another one already; without it, a new name.
    `authentication_id` is the new row's, for callers that must recognise a repeated call.
    Raises Conflict `license_inactive` without an active license, `already_issued` for a repeated call, `id_field_taken`
    while the field has a live authentication, ValidationFailed (`name`, `expires_at`, `allowed_networks`,
    `system_name`), and whatever `contacts.services.fields.bind` raises.
    """
    Account.objects.select_for_update().get(pk=account.pk)  # a form sent twice at once issues one authentication
    if Authentication.objects.for_account(account).filter(pk=authentication_id).exists():
        raise Conflict("This authentication was issued already.", code="already_issued")
    if not License.objects.for_account(account).filter(integration=integration).active(timezone.now()).exists():
        raise Conflict(f"Activate {integration.name} first.", code="license_inactive")
    allowed = _check(access)
    if IdField.objects.for_account(account).filter(pk=id_field_id, source_system=None).exists():
        system_name = _which_system(account, kind, system_name.strip(), is_same_system)
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
        name=access.name.strip() or str(id_field.source_system),
        key=issued.key,
        secret_digest=issued.digest,
        pepper=issued.pepper,
        read_only=access.read_only,
        expires_at=access.expires_at,
        allowed_networks=allowed,
        created_by=by.label,
    )
    source = {"id_field": id_field.name, "source_system": str(id_field.source_system)}
    _record(authentication, "issued", after=source | _access(authentication), by=by)
    _tell_owners(authentication, "issued", by)
    return Issued(authentication=authentication, secret=issued.secret)


@transaction.atomic
def rotate(*, authentication: Authentication, grace_hours: int = USUAL_GRACE, secret_version: int, by: Actor) -> Issued:
    """Makes a new secret. The present one goes on working for some hours, 0 to 168; the one before it ends at once, so
    that at most two work at a time.

    `secret_version` is that of the secret to be replaced, so that a call which is repeated changes nothing.
    Raises ValidationFailed (`grace_hours`), Conflict `authentication_revoked`, `already_rotated`.
    """
    if not 0 <= grace_hours <= MOST_GRACE:
        detail = f"Write a number of hours from 0 to {MOST_GRACE}."
        raise ValidationFailed.of("grace_hours", "out_of_range", detail)
    locked = _lock(authentication)
    if locked.secret_version != secret_version:
        raise Conflict("This secret was replaced already.", code="already_rotated")
    before = {"grace_until": locked.grace_until, "secret_version": locked.secret_version}
    issued = credentials.issue(settings.API_KEY_PEPPERS, locked.key)
    locked.previous_digest, locked.previous_pepper = locked.secret_digest, locked.pepper
    locked.grace_until = timezone.now() + timedelta(hours=grace_hours)
    locked.secret_digest, locked.pepper, locked.secret_version = issued.digest, issued.pepper, secret_version + 1
    _save(locked, "previous_digest", "previous_pepper", "grace_until", "secret_digest", "pepper", "secret_version")
    after = {"grace_until": locked.grace_until, "secret_version": locked.secret_version}
    _record(locked, "rotated", before=before, after=after, by=by)
    _tell_owners(locked, "rotated", by, {"has_grace": grace_hours > 0})
    return Issued(authentication=locked, secret=issued.secret)


@transaction.atomic
def end_grace(*, authentication: Authentication, by: Actor) -> Authentication:
    """Ends the secret before the present one now. Where none is in its grace, nothing changes.

    Raises Conflict `authentication_revoked`.
    """
    locked, now = _lock(authentication), timezone.now()
    if locked.is_in_grace(now):
        before = {"grace_until": locked.grace_until}
        locked.grace_until = now
        _save(locked, "grace_until")
        _record(locked, "grace_ended", before=before, after={"grace_until": now}, by=by)
        _tell_owners(locked, "grace_ended", by)
    return locked


@transaction.atomic
def change(*, authentication: Authentication, access: Access, seen: str | None = None, by: Actor) -> Authentication:
    """Renames an authentication, or changes what it may do, until when, and from where.

    `seen` is the fingerprint of the access that the caller saw, whose answers may all be older than what others
    changed since; none where nothing was shown.
    Raises ValidationFailed (`name`, `expires_at`, `allowed_networks`), Conflict `authentication_revoked`,
    `changed_meanwhile`.
    """
    locked = _lock(authentication)
    before, present = _access(locked), Access.of(locked).fingerprint
    # One that has expired may be renamed, say, without being extended.
    allowed = _check(access if access.expires_at != locked.expires_at else replace(access, expires_at=None))
    locked.name, locked.read_only = access.name.strip() or str(locked.id_field.source_system), access.read_only
    locked.expires_at, locked.allowed_networks = access.expires_at, allowed
    after = _access(locked)
    changed = [part for part in PARTS if before[part] != after[part]]
    if changed and seen not in (None, present):
        raise Conflict("Somebody changed it since you opened this form.", code="changed_meanwhile")
    if changed:
        _save(locked, *changed)
        old, new = ({part: values[part] for part in changed} for values in (before, after))
        _record(locked, "changed", before=old, after=new, by=by)
    if set(changed) - {"name"}:
        _tell_owners(locked, "changed", by)
    return locked


@transaction.atomic
def revoke(*, authentication: Authentication, by: Actor) -> Authentication:
    """Ends an authentication for good. Revoking twice changes nothing."""
    locked = _lock(authentication, even_revoked=True)
    if locked.revoked_at is None:
        locked.revoked_at, locked.revoked_by = timezone.now(), by.label
        _save(locked, "revoked_at", "revoked_by")
        _record(locked, "revoked", after={"revoked_at": locked.revoked_at}, by=by)
        _tell_owners(locked, "revoked", by)
    return locked


def _lock(authentication: Authentication, *, even_revoked: bool = False) -> Authentication:
    """The row as it is now, locked. Raises Conflict `authentication_revoked` unless revoked ones are meant too."""
    locked: Authentication = (
        Authentication.objects.for_account(authentication.account_id)
        .select_for_update(of=("self",))
        .select_related("account__partner", "id_field__source_system")
        .get(pk=authentication.pk)
    )
    if locked.revoked_at is not None and not even_revoked:
        raise Conflict("This authentication is revoked, for good. Make a new one.", code="authentication_revoked")
    return locked


def _save(authentication: Authentication, *names: str) -> None:
    Authentication.objects.for_account(authentication.account_id).save_fields(authentication, *names)


def _check(access: Access) -> list[str]:
    """The networks in canonical form. Raises ValidationFailed for everything that is wrong at once."""
    errors, allowed = [], list[str]()
    if len(access.name.strip()) > NAME_LENGTH:
        errors.append(FieldError("name", "too_long", f"Use at most {NAME_LENGTH} characters."))
    if not is_writable(access.name.strip()):
        errors.append(FieldError("name", "invalid_characters", ON_ONE_LINE))
    if access.expires_at is not None and access.expires_at <= timezone.now():
        errors.append(FieldError("expires_at", "in_the_past", "Choose a time to come; revoke it to end it now."))
    try:
        allowed = networks.canonical(access.allowed_networks)
    except ValidationFailed as error:
        errors += error.errors
    if errors:
        raise ValidationFailed(errors)
    return allowed


def _which_system(account: Account, kind: str, name: str, is_same: bool) -> str:
    """The name of the system that a free id field is for: by itself, a kind's second system would become its first.

    Raises ValidationFailed (`system_name`).
    """
    known = [system.name for system in SourceSystem.objects.for_account(account).filter(kind=kind)]
    listed = ", ".join(known)
    if is_same and known:
        name = name or (known[0] if len(known) == 1 else "")
        if name not in known:
            raise ValidationFailed.of("system_name", "unknown", f"Write which one it is the same as: {listed}.")
    elif known and not name:
        raise ValidationFailed.of(
            "system_name",
            "required",
            f"Connected already: {listed}. Give this one a name that tells them apart, such as Webshop Belgium, "
            "or tick that it is the same system.",
        )
    elif name in known:
        detail = f"{name} is connected already. Choose another name, or tick that it is the same system."
        raise ValidationFailed.of("system_name", "taken", detail)
    return name


def _access(authentication: Authentication) -> dict[str, Any]:
    return {part: getattr(authentication, part) for part in PARTS}


def _record(
    authentication: Authentication,
    happened: str,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any],
    by: Actor,
) -> None:
    audit.record(
        account=authentication.account,
        action=f"authentication.{happened}",
        object_id=authentication.pk,
        object_label=f"{authentication.name} ({credentials.mask(authentication.key)})",
        before=before,
        after=after,
        by=by,
    )


def _tell_owners(authentication: Authentication, happened: str, by: Actor, more: dict[str, Any] | None = None) -> None:
    mail.to_owners(
        account=authentication.account,
        template=f"integrations/mail/authentication_{happened}.txt",
        context={"authentication": authentication, "by": by, **(more or {})},
    )
