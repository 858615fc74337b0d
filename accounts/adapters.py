"""How sign-in differs from allauth's defaults."""

import structlog
from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.http import HttpRequest

from accounts.sealing import opened, sealed

log = structlog.get_logger(__name__)

MFA = "concord.mfa"


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


class MFAAdapter(DefaultMFAAdapter):
    """Second-factor secrets are encrypted at rest: allauth's default stores them in clear."""

    def encrypt(self, text: str) -> str:
        return sealed(text, MFA)

    def decrypt(self, encrypted_text: str) -> str:
        return opened(encrypted_text, MFA)
