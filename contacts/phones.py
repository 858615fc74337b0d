"""Pure: phone numbers.

The rules are phonenumbers'; as it takes long, numbers that it would give back as they are are not shown to it.
"""

import re
from functools import lru_cache

import phonenumbers

PLAIN = re.compile(r"\+[1-9][0-9]{5,14}")


@lru_cache(maxsize=8192)
def e164(text: str, region: str) -> str | None:
    """The number in E.164, read in `region` (ISO 3166-1); None when it is none."""
    if is_plain(text):
        return text
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def is_plain(text: str) -> bool:
    """Whether a number is valid E.164 already, as far as that is easily told."""
    if PLAIN.fullmatch(text):
        for end in (2, 3, 4):  # no country code is the beginning of another one
            if national := _national_numbers(text[1:end]):
                return national.fullmatch(text, end) is not None
    return False


@lru_cache(maxsize=1024)
def _national_numbers(country_code: str) -> re.Pattern[str] | None:
    """The valid national numbers of a country code that one region has to itself: those that have the form of some
    kind of number, and begin neither with what phonenumbers may take for a national prefix nor with a zero."""
    regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(int(country_code), ())
    if len(regions) != 1:
        return None
    data = phonenumbers.PhoneMetadata.metadata_for_region(regions[0])
    if data is None:  # a code that is no region's, such as that of satellite phones
        return None
    kinds = (
        *(data.premium_rate, data.toll_free, data.shared_cost, data.voip, data.personal_number, data.pager, data.uan),
        *(data.voicemail, data.fixed_line, data.mobile),
    )
    forms = "|".join(form for kind in kinds if (form := _form(kind)))
    prefix = data.national_prefix_for_parsing
    begins = f"(?!0|{prefix})" if prefix else "(?!0)"
    return re.compile(f"{begins}(?={_form(data.general_desc)})(?:{forms})")


def _form(kind: phonenumbers.PhoneNumberDesc | None) -> str:
    """What numbers of a kind look like, up to the end; empty when there are none."""
    if kind is None or not kind.national_number_pattern:
        return ""
    lengths = "|".join(f"[0-9]{{{length}}}" for length in kind.possible_length if length > 0)
    if kind.possible_length and not lengths:
        return ""
    return (rf"(?=(?:{lengths})\Z)" if lengths else "") + rf"(?:{kind.national_number_pattern})\Z"
