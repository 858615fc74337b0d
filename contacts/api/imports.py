"""The calls on imports: a file in, what becomes of it, and what was left out."""

import hashlib
from collections.abc import Callable, Sequence
from uuid import UUID

from django.conf import settings
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.errors import DomainError, FieldError, NotFound, TooLarge, ValidationFailed
from accounts.models import Account
from accounts.tenancy.api import sent_parameters
from contacts import queries
from contacts.api import parameters, schema
from contacts.api.conditions import IDEMPOTENCY_KEY
from contacts.api.parameters import USUAL_PAGE, Parameters
from contacts.api.views import ContactAPIView
from contacts.columns import EXTERNAL_ID
from contacts.models import Import, Job, StoredFile
from contacts.overlay import Mode
from contacts.rows import DELIMITERS, ENCODINGS
from contacts.services import files, imports, jobs

FORMATS = {"text/csv": Import.Format.CSV, "application/x-ndjson": Import.Format.NDJSON}
COLUMN = "column."
HOW = frozenset({"mode", "delimiter", "encoding"})


class Incomplete(DomainError):
    """The caller announced more than it sent."""

    code = "incomplete_body"
    status = 400
    title = "The body ended too early"


class ImportAPIView(ContactAPIView):
    """What the calls on imports have in common."""

    def found(self, import_id: UUID) -> Import:
        """An import by a call into the caller's own id field; those of persons are theirs. Raises NotFound."""
        imports_ = Import.objects.for_account(self.account_id).filter(
            id_field_id=self.caller.id_field_id, authentication_id__isnull=False
        )
        row: Import | None = imports_.select_related("job").filter(pk=import_id).first()
        if row is None:
            raise NotFound("Your id field has no such import.", code="import_not_found")
        return row


