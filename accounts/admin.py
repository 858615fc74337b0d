"""The admin of accounts and their activity; for operators also of people and partners."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django import forms
from django.contrib import messages
from django.contrib.admin import SimpleListFilter, TabularInline, display, register
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.forms import AdminPasswordChangeForm
from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html

from accounts import queries_activity
from accounts.activity import changes, words
from accounts.admin_site import site
from accounts.middleware import actor_of
from accounts.models import Account, AuditEvent, Membership, Partner, PartnerStaff, User
from accounts.services import accounts, audit, partners, people
from accounts.tenancy.admin import (
    OFFERED,
    ActionPage,
    CappedPaginator,
    OperatorAdmin,
    OperatorEditedAdmin,
    OwnAccountFilter,
    PartnerScopedAdmin,
    RefusableForm,
    moment,
    own_account,
    posted,
)
from accounts.tenancy.forms import AccountForm, NoteField
from accounts.views_activity import as_csv as activity_file


class SuspendForm(AccountForm):
    reason = NoteField(help_text="The owners read it.")


class SuspendAccount(ActionPage):
    name, label, title, dangerous = "suspend", "Suspend…", "Suspend the account", True

    def possible(self, row: Account) -> bool:
        return row.suspended_at is None

    def make_form(self, request: HttpRequest, row: Account) -> SuspendForm:
        return SuspendForm(posted(request), account=row)

    def explanation(self, row: Account) -> str:
        return (
            f"With the very next request every system of {row} is refused, and imports that are running stop. "
            "Contacts, ids, authentications and licenses stay, and are charged. It can be resumed. "
            "The owners get a mail."
        )

    def perform(self, request: HttpRequest, row: Account, answers: Mapping[str, Any]) -> str:
        accounts.suspend(account=row, reason=answers["reason"], by=actor_of(request))
        return f"{row} is suspended."


class ResumeAccount(ActionPage):
    name, label, title = "resume", "Resume…", "Resume the account"

    def possible(self, row: Account) -> bool:
        return row.suspended_at is not None

    def make_form(self, request: HttpRequest, row: Account) -> AccountForm:
        return AccountForm(posted(request), account=row)

    def explanation(self, row: Account) -> str:
        return f"The systems of {row} may send and read contacts again. The owners get a mail."

    def perform(self, request: HttpRequest, row: Account, answers: Mapping[str, Any]) -> str:
        accounts.resume(account=row, by=actor_of(request))
        return f"{row} goes on."


class AccountAdmin(PartnerScopedAdmin):
    """What `contacts` registers, which knows how an account is opened."""

    audit_noun = "account"
    action_pages = (SuspendAccount(), ResumeAccount())
    list_display = ("name", "number", "country", "currency", "time_zone", "opened")
    list_select_related = ("partner",)
    search_fields = ("name", "number", "billing_email")
    fieldsets = (
        (None, {"fields": ("name", "number", "looked_after_by", "members", "opened", "suspended", "activity")}),
        ("Region", {"fields": ("country", "currency", "time_zone", "phone_region")}),
        ("Billing", {"fields": ("billing_name", "billing_email", "billing_address", "vat_number")}),
    )

    @display(description="opened", ordering="created_at")
    def opened(self, account: Account) -> str:
        return moment(account.created_at, account.zone)

    @display(description="suspended")
    def suspended(self, account: Account) -> str:
        return moment(account.suspended_at, account.zone, account.suspended_by)

    @display(description="activity")
    def activity(self, account: Account) -> str:
        address = reverse("admin:accounts_auditevent_changelist", query={"account": account.number})
        return format_html('<a href="{}">Who did what in it</a>', address)

    @display(description="partner")
    def looked_after_by(self, account: Account) -> str:
        return account.partner.name

    @display(description="members")
    def members(self, account: Account) -> str:
        """As text: a partner sees who they are and can't reach what they sign in with."""
        members = Membership.objects.for_account(account).select_related("user").order_by("role", "user__email")
        return "\n".join(f"{member.user}: {member.get_role_display()}" for member in members)


