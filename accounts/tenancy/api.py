"""The base of every API view: which account the caller's key opens, and what a call may be asked with."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import parse_qsl

from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.errors import FieldError, ValidationFailed

MAX_PARAMETERS = 50
CONDITIONS = ("Idempotency-Key", "If-Match", "If-Unmodified-Since")
WRITE_CONDITIONS = ("If-None-Match",)
"""On a read it only asks for less than the whole answer."""


class AccountAPIView(APIView):
    """A call for the account of its authentication, and no other; there is no way to name one.

    `request.auth` is made by integrations.authentication and checked by the default permission: no view of the API
    sets authentication or permission classes of its own.

    A parameter or header that would change the meaning of a call is refused where it is not known: nobody shall
    believe that `?dry_run=true` or an `If-Match` was honoured.
    """

    # An OPTIONS request is no call of the API.
    metadata_class = None

    parameters: ClassVar[Mapping[str, frozenset[str]]] = {}
    """Method → the query parameters that it knows, beside its flags."""
    flags: ClassVar[Mapping[str, frozenset[str]]] = {}
    """Method → the parameters that say true or false and are left out for false."""
    conditions: ClassVar[Mapping[str, frozenset[str]]] = {}
    """Method → those of the headers below that it honours."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        self.check_call(request)

    def check_permissions(self, request: Request) -> None:
        """The limit comes first: a call that the caller may not make counts as well."""
        super().check_throttles(request)
        super().check_permissions(request)

    def check_throttles(self, request: Request) -> None:
        """Done with the permissions."""

    def check_call(self, request: Request) -> None:
        """Raises ValidationFailed naming every parameter and condition that the call does not know."""
        headers = CONDITIONS if request.method in SAFE_METHODS else CONDITIONS + WRITE_CONDITIONS
        method = _as_get(request)
        flags = self.flags.get(method, frozenset())
        unknown = sorted({name for name, _ in sent_parameters(request)} - flags - self.known_parameters(request))
        errors = [
            FieldError(name[:50], "unknown_parameter", f"This call has no parameter “{name[:50]}”; leave it out.")
            for name in unknown
        ]
        errors += [
            FieldError(name, "unknown_header", f"This call does not know {name}; leave it out.")
            for name in headers
            if name in request.headers and name not in self.conditions.get(method, ())
        ]
        errors += [
            FieldError(name, "invalid_choice", f"Write {name}=true or {name}=false, once, or leave it out.")
            for name in sorted(flags)
            if self._said(name) not in ([], ["true"], ["false"])
        ]
        if errors:
            raise ValidationFailed(errors)

    def known_parameters(self, request: Request) -> frozenset[str]:
        """The query parameters that this call knows, beside its flags."""
        return self.parameters.get(_as_get(request), frozenset())

    def flag(self, name: str) -> bool:
        """Whether the call was sent with `?name=true`."""
        return self._said(name) == ["true"]

    def _said(self, name: str) -> list[str]:
        return [value for sent, value in sent_parameters(self.request) if sent == name]

    @property
    def caller(self) -> Any:
        """Who calls (contacts.api.caller.Caller)."""
        return self.request.auth

    @property
    def account_id(self) -> int:
        """The primary key of the caller's account."""
        account_id: int = self.caller.account_id
        return account_id


def _as_get(request: Request) -> str:
    """The method; HEAD is a GET whose body stays away."""
    return "GET" if request.method == "HEAD" else str(request.method)


def sent_parameters(request: Request) -> Sequence[tuple[str, str]]:
    """The query parameters as sent, in order. Raises ValidationFailed for what is no UTF-8, or too many.

    Not `query_params`, in which Django has replaced what is no UTF-8 by another character.
    """
    try:
        text = request.META.get("QUERY_STRING", "").encode("latin-1").decode()
        return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MAX_PARAMETERS)
    except UnicodeDecodeError:
        detail = "Percent-encode the parameters as UTF-8."
        raise ValidationFailed.of("?", "invalid_characters", detail) from None
    except ValueError:
        raise ValidationFailed.of("?", "too_many", "No call has that many parameters.") from None
