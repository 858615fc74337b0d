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
from accounts.services import audit
from contacts import payload, queries, rows
from contacts.columns import EXTERNAL_ID, assigned
from contacts.models import ContactField, Import, Job, RejectedRow, StoredFile
from contacts.overlay import Mode, Record
from contacts.payload import Context
from contacts.services import files, jobs, sync
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

Row = tuple[int, Any]
"""Its number, and cells or a line."""
Read = tuple[int, Record | DomainError]


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
    check = import_string(settings.CALLER_CHECK)
    columns: dict[str, int] = {}
    for chunk in _chunks(_rows(source, consumed), after=progress["row"], header=source.format == Import.Format.CSV):
        check(account_id=source.account_id, authentication_id=source.authentication_id)
        context = Context(source.id_field.name, *queries.field_names(source.account_id))
        if chunk.header is not None and not columns:
            columns, progress["left_out"] = _assigned(source, chunk.header, context)
        if not chunk.rows:
            jobs.beat(job=job)
            continue
        read = list(_read(source, chunk, columns, context))
        progress |= {"row": chunk.rows[-1][0], "consumed": consumed["bytes"]}
        _write(job, source, read, progress)
        progress = job.progress


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


def _rows(source: Import, consumed: Counter[str]) -> Iterator[Row]:
    """The rows of the file; counts what has been read of it as it was sent."""

    def parts() -> Iterator[bytes]:
        for part in files.parts(file=source.file) if source.file else ():
            consumed["bytes"] += len(part)
            yield part

    content = rows.unpacked(parts()) if source.is_compressed else parts()
    if source.format == Import.Format.NDJSON:
        return rows.ndjson_rows(content)
    return rows.csv_rows(content, source.delimiter, source.encoding)


def _assigned(source: Import, header: Sequence[str], context: Context) -> tuple[dict[str, int], list[str]]:
    fields = ContactField.objects.for_account(source.account_id).filter(retired_at__isnull=True)
    names = {EXTERNAL_ID: EXTERNAL_ID, context.id_field.casefold(): EXTERNAL_ID}
    for name, label in fields.values_list("name", "label"):
        names |= {label.casefold(): name}
    for name in fields.values_list("name", flat=True):
        names |= {name.casefold(): name}
    return assigned(header, source.columns, names)


def _read(source: Import, chunk: _Chunk, columns: Mapping[str, int], context: Context) -> Iterator[Read]:
    """Records, or why there is none; blank rows are left out."""
    mode, width = Mode(source.mode), len(chunk.header or ())
    for number, row in chunk.rows:
        if not row:
            continue
        try:
            if source.format == Import.Format.NDJSON:
                yield number, payload.read_upsert(row, context, mode)
            else:
                yield number, payload.read_cells(_cells(row, columns, width), context, mode)
        except DomainError as refusal:
            yield number, refusal


def _cells(row: Sequence[str], columns: Mapping[str, int], width: int) -> dict[str, str]:
    """A row's cells by contact field; those that are missing at its end are empty. Raises ValidationFailed for a row
    with more cells than the header, for nobody knows then what is what."""
    if len(row) > width:
        detail = f"The row has {len(row)} cells, the header {width}. Does a value need quotes?"
        raise ValidationFailed.of("", "too_many_cells", detail)
    return {name: row[column] if column < len(row) else "" for name, column in columns.items()}


def _write(job: Job, source: Import, read: Sequence[Read], progress: dict[str, Any]) -> None:
    """A chunk with its rejections and the progress that it makes: all of it or nothing."""
    records = [record for _, record in read if isinstance(record, Record)]
    with transaction.atomic():
        written = iter(
            sync.write(
                account_id=source.account_id,
                id_field_id=source.id_field_id,
                records=records,
                origin=Origin(source.authentication_id, source.request_id),
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
