"""Pure: the bodies of contact calls and the rows of imports, decoded with msgspec, with all their errors at once.

Each layer of a body is decoded by itself, so that a wrong member is told with its JSON pointer (RFC 6901) and the
rest is still read. Of a name that stands twice in an object the last value counts, as RFC 8259 lets readers do.

A batch is decoded in one go first: records in which nothing is wrong are read from that, much faster. Of any other
record that way of reading says nothing at all.
"""

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec

from accounts.errors import DomainError, FieldError, Forbidden, MalformedJSON, ValidationFailed
from contacts import normalise
from contacts.normalise import Field, Invalid, Number, Value
from contacts.overlay import Mode, Record

MAX_RECORDS = 1000
MAX_ERRORS = 100
"""Told of one record; without a limit a small body could ask for a huge answer."""
INTEGER = re.compile(rb"-?[0-9]+")
UUID_TEXT = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
NUL_DETAIL = "A NUL character, or half of a pair of surrogates (half an emoji), can't be stored; leave it out."
ESCAPE = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})|\\."
)
"""An escape in a JSON string: a surrogate pair, (a lone surrogate), or any other."""
TRUTHS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
"""What a CSV's cell may say for a boolean."""
Raw = msgspec.Raw
WHOLE = msgspec.json.Decoder(dict[str, Any], float_hook=Number)
"""All of a body at once. Integers come as they are, other numbers as their source text."""


@dataclass(frozen=True, slots=True)
class Context:
    """What a body is checked against: the caller's id field, the account's contact fields by name, the names of its
    id fields, and the country that phone numbers are from (ISO 3166-1)."""

    id_field: str
    fields: Mapping[str, Field]
    id_fields: frozenset[str]
    phone_region: str
    phone_fields: Sequence[str] = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        phones = tuple(name for name, field in self.fields.items() if field.type == "phone")
        object.__setattr__(self, "phone_fields", phones)

    def no_phones(self, values: Mapping[str, Value | None]) -> Sequence[str]:
        """The phone fields whose value is no phone number."""
        return tuple(
            name
            for name in self.phone_fields
            if (value := values.get(name)) and not normalise.canonical("phone", value, self.phone_region)
        )


@dataclass(slots=True)
class _Object:
    """One JSON object being read: its members, and the errors found so far."""

    members: dict[str, Raw]
    errors: list[FieldError] = dataclasses.field(default_factory=list)

    def fail(self, pointer: str, code: str, detail: str) -> None:
        if len(self.errors) < MAX_ERRORS:
            self.errors.append(FieldError(pointer, code, detail))

    def attempt(self, pointer: str, check: Callable[[], Any]) -> Any:
        """What a check returns; None when it refuses, which is noted."""
        try:
            return check()
        except Invalid as refusal:
            self.fail(pointer, refusal.code, NUL_DETAIL if "U+0000" in refusal.detail else refusal.detail)
            return None

    def refuse_unknown(self, known: Sequence[str]) -> None:
        for name in self.members:
            if name not in known:
                detail = f"There is no member “{name[:63]}” here; known: {', '.join(known)}."
                self.fail(f"/{_escaped(name)}", "unknown_field", detail)


def read_upsert(body: bytes, context: Context, mode: Mode = Mode.MERGE) -> Record:
    """The record of POST /contacts, or of a line of NDJSON. Raises MalformedJSON, ValidationFailed, Forbidden."""
    return _record(_object(_text(body)), context, mode, None)


def read_cells(cells: Mapping[str, str], context: Context, mode: Mode) -> Record:
    """The record of a CSV's row: contact field, or external_id, → text. Empty cells say nothing.

    Raises ValidationFailed.
    """
    source = _Object({})
    own = source.attempt("external_id", lambda: normalise.external_id(cells["external_id"]))
    values = {}
    for name, text in cells.items():
        if name != "external_id" and text.strip():
            field = context.fields[name]
            value = _cell(field, text.strip())
            values[name] = source.attempt(name, lambda: normalise.stored(field, value))  # noqa: B023 - called at once
    if source.errors:
        raise ValidationFailed(source.errors)
    return Record(own, values, mode, None, context.no_phones(values))


def _cell(field: Field, text: str) -> Any:
    """A cell's text as JSON would have it."""
    if field.type == "integer":
        return Number(text)
    if field.type == "boolean":
        return TRUTHS.get(text.casefold(), text)
    if field.type == "multiple_choice":
        return [choice.strip() for choice in text.split(";")]
    return text