class ImportsView(ImportAPIView):
    """Takes a file: the raw body, CSV or NDJSON, as it is or compressed by gzip."""

    conditions = {"POST": frozenset({IDEMPOTENCY_KEY})}

    def known_parameters(self, request: Request) -> frozenset[str]:
        """Beside those of HOW, one a contact field: its column."""
        return HOW | {name for name, _ in sent_parameters(request) if name.startswith(COLUMN)}

    @schema.imports
    def post(self, request: Request) -> Response:
        read_as = self.read_as()
        digest = hashlib.sha256()
        file = files.receive(
            account_id=self.account_id, read=self.read, limit=settings.IMPORT_MAX_BYTES, seen=digest.update
        )
        used: list[Import] = []
        try:
            self.check_complete(file)
            return self.once(lambda: self.begin(file, read_as, used), digest.digest())
        finally:
            if not used:
                files.delete(file=file)

    def begin(self, file: StoredFile, read_as: imports.Settings, used: list[Import]) -> Response:
        started = imports.begin(
            account=Account.objects.get(pk=self.account_id),
            id_field_id=self.caller.id_field_id,
            authentication_id=self.caller.authentication_id,
            file=file,
            read_as=read_as,
            by=self.by,
        )
        used.append(started)
        location = f"/api/v1/imports/{started.pk}"
        return Response(queries.import_json(started), status=202, headers={"Location": location})

    def read(self, size: int) -> bytes:
        """More of the body. Raises TooLarge when more is announced than is taken."""
        if int(self.request.META.get("CONTENT_LENGTH") or 0) > settings.IMPORT_MAX_BYTES + 1:
            raise TooLarge.beyond(settings.IMPORT_MAX_BYTES, "split the file")
        return self.request._request.read(size)

    def check_complete(self, file: StoredFile) -> None:
        """Raises Incomplete when the connection broke, ValidationFailed for an empty body."""
        is_chunked = "HTTP_TRANSFER_ENCODING" in self.request.META
        if not is_chunked and file.size < int(self.request.META.get("CONTENT_LENGTH") or 0):
            raise Incomplete("Less was sent than Content-Length says. Send it again.")
        if not file.size:
            raise ValidationFailed.of("", "required", "Send the file as the body.")

    def read_as(self) -> imports.Settings:
        """How the caller wants the file to be read. Raises UnsupportedMediaType, ValidationFailed."""
        media_type, *described = (part.strip() for part in self.request.headers.get("Content-Type", "").split(";"))
        coding = self.request.headers.get("Content-Encoding", "identity").strip().lower()
        if media_type.lower() not in FORMATS:
            raise exceptions.UnsupportedMediaType(media_type, f"Send {' or '.join(FORMATS)}.")
        if coding not in {"", "identity", "gzip"}:
            raise exceptions.UnsupportedMediaType(coding, "Send the file as it is, or compressed by gzip.")
        sent = Parameters(self.told(described))
        read_as = imports.Settings(
            format=FORMATS[media_type.lower()],
            is_compressed=coding == "gzip",
            mode=Mode(sent.one("mode", parameters.one_of("merge", "replace"), "merge")),
            columns=self.columns(sent),
            delimiter=sent.one("delimiter", parameters.one_of(*DELIMITERS), ""),
            encoding=sent.one("encoding", parameters.one_of(*ENCODINGS), ""),
        )
        sent.check()
        return read_as

    def told(self, described: Sequence[str]) -> list[tuple[str, str]]:
        """The parameters; the encoding may stand in the Content-Type as its charset."""
        told = list(sent_parameters(self.request))
        if not any(name == "encoding" for name, _ in told):
            charsets = (each.partition("=") for each in described)
            told += [("encoding", text.strip('"').lower()) for name, _, text in charsets if name.lower() == "charset"]
        return told

    def columns(self, sent: Parameters) -> dict[str, str]:
        """Contact field, or external_id → the column that the caller names."""
        found = {}
        for name in dict.fromkeys(name for name, _ in sent.sent if name.startswith(COLUMN)):
            field = name.removeprefix(COLUMN)
            if field != EXTERNAL_ID and field not in self.context.fields:
                detail = f"There is no contact field “{field[:63]}”; GET /fields lists them."
                sent.errors.append(FieldError(name[:100], "unknown_field", detail))
            found[field] = sent.one(name, str)
        return found


class ImportView(ImportAPIView):
    """What has become of an import so far."""

    @schema.one_import
    def get(self, request: Request, import_id: UUID) -> Response:
        return Response(queries.import_json(self.found(import_id)))


class ImportErrorsView(ImportAPIView):
    """The rows that were left out."""

    parameters = {"GET": frozenset({"cursor", "page_size"})}

    @schema.import_errors
    def get(self, request: Request, import_id: UUID) -> Response:
        sent = Parameters(sent_parameters(request))
        after = sent.one("cursor", parameters.change_number, 0)
        size = sent.one("page_size", parameters.page_size, USUAL_PAGE)
        sent.check()
        errors, end = queries.rejected_rows(source=self.found(import_id), after=after, size=size)
        return Response({"errors": errors, "next_cursor": end})


class ImportDecisionView(ImportAPIView):
    """Pauses, resumes or cancels an import."""

    decide: Callable[..., Job]

    def post(self, request: Request, import_id: UUID) -> Response:
        found = self.found(import_id)
        found.job = type(self).decide(job=found.job, by=self.by)
        return Response(queries.import_json(found))


class PauseImportView(ImportDecisionView):
    """Stops an import after its current step."""

    decide = jobs.pause
    post = schema.pause_import(ImportDecisionView.post)


class ResumeImportView(ImportDecisionView):
    """Goes on with a paused import."""

    decide = jobs.resume
    post = schema.resume_import(ImportDecisionView.post)


class CancelImportView(ImportDecisionView):
    """Ends an import after its current step; what was written stays."""

    decide = jobs.cancel
    post = schema.cancel_import(ImportDecisionView.post)
