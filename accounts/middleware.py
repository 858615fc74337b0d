"""What every request gets: an id, the actor behind it, and for staff the duty of a second factor."""

import re
import uuid
from collections.abc import Callable

import structlog
from allauth.account.adapter import get_adapter
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from accounts.actor import Actor

REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{8,64}", re.ASCII)
GetResponse = Callable[[HttpRequest], HttpResponse]


class RequestIdMiddleware:
    """`request.id`: the caller's X-Request-Id where it is well-formed, else a new one. Answered and logged."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        sent = request.headers.get("X-Request-Id", "")
        request_id = sent if REQUEST_ID.fullmatch(sent) else uuid.uuid4().hex
        request.id = request_id  # type: ignore[attr-defined]
        structlog.contextvars.bind_contextvars(request_id=request_id)
        response = self.get_response(request)
        response["X-Request-Id"] = request_id
        return response


def client_address(request: HttpRequest) -> str | None:
    """The caller's address, as far as the trusted proxies can be believed (TRUSTED_PROXY_COUNT)."""
    address: str | None = get_adapter().get_client_ip(request)
    return address


def actor_of(request: HttpRequest) -> Actor:
    """The signed-in person behind a request, for a service's `by=`."""
    return Actor(
        label=str(request.user),
        user_id=request.user.pk,
        address=client_address(request),
        request_id=getattr(request, "id", ""),
    )


class StaffSecondFactorMiddleware:
    """Sends staff without a second factor to set one up before they reach the admin, where that is required."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        user = request.user
        if (
            settings.STAFF_SECOND_FACTOR_REQUIRED
            and user.is_authenticated
            and user.is_staff
            and not request.path.startswith((reverse("mfa_index"), reverse("account_logout"), "/auth/", "/static/"))
            and not is_mfa_enabled(user)
        ):
            return redirect("mfa_index")
        return self.get_response(request)
