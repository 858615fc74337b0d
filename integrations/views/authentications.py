"""The configurations: the authentications of an active license, and the life of each."""

from typing import Any

from django.contrib import messages
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from accounts.errors import DomainError
from accounts.permissions import Capability
from integrations import queries, queries_authentications, queries_usage
from integrations.forms import ChangeForm, NewAuthenticationForm, RevokeForm, RotateForm
from integrations.models import Authentication
from integrations.services import authentications
from integrations.views.base import IntegrationsView


class ConfigurationsView(IntegrationsView):
    """The authentications of an active license."""

    section = "configurations"
    capabilities = {"GET": Capability.SEE}

    def get(self, request: HttpRequest) -> HttpResponse:
        rows = queries_authentications.authentications_of(self.account, self.rest_api)
        return self.page(
            "integrations/configurations.html",
            {
                "integration": self.rest_api,
                "live": [row for row in rows if row.authentication.revoked_at is None],
                "revoked": [row for row in rows if row.authentication.revoked_at is not None],
            },
        )


class SecretView(IntegrationsView):
    """A page whose answer to a POST is the one that ever shows the secret."""

    section = "configurations"
    capabilities = {"GET": Capability.MANAGE_AUTHENTICATIONS, "POST": Capability.MANAGE_AUTHENTICATIONS}
    asks_who_it_is = True

    def show_secret(self, issued: authentications.Issued) -> HttpResponse:
        """The answer to the POST itself: a redirect would have to keep the secret somewhere."""
        row = queries_authentications.row_of(self.account, issued.authentication)
        context = {"row": row, "authentication": row.authentication, "secret": issued.secret}
        context["address"] = self.request.build_absolute_uri(reverse("api-contacts"))
        context["me_address"] = self.request.build_absolute_uri(reverse("api-me"))
        response = self.page("integrations/authentication_issued.html", context)
        response["Cache-Control"] = "no-store"
        # For the page that comes next, be it this one reloaded.
        name = row.authentication.name
        messages.info(self.request, f"The secret of {name} was shown once. If it was not kept, rotate it.")
        return response

    def show_no_secret(self, authentication: Authentication) -> HttpResponse:
        """The answer to a form that was sent again."""
        return self.page(
            "integrations/authentication_issued_before.html", {"authentication": authentication}, status=409
        )


class NewAuthenticationView(SecretView):
    """The three questions."""

    def show(self, form: NewAuthenticationForm, status: int = 200) -> HttpResponse:
        return self.page("integrations/authentication_new.html", {"form": form}, status)

    def get(self, request: HttpRequest) -> HttpResponse:
        if not queries.has_active_license(self.account, self.rest_api):
            return self.to("integrations-configurations")
        return self.show(NewAuthenticationForm(account=self.account))

    def post(self, request: HttpRequest) -> HttpResponse:
        form = NewAuthenticationForm(request.POST, account=self.account)
        is_valid, data = form.is_valid(), form.cleaned_data
        # Before anything else: sent again, the form also names an id field that is taken by now.
        issued_before = Authentication.objects.for_account(self.account).filter(pk=data.get("number")).first()
        if issued_before is not None:
            return self.show_no_secret(issued_before)
        if not is_valid:
            return self.show(form, status=422)
        try:
            issued = authentications.issue(
                account=self.account,
                integration=self.rest_api,
                id_field_id=data["id_field"],
                unique_data=data["unique_data"],
                kind=data["kind"],
                system_name=data["system_name"],
                is_same_system=data["is_same_system"],
                access=form.access,
                authentication_id=data["number"],
                by=self.actor,
            )
        except DomainError as error:
            form.add_domain_error(error)
            return self.show(form, status=422)
        return self.show_secret(issued)


class RotateView(SecretView):
    """A new secret, and how long the present one goes on working."""

    def authentication(self, pk: str) -> Authentication:
        return self.row(Authentication, "id_field__source_system", pk=pk)

    def show(self, authentication: Authentication, form: Form, status: int = 200) -> HttpResponse:
        context = {
            "row": queries_authentications.row_of(self.account, authentication),
            "authentication": authentication,
            "form": form,
        }
        return self.page("integrations/authentication_rotate.html", context, status)

    def get(self, request: HttpRequest, pk: str) -> HttpResponse:
        row = self.authentication(pk)
        return self.show(row, RotateForm(account=self.account, initial={"secret_version": row.secret_version}))

    def post(self, request: HttpRequest, pk: str) -> HttpResponse:
        row, form = self.authentication(pk), RotateForm(request.POST, account=self.account)
        if not form.is_valid():
            return self.show(row, form, status=422)
        try:
            issued = authentications.rotate(authentication=row, **form.cleaned_data, by=self.actor)
        except DomainError as error:
            if error.code == "already_rotated":
                return self.show_no_secret(row)
            form.add_domain_error(error)
            return self.show(row, form, status=422)
        return self.show_secret(issued)


