"""The admin of who may connect: licenses to cancel, authentications to revoke, requests to decide; the catalogue."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django import forms
from django.contrib.admin import SimpleListFilter, TabularInline, display, register
from django.contrib.admin.widgets import AdminTextInputWidget
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html

from accounts.admin_site import Figure, Panel, site
from accounts.middleware import actor_of
from accounts.services import billing
from accounts.tenancy.admin import (
    ActionPage,
    OperatorEditedAdmin,
    OwnAccountFilter,
    PartnerScopedAdmin,
    RefusableForm,
    moment,
    posted,
)
from accounts.tenancy.forms import AccountForm
from integrations import queries
from integrations.models import Authentication, Integration, License, Price, Request
from integrations.services import authentications, catalogue, licenses, requests

NOW, PERIOD_END = "now", "period_end"


def ending_choices(account: Any) -> list[tuple[str, str]]:
    """When a license may end, each with the instant as the account's people read it."""
    end = billing.period_end(account=account, now=timezone.now())
    return [(PERIOD_END, f"At the end of the paid period: {moment(end, account.zone)}"), (NOW, "Now")]


class CancelForm(AccountForm):
    when = forms.ChoiceField(label="Ends", widget=forms.RadioSelect)
    reason = forms.CharField(max_length=500, widget=forms.Textarea({"rows": 3}), help_text="The account reads it.")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["when"].choices = ending_choices(self.account)  # type: ignore[attr-defined]


class CancelLicense(ActionPage):
    name, label, title, dangerous = "cancel", "Cancel…", "Cancel license", True
    form_class = CancelForm

    def possible(self, row: License) -> bool:
        return row.active_until is None or row.active_until > timezone.now()

    def make_form(self, request: HttpRequest, row: License) -> CancelForm:
        when = request.GET.get("when", PERIOD_END)
        return CancelForm(posted(request), account=row.account, initial={"when": when})

    def explanation(self, row: License) -> str:
        live = Authentication.objects.for_account(row.account).filter(integration=row.integration).live().count()
        return (
            f"From that moment {live} authentication{'' if live == 1 else 's'} of {row.account} "
            "will be refused. Contacts, ids, authentications and history stay; buying again brings them back to life."
        )

    def facts(self, row: License) -> Sequence[tuple[str, object]]:
        return (
            ("Account", row.account),
            ("Integration", row.integration),
            ("Active from", moment(row.active_from, row.account.zone)),
            ("Ends", moment(row.active_until, row.account.zone)),
        )

    def perform(self, request: HttpRequest, row: License, answers: Mapping[str, Any]) -> str:
        license_ = licenses.cancel(
            license=row,
            at_period_end=answers["when"] == PERIOD_END,
            reason=answers["reason"],
            by=actor_of(request),
        )
        return f"{row} ends at {moment(license_.active_until, row.account.zone)}."


class LicenseStateFilter(SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, str]]:
        return (("active", "Active"), ("ending", "Cancelled, still active"), ("ended", "Ended"))

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        now = timezone.now()
        match self.value():
            case "active":
                return queries.active_licenses(queryset)
            case "ending":
                return queryset.filter(active_until__gt=now)
            case "ended":
                return queryset.filter(active_until__lte=now)
        return queryset


@register(License, site=site)
class LicenseAdmin(PartnerScopedAdmin):
    audit_noun = "license"
    action_pages = (CancelLicense(),)
    list_display = ("account", "integration", "since", "until", "cancelled")
    list_filter = (LicenseStateFilter, OwnAccountFilter)
    list_select_related = ("account", "integration", "charge")
    search_fields = ("account__name", "account__number", "integration__name")
    fields = ("account", "product", "charge", "since", "until", "bought", "cancelled", "cancel_reason")

    @display(description="integration")
    def product(self, license_: License) -> str:
        """As text: a link would lead partners to the operator's catalogue, which refuses them."""
        return license_.integration.name

    @display(description="active from", ordering="active_from")
    def since(self, license_: License) -> str:
        return moment(license_.active_from, license_.account.zone)

    @display(description="ends", ordering="active_until")
    def until(self, license_: License) -> str:
        return moment(license_.active_until, license_.account.zone)

    @display(description="bought")
    def bought(self, license_: License) -> str:
        return moment(license_.bought_at, license_.account.zone, license_.bought_by)

    @display(description="cancelled")
    def cancelled(self, license_: License) -> str:
        return moment(license_.cancelled_at, license_.account.zone, license_.cancelled_by)


