"""Pure: text in, canonical text out. What is stored is as sent (trimmed); what is compared is canonical.

`stored` and `external_id` decide what may come in at all; `canonical` and `is_blocked` what match keys are made of.
"""

import re
import unicodedata
from datetime import date
from functools import lru_cache

import phonenumbers
from email_validator import EmailNotValidError, validate_email

VERSION = 1
"""Of `canonical`: a change of what it returns needs a new version, and a rebuild of the match keys."""

MAX_TEXT = 1000
MAX_EMAIL = 254
MAX_EXTERNAL_ID = 255

CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
ISO_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)

BLOCKED_EXTERNAL_IDS = frozenset({"null", "none", "undefined", "n/a", "-", "-1"})
BLOCKED_TEXTS = frozenset({"n/a", "none", "null", "unknown", "undefined", "-", "-1"})
BLOCKED_EMAILS = frozenset({"test@test.com"})
BLOCKED_LOCAL_PARTS = frozenset({"noreply", "no-reply"})
NAME_FIELDS = frozenset({"firstName", "infix", "lastName", "initials", "organisation"})
"""Where `null` and the like are names of people, not placeholders."""


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


def stored(type_: str, value: object) -> str | None:
    """The text to store for a JSON value of a contact field of type text, email, phone or date; None empties it.

    Raises Invalid (wrong_type, too_long, invalid_characters, invalid_email, invalid_date).
    """
    if value is None:
        return None
    if not isinstance(value, str):
        raise Invalid("wrong_type", f"Send text (a JSON string) or null, not {_json_type(value)}.")
    text = value.strip()
    if not text:
        return None
    limit = MAX_EMAIL if type_ == "email" else MAX_TEXT
    if len(text) > limit:
        raise Invalid("too_long", f"At most {limit} characters fit, these are {len(text)}.")
    _refuse_control_characters(text)
    if type_ == "email":
        _email(text)
    elif type_ == "date":
        _check_date(text)
    return text


def canonical(type_: str, text: str, region: str) -> str | None:
    """How a stored value is compared: None when it can't be (a phone number that is none).

    E-mail: the email-validator rules and case folding of the whole address; phone: E.164, read in `region` (ISO
    3166-1); text: Unicode NFKC, case folding, collapsed white space.
    """
    if type_ == "email":
        return _email(text)
    if type_ == "phone":
        return _phone(text, region)
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def is_blocked(name: str, type_: str, text: str) -> bool:
    """Whether a stored value of a contact field is a placeholder that identifies nobody."""
    if type_ == "email":
        address = _email(text)
        return address in BLOCKED_EMAILS or address.partition("@")[0] in BLOCKED_LOCAL_PARTS
    if type_ == "phone":
        return len({character for character in text if character.isdigit()}) == 1
    if name in NAME_FIELDS:
        return False
    plain = canonical("text", text, "")
    return plain in BLOCKED_TEXTS or not str(plain).strip("0")


def _json_type(value: object) -> str:
    names = {bool: "a boolean", int: "a number", float: "a number", list: "an array", dict: "an object"}
    return names.get(type(value), "that")


def _refuse_control_characters(text: str) -> None:
    found = CONTROL.search(text)
    if found:
        raise Invalid("invalid_characters", f"The character U+{ord(found[0]):04X} can't be stored; leave it out.")


@lru_cache(maxsize=8192)
def _email(text: str) -> str:
    """The canonical address. Raises Invalid (invalid_email)."""
    try:
        return validate_email(text, check_deliverability=False).normalized.casefold()
    except EmailNotValidError as error:
        raise Invalid("invalid_email", f"Not an e-mail address: {error}") from error


@lru_cache(maxsize=8192)
def _phone(text: str, region: str) -> str | None:
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def _check_date(text: str) -> None:
    try:
        if ISO_DATE.fullmatch(text):
            date.fromisoformat(text)
            return
    except ValueError:
        pass
    raise Invalid("invalid_date", "Write a date that exists as YYYY-MM-DD, such as 1980-12-31, or null.")
