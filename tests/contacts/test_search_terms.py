"""How names and phone numbers are folded: what finds what."""

import pytest

from contacts.normalise import Value
from contacts.search_terms import LONGEST, fold, prefixes, terms

TYPES = {"email": "email", "phoneNumber": "phone"}


def finds(typed: str, values: dict[str, Value], region: str = "NL") -> bool:
    known = terms(values, (), TYPES, region)
    return any(term.startswith(prefix) for term in known for prefix in prefixes(typed))


@pytest.mark.parametrize(
    ("stored", "region", "typed"),
    [
        ("+1 617 555 0101", "NL", "1 617"),
        ("+1 617 555 0101", "NL", "(617) 555"),
        ("(617) 555-0101", "US", "+1617"),
        ("1-617-555-0101", "US", "617"),
        ("+39 06 698 12345", "NL", "06 69"),
        ("020 7946 0018", "GB", "+44 20 7946"),
        ("+44 (0)20 7946 0018", "NL", "02079"),
        ("+44 20 7946 0018", "NL", "0044 (0)20"),
        ("0612345678", "NL", "31612"),
        ("0031612345678", "US", "06 1234"),
    ],
)
def test_a_number_is_found_with_its_country_and_without(stored: str, region: str, typed: str) -> None:
    assert finds(typed, {"phoneNumber": stored}, region)


@pytest.mark.parametrize("typed", ["+32 6", "+49", "07", "12345678", "6 13"])
def test_a_number_is_not_found_by_another(typed: str) -> None:
    assert not finds(typed, {"phoneNumber": "06 12345678"})


@pytest.mark.parametrize(
    "typed", ["van der", "BERG", "jose van", "Berg, José van der", "josé van der berg", "der Berg-M"]
)
def test_a_name_is_found_from_each_of_its_words_on(typed: str) -> None:
    assert finds(typed, {"firstName": "José", "infix": "van der", "lastName": "Berg-Müller"})


@pytest.mark.parametrize("typed", ["jose berg", "muller jose", "erg", "jose@"])
def test_a_name_is_not_found_by_its_middle_or_with_words_left_out(typed: str) -> None:
    assert not finds(typed, {"firstName": "José", "infix": "van der", "lastName": "Berg-Müller"})


@pytest.mark.parametrize(
    ("text", "folded"),
    [("  ÅNGSTRÖM  Straße ", "angstrom strasse"), ("Ørsted", "orsted"), ("\uff21\u0130\x00", "ai"), ("\U0010ffff", "")],
)
def test_folding(text: str, folded: str) -> None:
    assert fold(text) == folded
    assert fold(folded) == folded


def test_terms_and_what_is_looked_for_are_cut_alike() -> None:
    name = "ab " * 400
    assert max(map(len, terms({"firstName": name}, ["x" * 255], TYPES, "NL"))) == LONGEST
    assert finds(name, {"firstName": name})
    assert prefixes(" \x00") == []
