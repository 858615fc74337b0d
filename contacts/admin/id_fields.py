"""Id fields, to read and to add."""

from typing import Any, ClassVar

from django.contrib.admin import display
from django.contrib.humanize.templatetags.humanize import intcomma
from django.db.models import IntegerField, OuterRef, Subquery
from django.http import HttpRequest

from accounts.middleware import actor_of
from accounts.tenancy.admin import moment
from contacts.admin.fields import FieldAdmin, FieldForm
from contacts.models import ExternalId, IdField, Write
from contacts.services import fields

MANY_IDS = 10_000
"""The list counts ids this far."""


class Counted(Subquery):
    """How many rows a query has, in an annotation; of a slice too."""

    template = "(SELECT COUNT(*) FROM (%(subquery)s) AS counted)"
    output_field = IntegerField()


class IdFieldForm(FieldForm):
    class Meta:
        model = IdField
        fields = ("account", "name", "label")
        help_texts: ClassVar[dict[str, str]] = {
            "name": "As the API calls it, such as webshopCustomerId. It can't be changed later.",
            "label": "As people read it, such as Webshop customer id. Left empty, it is the name.",
        }


def number_of_ids(id_field: IdField) -> int:
    """How many external ids the field has, read from an index."""
    return int(ExternalId.objects.for_account(id_field.account_id).filter(id_field=id_field).count())


class IdFieldAdmin(FieldAdmin):
    """What `integrations` registers, which knows what is connected to an id field."""

    audit_noun = "id_field"
    form = IdFieldForm
    annotations: ClassVar[dict[str, Any]] = {
        "id_count": Counted(
            ExternalId.all_accounts.filter(account=OuterRef("account"), id_field=OuterRef("pk"))
            .order_by()
            .values("pk")[: MANY_IDS + 1]
        ),
        "last_write_at": Subquery(
            Write.all_accounts.filter(account=OuterRef("account"), id_field=OuterRef("pk"))
            .order_by("-at")
            .values("at")[:1]
        ),
    }
    list_display: Any = ("name", "label", "account", "system", "ids", "last_write")
    list_select_related = ("account", "source_system")
    search_fields = ("name", "label", "account__name", "source_system__name")
    fields: ClassVar[Any] = (
        *("account", "name", "label", "source_system", "unique_data", "is_default"),
        *("all_ids", "last_write", "created", "retired"),
    )

    @display(description="source system", ordering="source_system__name")
    def system(self, id_field: IdField) -> str:
        return f"{id_field.source_system} ({id_field.unique_data})" if id_field.source_system else "-"

    @display(description="ids in use")
    def ids(self, id_field: Any) -> str:
        return f"{intcomma(MANY_IDS)}+" if id_field.id_count > MANY_IDS else intcomma(id_field.id_count)

    @display(description="ids in use")
    def all_ids(self, id_field: IdField) -> str:
        return intcomma(number_of_ids(id_field))

    @display(description="last write")
    def last_write(self, id_field: Any) -> str:
        return moment(id_field.last_write_at, id_field.account.zone)

    @display(description="created")
    def created(self, id_field: IdField) -> str:
        return moment(id_field.created_at, id_field.account.zone, id_field.created_by)

    def save_model(self, request: HttpRequest, obj: IdField, form: Any, change: bool) -> None:
        answers = {name: form.cleaned_data[name] for name in IdFieldForm.Meta.fields}
        obj.pk = fields.add_id_field(**answers, by=actor_of(request)).pk
