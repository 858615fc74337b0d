"""Drafts of imports: the file that a person uploaded, until it is said which column is what and the import is started.

Nothing is written to contacts by any of this; what an import would do is foreseen by the real engine.
"""

import itertools
from contextlib import suppress
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from accounts.actor import SYSTEM, Actor
from accounts.errors import Conflict, ValidationFailed
from accounts.models import Account
from accounts.permissions import Capability
from accounts.services import audit, members
from contacts import queries_imports, rows
from contacts.models import ContactField, IdField, Import, Job, StoredFile
from contacts.overlay import Mode
from contacts.rows import Unreadable
from contacts.services import files, imports, jobs, samples, sources

KEPT = timedelta(days=1)
"""How long a draft waits for somebody to start it."""
MOST = 5
"""Drafts that may wait in an account: a file may have a gigabyte."""
START = 4096
"""Bytes from which it is told what a file is."""
GZIP, ZIP = b"\x1f\x8b", b"PK\x03\x04"
CONTROL = frozenset(range(32)) - frozenset(b"\t\n\f\r")
MENDABLE = {"invalid_encoding", "malformed_csv"}
"""What another encoding or delimiter may mend."""


def check_room(*, account: Account) -> None:
    """Raises Conflict `too_many_drafts` when as many files wait as may."""
    if len(queries_imports.drafts_of(account)) >= MOST:
        raise Conflict(
            f"{MOST} files wait to be started already, as many as may. Start one or delete one, then upload this.",
            code="too_many_drafts",
        )


@transaction.atomic
def begin(*, account: Account, id_field_id: int, file: StoredFile, file_name: str, by: Actor) -> Import:
    """Keeps a file for an import into an id field that has a source system.

    Raises ValidationFailed at `id_field` or `file`, Conflict `too_many_drafts`; the caller deletes the file then.
    """
    id_fields = IdField.objects.for_account(account).filter(source_system__isnull=False)
    id_field = id_fields.select_related("source_system").filter(pk=id_field_id).first()
    if id_field is None:
        raise ValidationFailed.of("id_field", "unknown_id_field", "Choose the system that the file came from.")
    source = Import(
        account=account,
        file=file,
        size=file.size,
        id_field=id_field,
        person_id=by.user_id,
        file_name=file_name[:255],
        request_id=by.request_id,
        mode=Mode.MERGE,
    )
    _recognise(source)
    Account.objects.select_for_update(no_key=True).get(pk=account.pk)  # one upload after the other
    check_room(account=account)
    source.job = jobs.draft(account=account, task=imports.run, by=by)
    kept: Import = Import.objects.for_account(account).bulk_create([source])[0]
    audit.record(account=account, action="import.uploaded", object_id=kept.pk, object_label=file_name, by=by)
    return kept


def _recognise(source: Import) -> None:
    """Tells format and compression from the content, whatever the name says. Raises ValidationFailed at `file`."""
    try:
        start = next(sources.content_of(source), b"")[:START]
        source.is_compressed = start.startswith(GZIP)
        if source.is_compressed:
            start = b"".join(itertools.islice(sources.content_of(source), 2))[:START]
        if start.startswith(ZIP):
            raise _refusal("not_csv", "This is a workbook or an archive. Save it as CSV, and upload that.")
        if not start.startswith(tuple(rows.MARKS)) and not CONTROL.isdisjoint(start):
            raise _refusal("not_csv", "This is no text. Upload a CSV or NDJSON file, plain or compressed by gzip.")
        source.format = Import.Format.NDJSON if start.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"{" else Import.Format.CSV
        sample = samples.look(source=source)
    except Unreadable as problem:
        raise _refusal(problem.code, problem.detail) from None
    if sample.problem is None and not sample.rows:
        found = "only a header and no rows" if any(sample.header) else "nothing in it"
        raise _refusal("required", f"The file has {found}.")
    if sample.problem is None and source.format == Import.Format.CSV and not any(sample.header):
        raise _refusal("required", "Row 1 is blank. It has to name the columns.")
    if sample.problem is not None and sample.problem.code not in MENDABLE:
        raise _refusal(sample.problem.code, sample.problem.detail)


def _refusal(code: str, detail: str) -> ValidationFailed:
    return ValidationFailed.of("file", code, detail)


@transaction.atomic
def start(*, source: Import, by: Actor) -> Import:
    """Queues the import as it is set now (`mapped`, `delimiter`, `encoding`), on behalf of who starts it.

    Raises Conflict `job_state` when it is no draft any more, Forbidden when the person may not write, ValidationFailed
    `retired_field`.
    """
    account = source.account
    members.check_again(account_id=account.pk, user_id=by.user_id or 0, capability=Capability.EDIT_CONTACTS)
    retired = ContactField.objects.for_account(account).filter(retired_at__isnull=False, name__in=source.mapped or ())
    if (field := retired.first()) is not None:
        raise ValidationFailed.of(
            "", "retired_field", f"{field.label} was retired just now. Look at the columns again."
        )
    jobs.start(job=source.job, by=by)
    source.person_id, source.request_id = by.user_id, by.request_id
    Import.objects.for_account(account).save_fields(
        source, "mapped", "delimiter", "encoding", "person_id", "request_id"
    )
    audit.record(account=account, action="import.started", object_id=source.pk, object_label=source.file_name, by=by)
    return source


@transaction.atomic
def discard(*, source: Import, by: Actor) -> None:
    """Deletes a draft with its file. Raises Conflict `job_state` when it was started."""
    jobs.discard(job=source.job)
    Import.objects.for_account(source.account_id).filter(pk=source.pk).delete()
    Job.objects.for_account(source.account_id).filter(pk=source.job_id).delete()
    if source.file is not None:
        files.delete(file=source.file)
    audit.record(
        account=source.account, action="import.discarded", object_id=source.pk, object_label=source.file_name, by=by
    )


def delete_old() -> None:
    """Discards the drafts that nobody started in time, of all accounts."""
    before = timezone.now() - KEPT
    waiting = Import.all_accounts.filter(job__state=Job.State.DRAFT, job__created_at__lt=before)
    for source in waiting.select_related("job", "file", "account"):
        with suppress(Conflict):  # somebody started it at this moment, or another worker was faster
            discard(source=source, by=SYSTEM)
