"""The overview of all integrations: buying a license, and asking the partner to end it."""

from django.contrib import messages
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.html import format_html

from accounts.errors import DomainError
from accounts.permissions import Capability
from integrations import queries
from integrations.forms import ReasonForm
from integrations.models import Integration, License
from integrations.services import licenses, requests
from integrations.views.base import IntegrationsView


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
            messages.success(
                request,
                format_html(
                    '{} is activated. Next, under Configurations: <a href="{}">make an authentication</a>, '
                    "a key and secret for your first system.",
                    integration.name,
                    reverse("integrations-authentication-new", kwargs={"account_number": self.account.number}),
                ),
            )
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
