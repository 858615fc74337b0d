"""The addresses of P1: Concord's own, and beside the call on a contact the same view with other ways to sign in.

Those know who calls beforehand (`CALLER`), for a person of DRF's has no account: they only pay for finding out that
the person is who they say.
"""

from typing import Any

from django.urls import path
from rest_framework.authentication import BasicAuthentication, TokenAuthentication

from contacts.api.caller import Caller
from contacts.api.views import ContactView
from tests.bench.beside import beside

CALLER: list[Caller] = []
"""The one whose contact is asked for."""


class BareView(ContactView):
    """Lets everybody in, without a question."""

    authentication_classes: Any = ()
    permission_classes: Any = ()
    throttle_classes: Any = ()

    @property
    def caller(self) -> Caller:
        return CALLER[0]

    @property
    def account_id(self) -> int:
        return CALLER[0].account_id


class TokenView(BareView):
    authentication_classes = (TokenAuthentication,)


class BasicView(BareView):
    authentication_classes = (BasicAuthentication,)


VIEWS = {"bare": BareView, "again": BareView, "token": TokenView, "basic": BasicView}
urlpatterns = beside(
    "api-contact",
    [path(f"{name}/<external_id:external_id>", view.as_view(), name=f"bench-{name}") for name, view in VIEWS.items()],
)