class DistinctFilter(SimpleListFilter):
    """Filters the events of one account, once that is chosen, by a value that there is among them."""

    values: ClassVar[Callable[[Account], Sequence[str]]]

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, str]]:
        account = own_account(request.user, request.GET.get(OwnAccountFilter.parameter_name, ""))
        found = type(self).values(account) if account else ()
        return [(value, self.said(value)) for value in found[:OFFERED]]

    def said(self, value: str) -> str:
        return value

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset if self.value() is None else queryset.filter(**{str(self.parameter_name): self.value()})


class ActorFilter(DistinctFilter):
    title = parameter_name = "actor"
    values = queries_activity.actors_of


class ActionFilter(DistinctFilter):
    title = parameter_name = "action"
    values = queries_activity.actions_of

    def said(self, value: str) -> str:
        return words(value)


@register(AuditEvent, site=site)
class AuditEventAdmin(PartnerScopedAdmin):
    audit_noun = "-"  # events about events there are none
    annotations: ClassVar[dict[str, Any]] = {
        "account_name": Subquery(Account.objects.filter(pk=OuterRef("account_id")).values("name")[:1])
    }
    paginator = CappedPaginator
    list_display = ("happened", "account", "what", "object_label", "actor", "address")
    list_filter = (OwnAccountFilter, "at", ActionFilter, ActorFilter)
    search_fields = ("action", "object_label", "actor", "request_id")
    ordering = ("-at", "-pk")
    fields = (
        *("happened", "account", "what", "action", "object_label", "object_id", "actor", "address", "request_id"),
        "changed",
    )

    @display(description="time (UTC)", ordering="at")
    def happened(self, event: AuditEvent) -> str:
        return f"{event.at:%d %b %Y %H:%M:%S}"

    @display(description="account")
    def account(self, event: Any) -> str:
        return event.account_name or "-"

    @display(description="what", ordering="action")
    def what(self, event: AuditEvent) -> str:
        return event.words

    @display(description="details")
    def changed(self, event: AuditEvent) -> str:
        return "\n".join(map(str, changes(event.before, event.after, ZoneInfo("UTC")))) or "-"

    def get_urls(self) -> list[URLPattern]:
        download = self.admin_site.admin_view(self.download_view)
        return [path("download/", download, name="accounts_auditevent_download"), *super().get_urls()]

    def download_view(self, request: HttpRequest) -> HttpResponseBase:
        """The events of one account that the list shows, as CSV. Stands in that account's activity itself."""
        if not self.allowed(request):
            raise PermissionDenied
        account = own_account(request.user, request.GET.get(OwnAccountFilter.parameter_name, ""))
        if account is None:
            messages.warning(request, "Choose an account first: who downloads its activity stands in it.")
            return redirect("admin:accounts_auditevent_changelist")
        try:
            rows = self.get_changelist_instance(request).get_queryset(request)
        except IncorrectLookupParameters:
            return redirect(f"{reverse('admin:accounts_auditevent_changelist')}?e=1")
        asked = {name: value for name, value in request.GET.items() if value}
        audit.record_download(account=account, asked=asked, by=actor_of(request))
        return activity_file(account, queries_activity.every(rows.order_by(*queries_activity.NEWEST_FIRST)))


class UserForm(RefusableForm):
    class Meta:
        model = User
        fields = ("email", "name", "is_active", "is_staff", "is_superuser")
        labels: ClassVar[dict[str, str]] = {"is_superuser": "Operator"}
        help_texts: ClassVar[dict[str, str]] = {"is_superuser": "Sees and may do everything in the admin."}


class SetPassword(ActionPage):
    name, label, title = "password", "Set password…", "Set password"

    def make_form(self, request: HttpRequest, row: User) -> Any:
        return AdminPasswordChangeForm(row, posted(request))

    def explanation(self, row: User) -> str:
        return f"{row} signs in with this password from now on. Every session of theirs ends."

    def perform(self, request: HttpRequest, row: User, answers: Mapping[str, Any]) -> str:
        usable = answers.get("set_usable_password", True)
        user = people.set_password(user=row, password=answers["password1"] if usable else None, by=actor_of(request))
        if user.pk == request.user.pk:
            update_session_auth_hash(request, user)
        return f"The password of {row} has been changed."


