"""Pure: text in, canonical text out. What is stored is as sent (trimmed); what is compared is canonical.

`stored` and `external_id` decide what may come in at all; `canonical` and `is_blocked` what match keys are made of.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import NamedTuple

from email_validator import EmailNotValidError, validate_email

from contacts import phones

VERSION = 1
"""Of `canonical`: a change of what it returns needs a new version, and a rebuild of the match keys."""

MAX_TEXT = 1000
MAX_EMAIL = 254
MAX_EXTERNAL_ID = 255
MAX_INTEGER = 2**63 - 1
MAX_DIGITS = 30
MAX_CHOICES_NAMED = 20

CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
ISO_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
DATE_TIME = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}[Tt](?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9])(?:\.([0-9]{1,9}))?"
    r"([Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
)
"""RFC 3339, section 5.6: the date and time, the fraction of its second, the offset."""
INTEGER = re.compile(r"-?[0-9]+")
DECIMAL = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")
PLAIN_LOCAL_PART = re.compile(r"[A-Za-z0-9_+'-]+(?:\.[A-Za-z0-9_+'-]+)*")
MAX_LOCAL_PART = 64

BLOCKED_EXTERNAL_IDS = frozenset({"null", "none", "undefined", "n/a", "-", "-1"})
BLOCKED_TEXTS = frozenset({"n/a", "none", "null", "unknown", "undefined", "-", "-1"})
BLOCKED_EMAILS = frozenset({"test@test.com"})
BLOCKED_LOCAL_PARTS = frozenset({"noreply", "no-reply"})
NAME_FIELDS = frozenset({"firstName", "infix", "lastName", "initials", "organisation"})
"""Where `null` and the like are names of people, not placeholders."""
NEVER_BLOCKED = frozenset({"date", "date_time", "boolean"})

Value = str | int | bool | list[str]
"""A stored value: decimals, dates, moments and choices are text; list[str] are those of a multiple choice."""


class Field(NamedTuple):
    """What a contact field takes: its type (a contacts.models.FieldType), and the texts to choose from."""

    type: str
    choices: tuple[str, ...] = ()
    retired: bool = False


class Number(str):
    """The source text of a JSON number: told apart from text, and without a digit lost."""

    __slots__ = ()


class Invalid(ValueError):
    """A value that can't be taken: `code` is stable, `detail` says what is wrong and what to do."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code, self.detail = code, detail


def external_id(text: str) -> str:
    """The trimmed id, compared byte for byte. Raises Invalid (required, too_long, invalid_characters, blocked_value).

    The blocked list is fixed, so that no existing id ever becomes unusable.
    """
    text = text.strip()
    if not text:
        raise Invalid("required", "Give the id that your system has for this contact.")
    if len(text) > MAX_EXTERNAL_ID:
        raise Invalid("too_long", f"An external id has at most {MAX_EXTERNAL_ID} characters, this one {len(text)}.")
    _refuse_control_characters(text)
    if text.casefold() in BLOCKED_EXTERNAL_IDS:
        raise Invalid("blocked_value", f"“{text}” stands for no id at all; send the real id, or leave the record out.")
    return text


def stored(field: Field, value: object) -> Value | None:
    """What to store for a JSON value of a contact field; None, which null and blank text give, empties it.

    Numbers may come as Number. Text is trimmed; else a value is stored as sent: decimals and moments as their text.

    Raises Invalid (retired_field, wrong_type, too_long, invalid_characters, invalid_email, invalid_date,
    invalid_datetime, invalid_number, out_of_range, invalid_choice).
    """
    if field.retired:
        raise Invalid("retired_field", "This contact field is retired and takes no values any more; leave it out.")
    if value is None:
        return None
    if type(value) is str:
        value = value.strip()
        if not value:
            return None
    return READERS[field.type](field, value)


def canonical(type_: str, value: Value, region: str, folds_plus_tags: bool = False) -> str | None:
    """How a stored value is compared: None when it can't be (a phone number that is none).

    E-mail: the email-validator rules and case folding of the whole address, without its plus-tag if these are folded;
    phone: E.164, read in `region` (ISO 3166-1); decimal: without needless zeros; date and time: in UTC; multiple
    choice: in any order; text: Unicode NFKC, case folding, collapsed white space.
    """
    if isinstance(value, str):
        if type_ == "email":
            return _without_plus_tag(_email(value)) if folds_plus_tags else _email(value)
        if type_ == "phone":
            return phones.e164(value, region)
        if type_ == "decimal":
            return _plain_decimal(value)
        return _moment(value) if type_ == "date_time" else _folded(value)
    if isinstance(value, list):
        # Folded text has no line breaks, so that no two lists make the same text.
        return "\n".join(sorted(_folded(choice) for choice in value))
    return str(value).lower()


