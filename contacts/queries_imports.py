"""Reads of imports for their pages."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from accounts.models import Account
from contacts.columns import EXTERNAL_ID
from contacts.models import ContactField, IdField, Import, Job, RejectedRow
from contacts.queries import COUNTS, estimated_end, progress

PAGE = 1000
"""Rejected rows that are read in one go."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How far an import is: percent of its file, when it should end, and its counts with their names."""

    percent: float
    ends_at: datetime | None
    lapses_at: datetime | None
    """When it is cancelled unless somebody resumes it."""
    counts: Sequence[tuple[str, int]]
    is_under_way: bool
    can_pause: bool
    can_resume: bool


def imports_of(account: Account) -> QuerySet[Import]:
    """All imports of an account, by persons and by calls, the latest first."""
    rows: QuerySet[Import] = Import.objects.for_account(account)
    return rows.select_related("job", "id_field__source_system").order_by("-pk")


def drafts_of(account: Account) -> list[Import]:
    """The files that wait to be started, the latest first."""
    return list(imports_of(account).filter(job__state=Job.State.DRAFT))


def systems_of(account: Account) -> list[IdField]:
    """The id fields that files may be imported into: those whose system is known."""
    rows = IdField.objects.for_account(account).filter(source_system__isnull=False)
    return list(rows.select_related("source_system").order_by("source_system__name", "pk"))


def targets_of(account: Account, system: str) -> list[tuple[str, str]]:
    """What a column may go into, with what people call it."""
    fields = ContactField.objects.for_account(account).filter(retired_at__isnull=True)
    return [("", "Ignore"), (EXTERNAL_ID, f"Id in {system}"), *fields.values_list("name", "label")]


def standing(source: Import) -> Standing:
    """How far it is."""
    job = source.job
    running = job.state in {Job.State.QUEUED, Job.State.RUNNING}
    return Standing(
        percent=round(100 * progress(source), 1),
        ends_at=estimated_end(source),
        lapses_at=None if job.paused_at is None else job.paused_at + Job.PAUSE_LASTS,
        counts=[(name, job.progress.get(name, 0)) for name in COUNTS[1:]],
        is_under_way=running,
        can_pause=running,
        can_resume=job.state == Job.State.PAUSED,
    )


def rejected_of(source: Import) -> QuerySet[RejectedRow]:
    """Why rows were left out, in their order."""
    rows: QuerySet[RejectedRow] = RejectedRow.objects.for_account(source.account_id).filter(source=source)
    return rows.order_by("pk")


def all_rejected(source: Import) -> Iterator[RejectedRow]:
    """The same one by one, never all in memory."""
    after = 0
    while page := list(rejected_of(source).filter(pk__gt=after)[:PAGE]):
        yield from page
        after = page[-1].pk
