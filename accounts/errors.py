"""Everything a service may refuse with: one family of errors, each with a stable code.

The API turns them into problem+json (RFC 9457), the settings UI into form errors, the admin into messages.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MODEL_CODES = {"blank": "required", "max_length": "too_long"}
"""Our codes for those of Django's models; any other is `invalid`."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one member of the input.

    `field` is a form field's name or, for JSON bodies, a JSON pointer (RFC 6901) such as `/values/email`.
    """

    field: str
    code: str
    detail: str


class DomainError(Exception):
    """A refusal by the rules of the product, as opposed to a bug.

    `code` is stable and documented, `status` is the HTTP status that the API answers with, `detail` tells a
    person what is wrong and what to do, `extra` are members added to the problem (JSON values only).
    """

    code = "domain_error"
    status = 409
    title = "The request was refused"

    def __init__(
        self,
        detail: str,
        *,
        code: str | None = None,
        errors: Sequence[FieldError] = (),
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code or self.code
        self.errors = list(errors)
        self.extra = dict(extra or {})


class ValidationFailed(DomainError):
    """The input is well-formed but not acceptable; `errors` names every field, the reason and the mend."""

    code = "validation_failed"
    status = 422
    title = "Some of the input is not valid"

    def __init__(self, errors: Sequence[FieldError], detail: str = "", *, code: str | None = None) -> None:
        super().__init__(detail or " ".join(error.detail for error in errors[:3]), code=code, errors=errors)

    @classmethod
    def of(cls, field: str, code: str, detail: str) -> "ValidationFailed":
        """The refusal of a single field."""
        return cls([FieldError(field, code, detail)])

    @classmethod
    def of_model(cls, error_dict: Mapping[str, Iterable[Any]]) -> "ValidationFailed":
        """What a model says of its own fields, as in a Django ValidationError's `error_dict`."""
        return cls(
            [
                FieldError(name, MODEL_CODES.get(fault.code, "invalid"), message)
                for name, faults in error_dict.items()
                for fault in faults
                for message in fault.messages
            ]
        )


class MalformedJSON(DomainError):
    """The body is not one JSON value in UTF-8."""

    code = "malformed_json"
    status = 400
    title = "The body is not JSON"


class TooLarge(DomainError):
    """The body is larger than this installation takes."""

    code = "too_large"
    status = 413
    title = "The body is too large"

    @classmethod
    def beyond(cls, limit: int, mend: str) -> "TooLarge":
        """The refusal of more than so many bytes, and what to do."""
        return cls(f"Send at most {limit:,} bytes; {mend}.")


class NotFound(DomainError):
    """What was asked for does not exist, or belongs to somebody else: the two are told apart by nobody."""

    code = "not_found"
    status = 404
    title = "Not found"


class Forbidden(DomainError):
    """The actor is known and may not do this."""

    code = "forbidden"
    status = 403
    title = "Not allowed"


class Conflict(DomainError):
    """The present state does not allow it."""

    code = "conflict"
    status = 409
    title = "In conflict with the present state"


class PreconditionFailed(DomainError):
    """It has changed since the caller saw it (RFC 9110, section 13)."""

    code = "version_mismatch"
    status = 412
    title = "It has changed since you saw it"


class Gone(DomainError):
    """It was there, and was taken away for good."""

    code = "gone"
    status = 410
    title = "Gone"
