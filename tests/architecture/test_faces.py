"""Every page, call, form, serializer and admin stands on the base that scopes it."""

import importlib
import inspect
from collections.abc import Iterator
from typing import Any

import pytest
from django import forms
from django.contrib.admin import ModelAdmin, SimpleListFilter
from django.contrib.admin.utils import flatten_fieldsets
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views import View
from rest_framework.permissions import AllowAny
from rest_framework.serializers import BaseSerializer, ModelSerializer
from rest_framework.views import APIView

from accounts.admin_site import site
from accounts.models import Account, AuditEvent, User
from accounts.tenancy.admin import ConcordAdmin, OperatorAdmin, PartnerScopedAdmin
from accounts.tenancy.api import AccountAPIView
from accounts.tenancy.forms import AccountFormMixin
from accounts.tenancy.models import AccountOwned
from accounts.tenancy.views import AccountView
from contacts.models import Contact, IdField
from tests.architecture.code import modules, settle
from tests.architecture.routes import Route, routes

PACKAGES = {"auth": "allauth's pages of the signed-in person", "admin": "see the admins below"}
# Pages below neither AccountView nor AccountAPIView
OTHER_PAGES = {
    "api-docs": "the same for everybody",
    "api-schema": "the same for everybody",
    "export-file": "a link that expires is the permission, and names one account",
    "invitation": "a link that expires is the permission, and names one account",
    "healthz": "says that the process answers",
    "home": "leads a person to their accounts",
    "readyz": "says that the database answers",
}

OTHER_FORMS = {
    "accounts.admin.PartnerForm": "an operator's, about no account",
    "accounts.admin.UserForm": "an operator's, about no account",
    "accounts.forms.NewPersonForm": "a person's, about no account",
    "accounts.tenancy.admin.RefusableForm": "the base of the admin's forms, whose choices the admin scopes",
    "contacts.admin.fields.FieldForm": "the base of the admin's forms of fields",
    "contacts.admin.accounts.OpenForm": "the admin's: opens an account for one of the person's own partners",
    "contacts.admin.fields.ContactFieldForm": "the admin's: the account is chosen among the person's own",
    "contacts.admin.id_fields.IdFieldForm": "the admin's: the account is chosen among the person's own",
    "integrations.admin.catalogue.IntegrationForm": "an operator's, about no account",
    "integrations.admin.catalogue.PriceForm": "an operator's, about no account",
}

# What a class must not set, because it replaces the settings' defaults
DEFAULTS = ("authentication_classes", "permission_classes")


def unscoped(route: Route) -> bool:
    """Whether a route of ours is neither a page nor a call of one account."""
    base = AccountAPIView if route.face == "api" else AccountView
    return not (route.view_class and issubclass(route.view_class, base))


def replaced_defaults(view: type) -> list[str]:
    """The defaults of the settings that a view, or a class between it and DRF's own, replaces."""
    own = [each for each in view.__mro__ if not each.__module__.startswith("rest_framework")]
    return [f"{each.__qualname__}.{name}" for each in own for name in DEFAULTS if name in vars(each)]


def classes(base: type) -> Iterator[type]:
    """Every class of the application that extends `base`."""
    for module in modules():
        for _, found in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            if issubclass(found, base) and found.__module__ == module.name:
                yield found


def dotted(found: type) -> str:
    return f"{found.__module__}.{found.__qualname__}"


def admin_faults(admin: Any) -> list[str]:
    """What is wrong with an admin page: its base, or something that shows what it must not."""
    found = []
    shown = {*flatten_fieldsets(admin.fieldsets or [(None, {"fields": admin.fields or ()})]), *admin.list_display}
    if not isinstance(admin, PartnerScopedAdmin | OperatorAdmin):
        found.append("extends neither PartnerScopedAdmin nor OperatorAdmin")
    if isinstance(admin, PartnerScopedAdmin) and not issubclass(admin.model, AccountOwned | Account | AuditEvent):
        found.append("is for partners and of no account")
    if not (admin.fields or admin.fieldsets) or admin.list_display == ("__str__",):
        found.append("does not name its fields and columns")
    if not _plain_filters(admin):
        found.append("has a filter that names related rows")
    if shown & {field.name for field in admin.model._meta.many_to_many}:
        found.append("chooses many rows, among all there are")
    if admin.actions is not None or admin.list_editable:
        found.append("has actions on many rows")
    if secret := {"password", "secret_digest", "pepper", "data", "session_key", "values", "provenance"} & shown:
        found.append(f"shows {secret}")
    overridden = {"get_queryset", "has_view_permission", "lookup_allowed", "history_view"}
    bases = {*ConcordAdmin.__mro__, PartnerScopedAdmin, OperatorAdmin}
    own = [each for each in type(admin).__mro__ if each not in bases]
    if replaced := sorted(name for each in own for name in overridden & vars(each).keys()):
        found.append(f"replaces {replaced}")
    return [f"{type(admin).__name__} {what}" for what in found]


