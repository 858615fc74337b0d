"""Requests to the partner."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse

from accounts.errors import DomainError
from accounts.permissions import Capability
from integrations import queries
from integrations.forms import AskForm, MessageForm
from integrations.models import Request
from integrations.services import requests
from integrations.views.base import IntegrationsView


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
