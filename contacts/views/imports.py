"""Contacts → Imports: a file in, its columns said, what would happen shown, and what became of it.

A file waits as a draft until it is started. Nothing is written to contacts before.
"""

from collections import Counter
from collections.abc import Sequence
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.decorators import method_decorator
from django.views.decorators.csrf import csrf_exempt, csrf_protect

from accounts import spreadsheets
from accounts.errors import Conflict, DomainError, TooLarge
from accounts.permissions import Capability
from accounts.tenancy.views import AccountView
from contacts import queries_imports
from contacts.forms import MappingForm, ReadingForm, UploadForm
from contacts.models import Import, Job
from contacts.pages import rows_behind
from contacts.services import drafts, jobs, samples
from contacts.services.samples import Foreseen
from contacts.views import places
from contacts.views.uploads import StoringHandler, check_announced

PAGE = 50
WRITING = {"GET": Capability.EDIT_CONTACTS, "POST": Capability.EDIT_CONTACTS}


class ImportsView(AccountView):
    """All imports of the account, by persons and by calls."""

    section = "imports"
    capabilities = {"GET": Capability.SEE}

    def get(self, request: HttpRequest) -> HttpResponse:
        after = places.after(request, UUID)
        rows, more = rows_behind(queries_imports.imports_of(self.account), after, PAGE)
        context = {"rows": rows, "after": after, "more": more, "systems": queries_imports.systems_of(self.account)}
        return self.page("contacts/imports.html", context)


class OneImportView(AccountView):
    """What the pages about one import have in common."""

    section = "imports"

    def found(self, pk: str) -> Import:
        return self.row(Import, "account", "job", "file", "id_field__source_system", pk=pk)


# The body is read, and with it the token, after it is known whose files these are, and into their place at once.
@method_decorator(csrf_exempt, name="dispatch")
class NewImportView(AccountView):
    """Takes a file, which waits as a draft."""

    section = "imports"
    capabilities = WRITING

    def show(self, form: UploadForm, status: int = 200) -> HttpResponse:
        waiting = queries_imports.drafts_of(self.account)
        is_full = len(waiting) >= drafts.MOST
        context = {"form": form, "limit": settings.IMPORT_MAX_BYTES, "waiting": waiting, "is_full": is_full}
        return self.page("contacts/import_new.html", context, status)

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.show(UploadForm(account=self.account))

    def post(self, request: HttpRequest) -> HttpResponseBase:
        """What can't be kept is refused before it is read."""
        try:
            drafts.check_room(account=self.account)
        except Conflict as refusal:
            return self.show(UploadForm(account=self.account), refusal.status)
        try:
            check_announced(request, settings.IMPORT_MAX_BYTES)
        except TooLarge as refusal:
            form = UploadForm({}, account=self.account)
            form.errors.clear()
            form.add_error("file", refusal.detail)
            return self.show(form, refusal.status)
        handler = StoringHandler(self.account.pk, settings.IMPORT_MAX_BYTES)
        request.upload_handlers = [handler]
        taken: list[Import] = []

        def take(request: HttpRequest) -> HttpResponseBase:
            return self.take(request, handler, taken)

        try:
            return csrf_protect(take)(request)
        finally:
            if not taken:
                handler.drop()

    def take(self, request: HttpRequest, handler: StoringHandler, taken: list[Import]) -> HttpResponse:
        form, status = UploadForm(request.POST, request.FILES, account=self.account), 422
        is_valid = form.is_valid()
        if handler.refusal is not None:
            form.errors["file"] = form.error_class([handler.refusal.detail])
            status = handler.refusal.status
        # The last part of the form says that all of it came.
        elif is_valid and handler.stored is not None and "whole" in request.POST:
            try:
                draft = drafts.begin(
                    account=self.account,
                    id_field_id=form.cleaned_data["id_field"],
                    file=handler.stored,
                    file_name=form.cleaned_data["file"].name,
                    by=self.actor,
                )
            except DomainError as error:
                form.add_domain_error(error)
                status = error.status
            else:
                taken.append(draft)
                return self.to("contacts-import-map", pk=str(draft.pk))
        elif is_valid:
            form.add_error("file", "The connection broke before all of the file was here. Send it again.")
        return self.show(form, status)


