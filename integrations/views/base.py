"""What the pages under Integrations have in common."""

from django.shortcuts import get_object_or_404
from django.utils.functional import cached_property

from accounts.tenancy.views import AccountView
from integrations.models import Integration


class IntegrationsView(AccountView):
    """What the pages under Integrations have in common."""

    section = "overview"

    @cached_property
    def rest_api(self) -> Integration:
        return get_object_or_404(Integration, code=Integration.REST_API)