def is_blocked(name: str, type_: str, value: Value) -> bool:
    """Whether a stored value of a contact field is a placeholder that identifies nobody."""
    if type_ in NEVER_BLOCKED:
        return False
    if isinstance(value, list):
        return all(_is_placeholder(_folded(choice)) for choice in value)
    return _is_blocked_text(name, type_, str(value))


@lru_cache(maxsize=8192)
def _is_blocked_text(name: str, type_: str, text: str) -> bool:
    if type_ == "email":
        address = _email(text)
        return address in BLOCKED_EMAILS or address.partition("@")[0] in BLOCKED_LOCAL_PARTS
    if type_ == "phone":
        return len({character for character in text if character.isdigit()}) == 1
    if type_ == "decimal":
        return _is_placeholder(_plain_decimal(text))
    return name not in NAME_FIELDS and _is_placeholder(_folded(text))


def _is_placeholder(folded: str) -> bool:
    return folded in BLOCKED_TEXTS or not folded.strip("0")


def _read_text(field: Field, value: object) -> str:
    text = _text(value)
    limit = MAX_EMAIL if field.type == "email" else MAX_TEXT
    if len(text) > limit:
        raise Invalid("too_long", f"At most {limit} characters fit, these are {len(text)}.")
    _refuse_control_characters(text)
    return text


def _text(value: object) -> str:
    if type(value) is not str:
        raise Invalid("wrong_type", f"Send text (a JSON string) or null, not {_json_type(value)}.")
    return value


def _read_email(field: Field, value: object) -> str:
    text = _read_text(field, value)
    _email(text)
    return text


def _read_date(field: Field, value: object) -> str:
    text = _read_text(field, value)
    try:
        if ISO_DATE.fullmatch(text):
            date.fromisoformat(text)
            return text
    except ValueError:
        pass
    raise Invalid("invalid_date", "Write a date that exists as YYYY-MM-DD, such as 1980-12-31, or null.")


def _read_date_time(field: Field, value: object) -> str:
    text = _read_text(field, value)
    try:
        _moment(text)
    except (ValueError, OverflowError):
        raise Invalid(
            "invalid_datetime",
            "Write a moment that exists with its offset (RFC 3339), such as 2026-11-23T09:00:00+01:00, or null.",
        ) from None
    return text


def _read_integer(_: Field, value: object) -> int:
    if isinstance(value, Number):
        if not INTEGER.fullmatch(value):
            raise Invalid("invalid_number", "Send an integer, without a fraction or an exponent.")
        # Nothing longer fits, and Python reads very long ones slowly or not at all.
        value = int(value) if len(value) <= MAX_DIGITS else MAX_INTEGER + 1
    if type(value) is not int:
        raise Invalid("wrong_type", f"Send an integer (a JSON number) or null, not {_json_type(value)}.")
    if not -MAX_INTEGER - 1 <= value <= MAX_INTEGER:
        raise Invalid("out_of_range", f"Send an integer from {-MAX_INTEGER - 1} to {MAX_INTEGER}.")
    return value


def _read_decimal(_: Field, value: object) -> str:
    if type(value) is int:
        # Python writes very long ones slowly or not at all; these are too long anyway.
        value = str(value) if abs(value) < 10**MAX_DIGITS else "1" * (MAX_DIGITS + 1)
    if not isinstance(value, str):
        raise Invalid("wrong_type", f'Send a number, or text such as "1.50", or null, not {_json_type(value)}.')
    if not DECIMAL.fullmatch(value):
        raise Invalid(
            "invalid_number", "Write a number as digits with a point, such as 1.50, without an exponent, or null."
        )
    if len(value) - value.count("-") - value.count(".") > MAX_DIGITS:
        raise Invalid("out_of_range", f"Send a number of at most {MAX_DIGITS} digits.")
    return str(value)


def _read_boolean(_: Field, value: object) -> bool:
    if type(value) is not bool:
        raise Invalid("wrong_type", f"Send true, false or null, not {_json_type(value)}.")
    return value


def _read_choice(field: Field, value: object) -> str:
    text = _text(value)
    if text not in field.choices:
        raise Invalid("invalid_choice", f"Send one of {_named(field.choices)}, or null.")
    return text


