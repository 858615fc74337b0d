"""Account & Billing → Integrations: the overview, and the configurations of what is active.

Every dialog is a page too: htmx asks for it without the frame around it, and all forms are posted plainly.
"""

from django.contrib import messages
from django.core.paginator import Paginator
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.http import urlencode

from accounts.errors import DomainError
from accounts.permissions import Capability
from accounts.sign_in import signed_in_recently
from accounts.tenancy.views import AccountView
from integrations import queries, queries_usage
from integrations.forms import AskForm, MessageForm, NewAuthenticationForm, ReasonForm, RevokeForm
from integrations.models import Authentication, Integration, License, Request
from integrations.services import authentications, licenses, requests


class IntegrationsView(AccountView):
    """What the pages under Integrations have in common."""

    section = "overview"

    @cached_property
    def rest_api(self) -> Integration:
        return get_object_or_404(Integration, code=Integration.REST_API)


class OverviewView(IntegrationsView):
    """All integrations with their status."""

    capabilities = {"GET": Capability.SEE}

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.page("integrations/overview.html", {"rows": queries.overview(self.account)})


class ActivateView(IntegrationsView):
    """The purchase of a license."""

    capabilities = {"GET": Capability.BUY_LICENSES, "POST": Capability.BUY_LICENSES}

    def get(self, request: HttpRequest, code: str) -> HttpResponse:
        integration = get_object_or_404(Integration, code=code)
        try:
            offer = licenses.quote(account=self.account, integration=integration)
        except DomainError as error:
            return self.page(
                "integrations/activate.html", {"integration": integration, "refusal": error.detail}, status=409
            )
        return self.page("integrations/activate.html", {"integration": integration, "offer": offer})

    def post(self, request: HttpRequest, code: str) -> HttpResponse:
        integration = get_object_or_404(Integration, code=code)
        try:
            licenses.buy(account=self.account, integration=integration, by=self.actor)
        except DomainError as error:
            messages.error(request, error.detail)
        else:
            messages.success(request, f"{integration.name} is activated. Make an authentication under Configurations.")
        return self.to("integrations-overview")


class DeactivateView(IntegrationsView):
    """The request to the partner to cancel a license."""

    capabilities = {"GET": Capability.ASK_PARTNER, "POST": Capability.ASK_PARTNER}

    def show(self, license_: License, form: Form, status: int = 200) -> HttpResponse:
        return self.page("integrations/deactivate.html", {"license": license_, "form": form}, status)

    def get(self, request: HttpRequest, pk: str) -> HttpResponse:
        return self.show(self.row(License, "integration", pk=pk), ReasonForm(account=self.account))

    def post(self, request: HttpRequest, pk: str) -> HttpResponse:
        license_ = self.row(License, "integration", pk=pk)
        form = ReasonForm(request.POST, account=self.account)
        if form.is_valid():
            try:
                requests.ask_to_deactivate(license=license_, reason=form.cleaned_data["reason"], by=self.actor)
            except DomainError as error:
                form.add_domain_error(error)
            else:
                messages.success(request, f"Your request is with {self.account.partner}.")
                return self.to("integrations-overview")
        return self.show(license_, form, status=422)


class ConfigurationsView(IntegrationsView):
    """The authentications of an active license."""

    section = "configurations"
    capabilities = {"GET": Capability.SEE}

    def get(self, request: HttpRequest) -> HttpResponse:
        rows = queries.authentications_of(self.account, self.rest_api)
        usage = queries_usage.usage_of(self.account, rows)
        for row in rows:
            row.usage = usage[row.pk]  # type: ignore[attr-defined]
        return self.page(
            "integrations/configurations.html",
            {
                "integration": self.rest_api,
                "live": [row for row in rows if row.revoked_at is None],
                "revoked": [row for row in rows if row.revoked_at is not None],
            },
        )


class AuthenticationView(IntegrationsView):
    """One authentication: how much it is used, and its last requests."""

    section = "configurations"
    capabilities = {"GET": Capability.SEE}

    def get(self, request: HttpRequest, pk: str) -> HttpResponse:
        row = self.row(Authentication, "id_field__source_system", pk=pk)
        usage = queries_usage.usage_of(self.account, [row])[row.pk]
        context = {"authentication": row, "usage": usage, "calls": queries_usage.recent_calls(row)}
        return self.page("integrations/authentication.html", context)


class NewAuthenticationView(IntegrationsView):
    """The three questions, and the one page that ever shows the secret."""

    section = "configurations"
    capabilities = {"GET": Capability.MANAGE_AUTHENTICATIONS, "POST": Capability.MANAGE_AUTHENTICATIONS}

    def show(self, form: NewAuthenticationForm, status: int = 200) -> HttpResponse:
        return self.page("integrations/authentication_new.html", {"form": form}, status)

    def confirm_identity(self) -> HttpResponse:
        """Off to sign in once more, and back to the questions."""
        target = reverse("integrations-authentication-new", kwargs={"account_number": self.account.number})
        address = f"{reverse('account_reauthenticate')}?{urlencode({'next': target})}"
        if getattr(self.request, "htmx", False):
            return HttpResponse(headers={"HX-Redirect": address})
        return redirect(address)

    def get(self, request: HttpRequest) -> HttpResponse:
        if not queries.has_active_license(self.account, self.rest_api):
            return self.to("integrations-configurations")
        if not signed_in_recently(request):
            return self.confirm_identity()
        return self.show(NewAuthenticationForm(account=self.account))

    def post(self, request: HttpRequest) -> HttpResponse:
        if not signed_in_recently(request):
            return self.confirm_identity()
        form = NewAuthenticationForm(request.POST, account=self.account)
        is_valid, data = form.is_valid(), form.cleaned_data
        # Before anything else: sent again, the form also names an id field that is taken by now.
        if Authentication.objects.for_account(self.account).filter(pk=data.get("number")).exists():
            return self.page("integrations/authentication_issued_before.html", status=409)
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
                read_only=data["read_only"],
                authentication_id=data["number"],
                by=self.actor,
            )
        except DomainError as error:
            form.add_domain_error(error)
            return self.show(form, status=422)
        return self.show_secret(issued)

    def show_secret(self, issued: authentications.Issued) -> HttpResponse:
        """The answer to the POST itself: a redirect would have to keep the secret somewhere."""
        address = self.request.build_absolute_uri(reverse("api-contacts"))
        response = self.page(
            "integrations/authentication_issued.html",
            {"authentication": issued.authentication, "secret": issued.secret, "address": address},
        )
        response["Cache-Control"] = "no-store"
        return response


