"""What every request with a key leaves behind: that it was made, and what came of it."""

import time

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from accounts.middleware import GetResponse, client_address
from accounts.rest import API
from integrations.authentication import read_header
from integrations.services import usage


class UsageMiddleware:
    """Notes the calls of the API that came with a well-formed key, also those that it did not let in. No path, query
    string, header or body is kept.

    Calls say how many contacts they are about in `contacts_read` and `contacts_written` of their request
    (contacts.api.views); what is refused is about none.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if request.path.startswith(API):
            key, _ = read_header(request.headers.get("Authorization", ""))
            if key:
                _record(key, request, response.status_code)
        return response


def _record(key: str, request: HttpRequest, status: int) -> None:
    match = request.resolver_match
    read, written = 0, 0
    if status < 400:
        read, written = getattr(request, "contacts_read", 0), getattr(request, "contacts_written", 0)
    call = usage.Call(
        at=timezone.now(),
        method=str(request.method)[:10],
        route=str(match.url_name)[:50] if match else "",
        status=status,
        contacts=read + written,
        address=client_address(request),
        request_id=request.id,  # type: ignore[attr-defined]
        milliseconds=round(1000 * (time.perf_counter() - request.began)),  # type: ignore[attr-defined]
    )
    usage.record_call(key=key, call=call, contacts_read=read, contacts_written=written)
