"""What previews found: pairs of contacts, to read."""

from collections.abc import Iterable
from typing import Any

from django.contrib.admin import SimpleListFilter, display, register
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.admin_site import site
from accounts.tenancy.admin import OwnAccountFilter, PartnerScopedAdmin, own_rows
from contacts.admin.contacts import contact_link
from contacts.models import Preview, PreviewPair


class PreviewFilter(SimpleListFilter):
    title = "preview"
    parameter_name = "preview"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[Any, str]]:
        rows = own_rows(request.user, Preview.all_accounts.select_related("rule_set__account").order_by("-pk"))
        return [(str(row.pk), f"{row.rule_set.account}, {row.rule_set}") for row in rows[:200]]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() is None:
            return queryset
        if self.value() not in {choice for choice, _ in self.lookup_choices}:
            return queryset.none()
        return queryset.filter(preview_id=self.value())


@register(PreviewPair, site=site)
class PreviewPairAdmin(PartnerScopedAdmin):
    audit_noun = "-"
    list_display = ("pair", "account", "rule_set", "rule", "first_contact", "second_contact", "id_field")
    list_filter = (PreviewFilter, OwnAccountFilter, "rule")
    list_select_related = ("account", "preview__rule_set", "id_field")
    fields = ("account", "rule_set", "rule", "first_contact", "second_contact", "id_field")

    @display(description="pair", ordering="pk")
    def pair(self, pair: PreviewPair) -> int:
        return pair.pk

    @display(description="rule set")
    def rule_set(self, pair: PreviewPair) -> str:
        return str(pair.preview.rule_set)

    @display(description="contact")
    def first_contact(self, pair: PreviewPair) -> str:
        return contact_link(pair.contact_id)

    @display(description="other contact")
    def second_contact(self, pair: PreviewPair) -> str:
        return contact_link(pair.other_id)
