import re
from collections.abc import Callable
from typing import Any

import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import given
from hypothesis import strategies as st

from contacts import matching, normalise
from contacts.matching import Signature
from contacts.models import FieldType
from contacts.normalise import Field, Invalid, Number, Value

EMAIL_RULE = Signature(1, (("email", "email"),), "NL")
TWO_TEXTS = Signature(1, (("postalCode", "text"), ("lastName", "text")), "NL")
COLOURS = ("red", "green", "Sky blue")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats().map(repr).map(Number) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=4,
)


def attempt(function: Callable[..., Any], *arguments: object) -> tuple[Any, str | None]:
    """What it returns and None, or None and the code of its refusal."""
    try:
        return function(*arguments), None
    except Invalid as refusal:
        return None, refusal.code


@given(st.text())
def test_an_external_id_is_taken_as_it_is_or_refused_with_a_reason(text: str) -> None:
    result, code = attempt(normalise.external_id, text)
    if result is None:
        assert code in {"required", "too_long", "invalid_characters", "blocked_value"}
    else:
        assert result == text.strip()
        assert 1 <= len(result) <= 255
        assert normalise.external_id(result) == result


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "required"),
        (" \t ", "required"),
        ("x" * 256, "too_long"),
        ("a\x00b", "invalid_characters"),
        ("\ud800", "invalid_characters"),
        ("NULL", "blocked_value"),
        (" n/a ", "blocked_value"),
        ("-1", "blocked_value"),
    ],
)
def test_an_external_id_that_is_none_is_refused(text: str, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        normalise.external_id(text)
    assert refused.value.code == code


def test_case_and_inner_white_space_of_an_external_id_matter() -> None:
    assert normalise.external_id(" aB 1 ") == "aB 1"
    assert normalise.external_id("0" * 255) == "0" * 255


@given(st.sampled_from(["text", "email", "phone", "date"]), st.text() | st.none() | st.integers() | st.booleans())
def test_text_is_stored_trimmed_or_refused_with_a_reason(type_: str, value: object) -> None:
    result, code = attempt(normalise.stored, Field(type_), value)
    assert code in {None, "wrong_type", "too_long", "invalid_characters", "invalid_email", "invalid_date"}
    if code is None:
        assert result is None or result == str(value).strip()
        assert result != ""


@given(st.sampled_from(FieldType.values), JSON)
def test_what_is_stored_can_be_compared_and_is_stored_again_as_it_is(type_: str, value: object) -> None:
    field = Field(type_, COLOURS)
    result, code = attempt(normalise.stored, field, value)
    assert code in {
        *(None, "wrong_type", "too_long", "out_of_range", "invalid_characters"),
        *("invalid_email", "invalid_date", "invalid_datetime", "invalid_number", "invalid_choice"),
    }
    if result is not None:
        again = normalise.stored(field, result)
        assert (again, type(again)) == (result, type(result))
        assert type(result) in {str, int, bool, list}
        assert normalise.canonical(type_, result, "NL") or type_ == "phone"
        assert normalise.is_blocked("x", type_, result) in {True, False}


@pytest.mark.parametrize("type_", FieldType.values)
def test_null_and_blank_text_empty_a_field_of_any_type(type_: str) -> None:
    for empty in (None, "", " \t\n "):
        assert normalise.stored(Field(type_, COLOURS), empty) is None
    assert normalise.stored(Field("multiple_choice", COLOURS), []) is None


@pytest.mark.parametrize(
    ("type_", "value", "result"),
    [
        ("integer", 5, 5),
        ("integer", Number("-5"), -5),
        ("integer", Number("-0"), 0),
        ("integer", 2**63 - 1, 2**63 - 1),
        ("integer", -(2**63), -(2**63)),
        ("decimal", " 1.50 ", "1.50"),
        ("decimal", Number("-0.10"), "-0.10"),
        ("decimal", 7, "7"),
        ("decimal", "-" + "9" * 15 + "." + "9" * 15, "-" + "9" * 15 + "." + "9" * 15),
        ("decimal", 10**30 - 1, "9" * 30),
        ("boolean", True, True),
        ("boolean", False, False),
        ("date_time", "2026-11-23T09:00:00Z", "2026-11-23T09:00:00Z"),
        ("date_time", "2026-11-23t09:00:00.123456789-23:59", "2026-11-23t09:00:00.123456789-23:59"),
        ("choice", " Sky blue ", "Sky blue"),
        ("multiple_choice", ["Sky blue", " red"], ["red", "Sky blue"]),
    ],
)
def test_values_of_each_type_are_stored_as_sent(type_: str, value: object, result: Value) -> None:
    found = normalise.stored(Field(type_, COLOURS), value)
    assert (found, type(found)) == (result, type(result))


@pytest.mark.parametrize(
    ("type_", "value", "code"),
    [
        ("text", 5, "wrong_type"),
        ("text", Number("5"), "wrong_type"),
        ("text", True, "wrong_type"),
        ("text", ["x"], "wrong_type"),
        ("text", {"x": 1}, "wrong_type"),
        ("text", "x" * 1001, "too_long"),
        ("text", "a\x00", "invalid_characters"),
        ("email", "unknown", "invalid_email"),
        ("email", "a@b@c.nl", "invalid_email"),
        ("email", "x" * 250 + "@x.nl", "too_long"),
        ("date", "31-12-1980", "invalid_date"),
        ("date", "1980-02-30", "invalid_date"),
        ("date", "19800101", "invalid_date"),
        ("integer", "5", "wrong_type"),
        ("integer", True, "wrong_type"),
        ("integer", 5.0, "wrong_type"),
        ("integer", Number("5.0"), "invalid_number"),
        ("integer", Number("5e3"), "invalid_number"),
        ("integer", 2**63, "out_of_range"),
        ("integer", -(2**63) - 1, "out_of_range"),
        ("integer", Number("9" * 100_000), "out_of_range"),
        ("decimal", True, "wrong_type"),
        ("decimal", 1.5, "wrong_type"),
        ("decimal", ["1"], "wrong_type"),
        ("decimal", Number("1e3"), "invalid_number"),
        ("decimal", "1,5", "invalid_number"),
        ("decimal", ".5", "invalid_number"),
        ("decimal", "5.", "invalid_number"),
        ("decimal", "+5", "invalid_number"),
        ("decimal", "- 5", "invalid_number"),
        ("decimal", "NaN", "invalid_number"),
        ("decimal", "-Infinity", "invalid_number"),
        ("decimal", "\u0665", "invalid_number"),
        ("decimal", "1\n5", "invalid_number"),
        ("decimal", "0." + "9" * 30, "out_of_range"),
        ("decimal", 10**30, "out_of_range"),
        pytest.param("decimal", -(10**5000), "out_of_range", id="a very long integer"),
        ("boolean", "true", "wrong_type"),
        ("boolean", 1, "wrong_type"),
        ("boolean", Number("0"), "wrong_type"),
        ("date_time", 1_700_000_000, "wrong_type"),
        ("date_time", "2026-11-23", "invalid_datetime"),
        ("date_time", "2026-11-23T09:00:00", "invalid_datetime"),
        ("date_time", "2026-11-23 09:00:00Z", "invalid_datetime"),
        ("date_time", "2026-11-23T09:00Z", "invalid_datetime"),
        ("date_time", "2026-02-29T09:00:00Z", "invalid_datetime"),
        ("date_time", "2026-11-23T24:00:00Z", "invalid_datetime"),
        ("date_time", "2026-11-23T23:59:60Z", "invalid_datetime"),
        ("date_time", "2026-11-23T09:00:00+24:00", "invalid_datetime"),
        ("date_time", "2026-11-23T09:00:00.1234567890Z", "invalid_datetime"),
        ("date_time", "0000-01-01T00:00:00Z", "invalid_datetime"),
        ("date_time", "0001-01-01T00:00:00+00:01", "invalid_datetime"),
        ("date_time", "9999-12-31T23:59:59-00:01", "invalid_datetime"),
        ("choice", "Red", "invalid_choice"),
        ("choice", "a\x00", "invalid_choice"),
        ("choice", 1, "wrong_type"),
        ("choice", ["red"], "wrong_type"),
        ("multiple_choice", "red", "wrong_type"),
        ("multiple_choice", {"red": True}, "wrong_type"),
        ("multiple_choice", ["red", 1], "wrong_type"),
        ("multiple_choice", ["red", None], "wrong_type"),
        ("multiple_choice", ["red", "blue"], "invalid_choice"),
        ("multiple_choice", ["red", " red "], "invalid_choice"),
        ("multiple_choice", ["red"] * 100_000, "invalid_choice"),
        ("multiple_choice", [""], "invalid_choice"),
    ],
)
def test_a_value_of_another_kind_is_refused(type_: str, value: object, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        normalise.stored(Field(type_, COLOURS), value)
    assert refused.value.code == code


def test_a_refused_choice_is_told_what_there_is_to_choose() -> None:
    for type_, value in (("choice", "blue"), ("multiple_choice", ["blue"]), ("multiple_choice", ["red", "red"])):
        with pytest.raises(Invalid, match="“red”, “green”, “Sky blue”"):
            normalise.stored(Field(type_, COLOURS), value)
    with pytest.raises(Invalid, match=r"“19” and 80 more \(GET /fields") as refused:
        normalise.stored(Field("choice", tuple(map(str, range(100)))), "x")
    assert "“20”" not in refused.value.detail


@pytest.mark.parametrize("value", ["red", None, 5])
def test_a_retired_field_takes_nothing(value: object) -> None:
    with pytest.raises(Invalid) as refused:
        normalise.stored(Field("choice", COLOURS, retired=True), value)
    assert refused.value.code == "retired_field"


@given(st.text())
def test_text_is_compared_without_case_width_and_white_space(text: str) -> None:
    canonical = normalise.canonical("text", text, "NL")
    assert canonical is not None
    assert not re.search(r"^\s|\s$|\s\s", canonical)
    assert normalise.canonical("text", f" {text.replace(' ', '  ')}\t", "NL") == canonical


def test_the_same_address_and_number_are_recognised_however_they_are_written() -> None:
    assert normalise.canonical("email", "Jan.Jansen@Example.COM", "NL") == "jan.jansen@example.com"
    assert normalise.canonical("phone", "06 1234 5678", "NL") == "+31612345678"
    assert normalise.canonical("phone", "+31 (0)6 12345678", "BE") == "+31612345678"
    assert normalise.canonical("phone", "hello", "NL") is None
    assert normalise.canonical("phone", "12", "NL") is None


@pytest.mark.parametrize(
    ("type_", "one", "other"),
    [
        ("decimal", "1.50", "001.5"),
        ("decimal", "-0.00", "0"),
        ("decimal", "1" * 29 + ".0", "1" * 29),
        ("date_time", "2026-11-23T09:00:00.500+01:00", "2026-11-23t08:00:00.5z"),
        ("date_time", "2026-11-23T09:00:00.000Z", "2026-11-23T09:00:00-00:00"),
        ("multiple_choice", ["red", "Sky blue"], ["sky  BLUE", "red"]),
        ("choice", "Red", "red"),
    ],
)
def test_values_that_mean_the_same_are_compared_alike(type_: str, one: Value, other: Value) -> None:
    assert normalise.canonical(type_, one, "NL") == normalise.canonical(type_, other, "NL")


@pytest.mark.parametrize(
    ("type_", "one", "other"),
    [
        ("decimal", "100", "1"),
        ("decimal", "-1", "1"),
        ("decimal", "1" * 30, "1" * 29 + "2"),
        ("date_time", "2026-11-23T09:00:00.123456789Z", "2026-11-23T09:00:00.123456788Z"),
        ("date_time", "2026-11-23T09:00:10Z", "2026-11-23T09:00:01Z"),
        ("multiple_choice", ["a b"], ["a", "b"]),
        ("integer", 1, 10),
        ("boolean", True, False),
    ],
)
def test_values_that_mean_something_else_are_compared_unlike(type_: str, one: Value, other: Value) -> None:
    assert normalise.canonical(type_, one, "NL") != normalise.canonical(type_, other, "NL")


def test_canonical_values_are_written_one_way() -> None:
    assert normalise.canonical("integer", -5, "NL") == "-5"
    assert normalise.canonical("boolean", True, "NL") == "true"
    assert normalise.canonical("date_time", "0999-01-01T00:30:00.10+01:00", "NL") == "0998-12-31T23:30:00.1Z"
    assert normalise.canonical("decimal", "-01.50", "NL") == "-1.5"


def test_plus_tags_are_folded_only_when_asked() -> None:
    assert normalise.canonical("email", "Jan+Shop+x@example.com", "NL") == "jan+shop+x@example.com"
    assert normalise.canonical("email", "Jan+Shop+x@example.com", "NL", True) == "jan@example.com"
    assert normalise.canonical("email", "jan@example.com", "NL", True) == "jan@example.com"
    assert normalise.canonical("email", "+shop@example.com", "NL", True) == "+shop@example.com"


PLAIN = st.text("abzAZ019_+'-.", min_size=1, max_size=66)
ODD = st.text("ab.\"\\@ <>()[]é\u0301\u017fK\U0001d51eß+'\t", max_size=8)
DOMAINS = st.sampled_from(
    [
        *(
            "example.com",
            "Example.COM",
            "bücher.example",
            "xn--bcher-kva.de",
            "BÜCHER.de",
            "ex\u0301ample.de",
            "straße.de",
        ),
        *("localhost", "a.test", "a..de", "-a.de", "a-.de", "de", "", "[127.0.0.1]", "a.de.", "a_b.de", "1.2.3.4"),
        *("a\u3002de", "\u0301a.de", "a@b.de", "<a.de>", "a.de>", "\uff41.de", "xn--a.de", "x" * 64 + ".de"),
        *(".".join(["x" * length] * 4) + ".de" for length in range(40, 63, 2)),
        *(".".join(["ü" * length] * 4) + ".de" for length in range(20, 60, 4)),
    ]
) | st.text("aé.-x1\u0301@ ", max_size=10)


@given(
    st.one_of(PLAIN, ODD, st.tuples(PLAIN, ODD).map("".join), st.integers(60, 66).map("x".__mul__)),
    DOMAINS,
    st.sampled_from(["@", "@", "@", "@", "", "@@", "\uff20"]),
)
def test_an_address_is_what_the_library_says(local: str, domain: str, at: str) -> None:
    address = f"{local}{at}{domain}"
    found, _ = attempt(normalise.canonical, "email", address, "NL")
    try:
        expected: str | None = validate_email(address, check_deliverability=False).normalized.casefold()
    except EmailNotValidError as error:
        expected = None
        with pytest.raises(Invalid, match=re.escape(str(error))):
            normalise.canonical("email", address, "NL")
    assert found == expected


@pytest.mark.parametrize(
    ("name", "type_", "value", "blocked"),
    [
        ("email", "email", "Test@Test.com", True),
        ("email", "email", "NoReply@shop.nl", True),
        ("email", "email", "no-reply@shop.nl", True),
        ("email", "email", "jan@shop.nl", False),
        ("phoneNumber", "phone", "00000 00000", True),
        ("phoneNumber", "phone", "0612345678", False),
        ("city", "text", " UNKNOWN ", True),
        ("postalCode", "text", "0000", True),
        ("postalCode", "text", "0001", False),
        ("lastName", "text", "Null", False),
        ("debtor", "integer", 0, True),
        ("debtor", "integer", -1, True),
        ("debtor", "integer", 10, False),
        ("debtor", "decimal", "-0.00", True),
        ("debtor", "decimal", "-1.0", True),
        ("debtor", "decimal", "0.1", False),
        ("birthday", "date", "0001-01-01", False),
        ("seen", "date_time", "2026-11-23T09:00:00Z", False),
        ("wants", "boolean", False, False),
        ("colour", "choice", "Unknown", True),
        ("colour", "choice", "red", False),
        ("colours", "multiple_choice", ["none", "Unknown"], True),
        ("colours", "multiple_choice", ["none", "red"], False),
    ],
)
def test_placeholders_identify_nobody(name: str, type_: str, value: Value, *, blocked: bool) -> None:
    assert normalise.is_blocked(name, type_, value) is blocked


def test_a_match_key_needs_every_field_of_its_rule() -> None:
    assert matching.key(EMAIL_RULE, {"email": None}) is None
    assert matching.key(EMAIL_RULE, {"email": "noreply@x.nl"}) is None
    assert matching.key(TWO_TEXTS, {"postalCode": "1011 AB"}) is None
    phone = Signature(1, (("phoneNumber", "phone"),), "NL")
    assert matching.key(phone, {"phoneNumber": "12"}) is None


@given(st.tuples(st.text(), st.text()), st.tuples(st.text(), st.text()))
def test_two_lists_of_values_have_one_key_only_when_they_are_the_same(
    one: tuple[str, str], two: tuple[str, str]
) -> None:
    def canonical(pair: tuple[str, str]) -> list[str | None]:
        return [normalise.canonical("text", text, "NL") for text in pair]

    keys = [matching.key(TWO_TEXTS, {"postalCode": pair[0], "lastName": pair[1]}) for pair in (one, two)]
    if None not in keys:
        assert (keys[0] == keys[1]) == (canonical(one) == canonical(two))
