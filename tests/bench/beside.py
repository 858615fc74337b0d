"""Concord's own addresses, with more views among them, to be compared with one of its calls."""

from collections.abc import Sequence
from typing import Any

from django.urls import URLPattern, URLResolver, include, path

from config.urls import urlpatterns as concord
from contacts.api.urls import urlpatterns as calls
from integrations.api import urls as api

Patterns = list[URLPattern | URLResolver]


def beside(name: str, views: Sequence[URLPattern]) -> Patterns:
    """Patterns are tried in order: the views stand right before the call with this name."""
    position = next(number for number, each in enumerate(calls) if each.name == name)
    together: list[Any] = [*calls[:position], *views, *calls[position:]]
    of_the_api: list[Any] = [
        path("", include(together)) if isinstance(each, URLResolver) else each for each in api.urlpatterns
    ]
    return [*concord[:-1], path("api/v1/", include(of_the_api))]
