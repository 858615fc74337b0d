"""What every request with a key leaves behind: that it was made, and what came of it."""

import time

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from accounts.middleware import GetResponse, client_address
from accounts.rest import API
from integrations.authentication import read_header
from integrations.services import usage

FOR_EVERYBODY = {"api-schema", "api-docs"}
"""Routes that ask nobody who they are."""


class UsageMiddleware:
    """Notes the calls of the API that came with a well-formed key, also those that it did not let in. No path, query
    string, header or body is kept.

    KeyAuthentication says in `secret_was_right` of the request that the key is the caller's own. Calls say how many
    contacts they are about in its `contacts_read` and `contacts_written` (contacts.api.views); what is refused is about
    none.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if request.path.startswith(API) and _route(request) not in FOR_EVERYBODY:
            key, _ = read_header(request.headers.get("Authorization", ""))
            if key:
                _record(key, request, response.status_code)
        return response


def _route(request: HttpRequest) -> str:
    match = request.resolver_match
    return match.url_name or "" if match else ""


def _record(key: str, request: HttpRequest, status: int) -> None:
    read, written = 0, 0
    if status < 400:
        read, written = getattr(request, "contacts_read", 0), getattr(request, "contacts_written", 0)
    call = usage.Call(
        at=timezone.now(),
        method=str(request.method)[:10],
        route=_route(request)[:50],
        status=status,
        contacts=read + written,
        address=client_address(request),
        request_id=request.id,  # type: ignore[attr-defined]
        milliseconds=round(1000 * (time.perf_counter() - request.began)),  # type: ignore[attr-defined]
    )
    usage.record_call(
        key=key,
        call=call,
        secret_was_right=getattr(request, "secret_was_right", False),
        contacts_read=read,
        contacts_written=written,
    )
