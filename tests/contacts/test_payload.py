"""Bodies are read alike whether a batch is plain or each record has to be looked at."""

import json
from typing import Any
from unittest import mock

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from accounts.errors import DomainError, MalformedJSON, ValidationFailed
from contacts import payload
from contacts.normalise import Field
from contacts.overlay import Mode, Record
from contacts.payload import Context

CONTEXT = Context(
    "shopId",
    {
        **{name: Field(name) for name in ("text", "email", "phone", "date", "date_time")},
        **{name: Field(name) for name in ("integer", "decimal", "boolean")},
        **{name: Field(name, ("red", "green")) for name in ("choice", "multiple_choice")},
        "gone": Field("text", retired=True),
    },
    frozenset({"shopId", "crmId"}),
    "NL",
)
NUMBERS = st.sampled_from(
    [
        *("0", "-0", "0.0", "-0.0", "-0e0", "1", "-1", "1.50", "-12.0", "1e3", "1E+2", "1e999", "0.1e-999"),
        *(str(2**63 - 1), str(2**63), str(-(2**63)), str(2**64), "9" * 30, "9" * 31, "9" * 4300, "-" + "9" * 5000),
        *("0." + "1" * 29, "0." + "1" * 30, "123456789012345678901234567890", "01", "1.", "-", "1e", "NaN"),
    ]
)
TEXTS = st.sampled_from(
    [
        *('""', '" "', '"red"', '" green "', '"jan@example.com"', '"Jan+x@Example.com"', '"jan"', '"0612345678"'),
        *('"1980-12-31"', '"1980-13-31"', '"2026-11-23T09:00:00+01:00"', '"1.5"', '"1"', '"true"', '"null"', '"-1"'),
        *(r'"\ud83d"', r'"\ud83d\ude00"', r'"\u0000"', r'"a\\u0000"', r'"\u00e9"', '"\u00e9"', '"\x01"', r'"\x"'),
    ]
) | st.text(max_size=5).map(json.dumps)
OTHERS = st.sampled_from(
    ["null", "true", "false", "[]", "{}", '["red"]', '["red", "red"]', '["green", " red "]', "[1]", "[1.0]", '{"a": 1}']
)
VALUES = st.one_of(NUMBERS, TEXTS, TEXTS, OTHERS)
NAMES = st.sampled_from([*CONTEXT.fields, *CONTEXT.fields, "shopId", "crmId", "unknown", "a/b", r"\ud83d"])


def written(members: list[tuple[str, str]]) -> str:
    """A JSON object; names may stand twice."""
    return "{" + ", ".join(f'"{name}":{value}' for name, value in members) + "}"


