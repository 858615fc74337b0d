"""The URL map as data: every route with its name, pattern and view."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver


@dataclass(frozen=True)
class Route:
    """One route. `name` has its namespaces; a route without a name is called by its pattern."""

    name: str
    pattern: str
    view: Callable[..., Any]

    @property
    def view_class(self) -> type | None:
        found: type | None = getattr(self.view, "view_class", getattr(self.view, "cls", None))
        return found

    @property
    def face(self) -> str:
        """The first part of the path: auth, admin, api, settings, …"""
        return self.pattern.split("/", maxsplit=1)[0]

    @property
    def of_a_package(self) -> bool:
        """Whether somebody else's code answers it."""
        return self.view.__module__.split(".")[0] not in {"accounts", "config", "contacts", "integrations"}


def routes(resolver: URLResolver | None = None, prefix: str = "", names: str = "") -> Iterator[Route]:
    """Every route below a resolver, the whole map by default."""
    for entry in (resolver or get_resolver()).url_patterns:
        path = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            below = f"{names}{entry.namespace}:" if entry.namespace else names
            yield from routes(entry, path, below)
        elif isinstance(entry, URLPattern):
            yield Route(f"{names}{entry.name}" if entry.name else path, path, entry.callback)