class RevokeView(IntegrationsView):
    """Ends an authentication, after its system's name was typed."""

    section = "configurations"
    capabilities = {"GET": Capability.MANAGE_AUTHENTICATIONS, "POST": Capability.MANAGE_AUTHENTICATIONS}

    def show(self, authentication: Authentication, form: Form, status: int = 200) -> HttpResponse:
        context = {"authentication": authentication, "form": form}
        return self.page("integrations/authentication_revoke.html", context, status)

    def get(self, request: HttpRequest, pk: str) -> HttpResponse:
        row = self.row(Authentication, "id_field__source_system", pk=pk)
        return self.show(row, RevokeForm(account=self.account, system=str(row.id_field.source_system)))

    def post(self, request: HttpRequest, pk: str) -> HttpResponse:
        row = self.row(Authentication, "id_field__source_system", pk=pk)
        form = RevokeForm(request.POST, account=self.account, system=str(row.id_field.source_system))
        if not form.is_valid():
            return self.show(row, form, status=422)
        authentications.revoke(authentication=row, by=self.actor)
        messages.success(request, f"The authentication of {row.id_field.source_system} is revoked.")
        return self.to("integrations-configurations")


class RequestsView(IntegrationsView):
    """What the account asked of its partner."""

    section = "requests"
    capabilities = {"GET": Capability.SEE}

    def get(self, request: HttpRequest) -> HttpResponse:
        rows = Paginator(queries.requests_of(self.account), 50).get_page(request.GET.get("page"))
        return self.page("integrations/requests.html", {"rows": rows})


class AskView(IntegrationsView):
    """A question to the partner."""

    section = "requests"
    capabilities = {"GET": Capability.ASK_PARTNER, "POST": Capability.ASK_PARTNER}

    def show(self, form: AskForm, status: int = 200) -> HttpResponse:
        return self.page("integrations/request_new.html", {"form": form}, status)

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.show(AskForm(account=self.account, initial={"kind": request.GET.get("kind", "")}))

    def post(self, request: HttpRequest) -> HttpResponse:
        form = AskForm(request.POST, account=self.account)
        if form.is_valid():
            try:
                asked = requests.ask(account=self.account, **form.cleaned_data, by=self.actor)
            except DomainError as error:
                form.add_domain_error(error)
            else:
                messages.success(request, f"Your request is with {self.account.partner}.")
                return self.to("integrations-request", pk=str(asked.pk))
        return self.show(form, status=422)


class RequestView(IntegrationsView):
    """One request: what came of it, and what was written about it."""

    section = "requests"
    capabilities = {"GET": Capability.SEE, "POST": Capability.ASK_PARTNER}

    def show(self, asked: Request, form: MessageForm, status: int = 200) -> HttpResponse:
        context = {"asked": asked, "written": queries.messages_about(asked), "form": form}
        return self.page("integrations/request.html", context, status)

    def asked(self, pk: str) -> Request:
        return self.row(Request, "license__integration", "id_field", pk=pk)

    def get(self, request: HttpRequest, pk: str) -> HttpResponse:
        return self.show(self.asked(pk), MessageForm(account=self.account))

    def post(self, request: HttpRequest, pk: str) -> HttpResponse:
        asked, form = self.asked(pk), MessageForm(request.POST, account=self.account)
        if form.is_valid():
            try:
                requests.write(request=asked, text=form.cleaned_data["text"], from_partner=False, by=self.actor)
            except DomainError as error:
                messages.error(request, error.detail)
            return self.to("integrations-request", pk=pk)
        return self.show(asked, form, status=422)


class WithdrawView(IntegrationsView):
    """Takes a request back, after saying what that means."""

    section = "requests"
    capabilities = {"GET": Capability.ASK_PARTNER, "POST": Capability.ASK_PARTNER}

    def get(self, request: HttpRequest, pk: str) -> HttpResponse:
        asked = self.row(Request, "license__integration", pk=pk)
        return self.page("integrations/request_withdraw.html", {"asked": asked})

    def post(self, request: HttpRequest, pk: str) -> HttpResponse:
        asked = self.row(Request, pk=pk)
        try:
            requests.withdraw(request=asked, by=self.actor)
        except DomainError as error:
            messages.error(request, error.detail)
        else:
            messages.success(request, f"You took the request back. {self.account.partner} is told.")
        return self.to("integrations-request", pk=pk)