def read_named(body: bytes, context: Context, mode: Mode, external_id: str) -> Record:
    """The record of PUT and PATCH on one contact, whose id stands in the address.

    Raises MalformedJSON, ValidationFailed, Forbidden.
    """
    return _record(_object(_text(body)), context, mode, external_id)


def read_batch(body: bytes, context: Context) -> list[Record | DomainError]:
    """The records of POST /batch, each read or refused by itself. Raises MalformedJSON, ValidationFailed."""
    text = _text(body)
    plain = _plain_batch(text, context)
    if plain is not None and all(plain):
        return [record for record in plain if record]
    batch = _object(text)
    batch.refuse_unknown(("mode", "records"))
    mode = _batch_mode(batch)
    raws = _batch_records(batch)
    if batch.errors:
        raise ValidationFailed(batch.errors)
    known = plain or [None] * len(raws)
    return [record or _record_or_refusal(raw, context, mode) for record, raw in zip(known, raws, strict=True)]


def _plain_batch(text: bytes, context: Context) -> list[Record | None] | None:
    """The records of a batch in which nothing is wrong, None for any other; None when that can't be told."""
    try:
        batch = WHOLE.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return None
    mode, records = batch.pop("mode", Mode.MERGE), batch.pop("records", None)
    if batch or mode not in ("merge", "replace") or type(records) is not list or not 0 < len(records) <= MAX_RECORDS:
        return None
    mode = Mode(mode)
    return [_plain_record(record, context, mode) for record in records]


def _plain_record(members: Any, context: Context, mode: Mode) -> Record | None:
    """The record as `_record` would read it; None unless it has an id and values only, all of them right."""
    if type(members) is not dict or members.pop("id_field", context.id_field) != context.id_field:
        return None
    own, sent = members.get("external_id"), members.get("values")
    if type(own) is int and own and own.bit_length() <= 64:
        own = str(own)
    if type(own) is not str or type(sent) is not dict or len(members) != 2:
        return None
    values: dict[str, Value | None] = {}
    try:
        for name, value in sent.items():
            field = context.fields[name]
            if value == 0 and field.type == "decimal":
                # It may have been -0.
                return None
            values[name] = normalise.stored(field, value)
        return Record(normalise.external_id(own), values, mode, no_phones=context.no_phones(values))
    except (KeyError, Invalid):
        return None


def _record_or_refusal(raw: Raw, context: Context, mode: Mode) -> Record | DomainError:
    try:
        return _record(_object(bytes(raw)), context, mode, None)
    except (ValidationFailed, Forbidden) as refusal:
        return refusal


def _text(body: bytes) -> bytes:
    """The body, made sure to be UTF-8, in which lone surrogates are replaced by NUL characters.

    Systems that cut texts in the middle of an emoji send them, as escapes. The decoder would refuse the whole body; a
    NUL is refused where it stands, in its own record.
    """
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise MalformedJSON(f"Byte {error.start} is not UTF-8. Send JSON in UTF-8.") from None
    return ESCAPE.sub(lambda found: rb"\u0000" if found[1] else found[0], body) if rb"\u" in body else body


def _decode(raw: bytes | Raw, type_: Any = Any) -> Any:
    """Raises MalformedJSON for what is no JSON in UTF-8, msgspec.ValidationError for another type."""
    try:
        return msgspec.json.decode(raw, type=type_)
    except msgspec.ValidationError:
        raise
    except RecursionError:
        raise MalformedJSON("The JSON is nested too deeply; a contact needs three levels.") from None
    except msgspec.DecodeError as error:
        raise MalformedJSON(f"{error}. Send one JSON object in UTF-8, without a byte order mark.") from None


def _object(body: bytes) -> _Object:
    try:
        return _Object(_decode(body, dict[str, Raw]))
    except msgspec.ValidationError:
        raise ValidationFailed.of("", "wrong_type", "Send a JSON object: {…}.") from None


def _batch_mode(batch: _Object) -> Mode:
    try:
        value = _decode(batch.members.get("mode", Raw(b'"merge"')))
    except msgspec.ValidationError:
        value = None
    if value in (Mode.MERGE.value, Mode.REPLACE.value):
        return Mode(value)
    batch.fail("/mode", "invalid_choice", "Write “merge” or “replace”, or leave it out for “merge”.")
    return Mode.MERGE


def _batch_records(batch: _Object) -> list[Raw]:
    if "records" not in batch.members:
        batch.fail("/records", "required", "Send the records as an array.")
        return []
    try:
        raws: list[Raw] = _decode(batch.members["records"], list[Raw])
    except msgspec.ValidationError:
        batch.fail("/records", "wrong_type", "Send the records as a JSON array: […].")
        return []
    if not raws:
        batch.fail("/records", "required", "Send at least one record.")
    if len(raws) > MAX_RECORDS:
        batch.fail("/records", "too_many", f"Send at most {MAX_RECORDS:,} records in a batch, not {len(raws):,}.")
    return raws


