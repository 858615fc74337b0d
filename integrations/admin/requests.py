"""What accounts ask: to decide, and to write about."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.contrib.admin import display, register
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from accounts.admin_site import site
from accounts.middleware import actor_of
from accounts.tenancy.admin import ActionPage, OwnAccountFilter, PartnerScopedAdmin, moment, posted
from accounts.tenancy.forms import AccountForm, NoteField
from integrations import queries
from integrations.admin.licenses import NOW, ending_choices
from integrations.forms import MessageForm
from integrations.models import Request
from integrations.services import requests

APPROVE, DECLINE = "approve", "decline"


class DecideForm(AccountForm):
    """Takes `row=`, the request: what can be decided depends on what was asked."""

    decision = forms.ChoiceField(widget=forms.RadioSelect)
    answer = NoteField(help_text="The account reads it.")

    def __init__(self, *args: Any, row: Request, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        approvals = [(APPROVE, "Approve")]
        if row.kind == Request.Kind.DEACTIVATE:
            approvals = [(value, f"Approve. {label}") for value, label in ending_choices(self.account)]
        self.fields["decision"].choices = [*approvals, (DECLINE, "Decline")]  # type: ignore[attr-defined]


class DecideIdFieldForm(DecideForm):
    """Asks for the extra id field too. What its name may be, the service says."""

    name = forms.CharField(
        required=False,
        max_length=63,
        help_text="As the API calls it, such as webshopCustomerId. It can't be changed later.",
    )
    label = forms.CharField(required=False, max_length=100, help_text="As people read it. Left empty, it is the name.")
    field_order = ("decision", "name", "label", "answer")

    def __init__(self, *args: Any, row: Request, **kwargs: Any) -> None:
        words = re.findall(r"[A-Za-z0-9]+", row.system)
        name = "".join(word[:1].upper() + word[1:] for word in words)[:50] + "CustomerId"
        proposed = {"name": name[:1].lower() + name[1:], "label": f"{row.system} customer id"[:100]}
        super().__init__(*args, row=row, initial=proposed, **kwargs)


class RequestAction(ActionPage):
    """Something that is done to an open request."""

    def possible(self, row: Request) -> bool:
        return row.status == Request.Status.OPEN

    def facts(self, row: Request) -> Sequence[tuple[str, object]]:
        written = [
            (f"{message.written_by}, {moment(message.written_at, row.account.zone)}", message.text)
            for message in queries.messages_about(row)
        ]
        return (
            ("Account", row.account),
            ("Request", row),
            ("Reason", row.reason),
            ("Asked", moment(row.requested_at, row.account.zone, row.requested_by)),
            *written,
        )


class DecideRequest(RequestAction):
    name, label, title = "decide", "Decide…", "Decide request"

    def make_form(self, request: HttpRequest, row: Request) -> DecideForm:
        form = DecideIdFieldForm if row.kind == Request.Kind.ID_FIELD else DecideForm
        return form(posted(request), account=row.account, row=row)

    def explanation(self, row: Request) -> str:
        approving = {
            Request.Kind.DEACTIVATE: "Approving cancels the license",
            Request.Kind.ID_FIELD: "Approving makes the id field, which the account finds in New authentication",
            Request.Kind.RULES: "Approving says that you changed the rules; change them first",
            Request.Kind.ADVICE: "Approving says that your answer is the advice",
        }
        what = approving[Request.Kind(row.kind)]
        return f"{what}; declining changes nothing. The owners get your answer by mail."

    def perform(self, request: HttpRequest, row: Request, answers: Mapping[str, Any]) -> str:
        decided = requests.decide(
            request=row,
            approve=answers["decision"] != DECLINE,
            at_period_end=answers["decision"] != NOW,
            name=answers.get("name", ""),
            label=answers.get("label", ""),
            answer=answers["answer"],
            by=actor_of(request),
        )
        return f"The request of {row.account} is {decided.get_status_display().lower()}."


class WriteAboutRequest(RequestAction):
    name, label, title = "message", "Write a message…", "Send the message"
    form_class = MessageForm

    def explanation(self, row: Request) -> str:
        return "The request stays open. The owners get your message by mail, and read it with the request."

    def perform(self, request: HttpRequest, row: Request, answers: Mapping[str, Any]) -> str:
        requests.write(request=row, text=answers["text"], from_partner=True, by=actor_of(request))
        return f"{row.account} is told."


@register(Request, site=site)
class RequestAdmin(PartnerScopedAdmin):
    audit_noun = "request"
    action_pages = (DecideRequest(), WriteAboutRequest())
    list_display = ("account", "kind", "about", "status", "asked", "decided", "decide")
    list_filter = ("status", "kind", OwnAccountFilter)
    list_select_related = ("account", "license__integration", "id_field")
    search_fields = ("account__name", "account__number", "system", "reason")
    ordering = queries.OPEN_FIRST
    fields = ("account", "kind", "about", "status", "reason", "written", "asked", "decided", "answer", "id_field")

    @display(description="about")
    def about(self, request: Request) -> str:
        return request.license.integration.name if request.license else request.system or "-"

    @display(description="messages")
    def written(self, request: Request) -> str:
        said = (
            f"{message.written_by}, {moment(message.written_at, request.account.zone)}:\n{message.text}"
            for message in queries.messages_about(request)
        )
        return "\n\n".join(said) or "-"

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
