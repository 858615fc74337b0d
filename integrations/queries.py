"""Reads of licenses and authentications."""

from django.conf import settings

from integrations.models import Authentication


def missing_peppers() -> list[int]:
    """The numbers of peppers that live authentications need and that aren't configured, in order."""
    live = Authentication.all_accounts.filter(revoked_at__isnull=True)
    needed = set(live.values_list("pepper", flat=True).distinct())
    return sorted(needed - settings.API_KEY_PEPPERS.keys())
