"""Authentications: to read, and to revoke."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib.admin import SimpleListFilter, display, register
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.admin_site import site
from accounts.middleware import actor_of
from accounts.queries import accounts_looked_after_by
from accounts.tenancy.admin import ActionPage, OwnAccountFilter, PartnerScopedAdmin, moment
from accounts.tenancy.forms import AccountForm
from integrations import queries_usage
from integrations.models import Authentication
from integrations.services import authentications


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
            ("Name", row.name),
            ("Key", row.key),
            ("System", row.id_field.source_system),
            ("Id field", row.id_field),
            ("Last used", moment(row.last_used_at, row.account.zone)),
        )

    def perform(self, request: HttpRequest, row: Authentication, answers: Mapping[str, Any]) -> str:
        authentications.revoke(authentication=row, by=actor_of(request))
        return f"{row.key} is revoked."


class UseFilter(SimpleListFilter):
    title = "use"
    parameter_name = "use"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, str]]:
        return (("failing", "Failing in the last 24 hours"),)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() != "failing":
            return queryset
        failing = queries_usage.failing(accounts_looked_after_by(request.user))
        return queryset.filter(pk__in=failing.values("authentication_id"))


@register(Authentication, site=site)
class AuthenticationAdmin(PartnerScopedAdmin):
    audit_noun = "authentication"
    action_pages = (RevokeAuthentication(),)
    list_display = ("key", "name", "account", "system", "id_field", "access", "last_used", "expires", "revoked")
    list_filter = (UseFilter, OwnAccountFilter, "read_only")
    list_select_related = ("account", "id_field__source_system", "integration")
    search_fields = ("key", "name", "account__name", "id_field__name", "id_field__source_system__name")
    fields = (
        *("name", "key", "account", "product", "system", "id_field", "access", "networks"),
        *("last_used", "issued", "expires", "old_secret", "revoked"),
    )

    @display(description="integration")
    def product(self, authentication: Authentication) -> str:
        return authentication.integration.name

    @display(description="system")
    def system(self, authentication: Authentication) -> str:
        return str(authentication.id_field.source_system)

    @display(description="access", ordering="read_only")
    def access(self, authentication: Authentication) -> str:
        return "Read only" if authentication.read_only else "Read and write"

    @display(description="allowed networks")
    def networks(self, authentication: Authentication) -> str:
        return ", ".join(authentication.allowed_networks) or "From anywhere"

    @display(description="expires", ordering="expires_at")
    def expires(self, authentication: Authentication) -> str:
        return moment(authentication.expires_at, authentication.account.zone)

    @display(description="old secret refused from", ordering="grace_until")
    def old_secret(self, authentication: Authentication) -> str:
        return moment(authentication.grace_until, authentication.account.zone)

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
