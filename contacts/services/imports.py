"""Imports: a file of contacts, read in the background and written chunk by chunk, each with the progress it makes."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils.module_loading import import_string
from django_tasks import task

from accounts.actor import Actor
from accounts.errors import DomainError, ValidationFailed
from accounts.models import Account
from accounts.permissions import Capability
from accounts.services import audit, members
from contacts import rows
from contacts.api.caller import Caller
from contacts.models import Import, Job, RejectedRow, StoredFile
from contacts.overlay import Mode, Record
from contacts.services import jobs, sources, sync
from contacts.services.sources import Read, Row
from contacts.services.sync import Origin, Result

CHUNK = 500
"""Rows that are written in one transaction: a single write of the same account waits for no more."""
SKIPPED = 50_000
"""Rows that were written before, between two signs of life."""
MAX_REJECTED = 100_000
"""Rejections that are listed; all are counted."""
START = {
    "row": 0,
    "consumed": 0,
    "rows": 0,
    "created": 0,
    "linked": 0,
    "updated": 0,
    "unchanged": 0,
    "rejected": 0,
    "left_out": [],
}
WITHOUT_VALUES = {
    "blocked_value": "This stands for nobody; leave it empty, or the row out.",
    "invalid_email": "This is no e-mail address.",
}
"""Reasons in place of those that would quote a value."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How a file is to be read (see contacts.models.Import)."""

    format: str
    is_compressed: bool = False
    mode: Mode = Mode.MERGE
    columns: Mapping[str, str] = field(default_factory=dict)
    delimiter: str = ""
    encoding: str = ""


@transaction.atomic
def begin(
    *, account: Account, id_field_id: int, authentication_id: UUID, file: StoredFile, read_as: Settings, by: Actor
) -> Import:
    """Queues the import of a file for an id field, on behalf of an authentication."""
    job = jobs.begin(account=account, task=run, by=by)
    started: Import = Import.objects.for_account(account).create(
        job=job,
        file=file,
        size=file.size,
        id_field_id=id_field_id,
        authentication_id=authentication_id,
        request_id=by.request_id,
        format=read_as.format,
        is_compressed=read_as.is_compressed,
        mode=read_as.mode,
        columns=dict(read_as.columns),
        delimiter=read_as.delimiter,
        encoding=read_as.encoding,
    )
    audit.record(account=account, action="import.started", object_id=started.pk, object_label=started.format, by=by)
    return started


@task()
def run(*, job_id: str, number: int) -> None:
    """An attempt at an import, by a worker."""
    jobs.attempt(job_id=UUID(job_id), number=number, work=_work)


def _work(job: Job) -> None:
    source: Import = Import.objects.for_account(job.account_id).select_related("id_field", "file").get(job=job)
    progress = START | job.progress
    consumed = Counter[str]()
    record = import_string(settings.USAGE_RECORD)
    columns: dict[str, int] = {}
    is_csv = source.format == Import.Format.CSV
    for chunk in _chunks(sources.rows_of(source, consumed), after=progress["row"], header=is_csv):
        caller = _caller(source)
        context = sources.context_of(source)
        if chunk.header is not None and not columns:
            columns, progress["left_out"] = sources.columns_of(source, chunk.header, context)
        if not chunk.rows:
            jobs.beat(job=job)
            continue
        read = list(sources.records_of(source, chunk.rows, len(chunk.header or ()), columns, context))
        progress |= {"row": chunk.rows[-1][0], "consumed": consumed["bytes"]}
        accepted = _write(job, source, read, progress)
        if caller is not None:
            record(key=caller.key, written=accepted)
        progress = job.progress


def _caller(source: Import) -> Caller | None:
    """Whose key it is, None for a person; they may still write. Raises DomainError."""
    if source.person_id is not None:
        members.check_again(account_id=source.account_id, user_id=source.person_id, capability=Capability.EDIT_CONTACTS)
        return None
    check = import_string(settings.CALLER_CHECK)
    caller: Caller = check(account_id=source.account_id, authentication_id=source.authentication_id)
    return caller


@dataclass(slots=True)
class _Chunk:
    header: Sequence[str] | None
    rows: list[Row]


def _chunks(found: Iterable[Row], *, after: int, header: bool) -> Iterator[_Chunk]:
    """Rows behind a number in chunks; empty ones as signs of life while others are skipped. What can't be read is
    raised behind all that could be."""
    first: Sequence[str] | None = None
    chunk: list[Row] = []
    failure: DomainError | None = None
    try:
        for number, row in found:
            if header and number == 1:
                first = row
            elif number > after:
                chunk.append((number, row))
            if len(chunk) == CHUNK or (number <= after and number % SKIPPED == 0):
                yield _Chunk(first, chunk)
                chunk = []
    except rows.Unreadable as refusal:
        failure = refusal
    if header and first is None and failure is None:
        first = ()
    if chunk or first is not None:
        yield _Chunk(first, chunk)
    if failure is not None:
        raise failure


def _write(job: Job, source: Import, read: Sequence[Read], progress: dict[str, Any]) -> int:
    """A chunk with its rejections and the progress that it makes: all of it or nothing. How many rows were accepted."""
    records = [record for _, record in read if isinstance(record, Record)]
    with transaction.atomic():
        written = iter(
            sync.write(
                account_id=source.account_id,
                id_field_id=source.id_field_id,
                records=records,
                origin=_origin(source, job),
            )
            if records
            else []
        )
        results = [
            (number, Result(error=each) if isinstance(each, DomainError) else next(written)) for number, each in read
        ]
        refused = [(number, result.error) for number, result in results if result.error is not None]
        _list_rejected(source, refused, room=MAX_REJECTED - progress["rejected"])
        counts = Counter(result.outcome or "rejected" for _, result in results) + Counter(rows=len(results))
        jobs.step(job=job, progress=progress | {name: progress[name] + count for name, count in counts.items()})
    return len(results) - len(refused)


def _origin(source: Import, job: Job) -> Origin:
    """The values are those of the system's records, whoever handed the file over: they are written through the
    external ids, as if the system itself had sent them. The write names the person."""
    by = "" if source.person_id is None else job.created_by
    return Origin(source.authentication_id, source.request_id, by)


def _list_rejected(source: Import, refused: Sequence[tuple[int, DomainError]], room: int) -> None:
    RejectedRow.objects.for_account(source.account_id).bulk_create(
        RejectedRow(source=source, row=number, code=code, field=name[:150], reason=reason[:500])
        for number, error in refused[: max(room, 0)]
        for code, name, reason in _reasons(error)
    )


def _reasons(error: DomainError) -> Iterator[tuple[str, str, str]]:
    """Code, field and reason of each thing that is wrong."""
    if not isinstance(error, ValidationFailed):
        yield error.code, "", error.detail
        return
    for each in error.errors:
        yield (
            each.code,
            each.field.removeprefix("/").removeprefix("values/"),
            WITHOUT_VALUES.get(each.code, each.detail),
        )
