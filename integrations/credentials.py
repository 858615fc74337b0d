"""Keys and secrets: pure functions to make, check, digest and mask them.

Key: `ck_` and 20 base-62 characters (about 119 bits), public. Secret: `cs_`, 40 base-62 characters (about 238
bits), and 6 base-62 characters of CRC-32 over those 40, so that a typo is refused without a query and secret
scanners can recognise it. Stored is HMAC-SHA-256 of the whole secret under a numbered pepper: a secret of 238
random bits needs no slow hash.
"""

import hashlib
import hmac
import re
import secrets
import string
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field

ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
KEY = re.compile(r"ck_[0-9A-Za-z]{20}", re.ASCII)
SECRET = re.compile(r"cs_([0-9A-Za-z]{40})([0-9A-Za-z]{6})", re.ASCII)


class UnknownPepper(LookupError):
    """A stored digest needs a pepper that is not configured."""


@dataclass(frozen=True, slots=True)
class IssuedSecret:
    """A key with its new secret in clear, for the one response that may show it; its repr doesn't."""

    key: str
    secret: str = field(repr=False)
    digest: bytes = field(repr=False)
    pepper: int


def _random(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def checksum(text: str) -> str:
    """CRC-32 of ASCII text as 6 base-62 digits, most significant first."""
    number = zlib.crc32(text.encode("ascii"))
    digits = []
    for _ in range(6):
        number, digit = divmod(number, 62)
        digits.append(ALPHABET[digit])
    return "".join(reversed(digits))


def is_key(text: str) -> bool:
    """Whether the text has the form of a key."""
    return KEY.fullmatch(text) is not None


def is_secret(text: str) -> bool:
    """Whether the text has the form of a secret and its checksum is right."""
    match = SECRET.fullmatch(text)
    return match is not None and hmac.compare_digest(checksum(match[1]), match[2])


def digest(secret: str, pepper: bytes) -> bytes:
    """HMAC-SHA-256 of a secret, 32 bytes."""
    return hmac.digest(pepper, secret.encode("ascii"), hashlib.sha256)


def issue(peppers: Mapping[int, bytes], key: str | None = None) -> IssuedSecret:
    """A new secret, digested under the pepper with the highest number; for a new key unless one is given."""
    body = _random(40)
    secret = f"cs_{body}{checksum(body)}"
    number = max(peppers)
    return IssuedSecret(
        key=key or f"ck_{_random(20)}", secret=secret, digest=digest(secret, peppers[number]), pepper=number
    )


def verify(secret: str, stored: bytes, pepper: int, peppers: Mapping[int, bytes]) -> bool:
    """Whether a secret is the one of a stored digest, in constant time.

    Raises UnknownPepper when the digest was made under a pepper that is not configured.
    """
    if pepper not in peppers:
        raise UnknownPepper(pepper)
    return hmac.compare_digest(digest(secret, peppers[pepper]), stored)


def mask(key: str) -> str:
    """A key shortened for logs and narrow lists: `ck_AbCd…wxyz`."""
    return f"{key[:7]}…{key[-4:]}"
