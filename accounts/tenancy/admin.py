"""The bases of every admin page: a partner sees its own accounts' rows and no others, an operator everything.

Nobody deletes anything here. What is written goes through services, whose refusals become form errors, and whose
audit events are the history that the pages show.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import messages
from django.contrib.admin import ModelAdmin, SimpleListFilter
from django.contrib.admin.utils import flatten_fieldsets, unquote
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.functional import cached_property

from accounts import queries
from accounts.errors import DomainError
from accounts.models import Account, AuditEvent
from accounts.tenancy.models import AccountOwned

HISTORY_SHOWN = 200
OFFERED = 200
"""Accounts in the filter of a list."""
LOOKUPS = ("exact", "isnull", "gte", "lt", "in")


def own_rows(user: queries.Person, rows: QuerySet[Any]) -> QuerySet[Any]:
    """Those of the rows that a person may see in the admin. Of models that belong to no account, partners see none."""
    if queries.is_operator(user):
        return rows
    accounts = queries.accounts_looked_after_by(user).values("pk")
    if rows.model is Account:
        return rows.filter(pk__in=accounts)
    if rows.model is AuditEvent or issubclass(rows.model, AccountOwned):
        return rows.filter(account_id__in=accounts)
    return rows.none()


def moment(at: datetime | None, zone: ZoneInfo, by: str = "") -> str:
    """An instant as people of a time zone read it, with the zone's abbreviation and who did it; a dash for None."""
    if at is None:
        return "-"
    return f"{at.astimezone(zone):%d %b %Y %H:%M %Z}{f' by {by}' if by else ''}"


def posted(request: HttpRequest) -> Any:
    """What was sent to a form; None when the form is only asked for. A confirmation may be sent without anything."""
    return request.POST if request.method == "POST" else None


class RefusableForm(forms.ModelForm):  # type: ignore[type-arg]
    """An admin form whose rules are a service's: shows the service's refusal, after the save was rolled back."""

    refusal: DomainError | None = None

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        if self.refusal is not None:
            for item in self.refusal.errors:
                self.add_error(item.field if item.field in self.fields else None, item.detail)
            if not self.refusal.errors:
                self.add_error(None, self.refusal.detail)
        return cleaned

    def _get_validation_exclusions(self) -> set[str]:
        """Every field: the service checks the whole row, and says at which field a constraint is broken."""
        return {field.name for field in self._meta.model._meta.get_fields()}


class ActionPage(ABC):
    """A page that does one thing to one row: says what will happen, asks what it needs, calls the service."""

    name: ClassVar[str]
    """The last part of its URL."""
    label: ClassVar[str]
    """On the button that leads here."""
    title: ClassVar[str]
    """Of the page, and on the button that does it."""
    dangerous: ClassVar[bool] = False
    template: ClassVar[str] = "admin/action.html"
    form_class: ClassVar[type[forms.Form]]

    def label_for(self, row: Any) -> str:
        """The label, where it depends on the row."""
        return self.label

    def possible(self, row: Any) -> bool:
        """Whether the row's state allows it; otherwise the button is not shown."""
        return True

    def make_form(self, request: HttpRequest, row: Any) -> Any:
        """The form, filled from the request; over an account's rows one that takes `account=`."""
        return self.form_class(posted(request), account=row.account)  # type: ignore[call-arg]

    @abstractmethod
    def explanation(self, row: Any) -> str:
        """What will happen, in a sentence or two."""

    def facts(self, row: Any) -> Sequence[tuple[str, object]]:
        """What a person should see while deciding."""
        return ()

    @abstractmethod
    def perform(self, request: HttpRequest, row: Any, answers: Mapping[str, Any]) -> str:
        """Calls the service; returns what to tell the person. Raises DomainError when it is refused."""

    def leads_to(self, row: Any) -> Any:
        """The row whose page follows."""
        return row


