"""Background jobs that survive whatever happens to their workers.

The queue (django-tasks) only says that somebody should look at a job. The job's row says who is at it and how far it
is: a step of the work and the progress that it makes are one transaction, and only the latest attempt can make one.
Whoever is killed is noticed by the silence, and the next attempt goes on where the last step ended.
"""

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from threading import Event
from typing import Any
from uuid import UUID

import structlog
from django.db import transaction
from django.utils import timezone
from django.utils.module_loading import import_string
from django_tasks.base import Task, TaskResultStatus
from django_tasks_db.models import DBTaskResult

from accounts.actor import SYSTEM, Actor
from accounts.errors import Conflict, DomainError
from accounts.models import Account
from accounts.services import audit
from contacts.models import Job

log = structlog.get_logger(__name__)

State = Job.State
SILENCE = timedelta(seconds=60)
"""After this long without a step a job's worker is taken for dead. No step takes as long."""
MAX_STALLS = 8
"""Attempts in a row that did not get on, before it is given up."""
FIRST_DELAY = timedelta(seconds=1)
"""Before the next attempt; doubles with each that did not get on."""
KEPT = timedelta(days=7)
"""How long the queue remembers what it has done."""

stopping = Event()
"""Set when this process is asked to stop: a job then lets go after its current step."""

Work = Callable[[Job], None]


class LetGo(Exception):
    """Ends an attempt without a word: the job is another's now, or nobody's. Its current step is taken back."""


def begin(*, account: Account, task: Task[Any, None], by: Actor) -> Job:
    """Queues a job, in the transaction of what caused it."""
    job: Job = Job.objects.for_account(account).create(task=task.module_path, created_by=by.label)
    _queue(job)
    return job


def draft(*, account: Account, task: Task[Any, None], by: Actor) -> Job:
    """A job that waits for somebody to start it."""
    job: Job = Job.objects.for_account(account).create(task=task.module_path, state=State.DRAFT, created_by=by.label)
    return job


@transaction.atomic
def start(*, job: Job, by: Actor) -> None:
    """Queues a draft, on behalf of who starts it. Raises Conflict `job_state`."""
    _change(job, (State.DRAFT,), state=State.QUEUED, created_by=by.label)
    job.state, job.created_by = State.QUEUED, by.label
    _queue(job)


def attempt(*, job_id: UUID, number: int, work: Work) -> None:
    """Takes a job up, unless somebody else has, and works at it to its end.

    `number`: how many attempts there had been when this one was queued. The work calls `step` in the transaction of
    each step, and `LetGo` may come out of that.
    """
    now = timezone.now()
    mine = Job.all_accounts.filter(pk=job_id, state=State.QUEUED, attempts=number)
    if not mine.update(state=State.RUNNING, attempts=number + 1, heartbeat_at=now):
        return
    job: Job = Job.all_accounts.get(pk=job_id)
    if job.started_at is None:
        job.started_at = now
        Job.objects.for_account(job.account_id).save_fields(job, "started_at")
    structlog.contextvars.bind_contextvars(job=str(job.pk), attempt=job.attempts)
    try:
        work(job)
        _move(job, State.COMPLETED)
    except LetGo:
        log.info("job_let_go")
        _move(job, State.QUEUED)  # where it is this attempt's still: the process is to stop
    except DomainError as refusal:
        _move(job, State.FAILED, failure_code=refusal.code, failure_detail=refusal.detail[:500])
    except Exception:
        # Whatever it was, the step was taken back. It may be over when somebody tries again.
        log.exception("job_stalled")
        _stalled(job)
    finally:
        structlog.contextvars.unbind_contextvars("job", "attempt")


def step(*, job: Job, progress: dict[str, Any]) -> None:
    """Notes how far the work is, in the transaction that got it there. Raises LetGo, which must take that back, when
    the job is not this attempt's any more, or this process is to stop."""
    beat(job=job, progress=progress, stalls=0)
    job.progress = progress


def beat(*, job: Job, **fields: Any) -> None:
    """Says that somebody is at it. Raises LetGo as `step` does."""
    if stopping.is_set() or not _held(job).update(heartbeat_at=timezone.now(), **fields):
        raise LetGo


def pause(*, job: Job, by: Actor) -> Job:
    """Stops after the current step, until it is resumed. Raises Conflict `job_state`."""
    return _decide(job, (State.QUEUED, State.RUNNING), State.PAUSED, by)


def resume(*, job: Job, by: Actor) -> Job:
    """Goes on. Raises Conflict `job_state`."""
    return _decide(job, (State.PAUSED,), State.QUEUED, by)


def cancel(*, job: Job, by: Actor) -> Job:
    """Ends it after the current step; what was done stays. Raises Conflict `job_state`."""
    return _decide(job, (State.QUEUED, State.RUNNING, State.PAUSED), State.CANCELLED, by)