def _read_choices(field: Field, value: object) -> list[str] | None:
    """In the order of the field, so that no system undoes another's by sending them in its own."""
    if not isinstance(value, list):
        raise Invalid("wrong_type", f"Send an array of choices or null, not {_json_type(value)}.")
    if len(value) > len(field.choices):
        raise Invalid("invalid_choice", f"Send each of {_named(field.choices)} at most once.")
    chosen = [_text(choice).strip() for choice in value]
    if not set(chosen) <= set(field.choices):
        raise Invalid("invalid_choice", f"Send any of {_named(field.choices)}, or null.")
    if len(set(chosen)) < len(chosen):
        raise Invalid("invalid_choice", f"Send each of {_named(field.choices)} at most once.")
    return [choice for choice in field.choices if choice in chosen] or None


READERS: Mapping[str, Callable[[Field, object], Value | None]] = {
    "text": _read_text,
    "email": _read_email,
    "phone": _read_text,
    "date": _read_date,
    "date_time": _read_date_time,
    "integer": _read_integer,
    "decimal": _read_decimal,
    "boolean": _read_boolean,
    "choice": _read_choice,
    "multiple_choice": _read_choices,
}
"""By contacts.models.FieldType: what to store for a value that is neither null nor blank text, which is trimmed."""


def _named(choices: tuple[str, ...]) -> str:
    named = ", ".join(f"“{choice}”" for choice in choices[:MAX_CHOICES_NAMED])
    more = len(choices) - MAX_CHOICES_NAMED
    return f"{named} and {more} more (GET /fields lists them)" if more > 0 else named


JSON_TYPES = {
    str: "text",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    Number: "a number",
    list: "an array",
    dict: "an object",
}


def _json_type(value: object) -> str:
    return JSON_TYPES.get(type(value), "that")


def _refuse_control_characters(text: str) -> None:
    # What is printable has none, which is known in a fraction of the time.
    if not text.isprintable() and (found := CONTROL.search(text)):
        raise Invalid("invalid_characters", f"The character U+{ord(found[0]):04X} can't be stored; leave it out.")


@lru_cache(maxsize=8192)
def _email(text: str) -> str:
    """The canonical address. Raises Invalid (invalid_email).

    The rules are email-validator's; as it takes long, what it says of a domain is kept, and local parts that can be
    nothing but right are not shown to it.
    """
    local, _, domain = text.partition("@")
    if len(local) <= MAX_LOCAL_PART and PLAIN_LOCAL_PART.fullmatch(local):
        canonical_domain = _domain(domain)
        if canonical_domain is not None:
            return f"{local.lower()}@{canonical_domain}"
    try:
        return _validated(text)
    except EmailNotValidError as error:
        raise Invalid("invalid_email", f"Not an e-mail address: {error}") from error


@lru_cache(maxsize=8192)
def _domain(domain: str) -> str | None:
    """The canonical domain of an address; None when it is invalid, or too long for some plain local part."""
    try:
        return _validated("a" * MAX_LOCAL_PART + "@" + domain).partition("@")[2]
    except EmailNotValidError:
        return None


def _validated(address: str) -> str:
    return validate_email(address, check_deliverability=False).normalized.casefold()


def _without_plus_tag(address: str) -> str:
    """`jan+shop@example.com` is `jan@example.com`; an address that is nothing but a tag stays."""
    local, _, domain = address.partition("@")
    plain = local.partition("+")[0]
    return f"{plain}@{domain}" if plain else address


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _plain_decimal(text: str) -> str:
    """Without needless zeros, exactly: 01.50 is 1.5, and -0.0 is 0."""
    whole, _, fraction = text.removeprefix("-").partition(".")
    whole, fraction = whole.lstrip("0") or "0", fraction.rstrip("0")
    plain = f"{whole}.{fraction}" if fraction else whole
    return f"-{plain}" if text.startswith("-") and plain != "0" else plain


def _moment(text: str) -> str:
    """In UTC, exactly. Raises ValueError for text that is none, OverflowError when UTC has no such year.

    Leap seconds are refused: few systems read them.
    """
    found = DATE_TIME.fullmatch(text)
    if not found:
        raise ValueError(text)
    seconds, fraction, offset = found.groups()
    utc = datetime.fromisoformat(seconds.upper() + offset.upper()).astimezone(UTC)
    exactly = f".{fraction}".rstrip("0.") if fraction else ""
    return f"{utc.replace(tzinfo=None).isoformat()}{exactly}Z"
