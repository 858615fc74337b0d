"""Pages about the person and the installation, as opposed to one account."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views import View

from accounts import queries
from accounts.errors import DomainError, NotFound
from accounts.forms import NewPersonForm
from accounts.middleware import actor_of
from accounts.models import Invitation, User
from accounts.services import invitations


class AuthenticatedHttpRequest(HttpRequest):
    """A request that has passed `login_required`."""

    user: User


@login_required
def home(request: AuthenticatedHttpRequest) -> HttpResponse:
    """Where signing in leads: to the person's account, to a choice of them, or to the admin."""
    accounts = list(queries.accounts_of(request.user))
    if len(accounts) == 1:
        return redirect("integrations-overview", account_number=accounts[0].number)
    if not accounts and request.user.is_staff:
        return redirect("admin:index")
    return render(request, "accounts/home.html", {"accounts": accounts})


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:  # noqa: ARG001 - Django passes it
    """403 for a form whose token is missing or old, with what to do."""
    return render(request, "403_csrf.html", status=403)


def not_offered(_request: HttpRequest) -> HttpResponse:
    """404 in the place of a page of allauth's: whose address is whose is for operators to say, not for its holder."""
    raise Http404


class InvitationView(View):
    """Where an invitation's link leads: the link is the permission to make oneself a person, and signing in as the one
    whom it was sent to, where there is one already, the permission to become a member."""

    invitation: Invitation

    def dispatch(self, request: HttpRequest, token: str) -> HttpResponseBase:
        try:
            self.invitation = invitations.find(token=token)
        except NotFound:
            return render(request, "accounts/invitation_gone.html", status=404)
        response = super().dispatch(request, token)
        response["Cache-Control"] = "no-store"
        return response

    def get(self, request: HttpRequest, token: str) -> HttpResponse:
        return self.show(None if self.is_known() else NewPersonForm(email=self.invitation.email))

    def post(self, request: HttpRequest, token: str) -> HttpResponse:
        if self.is_known():
            return self.accept()
        form = NewPersonForm(request.POST, email=self.invitation.email)
        if form.is_valid():
            answers = form.cleaned_data
            try:
                invitations.accept_as_new_person(
                    invitation=self.invitation,
                    name=answers["name"],
                    password=answers["password1"],
                    by=actor_of(request, self.invitation.email),
                )
            except DomainError as error:
                form.add_error(None, error.detail)
            else:
                messages.success(request, "Sign in with your new password.")
                return redirect("account_login")
        return self.show(form, status=422)

    def is_known(self) -> bool:
        """Whether a person has that address already."""
        return User.objects.filter(email__iexact=self.invitation.email).exists()

    def is_mine(self) -> bool:
        user = self.request.user
        return user.is_authenticated and user.email.lower() == self.invitation.email

    def accept(self) -> HttpResponse:
        if not self.is_mine():
            return self.show(None, status=403)
        user: User = self.request.user  # type: ignore[assignment]
        try:
            invitations.accept(invitation=self.invitation, user=user, by=actor_of(self.request))
        except DomainError as error:
            messages.error(self.request, error.detail)
        else:
            messages.success(self.request, f"You are a member of {self.invitation.account}.")
        return redirect("home")

    def show(self, form: NewPersonForm | None, status: int = 200) -> HttpResponse:
        context = {"invitation": self.invitation, "form": form, "is_mine": self.is_mine()}
        return render(self.request, "accounts/invitation.html", context, status=status)
