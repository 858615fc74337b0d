"""What the settings' navigation shows of integrations, on every app's pages."""

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from integrations import queries
from integrations.models import Integration


def navigation(request: HttpRequest) -> dict[str, Any]:
    """`has_license`: whether the page's account may use the REST API now. Asked only where a template does."""
    account = getattr(request, "account", None)
    if account is None:
        return {}
    return {
        "has_license": SimpleLazyObject(
            lambda: queries.has_active_license(account, Integration.objects.get(code=Integration.REST_API))
        )
    }
