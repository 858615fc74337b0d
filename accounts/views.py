"""Pages about the person and the installation, as opposed to one account."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:  # noqa: ARG001 - Django passes it
    """403 for a form whose token is missing or old, with what to do."""
    return render(request, "403_csrf.html", status=403)


def not_offered(_request: HttpRequest) -> HttpResponse:
    """404 in the place of a page of allauth's: whose address is whose is for operators to say, not for its holder."""
    raise Http404
