"""What the settings' navigation shows of contacts, on every app's pages."""

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from contacts import queries


def navigation(request: HttpRequest) -> dict[str, Any]:
    """`open_reviews`: how many doubts wait for a person in the page's account. Asked only where a template does."""
    account = getattr(request, "account", None)
    return {} if account is None else {"open_reviews": SimpleLazyObject(lambda: queries.open_reviews(account))}