def objects(names: st.SearchStrategy[str], values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(st.tuples(names, values), max_size=4).map(written)


RECORDS = st.one_of(
    st.tuples(st.one_of(NUMBERS, TEXTS), objects(NAMES, VALUES)).map(
        lambda parts: written([("external_id", parts[0]), ("values", parts[1])])
    ),
    st.tuples(
        objects(NAMES, VALUES),
        st.sampled_from(["id_field", "link_to", "values", "external_id", "other"]),
        st.one_of(VALUES, st.sampled_from(['"shopId"', '"crmId"', '"01a20932-16f4-773f-881d-da8cb245f306"'])),
    ).map(lambda parts: written([("external_id", '"1"'), ("values", parts[0]), (parts[1], parts[2])])),
    VALUES,
)


def read(body: bytes) -> Any:
    """What a batch is read as, in a form that tells 1 from true."""
    try:
        return [
            (each.code, each.detail, each.errors) if isinstance(each, DomainError) else repr(each)
            for each in payload.read_batch(body, CONTEXT)
        ]
    except (MalformedJSON, ValidationFailed) as refusal:
        return refusal.code, refusal.detail, refusal.errors


@given(
    st.lists(RECORDS, max_size=5),
    st.sampled_from(
        ["", "", "", '"mode": "replace", ', '"mode": "patch", ', '"mode": null, ', '"mode": [], ', '"x": 1, ']
    ),
)
@example(['{"external_id": 1, "values": {"decimal": -0}}'], "")
@example(['{"external_id": -0, "values": {}}'], "")
def test_both_ways_of_reading_a_batch_agree(records: list[str], mode: str) -> None:
    body = f'{{{mode}"records": [{", ".join(records)}]}}'.encode()
    found = read(body)
    with mock.patch.object(payload, "_plain_batch", return_value=None):
        assert read(body) == found


@given(RECORDS)
def test_a_record_alone_is_read_as_in_a_batch(record: str) -> None:
    try:
        one: Any = repr(payload.read_upsert(record.encode(), CONTEXT))
    except MalformedJSON:
        return
    except DomainError as refusal:
        one = refusal.code, refusal.detail, refusal.errors
    assert read(f'{{"records": [{record}]}}'.encode()) == [one]


def plain(records: list[Any], **members: Any) -> list[Record | DomainError]:
    """What the records are read as when none of them needs to be looked at."""
    with mock.patch.object(payload, "_record", side_effect=AssertionError):
        return payload.read_batch(json.dumps({"records": records, **members}).encode(), CONTEXT)


def test_plain_records_are_not_looked_at_one_by_one() -> None:
    values: dict[str, Any] = {
        "text": " Jan ",
        "email": "jan@example.com",
        "phone": None,
        "integer": 5,
        "decimal": 1.25,
        "boolean": False,
        "choice": "red",
        "multiple_choice": ["green", "red"],
        "date_time": "2026-11-23T09:00:00Z",
        "date": "",
    }
    sent = [{"external_id": 7, "values": values}, {"external_id": "a", "values": {}, "id_field": "shopId"}]
    stored = values | {"text": "Jan", "decimal": "1.25", "date": None, "multiple_choice": ["red", "green"]}
    expected = [Record("7", stored, Mode.REPLACE), Record("a", {}, Mode.REPLACE)]
    assert plain(sent, mode="replace") == expected


@pytest.mark.parametrize(
    ("sent", "stored"),
    [("1.50", "1.50"), ("-0", "-0"), ("0", "0"), ("12345678901234567890.12345", "12345678901234567890.12345")],
)
def test_a_decimal_keeps_every_digit_that_was_sent(sent: str, stored: str) -> None:
    for body in (f'{{"decimal": {sent}}}', f'{{"decimal": "{sent}"}}'):
        record = f'{{"external_id": 1, "values": {body}}}'
        (found,) = payload.read_batch(f'{{"records": [{record}]}}'.encode(), CONTEXT)
        assert found == payload.read_upsert(record.encode(), CONTEXT) == Record("1", {"decimal": stored})


def test_a_retired_field_is_named() -> None:
    with pytest.raises(ValidationFailed) as refused:
        payload.read_upsert(b'{"external_id": 1, "values": {"gone": null, "text": "x"}}', CONTEXT)
    assert [(error.field, error.code) for error in refused.value.errors] == [("/values/gone", "retired_field")]


@pytest.mark.parametrize(
    "record", ['{"external_id": "1", "values": %s}', '{"external_id": 1, "id_field": "shopId", "values": %s}']
)
@pytest.mark.parametrize(
    ("phone", "no_phones"), [("call me", ("phone",)), ("020-1234567", ()), ("+1 212 555 2368", ()), ("", ())]
)
def test_phones_that_are_none_are_noted(record: str, phone: str, no_phones: tuple[str, ...]) -> None:
    text = record % json.dumps({"phone": phone})
    assert payload.read_upsert(text.encode(), CONTEXT).no_phones == no_phones
    (read_in_batch,) = plain([json.loads(text)])
    assert isinstance(read_in_batch, Record)
    assert read_in_batch.no_phones == no_phones
