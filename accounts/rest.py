"""What Django REST framework is told to use: bodies in, JSON and problems (RFC 9457) out, who may call.

These classes are named in settings.REST_FRAMEWORK, so this module must not import views.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import structlog
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import InterfaceError, OperationalError
from django.http import Http404
from rest_framework import exceptions
from rest_framework.parsers import BaseParser
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.renderers import JSONRenderer as DRFJSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.errors import DomainError, Forbidden

if TYPE_CHECKING:
    from rest_framework.views import APIView

log = structlog.get_logger(__name__)

PROBLEM = "application/problem+json"


class Unauthorized(DomainError):
    """The caller is not known. Missing, malformed, unknown and wrong credentials answer alike."""

    code = "invalid_credentials"
    status = 401
    title = "Sign in with a key and its secret"


class TooLarge(DomainError):
    """The body is larger than this installation takes."""

    code = "too_large"
    status = 413
    title = "The body is too large"


class MalformedJSON(DomainError):
    """The body is not one JSON value in UTF-8."""

    code = "malformed_json"
    status = 400
    title = "The body is not JSON"


class Unavailable(DomainError):
    """It would work later."""

    code = "unavailable"
    status = 503
    title = "Try again in a moment"


class RawJSONParser(BaseParser):
    """Hands the body of a JSON request on as bytes: decoding, with all its errors, is the payload module's."""

    media_type = "application/json"

    def parse(  # type: ignore[override]  # the framework hands on whatever a parser returns
        self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> bytes:
        """Raises TooLarge beyond settings.API_MAX_BODY_BYTES."""
        limit = settings.API_MAX_BODY_BYTES
        body: bytes = stream.read(limit + 1)
        if len(body) > limit:
            raise TooLarge(f"Send at most {limit:,} bytes; split a batch into smaller ones.")
        return body


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


def exception_handler(exc: Exception, _context: Mapping[str, Any]) -> Response:
    """Turns whatever a view raises into a problem; what nobody expected is logged and told without its trace."""
    if isinstance(exc, DomainError):
        return problem_response(exc)
    if isinstance(exc, Http404):
        return problem_response(_plain(404, "not_found", "There is nothing at this address."))
    if isinstance(exc, PermissionDenied):
        return problem_response(_plain(403, "forbidden", "This is not allowed."))
    if isinstance(exc, exceptions.APIException):
        response = problem_response(_plain(exc.status_code, _code(exc), str(exc.detail)))
        if wait := getattr(exc, "wait", None):
            response["Retry-After"] = str(int(wait) + 1)
        return response
    if isinstance(exc, OperationalError | InterfaceError):
        log.error("database_unavailable", exc_info=exc)
        return problem_response(Unavailable("The database can't be reached, or is busy. Send the call again."))
    log.error("internal_error", exc_info=exc)
    detail = "Something went wrong here. Tell us the X-Request-Id of this answer."
    return problem_response(_plain(500, "internal_error", detail))


TITLES = {
    403: "Not allowed",
    404: "Not found",
    405: "This call does not exist at this address",
    406: "Only JSON is served",
    415: "Send JSON",
    429: "Too many calls",
    500: "An error of ours",
}


def _plain(status: int, code: str, detail: str) -> DomainError:
    error = DomainError(detail, code=code)
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
