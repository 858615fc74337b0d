"""The files of exports."""

from django.http import Http404, HttpRequest, StreamingHttpResponse
from django.views import View

from accounts.errors import NotFound
from accounts.middleware import actor_of
from contacts.models import Export
from contacts.services import exports

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
