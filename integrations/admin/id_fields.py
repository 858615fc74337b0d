"""Id fields with what is connected to them, to retire too."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django.contrib.admin import display, register
from django.contrib.humanize.templatetags.humanize import intcomma
from django.db.models import OuterRef, Subquery
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from accounts.admin_site import site
from accounts.middleware import actor_of
from accounts.tenancy.admin import ActionPage
from accounts.tenancy.forms import AccountForm
from contacts.admin.id_fields import IdFieldAdmin, number_of_ids
from contacts.models import IdField
from integrations import credentials, queries
from integrations.models import Authentication
from integrations.services import id_fields


class RetireIdField(ActionPage):
    name, label, title, dangerous = "retire", "Retire…", "Retire the id field", True
    form_class = AccountForm

    def possible(self, row: IdField) -> bool:
        return row.retired_at is None and not queries.has_live_authentication(row)

    def explanation(self, row: IdField) -> str:
        return (
            "No system can be connected to it any more, and it takes no ids. Those that it has "
            f"({intcomma(number_of_ids(row))}) stay with their contacts and readable. "
            "An id field that is retired stays so."
        )

    def facts(self, row: IdField) -> Sequence[tuple[str, object]]:
        system = f"{row.source_system} ({row.unique_data})" if row.source_system else "None yet"
        return (("Account", row.account), ("Id field", f"{row.label} ({row.name})"), ("System", system))

    def perform(self, request: HttpRequest, row: IdField, answers: Mapping[str, Any]) -> str:
        retired = id_fields.retire(id_field=row, by=actor_of(request))
        return f"The id field {retired} is retired."


_live = Authentication.all_accounts.filter(
    account=OuterRef("account"), id_field=OuterRef("pk"), revoked_at__isnull=True
)


@register(IdField, site=site)
class ConnectedIdFieldAdmin(IdFieldAdmin):
    action_pages = (RetireIdField(),)
    annotations: ClassVar[dict[str, Any]] = {
        **IdFieldAdmin.annotations,
        "live_id": Subquery(_live.values("pk")[:1]),
        "live_key": Subquery(_live.values("key")[:1]),
    }
    list_display = (*IdFieldAdmin.list_display[:4], "authentication", *IdFieldAdmin.list_display[4:])
    fields: ClassVar[Any] = (*IdFieldAdmin.fields[:6], "authentication", *IdFieldAdmin.fields[6:])

    @display(description="live authentication")
    def authentication(self, id_field: Any) -> str:
        if id_field.live_id is None:
            return "Retired" if id_field.retired_at else "-"
        url = reverse("admin:integrations_authentication_change", args=(id_field.live_id,))
        return format_html('<a href="{}">{}</a>', url, credentials.mask(id_field.live_key))