def _plain_filters(admin: Any) -> bool:
    for item in admin.list_filter:
        if isinstance(item, type) and issubclass(item, SimpleListFilter):
            continue
        if not isinstance(item, str) or "__" in item or admin.model._meta.get_field(item).is_relation:
            return False
    return True


def test_every_page_and_call_is_for_one_account() -> None:
    ours = [route for route in routes() if route.face not in PACKAGES]
    assert {route.face for route in routes()} >= PACKAGES.keys()
    settle((route.name for route in ours if unscoped(route)), OTHER_PAGES)


def test_what_allauth_does_not_answer_below_auth_is_a_refusal() -> None:
    ours = [route for route in routes() if route.face == "auth" and not route.of_a_package]
    assert [route.pattern for route in ours] == ["auth/email/"]


def test_no_call_replaces_the_defaults() -> None:
    views = {*classes(APIView), *(route.view_class for route in routes() if route.view_class)}
    found = [name for view in views if issubclass(view, APIView) for name in replaced_defaults(view)]
    assert [name for name in found if not name.startswith("Spectacular")] == []


def test_every_settings_page_says_what_is_needed() -> None:
    pages = [route.view_class for route in routes() if route.face == "settings"]
    for page in pages:
        assert page is not None
        handlers = {name.upper() for name in View.http_method_names if hasattr(page, name)} - {"OPTIONS", "HEAD"}
        assert handlers == vars_of(page)["capabilities"].keys() - {"HEAD"}, page


def vars_of(found: type) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for each in reversed(found.__mro__):
        merged.update(vars(each))
    return merged


def test_every_form_chooses_among_the_accounts_own_rows() -> None:
    settle((dotted(f) for f in classes(forms.BaseForm) if not issubclass(f, AccountFormMixin)), OTHER_FORMS)


def test_no_serializer_reads_or_writes_models() -> None:
    """Related fields would look among all accounts; bodies are decoded by hand and written by services."""
    settle((dotted(found) for found in classes(BaseSerializer) if issubclass(found, ModelSerializer)), {})


def test_every_admin_scopes_its_rows() -> None:
    assert len(site._registry) > 10
    assert [fault for admin in site._registry.values() for fault in admin_faults(admin)] == []
    assert {dotted(found) for found in classes(ModelAdmin)} >= {dotted(type(a)) for a in site._registry.values()}


class PlantedView(View):
    def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse()


class PlantedCall(AccountAPIView):
    permission_classes = [AllowAny]


@pytest.mark.parametrize(
    ("pattern", "view"),
    [
        ("settings/x/", PlantedView.as_view()),
        ("settings/x/", PlantedView().get),
        ("api/v1/x", APIView.as_view()),
        ("api/v1/x", PlantedView.as_view()),
    ],
)
def test_a_planted_route_is_found(pattern: str, view: Any) -> None:
    assert unscoped(Route("planted", pattern, path(pattern, view).callback))


def test_a_planted_override_is_found() -> None:
    assert replaced_defaults(PlantedCall) == ["PlantedCall.permission_classes"]
    assert not unscoped(Route("planted", "api/v1/x", PlantedCall.as_view()))


def test_planted_admins_are_found() -> None:
    class Many(OperatorAdmin):
        fields = ("email", "groups", "password")

    class Bare(ModelAdmin):  # type: ignore[type-arg]
        pass

    class Leaky(PartnerScopedAdmin):
        list_display = ("id",)
        fields = ("values",)
        list_filter = ("account",)
        actions = ("erase",)  # type: ignore[assignment]

        def get_queryset(self, request: HttpRequest) -> Any:
            return self.model.all_accounts.all()

    assert len(admin_faults(Bare(IdField, site))) == 3
    assert len(admin_faults(Many(User, site))) == 3
    assert len(admin_faults(Leaky(Contact, site))) == 4
    assert issubclass(PartnerScopedAdmin, ConcordAdmin)
