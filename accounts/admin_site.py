"""The admin: one site with only our own pages, signed in to through allauth, with figures on its first page."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, reverse
from django.utils.http import url_has_allowed_host_and_scheme

from accounts import queries
from accounts.models import Account

SHOWN = 50
"""Accounts on the first page; the list of accounts has them all."""

# Pages of Django's that go round what we have: passwords are changed through allauth, and nothing is shown elsewhere.
DROPPED = {"password_change", "password_change_done", "view_on_site"}


@dataclass(frozen=True, slots=True)
class Figure:
    """A column of the first page: `of` gives a value per account id, for those of the accounts that have one.

    `list_url` names the admin list behind the figure; `total` shows the sum over all accounts above the table.
    """

    label: str
    of: Callable[[QuerySet[Account]], Mapping[int, Any]]
    list_url: str
    list_filter: str = ""
    total: bool = False


@dataclass(frozen=True, slots=True)
class Panel:
    """A part of the first page below the figures: a template and what it shows of the accounts."""

    template: str
    context: Callable[[QuerySet[Account]], Mapping[str, Any]]


class ConcordAdminSite(AdminSite):
    """Apps that come later than `accounts` add their figures and panels, so that none is imported from here."""

    site_header = site_title = "Concord"
    index_title = "Overview"
    index_template = "admin/index.html"

    def __init__(self) -> None:
        super().__init__(name="admin")
        self.figures: list[Figure] = []
        self.panels: list[Panel] = []

    def get_urls(self) -> list[URLPattern | URLResolver]:
        return [url for url in super().get_urls() if getattr(url, "name", None) not in DROPPED]

    # Not django.contrib.admin's form, not even for who is signed in: it asks for a password and no second factor.
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        target = request.GET.get("next", "")
        if not url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure()):
            target = reverse("admin:index")
        if not request.user.is_authenticated:
            return redirect_to_login(target)
        if not self.has_permission(request):
            raise PermissionDenied
        return redirect("admin:index")

    def logout(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        return redirect("account_logout")  # type: ignore[return-value]

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        accounts = queries.accounts_looked_after_by(request.user)
        return super().index(request, {**self._overview(accounts), **(extra_context or {})})

    def app_index(
        self, request: HttpRequest, app_label: str, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        titles = [str(app["name"]) for app in self.get_app_list(request, app_label)]
        return super().app_index(request, app_label, {"title": "".join(titles), **(extra_context or {})})

    def _overview(self, accounts: QuerySet[Account]) -> dict[str, Any]:
        """The figures of all these accounts in sum, of the first ones each, and the panels."""
        shown = list(accounts.select_related("partner").order_by("name")[:SHOWN])
        of_shown = accounts.filter(pk__in=[account.pk for account in shown])
        values = [(figure, figure.of(accounts if figure.total else of_shown)) for figure in self.figures]
        return {
            "account_count": accounts.count(),
            "totals": [(figure, sum(of.values())) for figure, of in values if figure.total],
            "figures": self.figures,
            "account_rows": [(account, [(figure, of.get(account.pk)) for figure, of in values]) for account in shown],
            "panels": [(panel.template, panel.context(accounts)) for panel in self.panels],
        }


site = ConcordAdminSite()