def cancel_paused() -> None:
    """Cancels what nobody resumed in time, of all accounts: else its file would be kept for ever."""
    for job in Job.all_accounts.filter(state=State.PAUSED, paused_at__lt=timezone.now() - Job.PAUSE_LASTS):
        with suppress(Conflict):  # somebody resumed it at this moment, or another worker was faster
            _decide(job, (State.PAUSED,), State.CANCELLED, SYSTEM)


def discard(*, job: Job) -> None:
    """Ends a draft, which its owner then deletes. Raises Conflict `job_state` when it was started."""
    _change(job, (State.DRAFT,), state=State.CANCELLED, ended_at=timezone.now())


def rescue() -> int:
    """Queues anew what nobody is at: jobs whose worker fell silent, or whose task got lost. How many that were."""
    before = timezone.now() - SILENCE
    silent = list(Job.all_accounts.filter(state=State.RUNNING, heartbeat_at__lt=before))
    for job in silent:
        log.warning("job_rescued", job=str(job.pk), attempt=job.attempts)
        _stalled(job)
    lost = 0
    for job in Job.all_accounts.filter(state=State.QUEUED, queued_at__lt=before):
        waiting = DBTaskResult.objects.filter(pk=job.queued_as, status=TaskResultStatus.READY)
        if not waiting.exists():
            with transaction.atomic():
                _queue(job)
            lost += 1
    return len(silent) + lost


def forget_old_tasks() -> None:
    """Deletes what the queue remembers of attempts, also of those that were never ended."""
    begun = DBTaskResult.objects.exclude(status=TaskResultStatus.READY)
    begun.filter(started_at__lt=timezone.now() - KEPT).delete()


def _held(job: Job) -> Any:
    """The job's row, if it is still this attempt's."""
    return Job.objects.for_account(job.account_id).filter(pk=job.pk, state=State.RUNNING, attempts=job.attempts)


@transaction.atomic
def _move(job: Job, state: str, *, after: timedelta = timedelta(0), **fields: Any) -> None:
    """From running, by this attempt, to another state."""
    if state in Job.ENDED:
        fields["ended_at"] = timezone.now()
    if _held(job).update(state=state, **fields) and state == State.QUEUED:
        _queue(job, after)


def _stalled(job: Job) -> None:
    """Queues the next attempt for later, or gives up."""
    rows = Job.objects.for_account(job.account_id).filter(pk=job.pk)
    stalls = rows.values_list("stalls", flat=True).get() + 1
    if stalls > MAX_STALLS:
        detail = f"It did not get on in {MAX_STALLS} attempts. Ask us, and name its id: our log says why."
        _move(job, State.FAILED, failure_code="internal_error", failure_detail=detail, stalls=stalls)
    else:
        _move(job, State.QUEUED, after=FIRST_DELAY * 2 ** (stalls - 1), stalls=stalls)


@transaction.atomic
def _decide(job: Job, allowed: tuple[str, ...], state: str, by: Actor) -> Job:
    """A person's or a system's decision on a job. Whoever is at it learns of it at the next step."""
    now = timezone.now()
    paused_at, ended_at = (now if state == State.PAUSED else None), (now if state in Job.ENDED else None)
    _change(job, allowed, state=state, paused_at=paused_at, ended_at=ended_at)
    decided: Job = Job.objects.for_account(job.account_id).get(pk=job.pk)
    if state == State.QUEUED:
        _queue(decided)
    account = Account.objects.get(pk=job.account_id)
    action = "job.resumed" if state == State.QUEUED else f"job.{state}"
    audit.record(account=account, action=action, object_id=job.pk, object_label=job.task.split(".")[-2], by=by)
    return decided


def _change(job: Job, allowed: tuple[str, ...], **fields: Any) -> None:
    """Raises Conflict `job_state` unless the job is in one of the allowed states."""
    jobs = Job.objects.for_account(job.account_id)
    if not jobs.filter(pk=job.pk, state__in=allowed).update(**fields):
        now = jobs.values_list("state", flat=True).filter(pk=job.pk).first()
        what = "gone" if now is None else State(now).label.lower()
        raise Conflict(f"That can't be done now: it is {what}.", code="job_state")


def _queue(job: Job, after: timedelta = timedelta(0)) -> None:
    """Asks the workers to take the job up. The row's attempts are what the task will look for."""
    task = import_string(job.task)
    due = timezone.now() + after
    result = task.using(run_after=due if after else None).enqueue(job_id=str(job.pk), number=job.attempts)
    job.queued_as, job.queued_at = UUID(result.id), due
    Job.objects.for_account(job.account_id).save_fields(job, "queued_as", "queued_at")