def own_account(user: queries.Person, number: str) -> Account | None:
    """The account with this number, if it is one and the person may see it."""
    if not (number.isascii() and number.isdecimal() and len(number) < 10):
        return None
    return queries.accounts_looked_after_by(user).filter(number=number).first()


class CappedPaginator(Paginator):  # type: ignore[type-arg]
    """Pages through the first rows only: counting millions for each look at a list takes too long."""

    most = 10_000

    @cached_property
    def count(self) -> int:
        rows: QuerySet[Any] = self.object_list  # type: ignore[assignment]
        return rows[: self.most].count()


class OwnAccountFilter(SimpleListFilter):
    """Filters a list by one of the person's own accounts, by its number."""

    title = "account"
    parameter_name = "account"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[Any, str]]:
        accounts = queries.accounts_looked_after_by(request.user)
        offered = {account.number: account.name for account in accounts.order_by("name")[:OFFERED]}
        if chosen := own_account(request.user, self.value() or ""):  # by a link, where there are more than are offered
            offered[chosen.number] = chosen.name
        return [(str(number), name) for number, name in offered.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        number = self.value()
        if number is None:
            return queryset
        # A number typed by hand finds what a made-up one does.
        chosen = own_account(request.user, number)
        return queryset.none() if chosen is None else queryset.filter(account_id=chosen.pk)


class ConcordAdmin(ModelAdmin):  # type: ignore[type-arg]
    """What both bases share. `fields` and `list_display` are always named: nothing appears by itself."""

    actions = None
    list_per_page = 50
    show_full_result_count = False
    change_form_template = "admin/row.html"
    action_pages: ClassVar[Sequence[ActionPage]] = ()
    annotations: ClassVar[Mapping[str, Any]] = {}
    """What the lists show of other tables, so that it takes one query for all rows."""
    related: ClassVar[Sequence[str]] = ()
    """What is loaded with a row, on its page too."""
    audit_noun: ClassVar[str] = ""
    """The first part of the actions in the audit events about these rows."""

    def allowed(self, request: HttpRequest) -> bool:
        """Whether the person may see these rows at all."""
        return queries.is_operator(request.user)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        if not self.allowed(request):
            raise PermissionDenied
        rows: QuerySet[Any] = own_rows(request.user, super().get_queryset(request)).annotate(**self.annotations)
        return rows.select_related(*self.related) if self.related else rows

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if obj is None or not self.allowed(request):
            return self.allowed(request)
        # Where Django asks about a row that did not come through get_queryset
        return self.get_queryset(request).filter(pk=obj.pk).exists()

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.allowed(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Only the lists' own filters. Django allows any local field, and with it guessing a digest by its start."""
        filters: Sequence[Any] = self.list_filter
        names = [item if isinstance(item, str) else item.parameter_name for item in filters]
        return any(lookup in {name, *(f"{name}__{suffix}" for suffix in LOOKUPS)} for name in names)

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        kwargs["queryset"] = self._choices(db_field, request, kwargs.get("queryset"))
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def _choices(self, db_field: Any, request: HttpRequest, rows: QuerySet[Any] | None) -> QuerySet[Any]:
        related = db_field.remote_field.model
        return own_rows(request.user, related._default_manager.all() if rows is None else rows)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is not None and not self.has_change_permission(request, obj):
            return flatten_fieldsets(self.get_fieldsets(request, obj))
        return super().get_readonly_fields(request, obj)

    # The services' audit events are the history; Django's log would be a second, poorer one.
    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        return None

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        return None

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The audit events about one row."""
        row = self._row(request, object_id)
        events = own_rows(request.user, AuditEvent.objects.all())
        context = {
            **self.admin_site.each_context(request),
            "title": f"History: {row}",
            "events": events.filter(object_id=str(row.pk), action__startswith=f"{self.audit_noun}.")[:HISTORY_SHOWN],
            "object": row,
            "opts": self.opts,
            "module_name": self.opts.verbose_name_plural,
            **(extra_context or {}),
        }
        return TemplateResponse(request, "admin/history.html", context)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """Django's; a refusal by a service, which rolled everything back, shows the form again with it."""
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except DomainError as refusal:
            request.refusal = refusal  # type: ignore[attr-defined]
            return super().changeform_view(request, object_id, form_url, extra_context)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form: Any = super().get_form(request, obj, change, **kwargs)  # a class made for this request
        form.refusal = getattr(request, "refusal", None)
        return form

    def get_urls(self) -> list[URLPattern]:
        pages = [
            path(
                f"<path:object_id>/{page.name}/",
                self.admin_site.admin_view(partial(self.action_view, page=page)),
                name=f"{self.opts.app_label}_{self.opts.model_name}_{page.name}",
            )
            for page in self.action_pages
        ]
        return pages + super().get_urls()

    def action_view(self, request: HttpRequest, object_id: str, *, page: ActionPage) -> HttpResponseBase:
        """Shows and performs an action on one row."""
        row = self._row(request, object_id)
        if not page.possible(row):
            messages.warning(request, "This is not possible any more; the page shows the present state.")
            return redirect(self._url("change", row))
        form = page.make_form(request, row)
        if request.method == "POST" and form.is_valid():
            try:
                messages.success(request, page.perform(request, row, form.cleaned_data))
                return redirect(self._url("change", page.leads_to(row)))
            except DomainError as refusal:
                for item in refusal.errors:
                    form.add_error(item.field if item.field in form.fields else None, item.detail)
                if not refusal.errors:
                    form.add_error(None, refusal.detail)
        return TemplateResponse(request, page.template, self._action_context(request, page, row, form))

    def _row(self, request: HttpRequest, object_id: str) -> Any:
        """One row that the person may see, by its primary key as the admin's URLs quote it; 404 without."""
        row = self.get_object(request, unquote(object_id))
        if row is None:
            raise Http404
        return row

    def _action_context(self, request: HttpRequest, page: ActionPage, row: Any, form: forms.Form) -> dict[str, Any]:
        return {
            **self.admin_site.each_context(request),
            "title": page.title,
            "page": page,
            "explanation": page.explanation(row),
            "facts": page.facts(row),
            "form": form,
            "object": row,
            "opts": self.opts,
        }

    def _get_obj_does_not_exist_redirect(self, request: HttpRequest, opts: Any, object_id: str) -> HttpResponse:
        # Django goes to the first page with a message; a row that is not there is 404 here as everywhere.
        raise Http404

    def _url(self, name: str, row: Any) -> str:
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_{name}", args=(row.pk,))

    def on_shown(self, request: HttpRequest, row: Any) -> None:
        """Records that a person sees a row's page, where that is to be told."""

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Django's, called as what it lists."""
        title = str(self.opts.verbose_name_plural)
        return super().changelist_view(request, {"title": f"{title[:1].upper()}{title[1:]}", **(extra_context or {})})

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Any = None,
    ) -> Any:
        if obj is not None:
            self.on_shown(request, obj)
            context |= {"title": str(obj), "subtitle": None}
            pages = [page for page in self.action_pages if page.possible(obj)]
            context["action_pages"] = [(page, page.label_for(obj), self._url(page.name, obj)) for page in pages]
        return super().render_change_form(request, context, add, change, form_url, obj)


class PartnerScopedAdmin(ConcordAdmin):
    """Rows of accounts: a partner's staff sees those of the partner's accounts, read-only unless a page says more.

    What a partner may do comes from being its staff, never from Django's permissions.
    """

    def allowed(self, request: HttpRequest) -> bool:
        user: Any = request.user
        return queries.is_partner_staff(user) or queries.is_operator(user)


class OperatorAdmin(ConcordAdmin):
    """Rows that are the operator's alone: nobody else sees that they exist."""


class OperatorEditedAdmin(OperatorAdmin):
    """Rows that operators add and change."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.allowed(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.allowed(request)