class AuthenticationView(IntegrationsView):
    """Everything about one."""

    section = "configurations"
    capabilities = {"GET": Capability.SEE}

    def get(self, request: HttpRequest, pk: str) -> HttpResponse:
        row = queries_authentications.row_of(
            self.account, self.row(Authentication, "id_field__source_system", "integration", pk=pk)
        )
        context = {
            "row": row,
            "authentication": row.authentication,
            "calls": queries_usage.recent_calls(row.authentication),
            "history": queries_authentications.history_of(self.account, row.authentication),
        }
        return self.page("integrations/authentication.html", context)


class ChangeView(IntegrationsView):
    """Its name, and what it may do, until when, from where."""

    section = "configurations"
    capabilities = {"GET": Capability.MANAGE_AUTHENTICATIONS, "POST": Capability.MANAGE_AUTHENTICATIONS}
    asks_who_it_is = True

    def authentication(self, pk: str) -> Authentication:
        return self.row(Authentication, "id_field__source_system", pk=pk)

    def show(self, authentication: Authentication, form: Form, status: int = 200, **more: Any) -> HttpResponse:
        context = {"authentication": authentication, "form": form, **more}
        return self.page("integrations/authentication_change.html", context, status)

    def get(self, request: HttpRequest, pk: str) -> HttpResponse:
        row = self.authentication(pk)
        return self.show(row, ChangeForm.of(row, self.account))

    def post(self, request: HttpRequest, pk: str) -> HttpResponse:
        row, form = self.authentication(pk), ChangeForm(request.POST, account=self.account)
        if not form.is_valid():
            return self.show(row, form, status=422)
        try:
            changed = authentications.change(
                authentication=row, access=form.access, seen=form.cleaned_data["seen"], by=self.actor
            )
        except DomainError as error:
            form.add_domain_error(error)
            if error.code != "changed_meanwhile":
                return self.show(row, form, status=422)
            present = self.authentication(pk)
            form.show_again(present)
            return self.show(present, form, status=422, is_changed_meanwhile=True)
        messages.success(request, f"{changed.name} is changed. It counts from the very next call.")
        if left_out := queries_authentications.left_out_by_networks(changed):
            messages.warning(request, f"Its last call came from {left_out}, which is outside of these networks.")
        return self.to("integrations-authentication", pk=pk)


class EndGraceView(IntegrationsView):
    """Ends the old secret before its time."""

    section = "configurations"
    capabilities = {"GET": Capability.MANAGE_AUTHENTICATIONS, "POST": Capability.MANAGE_AUTHENTICATIONS}

    def get(self, request: HttpRequest, pk: str) -> HttpResponse:
        row = queries_authentications.row_of(self.account, self.row(Authentication, pk=pk))
        context: dict[str, Any] = {"row": row, "authentication": row.authentication}
        return self.page("integrations/authentication_end_grace.html", context)

    def post(self, request: HttpRequest, pk: str) -> HttpResponse:
        row = self.row(Authentication, pk=pk)
        try:
            authentications.end_grace(authentication=row, by=self.actor)
        except DomainError as error:
            messages.error(request, error.detail)
        else:
            messages.success(request, f"Only the newest secret of {row.name} is let in now.")
        return self.to("integrations-authentication", pk=pk)


class RevokeView(IntegrationsView):
    """Ends an authentication, after its name was typed."""

    section = "configurations"
    capabilities = {"GET": Capability.MANAGE_AUTHENTICATIONS, "POST": Capability.MANAGE_AUTHENTICATIONS}
    asks_who_it_is = True

    def show(self, authentication: Authentication, form: Form, status: int = 200) -> HttpResponse:
        context = {"authentication": authentication, "form": form}
        return self.page("integrations/authentication_revoke.html", context, status)

    def get(self, request: HttpRequest, pk: str) -> HttpResponse:
        row = self.row(Authentication, "id_field", pk=pk)
        return self.show(row, RevokeForm(account=self.account, name=row.name))

    def post(self, request: HttpRequest, pk: str) -> HttpResponse:
        row = self.row(Authentication, "id_field", pk=pk)
        form = RevokeForm(request.POST, account=self.account, name=row.name)
        if not form.is_valid():
            return self.show(row, form, status=422)
        authentications.revoke(authentication=row, by=self.actor)
        messages.success(request, f"{row.name} is revoked.")
        return self.to("integrations-configurations")
