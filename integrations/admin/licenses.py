"""Licenses: to read, and to cancel."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django import forms
from django.contrib.admin import SimpleListFilter, display, register
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from accounts.admin_site import site
from accounts.middleware import actor_of
from accounts.services import billing
from accounts.tenancy.admin import ActionPage, OwnAccountFilter, PartnerScopedAdmin, moment, posted
from accounts.tenancy.forms import AccountForm, NoteField
from integrations import queries, queries_usage
from integrations.models import License
from integrations.services import licenses

NOW, PERIOD_END = "now", "period_end"


def ending_choices(account: Any) -> list[tuple[str, str]]:
    """When a license may end, each with the instant as the account's people read it."""
    end = billing.period_end(account=account, now=timezone.now())
    return [(PERIOD_END, f"At the end of the paid period: {moment(end, account.zone)}"), (NOW, "Now")]


class CancelForm(AccountForm):
    when = forms.ChoiceField(label="Ends", widget=forms.RadioSelect)
    reason = NoteField(help_text="The account reads it.")

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
        count = len(queries.live_authentications(row))
        return (
            f"From that moment {count} authentication{'' if count == 1 else 's'} of {row.account} "
            "will be refused. Contacts, ids, authentications and history stay; buying again brings them back to life. "
            "Until it ends, the cancellation can be taken back."
        )

    def facts(self, row: License) -> Sequence[tuple[str, object]]:
        return (
            ("Account", row.account),
            ("Integration", row.integration),
            ("Active from", moment(row.active_from, row.account.zone)),
            ("Ends", moment(row.active_until, row.account.zone)),
            ("What stops", "\n".join(self._what_stops(row)) or "Nothing"),
        )

    def _what_stops(self, row: License) -> Iterator[str]:
        """A line for each live authentication: how much it was used in the last 24 hours, and when last."""
        authentications = queries.live_authentications(row)
        requests = queries_usage.requests_in_a_day(authentications)
        for each in authentications:
            count = requests.get(each.pk, 0)
            calls = f"{count:,} call{'' if count == 1 else 's'} in the last 24 hours"
            at = each.last_used_at
            used = f"last used {moment(at, each.account.zone)}" if at else "never let in"
            yield f"{each.id_field.source_system}, {each.key}: {calls}, {used}"

    def perform(self, request: HttpRequest, row: License, answers: Mapping[str, Any]) -> str:
        license_ = licenses.cancel(
            license=row,
            at_period_end=answers["when"] == PERIOD_END,
            reason=answers["reason"],
            by=actor_of(request),
        )
        return f"{row} ends at {moment(license_.active_until, row.account.zone)}."


class KeepLicense(ActionPage):
    name, label, title = "keep", "Take the cancellation back…", "Take the cancellation back"
    form_class = AccountForm

    def possible(self, row: License) -> bool:
        return row.active_until is not None and row.active_until > timezone.now()

    def explanation(self, row: License) -> str:
        return "The license goes on, and is charged, as if it had not been cancelled. The owners get a mail."

    def facts(self, row: License) -> Sequence[tuple[str, object]]:
        return (
            ("Account", row.account),
            ("Integration", row.integration),
            ("Would end", moment(row.active_until, row.account.zone)),
            ("Cancelled", moment(row.cancelled_at, row.account.zone, row.cancelled_by)),
            ("Reason", row.cancel_reason),
        )

    def perform(self, request: HttpRequest, row: License, answers: Mapping[str, Any]) -> str:
        licenses.keep(license=row, by=actor_of(request))
        return f"{row} goes on."


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
    action_pages = (CancelLicense(), KeepLicense())
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
