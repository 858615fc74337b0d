"""For load balancers and monitoring: is the process alive, and can it serve?"""

from functools import cache

from django.contrib.staticfiles.storage import staticfiles_storage
from django.db import Error, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from integrations import queries


@never_cache
@require_safe
def alive(_request: HttpRequest) -> JsonResponse:
    """`/healthz`: 200 as long as the process answers at all; asks no database."""
    return JsonResponse({"status": "ok"})


@never_cache
@require_safe
def ready(_request: HttpRequest) -> JsonResponse:
    """`/readyz`: 200, or 503 with what is wrong in words for the operator."""
    found = problems()
    if found:
        return JsonResponse({"status": "unavailable", "problems": found}, status=503)
    return JsonResponse({"status": "ok"})


def problems() -> list[str]:
    """Why requests can't be served now; empty when they can."""
    if getattr(staticfiles_storage, "hashed_files", None) == {}:  # the manifest, which is read at the start
        return ["The static files are not collected. Run: manage.py collectstatic, and restart."]
    try:
        applied = set(MigrationRecorder(connection).applied_migrations())
        unapplied = _migrations() - applied
        if unapplied:
            return [f"Migrations to apply: {len(unapplied)}. Run: manage.py migrate"]
        missing = sorted(queries.missing_peppers())
    except Error:
        return ["The database can't be reached."]
    return [f"API_KEY_PEPPERS lacks number {number}, which live authentications need." for number in missing]


@cache
def _migrations() -> frozenset[tuple[str, str]]:
    """All migrations in the code, as (app, name). Squashed ones count through those that they replace."""
    loader = MigrationLoader(None, ignore_no_migrations=True)
    return frozenset(key for key, migration in loader.disk_migrations.items() if not migration.replaces)
