"""Integrations → Collision check: what a second system's customers would meet, before it is linked."""

from django.http import HttpRequest, HttpResponse

from accounts.errors import DomainError
from accounts.permissions import Capability
from accounts.tenancy.views import AccountView
from contacts.services import collisions
from contacts.services.collisions import Collisions
from integrations import queries
from integrations.forms import CollisionCheckForm


class CollisionCheckView(AccountView):
    """Takes a sample, answers with counts, keeps nothing of it."""

    section = "configurations"
    capabilities = {"GET": Capability.MANAGE_AUTHENTICATIONS, "POST": Capability.MANAGE_AUTHENTICATIONS}

    def show(self, form: CollisionCheckForm, found: Collisions | None = None, status: int = 200) -> HttpResponse:
        context = {"form": form, "found": found, "unused": queries.unused_id_fields(self.account)}
        response = self.page("integrations/collision_check.html", context, status)
        response["Cache-Control"] = "no-store"
        return response

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.show(CollisionCheckForm(account=self.account))

    def post(self, request: HttpRequest) -> HttpResponse:
        form = CollisionCheckForm(request.POST, request.FILES, account=self.account)
        if form.is_valid():
            try:
                return self.show(form, collisions.check(account=self.account, sample=form.cleaned_data["sample"]))
            except DomainError as error:
                form.add_domain_error(error)
        return self.show(form, status=422)
