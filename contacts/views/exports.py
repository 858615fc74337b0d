"""Exports: begun and followed here, and their files behind links that expire."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.views import View

from accounts.errors import NotFound
from accounts.middleware import actor_of
from accounts.permissions import Capability
from accounts.tenancy.views import AccountView
from contacts import queries
from contacts.models import Export, Job
from contacts.pages import rows_behind
from contacts.services import exports
from contacts.views import places

PAGE = 20
MEDIA_TYPES = {Export.Format.CSV: "text/csv; charset=utf-8", Export.Format.NDJSON: "application/x-ndjson"}


class ExportFileView(View):
    """The file of an export, for whoever has a link to it that has not expired: the link itself is the permission."""

    def get(self, request: HttpRequest, token: str) -> StreamingHttpResponse:
        try:
            export, content = exports.open_link(token=token, by=actor_of(request, "link"))
        except NotFound as error:
            raise Http404(error.detail) from None
        name = f"contacts-{export.account.number}-{export.pk}.{export.format}"
        return StreamingHttpResponse(
            content,
            content_type=MEDIA_TYPES[Export.Format(export.format)],
            headers={
                "Content-Disposition": f'attachment; filename="{name}"',
                "Cache-Control": "no-store",
                "Referrer-Policy": "no-referrer",
            },
        )


class ExportsView(AccountView):
    """What was exported, and how far it is; begins another."""

    section = "exports"
    capabilities = {"GET": Capability.EXPORT_CONTACTS, "POST": Capability.EXPORT_CONTACTS}

    def show(self, error: str = "", status: int = 200) -> HttpResponse:
        after = places.after(self.request, UUID)
        rows, more = rows_behind(queries.exports_of(self.account), after, PAGE)
        under_way = any(row.job.state not in Job.ENDED for row in rows)
        context = {"rows": rows, "after": after, "more": more, "under_way": under_way, "error": error}
        return self.page("contacts/exports.html", context, status)

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.show()

    def post(self, request: HttpRequest) -> HttpResponse:
        format_ = request.POST.get("format", "")
        if format_ not in Export.Format.values:
            return self.show(f"Choose a format: {' or '.join(Export.Format.labels)}.", status=422)
        exports.begin(account=self.account, format_=format_, by=self.actor)
        messages.success(request, "The export is under way. You can leave this page; the file will be here.")
        return self.to("contacts-exports")


class ExportLinkView(AccountView):
    """On to the file of an export, by a new link."""

    section = "exports"
    capabilities = {"GET": Capability.EXPORT_CONTACTS}

    def get(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        export = self.row(Export, "job", pk=pk)
        if export.job.state != Job.State.COMPLETED or export.file_id is None:
            messages.warning(request, "There is no file of this export, not yet or not any more.")
            return self.to("contacts-exports")
        token, _ = exports.link(export=export)
        response = redirect("export-file", token=token)
        response["Cache-Control"] = "no-store"
        return response
