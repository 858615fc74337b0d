"""From the Authorization header to the caller: one lean query per request, so that a revocation counts at once."""

import base64
import binascii
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from accounts.errors import Forbidden
from accounts.middleware import client_address
from accounts.rest import Unauthorized, Unavailable
from contacts.api.caller import Caller
from integrations import credentials
from integrations.models import Authentication, License
from integrations.models.license import active_at

log = structlog.get_logger(__name__)

LAST_USE_PRECISION = timedelta(minutes=1)
"""`last_used_at` is written at most this often: a busy system must not rewrite its row with every call."""

COLUMNS = (
    "pk",
    "secret_digest",
    "pepper",
    "revoked_at",
    "account__suspended_at",
    "has_license",
    "last_used_at",
    "key",
    "integration__name",
    "account_id",
    "account__number",
    "account__name",
    "id_field_id",
    "id_field__name",
    "id_field__source_system__name",
    "read_only",
)


@dataclass(frozen=True, slots=True)
class _Known:
    """What is stored about a key."""

    digest: bytes = field(repr=False)
    pepper: int
    revoked_at: datetime | None
    suspended_at: datetime | None
    has_license: bool
    last_used_at: datetime | None
    caller: Caller


class KeyAuthentication(BaseAuthentication):
    """`Authorization: Token <key>:<secret>` or `Basic base64(<key>:<secret>)`.

    An unknown key, a wrong secret and a malformed header answer alike. With the right secret the answer tells the
    truth: revoked, then suspended, then without a license.
    """

    def authenticate(self, request: Request) -> tuple[None, Caller]:
        """Raises Unauthorized, Forbidden, or Unavailable when the secret's pepper is not configured."""
        key, secret = read_header(request.headers.get("Authorization", ""))
        if not credentials.is_secret(secret):
            raise _refusal()
        known = _look_up(key=key)
        if not _is_right(secret, known) or known is None:
            raise _refusal()
        _check(known)
        _remember_use(known, request)
        structlog.contextvars.bind_contextvars(
            account=known.caller.account_number, authentication=credentials.mask(known.caller.key)
        )
        return None, known.caller

    def authenticate_header(self, request: Request) -> str:
        return "Token"


def _refusal() -> Unauthorized:
    return Unauthorized("The key or the secret is not right. Send them as “Authorization: Token <key>:<secret>”.")


def read_header(header: str) -> tuple[str, str]:
    """A well-formed key, and what is sent as its secret. Raises Unauthorized for anything else."""
    scheme, _, value = header.partition(" ")
    value = value.strip()
    if scheme.lower() == "basic":
        try:
            value = base64.b64decode(value, validate=True).decode("ascii")
        except (binascii.Error, ValueError):
            raise _refusal() from None
    elif scheme.lower() != "token":
        raise _refusal()
    key, _, secret = value.partition(":")
    if not credentials.is_key(key):
        raise _refusal()
    return key, secret


def check_again(*, account_id: int, authentication_id: UUID) -> Caller:
    """Whether an authentication that was let in may still write: work in the background asks before each step.

    Returns who it is; raises Unauthorized and Forbidden as a call would.
    """
    known = _look_up(account_id=account_id, pk=authentication_id)
    if known is None:
        raise _refusal()
    _check(known)
    if known.caller.read_only:
        raise Forbidden("This authentication may only read.", code="read_only")
    return known.caller


def _look_up(**by: Any) -> _Known | None:
    """The one query. It finds the account by the key, so it can't go through the door of an account."""
    now = timezone.now()
    licenses = License.all_accounts.filter(
        active_at(now), account_id=OuterRef("account_id"), integration_id=OuterRef("integration_id")
    )
    rows = Authentication.all_accounts.filter(**by).order_by().annotate(has_license=Exists(licenses))
    for pk, digest, pepper, revoked_at, suspended_at, has_license, last_used_at, *rest in rows.values_list(*COLUMNS):
        return _Known(bytes(digest), pepper, revoked_at, suspended_at, has_license, last_used_at, Caller(pk, *rest))
    return None


def _is_right(secret: str, known: _Known | None) -> bool:
    """Compares digests; an unknown key costs a digest too, so that it can't be told from a wrong secret by time.

    A pepper is kept for as long as a live authentication needs it: without it, a revoked key is an unknown one.
    """
    peppers = settings.API_KEY_PEPPERS
    if known is None or (known.revoked_at is not None and known.pepper not in peppers):
        credentials.digest(secret, peppers[max(peppers)])
        return False
    try:
        return credentials.verify(secret, known.digest, known.pepper, peppers)
    except credentials.UnknownPepper:
        log.exception("pepper_missing", pepper=known.pepper)
        raise Unavailable("This installation can't check the secret at the moment; its operator is told.") from None


def _check(known: _Known) -> None:
    """What the holder of the right secret is told."""
    if known.revoked_at is not None:
        raise Unauthorized(
            f"This authentication was revoked at {known.revoked_at:%Y-%m-%d %H:%M} UTC. Make a new one.",
            code="authentication_revoked",
        )
    if known.suspended_at is not None:
        raise Forbidden("The account is suspended. Its partner knows why.", code="account_suspended")
    if not known.has_license:
        raise Forbidden(
            f"The account has no active license for {known.caller.integration}. Activate it under Integrations; "
            "nothing was lost, and this key works again from then on.",
            code="license_inactive",
        )


def _remember_use(known: _Known, request: Request) -> None:
    now = timezone.now()
    if known.last_used_at is not None and now - known.last_used_at < LAST_USE_PRECISION:
        return
    stale = Q(last_used_at__isnull=True) | Q(last_used_at__lte=now - LAST_USE_PRECISION)
    pk: UUID = known.caller.authentication_id
    values: dict[str, Any] = {"last_used_at": now, "last_used_ip": client_address(request._request)}
    Authentication.objects.for_account(known.caller.account_id).filter(stale, pk=pk).update(**values)
