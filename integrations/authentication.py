"""From the Authorization header to the caller: one lean query per request, so that a revocation counts at once."""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.db import DatabaseError, models, transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from accounts.errors import Forbidden
from accounts.middleware import client_address
from accounts.rest import Unauthorized, Unavailable
from contacts.api.caller import Caller
from integrations import credentials, networks, throttling
from integrations.models import Authentication, License
from integrations.models.license import active_at
from integrations.sql import CompiledQuery

log = structlog.get_logger(__name__)

LAST_USE_PRECISION = timedelta(minutes=1)
"""`last_used_at` is written at most this often: a busy system must not rewrite its row with every call."""

CALLER = (
    "pk",
    "key",
    "integration__name",
    "account_id",
    "account__number",
    "account__name",
    "id_field_id",
    "id_field__name",
    "id_field__source_system__name",
    "read_only",
    "name",
    "expires_at",
    "allowed_networks",
)
KNOWN = (
    "secret_digest",
    "pepper",
    "previous_digest",
    "previous_pepper",
    "grace_until",
    "revoked_at",
    "account__suspended_at",
    "has_license",
    "last_used_at",
)
"""In the order in which Caller and _Known have them."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What is stored about a key."""

    caller: Caller
    digest: bytes = field(repr=False)
    pepper: int
    previous_digest: bytes | None = field(repr=False)
    previous_pepper: int | None
    grace_until: datetime | None
    revoked_at: datetime | None
    suspended_at: datetime | None
    has_license: bool
    last_used_at: datetime | None


class Which(Enum):
    """The secret that was sent."""

    PRESENT = auto()
    PREVIOUS = auto()
    """The one before it, whether it still works or not."""


class KeyAuthentication(BaseAuthentication):
    """`Authorization: Token <key>:<secret>` or `Basic base64(<key>:<secret>)`.

    An unknown key, a wrong secret and a malformed header answer alike. With the right secret the answer tells the
    truth, in this order: revoked, rotated out, expired; suspended, without a license, from elsewhere. Only who is wrong
    is counted as failing, so that nobody's failures ever keep the right secret out.
    """

    def authenticate(self, request: Request) -> tuple[None, Caller]:
        """Raises Unauthorized, Forbidden, Throttled for one failure too many, or Unavailable when the secret's pepper
        is not configured."""
        key, secret = read_header(request.headers.get("Authorization", ""))
        is_formed = bool(key) and credentials.is_secret(secret)  # else it costs no query
        known = _look_up(key) if is_formed else None
        which = _which(secret, known) if is_formed else None
        if known is None or which is None:
            throttling.count_failure(request, key)
            raise _refusal() if "Authorization" in request.headers else Unauthorized(NO_HEADER)
        request._request.secret_was_right = True  # type: ignore[attr-defined]  # for integrations.middleware
        _check(known, which)
        _check_network(known.caller, request)
        _remember_use(known, request)
        structlog.contextvars.bind_contextvars(
            account=known.caller.account_number, authentication=credentials.mask(known.caller.key)
        )
        return None, known.caller

    def authenticate_header(self, request: Request) -> str:
        return "Token"


NO_HEADER = (
    "The call has no Authorization header. Send “Authorization: Token <key>:<secret>”, with the key and the secret of "
    "an authentication; the people of the account make one under Integrations → Configurations."
)


def _refusal() -> Unauthorized:
    return Unauthorized("The key or the secret is not right. Send them as “Authorization: Token <key>:<secret>”.")


def read_header(header: str) -> tuple[str, str]:
    """A well-formed key, and what is sent as its secret; empty for anything else."""
    scheme, _, value = header.partition(" ")
    value = value.strip()
    if scheme.lower() == "basic":
        try:
            value = base64.b64decode(value, validate=True).decode("ascii")
        except (binascii.Error, ValueError):
            return "", ""
    elif scheme.lower() != "token":
        return "", ""
    key, _, secret = value.partition(":")
    if not credentials.is_key(key):
        return "", ""
    return key, secret


def check_again(*, account_id: int, authentication_id: UUID) -> Caller:
    """Whether an authentication that was let in may still write: work in the background asks before each step.

    Returns who it is; raises Unauthorized and Forbidden as a call would.
    """
    rows = _with_license(timezone.now(), account_id=account_id, pk=authentication_id)
    known = next(map(_read_row, rows), None)
    if known is None:
        raise _refusal()
    _check(known, Which.PRESENT)
    if known.caller.read_only:
        raise Forbidden("This authentication may only read.", code="read_only")
    return known.caller


