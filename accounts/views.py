"""Pages about the person and the installation, as opposed to one account."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403 for a form whose token is missing or old, with what to do."""
    return render(request, "403_csrf.html", status=403)
