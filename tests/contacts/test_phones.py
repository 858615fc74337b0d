"""Phone numbers: what is not shown to phonenumbers is what it would say."""

from collections.abc import Iterator
from random import Random

import phonenumbers

from contacts import phones


def by_the_library(text: str) -> str | None:
    try:
        number = phonenumbers.parse(text, "NL")
    except phonenumbers.NumberParseException:
        return None
    return phonenumbers.format_number(number, 0) if phonenumbers.is_valid_number(number) else None


def numbers_like_those_of_everywhere(random: Random) -> Iterator[str]:
    """In E.164, of each kind in each region: examples, and the same with digits changed, more, fewer, or a prefix."""
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        for kind in phonenumbers.PhoneNumberType.values():
            example = phonenumbers.example_number_for_type(region, kind)
            if example is None:
                continue
            code, digits = example.country_code, phonenumbers.national_significant_number(example)
            changed = "".join(random.choice("0123456789") if random.random() < 0.3 else digit for digit in digits)
            for national in (digits, changed, changed[:-1], f"{changed}5", f"{random.choice('018')}{digits}"):
                yield f"+{code}{national}"


def test_a_phone_number_that_is_taken_as_it_is_is_what_phonenumbers_makes_of_it() -> None:
    taken = [text for text in numbers_like_those_of_everywhere(Random(1)) if phones.is_plain(text)]
    assert [text for text in taken if by_the_library(text) != text] == []
    assert len(taken) > 1500
    assert phones.is_plain("+31612345678")
