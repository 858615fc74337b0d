"""What Django REST framework is told to use: bodies in, JSON and problems (RFC 9457) out, who may call.

These classes are named in settings.REST_FRAMEWORK, so this module must not import views.
"""

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import structlog
from django.conf import settings
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, UnreadablePostError
from rest_framework import exceptions
from rest_framework.parsers import BaseParser
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.renderers import JSONRenderer as DRFJSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.errors import DomainError, Forbidden, TooLarge

if TYPE_CHECKING:
    from rest_framework.views import APIView

log = structlog.get_logger(__name__)

API = "/api/v1"
PROBLEM = "application/problem+json"


class Unauthorized(DomainError):
    """The caller is not known. Missing, malformed, unknown and wrong credentials answer alike."""

    code = "invalid_credentials"
    status = 401
    title = "Sign in with a key and its secret"


class Unavailable(DomainError):
    """It would work later."""

    code = "unavailable"
    status = 503
    title = "Try again in a moment"


class Throttled(DomainError):
    """Too much of the same; it works again after `wait` seconds."""

    code = "throttled"
    status = 429
    title = "Too many calls"

    def __init__(self, detail: str, *, wait: int) -> None:
        super().__init__(detail)
        self.wait = wait


class RawJSONParser(BaseParser):
    """Hands the body of a JSON request on as bytes: decoding, with all its errors, is the payload module's."""

    media_type = "application/json"

    def parse(  # type: ignore[override]  # the framework hands on whatever a parser returns
        self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> bytes:
        """Raises TooLarge beyond settings.API_MAX_BODY_BYTES, UnsupportedMediaType for a compressed body."""
        coding = parser_context["request"].headers.get("Content-Encoding", "identity") if parser_context else ""
        if coding.strip().lower() not in {"", "identity"}:
            raise exceptions.UnsupportedMediaType(media_type or "", "Send the body as it is, not compressed.")
        limit = settings.API_MAX_BODY_BYTES
        body = bytearray()
        while len(body) <= limit and (part := stream.read(limit + 1 - len(body))):
            body += part
        if len(body) > limit:
            raise TooLarge.beyond(limit, "split a batch into smaller ones")
        return bytes(body)


class JSONRenderer(DRFJSONRenderer):
    """JSON in UTF-8, whatever indentation the Accept header asks for."""

    def get_indent(self, accepted_media_type: str, renderer_context: Mapping[str, Any]) -> int | None:
        return None


class MayUseAccount(BasePermission):
    """The authentication may make this call: a read-only one may only read."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        caller: Any = request.auth
        if caller is None:
            raise Unauthorized("Send the key and the secret of an authentication.")
        if caller.read_only and request.method not in SAFE_METHODS:
            raise Forbidden("This authentication may only read.", code="read_only")
        return True


def problem(error: DomainError) -> dict[str, Any]:
    """The problem details of a refusal, as JSON."""
    body: dict[str, Any] = {
        "type": f"/api/v1/docs#{error.code}",
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "code": error.code,
    }
    if error.errors:
        body["errors"] = [{"pointer": item.field, "code": item.code, "detail": item.detail} for item in error.errors]
    return body | error.extra


def problem_response(error: DomainError) -> Response:
    """The answer to a refused call."""
    response = Response(problem(error), status=error.status, content_type=PROBLEM)
    if error.status == 401:
        response["WWW-Authenticate"] = "Token"
    if error.status == 503:
        response["Retry-After"] = "5"
    return response


def exception_handler(exc: Exception, context: Mapping[str, Any]) -> Response:
    """Turns whatever a view raises into a problem; what nobody expected is logged and told without its trace."""
    if request := context.get("request"):
        # A problem is JSON on the pages too that answer with something else.
        request.accepted_renderer, request.accepted_media_type = JSONRenderer(), PROBLEM
    response = problem_response(_refusal(exc))
    if wait := getattr(exc, "wait", None):
        response["Retry-After"] = str(wait)
    return response


def _refusal(exc: Exception) -> DomainError:
    if isinstance(exc, DomainError):
        return exc
    if isinstance(exc, exceptions.APIException):
        return _plain(exc.status_code, _code(exc), str(exc.detail))
    if isinstance(exc, OperationalError | InterfaceError):
        log.error("database_unavailable", exc_info=exc)
        return Unavailable("The database can't be reached, or is busy. Send the call again.")
    for kind, status in DJANGO_REFUSALS.items():
        if isinstance(exc, kind):
            return _plain(status)
    log.error("internal_error", exc_info=exc)
    return _plain(500)


class ProblemMiddleware:
    """Below /api/v1, an error that Django answers before or after any view (a wrong Host, say) is a problem too."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        inside = request.path == API or request.path.startswith(f"{API}/")
        if response.status_code < 400 or not inside or response.get("Content-Type") == PROBLEM:
            return response
        # The headers that others have set by now stay.
        response.content = json.dumps(problem(_plain(response.status_code)))
        response["Content-Type"], response["Content-Length"] = PROBLEM, str(len(response.content))
        return response


DJANGO_REFUSALS: dict[type[Exception], int] = {
    Http404: 404,
    PermissionDenied: 403,
    SuspiciousOperation: 400,
    UnreadablePostError: 400,
}
PLAIN = {
    400: ("bad_request", "The request can't be understood."),
    403: ("forbidden", "This is not allowed."),
    404: ("not_found", "There is nothing at this address."),
    500: ("internal_error", "Something went wrong here. Tell us the X-Request-Id of this answer."),
}
TITLES = {
    400: "The request is malformed",
    403: "Not allowed",
    404: "Not found",
    405: "This call does not exist at this address",
    406: "Only JSON is served",
    415: "Send JSON",
    429: "Too many calls",
    500: "An error of ours",
}


def _plain(status: int, code: str = "", detail: str = "") -> DomainError:
    """A refusal that is not the product's; with the code and the detail of its status unless given."""
    usual_code, usual_detail = PLAIN.get(status, ("refused", "The call was refused."))
    error = DomainError(detail or usual_detail, code=code or usual_code)
    error.status, error.title = status, TITLES.get(status, "The call was refused")
    return error


def _code(exc: exceptions.APIException) -> str:
    """The stable code of one of Django REST framework's own errors, as in the API's table."""
    codes = {
        exceptions.NotAuthenticated: "invalid_credentials",
        exceptions.AuthenticationFailed: "invalid_credentials",
        exceptions.ParseError: "malformed_json",
        exceptions.NotFound: "not_found",
        exceptions.PermissionDenied: "forbidden",
        exceptions.MethodNotAllowed: "method_not_allowed",
        exceptions.NotAcceptable: "not_acceptable",
        exceptions.UnsupportedMediaType: "unsupported_media_type",
        exceptions.Throttled: "throttled",
    }
    return codes.get(type(exc), "refused")