class UserAction(ActionPage):
    """An action on a person that asks nothing."""

    def make_form(self, request: HttpRequest, row: User) -> forms.Form:
        return forms.Form(posted(request))


class EndSessions(UserAction):
    name, label, title = "end-sessions", "Sign out everywhere…", "Sign out everywhere"

    def explanation(self, row: User) -> str:
        return f"{row} is signed out on every device, and may sign in again."

    def perform(self, request: HttpRequest, row: User, answers: Mapping[str, Any]) -> str:
        return f"{row} was signed out in {people.end_sessions(user=row, by=actor_of(request))} places."


class RemoveSecondFactors(UserAction):
    name, label, title = "remove-second-factors", "Remove second factors…", "Remove second factors"
    dangerous = True

    def possible(self, row: User) -> bool:
        return Authenticator.objects.filter(user=row).exists()

    def explanation(self, row: User) -> str:
        return (
            f"For a person who lost theirs. {row} signs in with the password alone until they set one up again, "
            "and is signed out everywhere now. Make sure that it is really they who ask."
        )

    def perform(self, request: HttpRequest, row: User, answers: Mapping[str, Any]) -> str:
        people.remove_second_factors(user=row, by=actor_of(request))
        return f"{row} has no second factor any more."


@register(User, site=site)
class UserAdmin(OperatorEditedAdmin):
    audit_noun = "user"
    form = UserForm
    action_pages = (SetPassword(), EndSessions(), RemoveSecondFactors())
    list_display = ("email", "name", "is_active", "is_staff", "is_superuser", "last_login")
    list_filter = ("is_active", "is_staff", "is_superuser")
    search_fields = ("email", "name")
    fields = ("email", "name", "is_active", "is_staff", "is_superuser")

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        answers = {name: form.cleaned_data[name] for name in UserForm.Meta.fields}
        if change:
            people.change_user(user=obj, **answers, by=actor_of(request))
        else:
            obj.pk = people.add_user(**answers, by=actor_of(request)).pk


class StaffInline(TabularInline):  # type: ignore[type-arg]
    model = PartnerStaff
    extra = 0
    autocomplete_fields = ("user",)
    verbose_name = "person"
    verbose_name_plural = "staff"

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # people come and go; a row never turns into another person's


class PartnerForm(RefusableForm):
    class Meta:
        model = Partner
        fields = ("name", "email", "phone")


@register(Partner, site=site)
class PartnerAdmin(OperatorEditedAdmin):
    audit_noun = "partner"
    form = PartnerForm
    inlines = (StaffInline,)
    list_display = ("name", "email", "phone")
    search_fields = ("name", "email")
    fields = ("name", "email", "phone")

    def save_model(self, request: HttpRequest, obj: Partner, form: Any, change: bool) -> None:
        answers = {name: form.cleaned_data[name] for name in PartnerForm.Meta.fields}
        obj.pk = partners.save_partner(partner=obj if change else None, **answers, by=actor_of(request)).pk

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        formset.save(commit=False)
        for staff in formset.deleted_objects:
            partners.remove_staff(staff=staff, by=actor_of(request))
        for staff in formset.new_objects:
            partners.add_staff(partner=form.instance, user=staff.user, by=actor_of(request))


@register(UserSession, site=site)
class UserSessionAdmin(OperatorAdmin):
    list_display = ("user", "ip", "user_agent", "created_at", "last_seen_at")
    list_select_related = ("user",)
    search_fields = ("user__email", "ip")
    ordering = ("-last_seen_at",)
    fields = ("user", "ip", "user_agent", "created_at", "last_seen_at")


@register(Authenticator, site=site)
class AuthenticatorAdmin(OperatorAdmin):
    """Which second factors people have; never what they are made of."""

    list_display = ("user", "type", "created_at", "last_used_at")
    list_select_related = ("user",)
    list_filter = ("type",)
    search_fields = ("user__email",)
    ordering = ("user__email", "pk")
    fields = ("user", "type", "created_at", "last_used_at")
