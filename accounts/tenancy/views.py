"""The base of every settings page: whose account it is, and may this person do this?"""

from typing import Any, ClassVar, TypeVar

import structlog
from django.contrib.auth.mixins import LoginRequiredMixin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views import View

from accounts import permissions, queries
from accounts.actor import Actor
from accounts.middleware import actor_of
from accounts.models import Account, Membership
from accounts.permissions import Capability
from accounts.sign_in import signed_in_recently
from accounts.tenancy.models import AccountOwned

M = TypeVar("M", bound=AccountOwned)


class AccountView(LoginRequiredMixin, View):
    """A page at /settings/<account_number>/…: 404 for who is no member, 403 without the capability.

    Gives `self.account`, `self.membership` and `self.actor`. `capabilities` says per method what is needed;
    a method that is not in it is answered with 405, whatever handler there is. `section` is the entry of the
    navigation that the page stands under (templates/settings/base.html). Where `asks_who_it_is`, the person must have
    signed in, or confirmed it, a short time ago, and is sent to do so.
    """

    account: Account
    membership: Membership
    capabilities: ClassVar[dict[str, Capability]]
    section = ""
    asks_who_it_is = False

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        answer = self.admit(request, *args, **kwargs)
        # A redirect would be followed behind the page's back, and its target shown in the dialog.
        if getattr(request, "htmx", False) and isinstance(answer, HttpResponseRedirect):
            return HttpResponse(headers={"HX-Redirect": answer.url})
        return answer

    def admit(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """The page, or what is said to who may not have it."""
        if not request.user.is_authenticated:
            return self.handle_no_permission()
        membership = queries.membership_of(request.user, kwargs.pop("account_number"))
        if membership is None:
            raise Http404
        self.membership, self.account = membership, membership.account
        request.account = self.account  # type: ignore[attr-defined]  # for the navigation's context processors
        structlog.contextvars.bind_contextvars(account=self.account.number)
        needed = self.capabilities.get("GET" if request.method == "HEAD" else str(request.method))
        if needed is None:
            return self.http_method_not_allowed(request)
        if not permissions.may(membership.role, needed):
            raise PermissionDenied
        if self.asks_who_it_is and not signed_in_recently(request):
            return self.confirm_identity()
        return super().dispatch(request, *args, **kwargs)

    def confirm_identity(self) -> HttpResponse:
        """Off to sign in once more, and back to this page."""
        return redirect(f"{reverse('account_reauthenticate')}?{urlencode({'next': self.request.path})}")

    @property
    def actor(self) -> Actor:
        """Who acts, for a service's `by=`."""
        return actor_of(self.request)

    def page(self, template: str, context: dict[str, Any] | None = None, status: int = 200) -> HttpResponse:
        """The page within the settings' frame, or only its dialog where htmx asks for it."""
        shared = {
            "frame": "settings/dialog.html" if getattr(self.request, "htmx", False) else "settings/base.html",
            "account": self.account,
            "membership": self.membership,
            "section": self.section,
            "may": {str(capability): self.may(capability) for capability in Capability},
            "has_other_accounts": queries.accounts_of(self.membership.user).exclude(pk=self.account.pk).exists(),
        }
        response = render(self.request, template, shared | (context or {}), status=status)
        response["Vary"] = "HX-Request, Cookie"
        return response

    def to(self, name: str, **named: Any) -> HttpResponse:
        """A redirect to another page of this account."""
        return redirect(reverse(name, kwargs={"account_number": self.account.number, **named}))

    def may(self, capability: Capability) -> bool:
        """Whether this person may, for pages that show an action to some only."""
        return permissions.may(self.membership.role, capability)

    def row(self, model: type[M], *related: str, **lookup: Any) -> M:
        """One row of this account, `related` loaded with it; 404 for another account's, as if it did not exist."""
        try:
            row: M = model.objects.for_account(self.account).select_related(*related).get(**lookup)
        except model.DoesNotExist as error:
            raise Http404 from error
        return row
