"""Account & Billing → Activity: who did what, when, from where."""

from collections.abc import Iterator
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode

from accounts import queries_activity, spreadsheets
from accounts.activity import changes
from accounts.forms import ActivityForm
from accounts.models import Account, AuditEvent
from accounts.permissions import Capability
from accounts.queries_activity import Filters
from accounts.services import audit
from accounts.tenancy.views import AccountView

COLUMNS = ("time", "action", "object", "object id", "by", "address", "changes", "request id")


class ActivityView(AccountView):
    """The events of an account, filtered."""

    section = "activity"
    capabilities = {"GET": Capability.SEE}

    def get(self, request: HttpRequest) -> HttpResponse:
        form = ActivityForm(request.GET, account=self.account)
        if not form.is_valid():
            return self.page("accounts/activity.html", {"form": form}, status=422)
        rows = queries_activity.events_of(self.account, form.filters)
        found = queries_activity.page_of(rows, self._after(), text=form.filters.text)
        context: dict[str, Any] = {
            "form": form,
            "is_filtered": form.filters != Filters(),
            "query": urlencode(form.asked()),
            "entries": queries_activity.entries_of(self.account, found.events),
            "last": found.last,
            "is_cut": found.is_cut,
            "most_searched": queries_activity.MOST_SEARCHED,
            "is_first_page": "after" not in request.GET,
        }
        return self.page("accounts/activity.html", context)

    def _after(self) -> AuditEvent | None:
        """The event that the page before ended with; 404 for what is no event of this account."""
        given = self.request.GET.get("after")
        if given is None:
            return None
        number = int(given) if given.isascii() and given.isdecimal() and len(given) < 19 else 0
        event = queries_activity.event_of(self.account, number)
        if event is None:
            raise Http404
        return event


class ActivityFileView(AccountView):
    """The same events as CSV."""

    section = "activity"
    capabilities = {"GET": Capability.SEE}

    def get(self, request: HttpRequest) -> HttpResponseBase:
        form = ActivityForm(request.GET, account=self.account)
        if not form.is_valid():
            # Where the errors stand at their fields
            address = reverse("activity", kwargs={"account_number": self.account.number})
            return redirect(f"{address}?{request.GET.urlencode()}")
        audit.record_download(account=self.account, asked=form.asked(), by=self.actor)
        rows = queries_activity.events_of(self.account, form.filters)
        return as_csv(self.account, queries_activity.every(rows, form.filters.text))


def as_csv(account: Account, events: Iterator[AuditEvent]) -> StreamingHttpResponse:
    """Events of an account as a file, times in its time zone."""
    rows = (
        (
            event.at.astimezone(account.zone).isoformat(timespec="seconds"),
            *(event.words, event.object_label, event.object_id, event.actor, event.address),
            "; ".join(str(change) for change in changes(event.before, event.after, account.zone)),
            event.request_id,
        )
        for event in events
    )
    return StreamingHttpResponse(
        spreadsheets.file(COLUMNS, rows),
        content_type="text/csv; charset=utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="activity-{account.number}.csv"',
            "Cache-Control": "no-store",
        },
    )