class MapView(OneImportView):
    """Says which column is what, with what would become of the first rows; starts the import."""

    capabilities = WRITING

    def get(self, request: HttpRequest, pk: str) -> HttpResponse:
        return self.answer(pk, is_final=False)

    def post(self, request: HttpRequest, pk: str) -> HttpResponse:
        return self.answer(pk, is_final="start" in request.POST)

    def answer(self, pk: str, *, is_final: bool) -> HttpResponse:
        """The page by what was chosen, or guessed where nothing was; `is_final` starts the import."""
        draft, sent = self.found(pk), self.request.POST
        if draft.job.state != Job.State.DRAFT:
            return self.to("contacts-import", pk=pk)
        reading = ReadingForm(sent or None, account=self.account)
        if reading.is_valid():
            draft.delimiter, draft.encoding = reading.cleaned_data["delimiter"], reading.cleaned_data["encoding"]
        sample = samples.look(source=draft)
        was_chosen = MappingForm.is_about(sent, sample.header)
        guessed = [] if was_chosen else samples.guess(source=draft, header=sample.header)
        form = MappingForm(
            sent if was_chosen else MappingForm.filled(sample.header, guessed),
            account=self.account,
            sample=sample,
            targets=queries_imports.targets_of(self.account, str(draft.id_field.source_system)),
        )
        foreseen: Sequence[Foreseen] = ()
        if form.is_valid():
            draft.mapped = form.mapped
            try:
                if is_final and was_chosen and sample.problem is None:
                    drafts.start(source=draft, by=self.actor)
                    return self.to("contacts-import", pk=pk)
                foreseen = samples.foresee(source=draft, sample=sample)
            except DomainError as error:
                form.add_domain_error(error)
        return self.show(draft, form, foreseen, status=422 if is_final else 200)

    def show(self, draft: Import, form: MappingForm, foreseen: Sequence[Foreseen], status: int) -> HttpResponse:
        outcomes = Counter(row.outcome for row in foreseen).items()
        context = {"draft": draft, "form": form, "foreseen": foreseen, "outcomes": outcomes}
        return self.page("contacts/import_map.html", context, status)


class ImportView(OneImportView):
    """What has become of an import so far."""

    capabilities = {"GET": Capability.SEE}

    def get(self, request: HttpRequest, pk: str) -> HttpResponse:
        source = self.found(pk)
        if source.job.state == Job.State.DRAFT and self.may(Capability.EDIT_CONTACTS):
            return self.to("contacts-import-map", pk=pk)
        standing = queries_imports.standing(source)
        if getattr(request, "htmx", False) and not standing.is_under_way:
            # The page that asks how far it is: what can be done is another now.
            return HttpResponse(headers={"HX-Refresh": "true"})
        after = places.after(request, int)
        rejected, more = rows_behind(queries_imports.rejected_of(source), after, PAGE)
        context = {"source": source, "standing": standing, "rejected": rejected, "after": after, "more": more}
        return self.page("contacts/import.html", context)


class PauseView(OneImportView):
    """Stops an import after its current step."""

    capabilities = {"POST": Capability.EDIT_CONTACTS}

    def post(self, request: HttpRequest, pk: str) -> HttpResponse:
        try:
            jobs.pause(job=self.found(pk).job, by=self.actor)
        except DomainError as error:
            messages.error(request, error.detail)
        return self.to("contacts-import", pk=pk)


class ResumeView(OneImportView):
    """Goes on with a paused import."""

    capabilities = {"POST": Capability.EDIT_CONTACTS}

    def post(self, request: HttpRequest, pk: str) -> HttpResponse:
        try:
            jobs.resume(job=self.found(pk).job, by=self.actor)
        except DomainError as error:
            messages.error(request, error.detail)
        return self.to("contacts-import", pk=pk)


class CancelView(OneImportView):
    """Ends an import after saying what stays; throws a draft away."""

    capabilities = WRITING

    def get(self, request: HttpRequest, pk: str) -> HttpResponse:
        source = self.found(pk)
        context = {"source": source, "standing": queries_imports.standing(source)}
        return self.page("contacts/import_cancel.html", context)

    def post(self, request: HttpRequest, pk: str) -> HttpResponse:
        source = self.found(pk)
        is_draft = source.job.state == Job.State.DRAFT
        try:
            if is_draft:
                drafts.discard(source=source, by=self.actor)
            else:
                jobs.cancel(job=source.job, by=self.actor)
        except DomainError as error:
            messages.error(request, error.detail)
            return self.to("contacts-import", pk=pk)
        if is_draft:
            messages.success(request, "The file is deleted. Nothing was imported.")
            return self.to("contacts-imports")
        return self.to("contacts-import", pk=pk)


class RejectedView(OneImportView):
    """The rows that were left out, as CSV."""

    capabilities = {"GET": Capability.SEE}

    def get(self, request: HttpRequest, pk: str) -> StreamingHttpResponse:
        source = self.found(pk)
        rows = ((each.row, each.code, each.field, each.reason) for each in queries_imports.all_rejected(source))
        return StreamingHttpResponse(
            spreadsheets.file(("row", "code", "field", "reason"), rows),
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="rejected-{source.pk}.csv"'},
        )
