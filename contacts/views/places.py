"""Where a page of a list begins, as its address says."""

from collections.abc import Callable
from typing import TypeVar

from django.http import Http404, HttpRequest

K = TypeVar("K")


def after(request: HttpRequest, read: Callable[[str], K]) -> K | None:
    """The key behind which the page begins; None for the first page. Raises Http404 for what is no key."""
    text = request.GET.get("after", "")
    try:
        return read(text) if text else None
    except ValueError:
        raise Http404 from None
