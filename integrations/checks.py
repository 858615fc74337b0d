"""What `manage.py check` says about this installation."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import DatabaseError

from integrations import queries


@register(Tags.database)
def peppers_are_configured(databases: Any = None, **_kwargs: Any) -> list[CheckMessage]:
    """Every pepper that a live authentication needs is in API_KEY_PEPPERS (with `check --database default`)."""
    if not databases:
        return []
    try:
        missing = queries.missing_peppers()
    except DatabaseError:
        return []  # before the first migration there is nothing to miss
    return [
        Error(
            f"API_KEY_PEPPERS lacks number {number}, which live authentications need: they are refused.",
            hint="Add it again, or have those authentications revoked and issued anew.",
            id="concord.E001",
        )
        for number in missing
    ]


@register(Tags.security, deploy=True)
def cache_is_shared(**_kwargs: Any) -> list[CheckMessage]:
    """Rate limits count in the cache: one for each process would multiply them."""
    backend: str = settings.CACHES["default"]["BACKEND"]
    if backend.endswith((".LocMemCache", ".DummyCache")):
        return [Warning("CACHE_URL names a cache that processes don't share.", id="concord.W001")]
    return []


@register(Tags.security, deploy=True)
def sender_is_set(**_kwargs: Any) -> list[CheckMessage]:
    """Mail from localhost gets nowhere."""
    if settings.DEFAULT_FROM_EMAIL.rstrip(">").endswith("@localhost"):
        return [Warning("Set DEFAULT_FROM_EMAIL, such as Concord <concord@example.com>.", id="concord.W002")]
    return []
