"""Contacts and review items: to read."""

from contextlib import suppress
from typing import Any, ClassVar
from uuid import UUID

from django.contrib.admin import display, register
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from accounts import queries
from accounts.admin_site import site
from accounts.middleware import actor_of
from accounts.tenancy.admin import OwnAccountFilter, PartnerScopedAdmin, moment
from contacts.models import Contact, ExternalId, ReviewItem
from contacts.services import reading


@register(Contact, site=site)
class ContactAdmin(PartnerScopedAdmin):
    """The list names contacts by id alone: what is read of them is one contact's page, and that leaves a trace."""

    audit_noun = "contact"
    annotations: ClassVar[dict[str, Any]] = {
        "id_count": Subquery(
            ExternalId.all_accounts.filter(account=OuterRef("account"), contact=OuterRef("pk"))
            .order_by()
            .values("contact")
            .annotate(count=Count("pk"))
            .values("count")
        )
    }
    list_display = ("id", "account", "id_count", "updated")
    list_filter = (OwnAccountFilter,)
    list_select_related = ("account",)
    search_fields = ("id",)
    search_help_text = "A whole external id, e-mail address or contact id."
    ordering = ("-pk",)
    fields = ("id", "account", "external_ids", "contact_values", "version", "created", "updated")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        accounts = queries.accounts_looked_after_by(request.user)
        ids = ExternalId.all_accounts.filter(account_id__in=accounts.values("pk"), value=term)
        found = Q(pk__in=ids.values("contact_id")) | Q(values__email__iexact=term)
        with suppress(ValueError):
            found |= Q(pk=UUID(term))
        return queryset.filter(found), False

    @display(description="external ids", empty_value="0")
    def id_count(self, contact: Any) -> int | None:
        count: int | None = contact.id_count
        return count

    @display(description="external ids")
    def external_ids(self, contact: Contact) -> str:
        rows = ExternalId.objects.for_account(contact.account_id).filter(contact=contact).select_related("id_field")
        return "\n".join(f"{row.id_field.name}: {row.value}" for row in rows.order_by("id_field_id", "pk"))

    @display(description="values")
    def contact_values(self, contact: Contact) -> str:
        return "\n".join(f"{name}: {value}" for name, value in sorted(contact.values.items()))

    @display(description="created", ordering="created_at")
    def created(self, contact: Contact) -> str:
        return moment(contact.created_at, contact.account.zone)

    @display(description="updated", ordering="updated_at")
    def updated(self, contact: Contact) -> str:
        return moment(contact.updated_at, contact.account.zone)

    def on_shown(self, request: HttpRequest, row: Contact) -> None:
        reading.record_seen(contact=row, as_operator=queries.is_operator(request.user), by=actor_of(request))


@register(ReviewItem, site=site)
class ReviewItemAdmin(PartnerScopedAdmin):
    audit_noun = "review_item"
    list_display = ("created", "account", "kind", "state", "rule")
    list_filter = (OwnAccountFilter, "state", "kind")
    list_select_related = ("account",)
    search_fields = ("account__name",)
    fields = (
        *("account", "kind", "state", "first_contact", "second_contact", "count", "rule_set", "rule"),
        *("created", "decided_at", "decided_by"),
    )

    @display(description="found", ordering="created_at")
    def created(self, item: ReviewItem) -> str:
        return moment(item.created_at, item.account.zone)

    @display(description="contact")
    def first_contact(self, item: ReviewItem) -> str:
        return contact_link(item.contact_id)

    @display(description="other contact")
    def second_contact(self, item: ReviewItem) -> str:
        return contact_link(item.other_id)


def contact_link(contact_id: UUID | None) -> str:
    """Empty for the item of a key."""
    if contact_id is None:
        return "-"
    return format_html('<a href="{}">{}</a>', reverse("admin:contacts_contact_change", args=(contact_id,)), contact_id)