class RevokeAuthentication(ActionPage):
    name, label, title, dangerous = "revoke", "Revoke…", "Revoke authentication", True
    form_class = AccountForm

    def possible(self, row: Authentication) -> bool:
        return row.revoked_at is None

    def explanation(self, row: Authentication) -> str:
        return (
            "With the very next request its system is refused, for good: a revoked authentication can't be brought "
            "back, only replaced by a new one. Contacts and ids stay. The owners get a mail."
        )

    def facts(self, row: Authentication) -> Sequence[tuple[str, object]]:
        return (
            ("Account", row.account),
            ("Key", row.key),
            ("System", row.id_field.source_system),
            ("Id field", row.id_field),
            ("Last used", moment(row.last_used_at, row.account.zone)),
        )

    def perform(self, request: HttpRequest, row: Authentication, answers: Mapping[str, Any]) -> str:
        authentications.revoke(authentication=row, by=actor_of(request))
        return f"{row.key} is revoked."


@register(Authentication, site=site)
class AuthenticationAdmin(PartnerScopedAdmin):
    audit_noun = "authentication"
    action_pages = (RevokeAuthentication(),)
    list_display = ("key", "account", "system", "id_field", "access", "last_used", "revoked")
    list_filter = (OwnAccountFilter, "read_only")
    list_select_related = ("account", "id_field__source_system", "integration")
    search_fields = ("key", "account__name", "id_field__name", "id_field__source_system__name")
    fields = ("key", "account", "product", "system", "id_field", "access", "last_used", "issued", "revoked")

    @display(description="integration")
    def product(self, authentication: Authentication) -> str:
        return authentication.integration.name

    @display(description="system")
    def system(self, authentication: Authentication) -> str:
        return str(authentication.id_field.source_system)

    @display(description="access", ordering="read_only")
    def access(self, authentication: Authentication) -> str:
        return "Read only" if authentication.read_only else "Read and write"

    @display(description="last used", ordering="last_used_at")
    def last_used(self, authentication: Authentication) -> str:
        at = moment(authentication.last_used_at, authentication.account.zone)
        return f"{at} from {authentication.last_used_ip}" if authentication.last_used_ip else at

    @display(description="issued", ordering="created_at")
    def issued(self, authentication: Authentication) -> str:
        return moment(authentication.created_at, authentication.account.zone, authentication.created_by)

    @display(description="revoked", ordering="revoked_at")
    def revoked(self, authentication: Authentication) -> str:
        return moment(authentication.revoked_at, authentication.account.zone, authentication.revoked_by)


class DecideForm(AccountForm):
    decision = forms.ChoiceField(widget=forms.RadioSelect)
    answer = forms.CharField(max_length=500, widget=forms.Textarea({"rows": 3}), help_text="The account reads it.")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        approvals = [(value, f"Approve. {label}") for value, label in ending_choices(self.account)]
        self.fields["decision"].choices = [*approvals, ("decline", "Decline")]  # type: ignore[attr-defined]


class DecideRequest(ActionPage):
    name, label, title = "decide", "Decide…", "Decide request"
    form_class = DecideForm

    def possible(self, row: Request) -> bool:
        return row.status == Request.Status.OPEN

    def explanation(self, row: Request) -> str:
        return "Approving cancels the license; declining changes nothing. The owners get your answer by mail."

    def facts(self, row: Request) -> Sequence[tuple[str, object]]:
        return (
            ("Account", row.account),
            ("Request", f"{row.get_kind_display()}: {row.license.integration}"),
            ("Reason", row.reason),
            ("Asked", moment(row.requested_at, row.account.zone, row.requested_by)),
        )

    def perform(self, request: HttpRequest, row: Request, answers: Mapping[str, Any]) -> str:
        decided = requests.decide(
            request=row,
            approve=answers["decision"] != "decline",
            at_period_end=answers["decision"] != NOW,
            answer=answers["answer"],
            by=actor_of(request),
        )
        return f"The request of {row.account} is {decided.get_status_display().lower()}."


