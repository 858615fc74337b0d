"""Which contact field a file's column is, by what it is called."""

from contacts.columns import guessed


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
