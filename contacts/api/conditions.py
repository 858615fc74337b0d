"""Pure: the headers that make a write depend on what was before."""

import hashlib
import re
import sys
from collections.abc import Collection

from accounts.errors import ValidationFailed

IF_MATCH, IDEMPOTENCY_KEY = "If-Match", "Idempotency-Key"
ANY_VERSION = range(sys.maxsize)
TAG = r'(W/)?"([^"]*)"'
TAGS = re.compile(rf"{TAG}(\s*,\s*{TAG})*")
KEY = re.compile(r"[\x21-\x7e]{1,255}")


def versions(header: str | None) -> Collection[int] | None:
    """The versions that an If-Match names (RFC 9110, section 13.1.1), any for `*`, None without the header.

    Raises ValidationFailed `invalid_etag`.
    """
    if header is None:
        return None
    text = header.strip()
    if text == "*":
        return ANY_VERSION
    if not TAGS.fullmatch(text):
        detail = 'Write the ETag as it was answered, in quotes: If-Match: "3".'
        raise ValidationFailed.of(IF_MATCH, "invalid_etag", detail)
    # A weak tag never matches, and one that is no number was never ours.
    return {int(tag) for weak, tag in re.findall(TAG, text) if not weak and re.fullmatch("[0-9]{1,18}", tag)}


def idempotency_key(header: str | None) -> str | None:
    """The key of a call that is to be done once. Raises ValidationFailed `invalid_key`."""
    if header is None or KEY.fullmatch(header):
        return header
    detail = "Write 1 to 255 visible ASCII characters without spaces, a UUID say."
    raise ValidationFailed.of(IDEMPOTENCY_KEY, "invalid_key", detail)


def digest(method: str, address: str, body: bytes) -> str:
    """What a call is recognised by: SHA-256 of all of it."""
    found = hashlib.sha256()
    for part in (method.encode(), address.encode(), body):
        found.update(b"%d:" % len(part) + part)
    return found.hexdigest()
