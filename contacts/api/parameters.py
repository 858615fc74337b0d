"""The query parameters of calls that read many contacts, with all their errors at once."""

import base64
import binascii
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import UUID

from accounts.errors import FieldError, ValidationFailed
from contacts import normalise
from contacts.normalise import Field, Invalid, Value
from contacts.pages import Position
from contacts.payload import UUID_TEXT

T = TypeVar("T")
MAX_PAGE = 1000
USUAL_PAGE = 100
MAX_NUMBER = 2**63 - 1


@dataclass(slots=True)
class Parameters:
    """What was sent, and what is wrong with it."""

    sent: Sequence[tuple[str, str]]
    errors: list[FieldError] = field(default_factory=list)

    def one(self, name: str, read: Callable[[str], T], default: Any = None) -> T | Any:
        """A parameter that may stand once; the default when it doesn't, or is wrong."""
        given = self.all(name, read)
        if len(given) > 1:
            self.errors.append(FieldError(name, "too_many", f"Give {name} once."))
        return given[0] if given else default

    def all(self, name: str, read: Callable[[str], T]) -> list[T]:
        """A parameter that may stand several times; wrong ones are noted."""
        found = []
        for text in (value for sent, value in self.sent if sent == name):
            try:
                found.append(read(text))
            except Invalid as refusal:
                self.errors.append(FieldError(name, refusal.code, refusal.detail))
        return found

    def check(self) -> None:
        """Raises ValidationFailed when anything is wrong."""
        if self.errors:
            raise ValidationFailed(self.errors)


def page_size(text: str) -> int:
    """Raises Invalid `out_of_range`."""
    if re.fullmatch("[0-9]{1,4}", text) and 1 <= int(text) <= MAX_PAGE:
        return int(text)
    raise Invalid("out_of_range", f"Write a whole number from 1 to {MAX_PAGE}, or leave it out for {USUAL_PAGE}.")


def truth(text: str) -> bool:
    """Raises Invalid `invalid_choice`."""
    if text in {"true", "false"}:
        return text == "true"
    raise Invalid("invalid_choice", "Write true or false.")


def one_of(*choices: str) -> Callable[[str], str]:
    """Reads one of these texts; that raises Invalid `invalid_choice`."""

    def read(text: str) -> str:
        if text in choices:
            return text
        raise Invalid(
            "invalid_choice", f"Write one of {' '.join(repr(choice) for choice in choices)}, or leave it out."
        )

    return read


def email(text: str) -> str:
    """Raises Invalid `invalid_email` and the like."""
    return str(_stored("email", text))


def since(text: str) -> datetime:
    """An instant (RFC 3339). Raises Invalid `invalid_datetime`."""
    # A plus that was not percent-encoded has become a space.
    value = _stored("date_time", text.strip().replace(" ", "+"))
    return datetime.fromisoformat(str(normalise.canonical("date_time", value, region="")))


def _stored(type_: str, text: str) -> Value:
    """Raises Invalid when it is no value of a contact field's type."""
    value = normalise.stored(Field(type_), text)
    if value is None:
        raise Invalid("required", "Write a value, or leave the parameter out.")
    return value


def contact_id(text: str) -> UUID:
    """Raises Invalid `invalid_id`."""
    if UUID_TEXT.fullmatch(text):
        return UUID(text)
    raise Invalid("invalid_id", "Write the id of a contact, as the API gave it.")


def change_number(text: str) -> int:
    """Raises Invalid `invalid_cursor`."""
    if re.fullmatch("[0-9]{1,19}", text) and int(text) <= MAX_NUMBER:
        return int(text)
    raise Invalid("invalid_cursor", "Write the next_cursor of the page before, or 0 to begin.")


def position(text: str) -> Position:
    """What `position_text` made. Raises Invalid `invalid_cursor`."""
    try:
        updated_at, contact = base64.urlsafe_b64decode(text.encode("ascii")).decode("ascii").split(" ")
        return Position(datetime.fromisoformat(updated_at).astimezone(UTC), UUID(hex=contact))
    except (ValueError, OverflowError, binascii.Error):
        raise Invalid("invalid_cursor", "Write the next_cursor of the page before, or leave it out.") from None


def position_text(at: Position | None) -> str | None:
    """Where the next page begins, as text without a meaning to others."""
    if at is None:
        return None
    return base64.urlsafe_b64encode(f"{at.updated_at.isoformat()} {at.contact_id.hex}".encode()).decode()
