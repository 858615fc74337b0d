"""Pure: what a contact is found by, and what is looked for. Both are folded alike, and compared by their beginning.

A contact's terms are its e-mail addresses, its external ids, its names from each of their words on ("jan de vries",
"de vries", "vries"), and its phone numbers as dialled from abroad ("+31612345678") and at home ("0612345678").
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

import phonenumbers

from contacts.normalise import CONTROL, Value

VERSION = 1
"""Of `terms`: with a new one all contacts are indexed anew."""
LONGEST = 100
"""Characters of a term, and of what is looked for: more don't tell contacts apart."""
MOST_WORDS = 10
"""Words of a name from each of which on it is found."""

NAMES = (("firstName", "infix", "lastName"), ("organisation",))
"""Contact fields that are one name together."""
WORD = re.compile(r"[^\W_]+")
DIALLED = re.compile(r"[+0-9(][0-9 ()./\-]*")
INSIDE_ONLY = re.compile(r"\(0\)")
"""As in +31 (0)6: dialled at home, and never from abroad."""
LONGEST_COUNTRY_CODE = 3

LAST = "\U0010ffff"
"""The last character that there is: no term has it, so that a range of terms can end there."""
LETTERS = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ħ": "h", "\u0131": "i", LAST: None}
)
"""Letters that Unicode doesn't take apart into a letter and an accent."""


def fold(text: str) -> str:
    """Without accents, upper case, control characters and needless white space."""
    if not text.isascii():
        apart = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
        text = "".join(each for each in apart if unicodedata.category(each) != "Mn").translate(LETTERS)
    return " ".join(CONTROL.sub("", text).lower().split())


def words(text: str) -> list[str]:
    """Its letters and digits, folded: `O'Brien-Smith` has the words o, brien, smith."""
    return WORD.findall(fold(text))


def terms(values: Mapping[str, Value], external_ids: Iterable[str], types: Mapping[str, str], region: str) -> set[str]:
    """What a contact is found by. `types`: contact field → its type; `region`: where phone numbers without a country
    are from (ISO 3166-1)."""
    found = {fold(each) for each in external_ids}
    for name, value in values.items():
        if types.get(name) == "email":
            found.add(fold(str(value)))
        elif types.get(name) == "phone":
            found.update(_phone_terms(str(value), region))
    for parts in NAMES:
        said = words(" ".join(str(values[part]) for part in parts if part in values))
        found.update(" ".join(said[start:]) for start in range(min(len(said), MOST_WORDS)))
    return {each[:LONGEST] for each in found if each}


def prefixes(query: str) -> Sequence[str]:
    """How terms begin that are looked for by what a person typed; none begins like another."""
    given = {fold(query)}
    if "@" not in query:
        given.add(" ".join(words(_in_order(query))))
    if DIALLED.fullmatch(query.strip()):
        given.update(_dialled(query))
    given = {each[:LONGEST].rstrip() for each in given if each}
    return sorted(each for each in given if not any(each != other and each.startswith(other) for other in given))


def _in_order(name: str) -> str:
    """`Vries, Jan de` is `Jan de Vries`."""
    last, comma, first = name.partition(",")
    return f"{first} {last}" if comma and first.strip() else name


def _phone_terms(text: str, region: str) -> set[str]:
    """From abroad and at home. Not by the numbering plans, which would take ten times as long as all the rest."""
    abroad, number = _plain(text)
    code = str(phonenumbers.country_code_for_region(region) or "")
    if abroad:
        code = _country_code(number)
        number = _national(number.removeprefix(code), code)
    else:
        number = _national(number, code)
    return {f"+{code}{number}", f"0{number}"} if number else set()


def _dialled(query: str) -> set[str]:
    """What a number that somebody types begins like; without + or 0 in front it may be either."""
    abroad, number = _plain(query)
    if abroad:
        code = _country_code(number)
        return {f"+{code}{_national(number.removeprefix(code), '')}"}
    if number.startswith("0"):
        return {f"0{number.lstrip('0')}"}
    return {f"+{number}", f"0{number}"}


def _plain(text: str) -> tuple[bool, str]:
    """Whether a number begins with its country, and its digits (after + or 00)."""
    number = "".join(each for each in INSIDE_ONLY.sub("", text) if each in "+0123456789")
    for mark in ("+", "00"):
        if number.startswith(mark):
            return True, number.removeprefix(mark).replace("+", "")
    return False, number.replace("+", "")


def _country_code(number: str) -> str:
    """The calling code that a number with its country begins with: none is the beginning of another."""
    for length in range(1, LONGEST_COUNTRY_CODE + 1):
        if number[:length].isdigit() and int(number[:length]) in phonenumbers.COUNTRY_CODE_TO_REGION_CODE:
            return number[:length]
    return ""


def _national(number: str, code: str) -> str:
    """Without what is dialled in front of it at home: zeros, in North America a one."""
    number = number.lstrip("0")
    return number.removeprefix("1") if code == "1" else number
