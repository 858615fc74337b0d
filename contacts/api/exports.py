"""The calls on exports: all contacts as one file, behind a link that expires."""

from uuid import UUID

from django.urls import reverse
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.errors import NotFound
from accounts.models import Account
from accounts.tenancy.api import sent_parameters
from contacts import queries
from contacts.api import parameters, schema
from contacts.api.conditions import IDEMPOTENCY_KEY
from contacts.api.parameters import Parameters
from contacts.api.views import ContactAPIView
from contacts.models import Export, Job
from contacts.services import exports


class ExportsView(ContactAPIView):
    """Begins an export."""

    parameters = {"POST": frozenset({"format"})}
    conditions = {"POST": frozenset({IDEMPOTENCY_KEY})}

    @schema.exports
    def post(self, request: Request) -> Response:
        sent = Parameters(sent_parameters(request))
        format_ = sent.one("format", parameters.one_of(*Export.Format.values), Export.Format.CSV.value)
        sent.check()
        return self.once(lambda: self.begin(format_), b"")

    def begin(self, format_: str) -> Response:
        started = exports.begin(account=Account.objects.get(pk=self.account_id), format_=format_, by=self.by)
        headers = {"Location": f"/api/v1/exports/{started.pk}"}
        return Response(queries.export_json(started, None, None), status=202, headers=headers)


class ExportView(ContactAPIView):
    """What has become of an export."""

    @schema.one_export
    def get(self, request: Request, export_id: UUID) -> Response:
        rows = Export.objects.for_account(self.account_id).select_related("job")
        found: Export | None = rows.filter(pk=export_id).first()
        if found is None:
            raise NotFound("There is no such export in this account.", code="export_not_found")
        link, until = None, None
        if found.file_id is not None and found.job.state == Job.State.COMPLETED:
            token, until = exports.link(export=found)
            link = request.build_absolute_uri(reverse("export-file", kwargs={"token": token}))
        return Response(queries.export_json(found, link, until), headers={"Cache-Control": "no-store"})
