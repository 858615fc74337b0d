"""Keys and secrets, for any random characters and any peppers."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations import credentials

BODIES = st.text(credentials.ALPHABET, min_size=40, max_size=40)
PEPPERS = st.dictionaries(st.integers(1, 32767), st.binary(min_size=32, max_size=64), min_size=1, max_size=4)


def secret_of(body: str) -> str:
    return f"cs_{body}{credentials.checksum(body)}"


@given(peppers=PEPPERS)
def test_what_is_issued_is_well_formed_and_verifies_under_its_own_pepper_only(peppers: dict[int, bytes]) -> None:
    issued = credentials.issue(peppers)
    assert credentials.is_key(issued.key)
    assert credentials.is_secret(issued.secret)
    assert issued.pepper == max(peppers)
    assert len(issued.digest) == 32
    assert credentials.verify(issued.secret, issued.digest, issued.pepper, peppers)
    others = {number: bytes([pepper[0] ^ 1]) + pepper[1:] for number, pepper in peppers.items()}
    assert not credentials.verify(issued.secret, issued.digest, issued.pepper, others)


@given(body=BODIES, position=st.integers(0, 45), character=st.sampled_from(credentials.ALPHABET))
def test_any_single_typo_is_noticed_by_the_checksum(body: str, position: int, character: str) -> None:
    secret = secret_of(body)
    typo = f"cs_{secret[3:][:position]}{character}{secret[3:][position + 1 :]}"
    assert credentials.is_secret(typo) == (typo == secret)


@given(body=BODIES, position=st.integers(0, 38))
def test_two_characters_swapped_are_noticed(body: str, position: int) -> None:
    swapped = f"{body[:position]}{body[position + 1]}{body[position]}{body[position + 2 :]}"
    assert credentials.is_secret(f"cs_{swapped}{credentials.checksum(body)}") == (swapped == body)


@given(one=BODIES, other=BODIES, pepper=st.binary(min_size=32, max_size=64))
def test_another_secret_never_verifies(one: str, other: str, pepper: bytes) -> None:
    stored = credentials.digest(secret_of(one), pepper)
    assert credentials.verify(secret_of(other), stored, 1, {1: pepper}) == (one == other)


@given(text=st.text(max_size=60))
def test_any_text_may_be_asked_about(text: str) -> None:
    assert credentials.is_key(text) == (
        len(text) == 23 and text.startswith("ck_") and set(text[3:]) <= set(credentials.ALPHABET)
    )
    assert not credentials.is_secret(text) or len(text) == 49


@pytest.mark.parametrize("ending", ["\n", " ", "\0", "é", "٣"])
def test_nothing_may_follow(ending: str) -> None:
    issued = credentials.issue({1: b"p" * 32})
    assert not credentials.is_key(issued.key + ending)
    assert not credentials.is_key(issued.key[:-1] + ending)
    assert not credentials.is_secret(issued.secret + ending)
    assert not credentials.is_secret(issued.secret[:-1] + ending)


def test_the_checksum_is_the_documented_one() -> None:
    """CRC-32 of nothing is 0, of 123456789 the check value 0xCBF43926 of its catalogues."""
    assert credentials.checksum("") == "000000"
    digits = string.digits + string.ascii_uppercase + string.ascii_lowercase
    number = 0
    for digit in credentials.checksum("123456789"):
        number = number * 62 + digits.index(digit)
    assert number == 0xCBF43926


def test_a_missing_pepper_is_said() -> None:
    issued = credentials.issue({2: b"p" * 32})
    with pytest.raises(credentials.UnknownPepper, match="2"):
        credentials.verify(issued.secret, issued.digest, issued.pepper, {1: b"p" * 32})


def test_two_issues_share_nothing_and_repr_tells_nothing() -> None:
    one, two = (credentials.issue({1: b"p" * 32}) for _ in range(2))
    assert len({one.key, two.key}) == len({one.secret, two.secret}) == 2
    assert one.secret not in repr(one)
    assert one.digest.hex() not in repr(one)
    assert repr(one.digest) not in repr(one)


def test_a_masked_key_names_no_whole_key() -> None:
    issued = credentials.issue({1: b"p" * 32})
    assert credentials.mask(issued.key) == f"{issued.key[:7]}…{issued.key[-4:]}"
