"""Exports: all contacts of an account as one file, made in the background, behind a link that expires."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core import signing
from django.db import transaction
from django.utils import timezone
from django.utils.module_loading import import_string
from django_tasks import task

from accounts import spreadsheets
from accounts.actor import Actor
from accounts.errors import NotFound
from accounts.models import Account
from accounts.services import audit
from contacts import pages
from contacts.models import Contact, ContactField, Export, IdField, Job, StoredFile
from contacts.services import files, jobs

CHUNK = 1000
"""Contacts that are read in one go."""
LINK_LASTS = timedelta(hours=1)
SALT = "contacts.export"

Progress = dict[str, Any]
Columns = dict[str, list[str]]


@transaction.atomic
def begin(*, account: Account, format_: str, by: Actor) -> Export:
    """Queues an export. Who asked for it stands in the account's activity."""
    job = jobs.begin(account=account, task=run, by=by)
    file = StoredFile.objects.for_account(account).create()
    started: Export = Export.objects.for_account(account).create(job=job, file=file, format=format_)
    audit.record(account=account, action="export.started", object_id=started.pk, object_label=format_, by=by)
    return started


@task()
def run(*, job_id: str, number: int) -> None:
    """An attempt at an export, by a worker."""
    jobs.attempt(job_id=UUID(job_id), number=number, work=_work)


def link(*, export: Export) -> tuple[str, str]:
    """A token that opens the file for whoever has it, and until when (ISO 8601)."""
    until = timezone.now() + LINK_LASTS
    return signing.dumps([export.account_id, str(export.pk)], salt=SALT), until.isoformat()


@transaction.atomic
def open_link(*, token: str, by: Actor) -> tuple[Export, Iterator[bytes]]:
    """The export that a link opens, and its content. Stands in the account's activity.

    Raises NotFound `export_not_found` for a token that is none or has expired, a file that is deleted by now, or an
    account that is suspended.
    """
    try:
        account_id, export_id = signing.loads(token, salt=SALT, max_age=LINK_LASTS)
    except signing.BadSignature:
        raise _not_there() from None
    rows = Export.objects.for_account(account_id).select_related("account", "file")
    export: Export | None = rows.filter(
        pk=export_id, job__state=Job.State.COMPLETED, account__suspended_at=None
    ).first()
    if export is None or export.file is None:
        raise _not_there()
    audit.record(
        account=export.account, action="export.downloaded", object_id=export.pk, object_label=export.format, by=by
    )
    return export, files.parts(file=export.file)


def _not_there() -> NotFound:
    return NotFound("This link has expired, or its file was deleted. Ask for a new one.", code="export_not_found")


def _work(job: Job) -> None:
    """Contacts in the order in which they were made, page by page; a page and the progress are one transaction."""
    export: Export = Export.objects.for_account(job.account_id).get(job=job)
    file = StoredFile.objects.for_account(job.account_id).get(pk=export.file_id)
    progress = {"after": None, "parts": 0, "size": 0, "contacts": 0, "columns": _columns(job.account_id)} | job.progress
    record = import_string(settings.USAGE_RECORD)
    csv_ = export.format == Export.Format.CSV
    if csv_ and not progress["parts"]:
        progress = _append(job, file, _csv_header(progress["columns"]), progress)
    while ids := _next_ids(job.account_id, progress["after"]):
        found = pages.contacts_by_id(account_id=job.account_id, id_field_id=0, contact_ids=ids)
        contacts = [found[pk] for pk in ids if pk in found]
        data = _as_csv(contacts, progress["columns"]) if csv_ else _as_ndjson(contacts)
        so_far = {"contacts": progress["contacts"] + len(contacts), "after": str(ids[-1])}
        progress = _append(job, file, data, progress | so_far)
        record(key=job.created_by, read=len(contacts))  # what is no key, such as a person, is nobody's use


@transaction.atomic
def _append(job: Job, file: StoredFile, data: bytes, progress: Progress) -> Progress:
    starts = range(0, len(data), files.PART)
    for number, start in enumerate(starts, progress["parts"]):
        files.append(file=file, number=number, data=data[start : start + files.PART])
    progress = progress | {"parts": progress["parts"] + len(starts), "size": progress["size"] + len(data)}
    jobs.step(job=job, progress=progress)
    return progress


def _next_ids(account_id: int, after: str | None) -> list[UUID]:
    rows = Contact.objects.for_account(account_id).filter(merged_into=None).order_by("pk")
    if after is not None:
        rows = rows.filter(pk__gt=UUID(after))
    return list(rows.values_list("pk", flat=True)[:CHUNK])


def _columns(account_id: int) -> dict[str, list[str]]:
    """The id fields and contact fields as the export begins."""
    return {
        "ids": list(IdField.objects.for_account(account_id).values_list("name", flat=True)),
        "values": list(ContactField.objects.for_account(account_id).values_list("name", flat=True)),
    }


def _as_ndjson(contacts: list[dict[str, Any]]) -> bytes:
    lines = ({name: value for name, value in each.items() if name != "external_id"} for each in contacts)
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines).encode()


def _csv_header(columns: Columns) -> bytes:
    names = ["id", *columns["ids"], *columns["values"], "created_at", "updated_at"]
    return spreadsheets.MARK.encode() + _csv([names])


def _as_csv(contacts: list[dict[str, Any]], columns: Columns) -> bytes:
    rows = []
    for contact in contacts:
        ids = [contact["external_ids"].get(name, []) for name in columns["ids"]]
        values = [contact["values"].get(name) for name in columns["values"]]
        rows.append([contact["id"], *ids, *values, contact["created_at"], contact["updated_at"]])
    return _csv(rows)


def _csv(rows: list[list[Any]]) -> bytes:
    return "".join(spreadsheets.lines(rows)).encode()
