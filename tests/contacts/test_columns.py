"""Which column of a file seems to hold what, and what may be chosen."""

import pytest

from accounts.errors import ValidationFailed
from contacts.columns import guessed, mapped


def test_columns_are_guessed_by_what_they_are_called() -> None:
    names = {"email": "email", "e-mail": "email", "firstname": "firstName", "phonenumber": "phoneNumber"}
    assert guessed(["Voornaam", "E-mail adres", "KLANT NUMMER", "Telefoon", "Maat"], names) == [
        "firstName",
        "email",
        "external_id",
        "phoneNumber",
        "",
    ]
    # The field's own name before a synonym, wherever it stands; each field once; none that the account has not.
    assert guessed(["Mail", "email", "email", "Achternaam"], names) == ["", "email", "", ""]


def test_accents_case_and_signs_say_nothing() -> None:
    names = {"street": "street", "postalcode": "postalCode"}
    assert guessed(["STRASSE", "plz.", "Kunden-Nr"], names) == ["street", "postalCode", "external_id"]


def test_a_field_is_chosen_once_and_an_id_always() -> None:
    assert mapped(["", "external_id", "email"]) == {"external_id": 1, "email": 2}
    with pytest.raises(ValidationFailed) as refusal:
        mapped(["email", "email"])
    assert [(each.field, each.code) for each in refusal.value.errors] == [
        ("column_1", "duplicate_column"),
        ("", "no_external_id"),
    ]
