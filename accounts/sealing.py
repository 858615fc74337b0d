"""Text that only this installation can read, or make."""

import base64
import hashlib

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings

__all__ = ["InvalidToken", "opened", "sealed"]


def sealed(text: str, purpose: str) -> str:
    """The text, encrypted for a purpose; safe in a URL."""
    return _fernet(purpose).encrypt(text.encode()).decode()


def opened(token: str, purpose: str) -> str:
    """What `sealed` took. Raises InvalidToken for anything that it did not make for this purpose."""
    return _fernet(purpose).decrypt(token.encode()).decode()


def _fernet(purpose: str) -> MultiFernet:
    """Keys derived from SECRET_KEY and its fallbacks, so that SECRET_KEY can be rotated."""
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    digests = (hashlib.sha256(f"{purpose}:{key}".encode()).digest() for key in keys)
    return MultiFernet([Fernet(base64.urlsafe_b64encode(digest)) for digest in digests])
