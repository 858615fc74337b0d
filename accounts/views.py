"""Pages about the person and the installation, as opposed to one account."""

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from accounts import queries
from accounts.models import User


class AuthenticatedHttpRequest(HttpRequest):
    """A request that has passed `login_required`."""

    user: User


@login_required
def home(request: AuthenticatedHttpRequest) -> HttpResponse:
    """Where signing in leads: to the person's account, to a choice of them, or to the admin."""
    accounts = list(queries.accounts_of(request.user))
    if len(accounts) == 1:
        return redirect("integrations-overview", account_number=accounts[0].number)
    if not accounts and request.user.is_staff:
        return redirect("admin:index")
    return render(request, "accounts/home.html", {"accounts": accounts})


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:  # noqa: ARG001 - Django passes it
    """403 for a form whose token is missing or old, with what to do."""
    return render(request, "403_csrf.html", status=403)


def not_offered(_request: HttpRequest) -> HttpResponse:
    """404 in the place of a page of allauth's: whose address is whose is for operators to say, not for its holder."""
    raise Http404
