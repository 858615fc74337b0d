"""What every request gets: an id, the actor behind it, and for staff the duty of a second factor."""

import re
import time
import uuid
from collections.abc import Callable
from ipaddress import IPv6Address

import structlog
from allauth.account.adapter import get_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django_structlog.middlewares import RequestMiddleware

from accounts.actor import Actor

# Without an underscore: who puts a key or a secret there by mistake must not find it in the logs.
REQUEST_ID = re.compile(r"[A-Za-z0-9.:-]{8,64}", re.ASCII)
AUTH = "/auth/"
"""Where allauth's pages are: signing in and out, and setting up a second factor."""
SECOND_FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)
"""Recovery codes alone are none: they are for the day on which one of these is lost."""
GetResponse = Callable[[HttpRequest], HttpResponse]


class RequestLogMiddleware(RequestMiddleware):
    """`request.id`, and one line in the log for each request.

    The id is the caller's X-Request-Id where it is well-formed, else a new one; it is answered, logged, and kept
    with what the request wrote. The line names the route, never the path or the query string: those hold
    external ids. Static files are not logged.
    """

    def prepare(self, request: HttpRequest) -> None:
        sent = request.headers.get("X-Request-Id", "")
        request.id = sent if REQUEST_ID.fullmatch(sent) else uuid.uuid4().hex  # type: ignore[attr-defined]
        request.began = time.perf_counter()  # type: ignore[attr-defined]
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request.id)  # type: ignore[attr-defined]

    def handle_response(self, request: HttpRequest, response: HttpResponse) -> None:
        response["X-Request-Id"] = request.id  # type: ignore[attr-defined]
        if request.resolver_match is None and response.status_code < 400:
            structlog.contextvars.clear_contextvars()
            return
        milliseconds = 1000 * (time.perf_counter() - request.began)  # type: ignore[attr-defined]
        structlog.contextvars.bind_contextvars(milliseconds=round(milliseconds, 1))
        super().handle_response(request, response)

    @staticmethod
    def format_request(request: HttpRequest) -> str:
        match = request.resolver_match
        return f"{request.method} /{match.route}" if match else f"{request.method} (no route)"

    @staticmethod
    def bind_user_id(request: HttpRequest) -> None:
        """Only of a person that somebody asked for already: logging must not query the database."""
        user = getattr(request, "_cached_user", None)
        if user is not None and user.pk is not None:
            structlog.contextvars.bind_contextvars(user_id=user.pk)


def client_address(request: HttpRequest) -> str | None:
    """The caller's address, as far as the trusted proxies can be believed (TRUSTED_PROXY_COUNT).

    One of IPv4 that is mapped into IPv6 (RFC 4291, 2.5.5.2), as a server that listens to both sees it, is given as what
    it is, and the zone of a link-local one (RFC 4007), which is of one machine, is left out. None where there is none,
    as behind a Unix socket without a proxy that says whom it speaks for.
    """
    try:
        address: str = get_adapter().get_client_ip(request).partition("%")[0]
    except PermissionDenied:
        return None
    return str(IPv6Address(address).ipv4_mapped or address) if address.startswith("::") else address


def actor_of(request: HttpRequest, label: str = "") -> Actor:
    """Who is behind a request, for a service's `by=`: the signed-in person, or whoever the label says."""
    return Actor(
        label=label or str(request.user),
        user_id=None if label else request.user.pk,
        address=client_address(request),
        request_id=getattr(request, "id", ""),
    )


class StaffSecondFactorMiddleware:
    """Sends staff without a second factor to set one up before they reach any other page, where that is required."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        user = request.user
        if (
            settings.STAFF_SECOND_FACTOR_REQUIRED
            and user.is_authenticated
            and user.is_staff
            and not request.path.startswith(AUTH)
            and not is_mfa_enabled(user, SECOND_FACTORS)
        ):
            return redirect("mfa_index")
        return self.get_response(request)