def _with_license(now: datetime, **by: Any) -> Any:
    """All that is asked about an authentication. It finds the account by the key, so it can't go through the door of an
    account."""
    licenses = License.all_accounts.filter(
        active_at(now), account_id=OuterRef("account_id"), integration_id=OuterRef("integration_id")
    )
    rows = Authentication.all_accounts.filter(**by).order_by().annotate(has_license=Exists(licenses))
    return rows.values_list(*CALLER, *KNOWN)


_by_key = CompiledQuery(_with_license, key=models.CharField(), now=models.DateTimeField())


def _look_up(key: str) -> _Known | None:
    """The one query."""
    return next(map(_read_row, _by_key.rows(key=key, now=timezone.now())), None)


def _read_row(row: Sequence[Any]) -> _Known:
    return _Known(Caller(*row[: len(CALLER)]), *row[len(CALLER) :])


def _which(secret: str, known: _Known | None) -> Which | None:
    """Compares digests; an unknown key costs a digest too, so that it can't be told from a wrong secret by time.

    A pepper is kept for as long as a live authentication needs it: without it, a secret that works no more is unknown.
    Raises Unavailable when one that might still work can't be checked.
    """
    peppers = settings.API_KEY_PEPPERS
    if known is None:
        credentials.digest(secret, peppers[max(peppers)])
        return None
    lives = known.revoked_at is None
    if _is_right(secret, known.digest, known.pepper, is_needed=lives):
        return Which.PRESENT
    if known.previous_digest is None or known.previous_pepper is None or known.grace_until is None:
        return None
    in_grace = lives and timezone.now() < known.grace_until
    return (
        Which.PREVIOUS if _is_right(secret, known.previous_digest, known.previous_pepper, is_needed=in_grace) else None
    )


def _is_right(secret: str, digest: bytes, pepper: int, *, is_needed: bool) -> bool:
    """Raises Unavailable without the pepper of what is needed; anything else without it is wrong."""
    try:
        return credentials.verify(secret, digest, pepper, settings.API_KEY_PEPPERS)
    except credentials.UnknownPepper:
        if not is_needed:
            return False
        log.exception("pepper_missing", pepper=pepper)
        raise Unavailable("This installation can't check the secret at the moment; its operator is told.") from None


def _check(known: _Known, which: Which) -> None:
    """What the holder of the right secret is told."""
    now, caller = timezone.now(), known.caller
    if known.revoked_at is not None:
        raise Unauthorized(
            f"This authentication was revoked at {_told(known.revoked_at)}. Make a new one.",
            code="authentication_revoked",
        )
    if which is Which.PREVIOUS and known.grace_until is not None and known.grace_until <= now:
        raise Unauthorized(
            f"This secret was replaced, and worked until {_told(known.grace_until)}. Use the new one.",
            code="secret_rotated_out",
        )
    if caller.expires_at is not None and caller.expires_at <= now:
        raise Unauthorized(
            f"This authentication expired at {_told(caller.expires_at)}. Its account can extend it under Integrations.",
            code="authentication_expired",
        )
    if known.suspended_at is not None:
        raise Forbidden("The account is suspended. Its partner knows why.", code="account_suspended")
    if not known.has_license:
        raise Forbidden(
            f"The account has no active license for {caller.integration}. Activate it under Integrations; "
            "nothing was lost, and this key works again from then on.",
            code="license_inactive",
        )


def _told(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _check_network(caller: Caller, request: Request) -> None:
    if caller.allowed_networks and not networks.contain(caller.allowed_networks, address := _address(request)):
        raise Forbidden(
            f"This authentication may not be used from {address or 'an unknown address'}. Its account can allow that "
            "network under Integrations.",
            code="network_not_allowed",
        )


def _address(request: Request) -> str | None:
    return client_address(request._request)


def _remember_use(known: _Known, request: Request) -> None:
    """No call fails because it can't be written: who only reads needs no database that takes writes."""
    now = timezone.now()
    if known.last_used_at is not None and now - known.last_used_at < LAST_USE_PRECISION:
        return
    stale = Q(last_used_at__isnull=True) | Q(last_used_at__lte=now - LAST_USE_PRECISION)
    pk: UUID = known.caller.authentication_id
    values: dict[str, Any] = {"last_used_at": now, "last_used_ip": _address(request)}
    try:
        with transaction.atomic():
            Authentication.objects.for_account(known.caller.account_id).filter(stale, pk=pk).update(**values)
    except DatabaseError:
        log.exception("last_use_not_noted")