def _record(source: _Object, context: Context, mode: Mode, external_id: str | None) -> Record:
    """One record. `external_id` is the one of the address, where there is one."""
    known = ["external_id", "values", "id_field", "link_to"]
    if mode is Mode.PATCH:
        known.remove("link_to")
    source.refuse_unknown(known)
    _check_id_field(source, context)
    own = _external_id(source, external_id)
    values = _values(source, context)
    link_to = _link_to(source) if "link_to" in known else None
    if source.errors or own is None:
        raise ValidationFailed(source.errors)
    return Record(own, values, mode, link_to, context.no_phones(values))


def _check_id_field(source: _Object, context: Context) -> None:
    """An authentication writes into its own id field only. Raises Forbidden for any other."""
    if "id_field" not in source.members:
        return
    name = _member(source, "id_field")
    if not isinstance(name, str):
        source.fail("/id_field", "wrong_type", "Write the name of your id field, or leave it out.")
    elif name != context.id_field:
        raise Forbidden(
            f"This authentication writes ids into {context.id_field} only. Leave id_field out, or use the "
            "authentication of the other system.",
            code="id_field_not_yours",
        )


def _member(source: _Object, name: str) -> Any:
    """The decoded member; `...` for a number that can't be held."""
    try:
        return _decode(source.members[name])
    except msgspec.ValidationError:
        return ...


def _external_id(source: _Object, from_address: str | None) -> str | None:
    if "external_id" not in source.members:
        if from_address is None:
            source.fail("/external_id", "required", "Give the id that your system has for this contact.")
        return from_address
    raw = bytes(source.members["external_id"]).strip()
    if INTEGER.fullmatch(raw):
        text: Any = raw.decode("ascii")
    elif raw.startswith(b'"'):
        text = _decode(raw)
    else:
        source.fail(
            "/external_id", "wrong_type", "Send the id as text or as an integer, without a fraction or an exponent."
        )
        return None
    own: str | None = source.attempt("/external_id", lambda: normalise.external_id(text))
    if from_address is not None and own is not None and own != from_address:
        source.fail("/external_id", "mismatch", "The address names another external id; leave this one out.")
    return own


def _values(source: _Object, context: Context) -> dict[str, Value | None]:
    if "values" not in source.members:
        source.fail("/values", "required", "Send the values of the contact as an object; {} when there are none.")
        return {}
    try:
        raws: dict[str, Raw] = _decode(source.members["values"], dict[str, Raw])
    except msgspec.ValidationError:
        source.fail("/values", "wrong_type", "Send the values as a JSON object: {…}.")
        return {}
    values = {}
    for name, raw in raws.items():
        pointer = f"/values/{_escaped(name)}"
        if name not in context.fields:
            source.fail(pointer, "unknown_field", _unknown(name, context))
            continue
        field, value = context.fields[name], _value(raw)
        values[name] = source.attempt(pointer, lambda: normalise.stored(field, value))  # noqa: B023 - called at once
    return values


def _value(raw: Raw) -> Any:
    """The decoded value; a number as its source text."""
    text = bytes(raw).strip()
    if text[:1] not in b"-0123456789":
        return _decode(text)
    with suppress(msgspec.ValidationError):
        # Makes sure that it is a number, though maybe one that can't be held.
        _decode(text)
    return Number(text.decode("ascii"))


def _unknown(name: str, context: Context) -> str:
    if name == context.id_field:
        return f"{name} is your id field, not a contact field: send the id as external_id."
    if name in context.id_fields:
        return f"{name} is the id field of another system, not a contact field: only that system writes it."
    return f"There is no contact field “{name[:63]}”; GET /fields lists them."


def _link_to(source: _Object) -> UUID | None:
    value = _member(source, "link_to") if "link_to" in source.members else None
    if value is None:
        return None
    if isinstance(value, str) and UUID_TEXT.fullmatch(value):
        return UUID(value)
    code = "invalid_id" if isinstance(value, str) else "wrong_type"
    source.fail("/link_to", code, "Send the id of a contact, as the API gave it, or leave it out.")
    return None


def _escaped(name: str) -> str:
    """A member's name inside a JSON pointer (RFC 6901, section 3), cut where it is absurdly long."""
    return name[:100].replace("~", "~0").replace("/", "~1")
