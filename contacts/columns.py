"""Pure: which column of a CSV goes into which contact field."""

import unicodedata
from collections.abc import Mapping, Sequence

from accounts.errors import FieldError, ValidationFailed
from contacts.rows import Unreadable

EXTERNAL_ID = "external_id"
SYNONYMS: dict[str, str] = {
    EXTERNAL_ID: "id, customer id, customer number, customer no, client id, client number, debtor number, debtor, "
    "klantnummer, klant id, klantnr, debiteurnummer, debiteurnr, relatienummer, relatiecode, "
    "Kundennummer, Kunden-ID, Kundennr, Debitorennummer",
    "email": "mail, e-mail address, email address, e-mailadres, mailadres, E-Mail-Adresse, Mailadresse",
    "firstName": "given name, forename, voornaam, roepnaam, Vorname, Rufname",
    "infix": "tussenvoegsel, voorvoegsel, prefix, name prefix, Namenszusatz",
    "lastName": "surname, family name, achternaam, familienaam, Nachname, Familienname, Zuname",
    "initials": "voorletters, initialen, Initialen",
    "gender": "sex, geslacht, Geschlecht",
    "birthday": "birth date, date of birth, dob, geboortedatum, verjaardag, Geburtsdatum, Geburtstag",
    "organisation": "organization, company, company name, organisatie, bedrijf, bedrijfsnaam, Firma, Unternehmen",
    "street": "street name, address, address line 1, straat, straatnaam, adres, Straße, Strassenname, Adresse",
    "houseNumber": "house no, street number, huisnummer, huisnr, Hausnummer, Hausnr",
    "postalCode": "postcode, post code, zip, zip code, postal, Postleitzahl, PLZ",
    "city": "town, place, plaats, woonplaats, stad, Ort, Stadt, Wohnort",
    "country": "country code, land, landcode, Land, Ländercode",
    "phoneNumber": "phone, telephone, telephone number, tel, telefoon, telefoonnummer, Telefon, Telefonnummer",
    "mobileNumber": "mobile, mobile phone, cell, cell phone, mobiel, mobiele telefoon, gsm, Handy, Handynummer, Mobil",
    "language": "locale, language code, taal, taalcode, Sprache",
}
"""What columns of contact fields are called in English, Dutch and German, beside the fields' own names and labels."""


def folded(title: str) -> str:
    """A title as it is compared: letters and digits only, without accents or case. `E-Mail Adres` is `emailadres`."""
    plain = unicodedata.normalize("NFKD", title.casefold())
    return "".join(letter for letter in plain if letter.isalnum())


def guessed(header: Sequence[str], names: Mapping[str, str]) -> list[str]:
    """For each column the contact field, or external_id, that it looks like, each once; empty for one to be ignored.

    `names`: what else a column may be called → contact field; only these fields are guessed.
    """
    known = {
        folded(word): field
        for field, words in SYNONYMS.items()
        if field in {EXTERNAL_ID, *names.values()}
        for word in words.split(",")
    }
    own = {folded(name): field for name, field in names.items()}
    result = [""] * len(header)
    # A field's own name says more than a word that is often used for it.
    for look_up in (own, known):
        for number, title in enumerate(header):
            field = look_up.get(folded(title), "")
            if field and not result[number] and field not in result:
                result[number] = field
    return result


def mapped(chosen: Sequence[str]) -> dict[str, int]:
    """Contact field, or external_id → the number of its column, from what was chosen for each column (empty: ignored).

    Raises ValidationFailed `duplicate_column`, at `column_<number>`, and `no_external_id`.
    """
    result: dict[str, int] = {}
    errors = []
    for number, field in enumerate(chosen):
        if field in result:
            detail = f"Column {result[field] + 1} goes there already. Choose one of them, and ignore the other."
            errors.append(FieldError(f"column_{number}", "duplicate_column", detail))
        elif field:
            result[field] = number
    if EXTERNAL_ID not in result:
        detail = "Say which column holds the ids that the system has for its customers: without them nothing is found."
        errors.append(FieldError("", "no_external_id", detail))
    if errors:
        raise ValidationFailed(errors)
    return result


def assigned(
    header: Sequence[str], given: Mapping[str, str], names: Mapping[str, str]
) -> tuple[dict[str, int], list[str]]:
    """Contact field, or external_id, → the number of its column, from 0; and the columns that are left out.

    `given`: contact field → the column that the caller named. `names`: what else a column may be called, folded →
    contact field. Raises Unreadable `unknown_column`, `duplicate_column` or `no_external_id`.
    """
    titles = [title.strip() for title in header]
    result: dict[str, int] = {}
    for field, title in given.items():
        if title not in titles:
            raise Unreadable(f"Row 1 has no column “{title[:100]}” for {field}.", code="unknown_column")
        if titles.count(title) > 1:
            raise Unreadable(f"Row 1 has several columns “{title[:100]}”.", code="duplicate_column")
        result[field] = titles.index(title)
    left_out = []
    taken = set(result.values())
    for number, title in enumerate(titles):
        field = names.get(title.casefold(), "")
        if number in taken or field in given:
            continue
        if not field:
            left_out.append(title)
        elif field in result:
            raise Unreadable(f"Row 1 has several columns for {field}; name the right one.", code="duplicate_column")
        else:
            result[field] = number
    if EXTERNAL_ID not in result:
        detail = "Row 1 has no column external_id. Name the one with the ids of your system: column.external_id=…"
        raise Unreadable(detail, code="no_external_id")
    return result, left_out
