"""How sign-in differs from allauth's defaults."""

import base64
import hashlib

import structlog
from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.http import HttpRequest

log = structlog.get_logger(__name__)


class AccountAdapter(DefaultAccountAdapter):
    """Nobody signs up by themselves: people are made by operators and, later, invited."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        """Raises PermissionDenied where there is no address at all.

        A request that came through fewer proxies than TRUSTED_PROXY_COUNT says counts as its direct sender's.
        allauth's own way is to fail with a 500.
        """
        try:
            address: str = super().get_client_ip(request)
        except ImproperlyConfigured:
            log.warning("fewer_proxies_than_trusted_proxy_count")
            address = request.META.get("REMOTE_ADDR", "")
            if not address:
                raise PermissionDenied("Unable to determine client IP address") from None
        return address


def _fernet() -> MultiFernet:
    """Keys derived from SECRET_KEY and its fallbacks, so that SECRET_KEY can be rotated."""
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    digests = (hashlib.sha256(b"concord.mfa:" + key.encode()).digest() for key in keys)
    return MultiFernet([Fernet(base64.urlsafe_b64encode(digest)) for digest in digests])


class MFAAdapter(DefaultMFAAdapter):
    """Second-factor secrets are encrypted at rest: allauth's default stores them in clear."""

    def encrypt(self, text: str) -> str:
        return _fernet().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return _fernet().decrypt(encrypted_text.encode()).decode()
