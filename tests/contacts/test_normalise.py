import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contacts import matching, normalise
from contacts.matching import Rule
from contacts.normalise import Invalid

EMAIL_RULE = Rule(1, 1, (("email", "email"),), "NL")
TWO_TEXTS = Rule(1, 1, (("postalCode", "text"), ("lastName", "text")), "NL")


def attempt(function: Callable[..., str | None], *arguments: object) -> tuple[str | None, str | None]:
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
def test_a_value_is_stored_trimmed_or_refused_with_a_reason(type_: str, value: object) -> None:
    result, code = attempt(normalise.stored, type_, value)
    assert code in {None, "wrong_type", "too_long", "invalid_characters", "invalid_email", "invalid_date"}
    if code is None:
        assert result is None or result == str(value).strip()
        assert result != ""


@pytest.mark.parametrize(
    ("type_", "value", "code"),
    [
        ("text", 5, "wrong_type"),
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
    ],
)
def test_a_value_of_another_kind_is_refused(type_: str, value: object, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        normalise.stored(type_, value)
    assert refused.value.code == code


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
    ("name", "type_", "text", "blocked"),
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
    ],
)
def test_placeholders_identify_nobody(name: str, type_: str, text: str, *, blocked: bool) -> None:
    assert normalise.is_blocked(name, type_, text) is blocked


def test_a_match_key_needs_every_field_of_its_rule() -> None:
    assert matching.key(EMAIL_RULE, {"email": None}) is None
    assert matching.key(EMAIL_RULE, {"email": "noreply@x.nl"}) is None
    assert matching.key(TWO_TEXTS, {"postalCode": "1011 AB"}) is None
    phone = Rule(1, 1, (("phoneNumber", "phone"),), "NL")
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