@register(Request, site=site)
class RequestAdmin(PartnerScopedAdmin):
    audit_noun = "request"
    action_pages = (DecideRequest(),)
    list_display = ("account", "kind", "integration", "status", "asked", "decided", "decide")
    list_filter = ("status", "kind", OwnAccountFilter)
    list_select_related = ("account", "license__integration")
    search_fields = ("account__name", "account__number", "reason")
    ordering = queries.OPEN_FIRST
    fields = ("account", "kind", "integration", "status", "reason", "asked", "decided", "answer")

    @display(description="integration")
    def integration(self, request: Request) -> str:
        return str(request.license.integration)

    @display(description="asked", ordering="requested_at")
    def asked(self, request: Request) -> str:
        return moment(request.requested_at, request.account.zone, request.requested_by)

    @display(description="decided", ordering="decided_at")
    def decided(self, request: Request) -> str:
        return moment(request.decided_at, request.account.zone, request.decided_by)

    @display(description="action", empty_value="")
    def decide(self, request: Request) -> str | None:
        if request.status != Request.Status.OPEN:
            return None
        url = reverse("admin:integrations_request_decide", args=(request.pk,))
        return format_html('<a class="button" href="{}">Decide…</a>', url)


class PriceForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Price
        fields = ("currency", "amount")
        # Django's rows of a table have no labels
        widgets: ClassVar[dict[str, forms.Widget]] = {
            "currency": AdminTextInputWidget({"aria-label": "Currency"}),
            "amount": forms.NumberInput({"aria-label": "Amount"}),
        }


class PriceFormSet(forms.BaseInlineFormSet):  # type: ignore[type-arg]
    @classmethod
    def get_deletion_widget(cls) -> Any:
        return forms.CheckboxInput({"aria-label": "Delete this price"})


class PriceInline(TabularInline):  # type: ignore[type-arg]
    model = Price
    form = PriceForm
    formset = PriceFormSet
    extra = 0


class IntegrationForm(RefusableForm):
    class Meta:
        model = Integration
        fields = ("code", "name", "description", "is_available", "position")


@register(Integration, site=site)
class IntegrationAdmin(OperatorEditedAdmin):
    audit_noun = "integration"
    form = IntegrationForm
    inlines = (PriceInline,)
    list_display = ("name", "code", "is_available", "position")
    fields = ("code", "name", "description", "is_available", "position")

    def save_model(self, request: HttpRequest, obj: Integration, form: Any, change: bool) -> None:
        answers = {name: form.cleaned_data[name] for name in IntegrationForm.Meta.fields}
        saved = catalogue.save_integration(integration=obj if change else None, **answers, by=actor_of(request))
        obj.pk = saved.pk

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        formset.save(commit=False)
        kept = [row.cleaned_data for row in formset.forms if row not in formset.deleted_forms and row.cleaned_data]
        prices = {answers["currency"]: answers["amount"] for answers in kept}
        catalogue.set_prices(integration=form.instance, prices=prices, by=actor_of(request))


site.figures += [
    Figure("Active licenses", queries.active_licenses_of, "admin:integrations_license_changelist", "state=active"),
    Figure("Last API use", queries.last_use_of, "admin:integrations_authentication_changelist"),
    Figure(
        "Open requests",
        queries.open_requests_of,
        "admin:integrations_request_changelist",
        "status__exact=open",
        total=True,
    ),
]
site.panels.append(Panel("admin/integrations/requests_panel.html", queries.requests_to_decide))
