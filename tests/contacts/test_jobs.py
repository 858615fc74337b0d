"""Background jobs: who may work at one, and what happens when that goes wrong."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction
from django.utils import timezone
from django_tasks.base import TaskResultStatus
from django_tasks_db.models import DBTaskResult

from accounts.actor import SYSTEM
from contacts.management.commands.worker import tidy_up
from contacts.models import Contact, ContactBook, FilePart, Import, Job, RejectedRow, SearchIndex, StoredFile
from contacts.services import files, imports, jobs
from tests import factories
from tests.config.environment import ROOT
from tests.journeys.conftest import environment
from tests.work import work

CSV = b"external_id,email\n" + b"".join(b"%d,p%d@example.com\n" % (n, n) for n in range(6)) + b"x,nobody\n"


def begin(body: bytes = CSV) -> Import:
    account = factories.AccountFactory.create()
    issued = factories.authentication_for(account)
    return imports.begin(
        account=account,
        id_field_id=factories.default_id_field(account).pk,
        authentication_id=issued.authentication.pk,
        file=files.receive(account_id=account.pk, read=BytesIO(body).read, limit=10**9, seen=len),
        read_as=imports.Settings("csv"),
        by=SYSTEM,
    )


def job() -> Job:
    found: Job = Job.all_accounts.get()
    return found


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "CHUNK", 2)


@pytest.mark.django_db
def test_only_one_attempt_takes_a_job_up() -> None:
    begin()
    taken: list[int] = []

    def take(found: Job) -> None:
        taken.append(found.attempts)
        jobs.attempt(job_id=found.pk, number=0, work=take)  # another worker, told the same
        jobs.attempt(job_id=found.pk, number=1, work=take)

    jobs.attempt(job_id=job().pk, number=0, work=take)
    assert taken == [1]
    assert job().state == Job.State.COMPLETED
    work()
    assert taken == [1]


@pytest.mark.django_db
def test_a_step_of_an_attempt_that_lost_its_job_is_taken_back() -> None:
    begin()

    def work_too_long(found: Job) -> None:
        Job.all_accounts.update(attempts=2)  # it was rescued meanwhile
        with transaction.atomic():
            RejectedRow.objects.for_account(found.account_id).create(
                source=Import.all_accounts.get(), row=1, code="x", reason="x"
            )
            jobs.step(job=found, progress={"row": 1})

    jobs.attempt(job_id=job().pk, number=0, work=work_too_long)
    assert not RejectedRow.all_accounts.exists()
    assert (job().state, job().attempts, job().progress) == (Job.State.RUNNING, 2, {})


@pytest.mark.django_db
def test_a_silent_job_and_a_lost_task_are_rescued_and_nothing_else() -> None:
    begin()
    assert jobs.rescue() == 0
    Job.all_accounts.update(queued_at=timezone.now() - timedelta(hours=1))
    assert jobs.rescue() == 0, "its task is waiting"
    DBTaskResult.objects.update(status=TaskResultStatus.RUNNING)  # by a worker that was killed before it took the job
    assert jobs.rescue() == 1
    assert DBTaskResult.objects.ready().count() == 1
    Job.all_accounts.update(state=Job.State.RUNNING, attempts=1, heartbeat_at=timezone.now())
    assert jobs.rescue() == 0
    Job.all_accounts.update(heartbeat_at=timezone.now() - timedelta(minutes=2))
    assert jobs.rescue() == 1
    assert (job().state, job().stalls) == (Job.State.QUEUED, 1)


@pytest.mark.django_db
def test_a_job_that_never_gets_on_is_given_up_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    begin()
    monkeypatch.setattr(jobs, "FIRST_DELAY", timedelta(0))

    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("jan@example.com")

    monkeypatch.setattr(imports, "_write", fail)
    work()
    assert (job().state, job().failure_code, job().attempts) == ("failed", "internal_error", jobs.MAX_STALLS + 1)
    assert "jan@" not in job().failure_detail
    assert job().ended_at is not None


@pytest.mark.django_db
def test_attempts_that_do_not_get_on_come_less_and_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    begin()
    monkeypatch.setattr(imports, "_work", lambda _: 1 / 0)
    delays = []
    for number in range(3):
        now = timezone.now()
        jobs.attempt(job_id=job().pk, number=number, work=imports._work)
        delays.append(round((job().queued_at - now).total_seconds()))
    assert delays == [1, 2, 4]


@pytest.mark.django_db
def test_a_worker_that_is_asked_to_stop_lets_go_after_the_step(monkeypatch: pytest.MonkeyPatch) -> None:
    begin()
    step = jobs.step

    def step_and_stop(**kwargs: Any) -> None:
        step(**kwargs)
        jobs.stopping.set()

    try:
        with monkeypatch.context() as patch:
            patch.setattr(jobs, "step", step_and_stop)
            jobs.attempt(job_id=job().pk, number=0, work=imports._work)
    finally:
        jobs.stopping.clear()
    assert (job().state, job().stalls, job().progress["row"]) == (Job.State.QUEUED, 0, 3)
    work()
    assert (job().state, job().progress["created"], job().progress["rejected"]) == (Job.State.COMPLETED, 6, 1)


@pytest.mark.django_db
def test_what_is_old_is_deleted_and_nothing_else() -> None:
    old, new = begin(), begin()
    left_over = StoredFile.objects.for_account(old.account).create()
    work()
    Job.objects.for_account(old.account).update(ended_at=timezone.now() - timedelta(days=8))
    StoredFile.all_accounts.update(created_at=timezone.now() - timedelta(days=8))
    task = DBTaskResult.objects.order_by("enqueued_at").first()
    assert task is not None
    DBTaskResult.objects.filter(pk=task.pk).update(started_at=timezone.now() - timedelta(days=8))
    tidy_up()
    assert list(StoredFile.all_accounts.all()) == [new.file]
    assert FilePart.all_accounts.count() == 1
    assert {each.pk: each.file for each in Import.all_accounts.all()} == {old.pk: None, new.pk: new.file}
    assert not StoredFile.all_accounts.filter(pk=left_over.pk).exists()
    assert DBTaskResult.objects.count() == 1


@contextmanager
def full_disk() -> Iterator[None]:
    """The database can't grow: for real on SQLite; on PostgreSQL its server says so, by a trigger."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("PRAGMA page_count")
            cursor.execute(f"PRAGMA max_page_count = {cursor.fetchone()[0]}")
            yield
            cursor.execute("PRAGMA max_page_count = 1073741823")
            return
        cursor.execute(
            """
            CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$;
            """
        )
        cursor.execute(
            "CREATE TRIGGER full_disk BEFORE INSERT ON contacts_contact FOR EACH ROW EXECUTE FUNCTION full_disk()"
        )
        yield
        cursor.execute("DROP FUNCTION full_disk CASCADE")


@pytest.mark.django_db(transaction=True)
def test_a_full_disk_leaves_nothing_half_written_and_the_worker_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "CHUNK", 5000)
    rows = b"".join(b"%d,p%d@example.com\n" % (number, number) for number in range(5000))
    begin(b"external_id,email\n" + rows)
    with full_disk():
        work()
    assert not Contact.all_accounts.exists()
    assert (job().state, job().stalls, job().progress) == (Job.State.QUEUED, 1, {})
    time.sleep((job().queued_at - timezone.now()).total_seconds() + 0.1)
    work()
    assert (job().state, job().progress["created"]) == (Job.State.COMPLETED, 5000)
    assert Contact.all_accounts.count() == 5000


@pytest.mark.sqlite
@pytest.mark.django_db(transaction=True)
def test_a_full_disk_refuses_a_file_and_keeps_none_of_it() -> None:
    account = factories.AccountFactory.create()
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA page_count")
        cursor.execute(f"PRAGMA max_page_count = {cursor.fetchone()[0] + 1000}")
    with pytest.raises(OperationalError, match="full"):
        files.receive(account_id=account.pk, read=BytesIO(b"x" * 10**7).read, limit=10**9, seen=len)
    assert not StoredFile.all_accounts.exists()
    assert not FilePart.all_accounts.exists()
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA max_page_count = 1073741823")


@pytest.mark.django_db(transaction=True)
def test_the_command_works_until_the_queue_is_empty(tmp_path: Path) -> None:
    begin()
    command = [sys.executable, "manage.py", "worker", "--batch"]
    done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert job().state == Job.State.COMPLETED
    assert SearchIndex.all_accounts.get().last_change == ContactBook.all_accounts.get().last_change > 0
    assert "Traceback" not in done.stderr


@pytest.mark.django_db(transaction=True)
def test_the_command_stops_when_it_is_asked_to_or_when_what_started_it_ends(tmp_path: Path) -> None:
    shell = f"{sys.executable} manage.py worker --with-parent & echo $!; sleep 3"
    started = subprocess.run(
        ["/bin/sh", "-c", shell], cwd=ROOT, env=environment(), stdout=subprocess.PIPE, text=True, timeout=60, check=True
    )
    deadline = time.monotonic() + 20
    while Path(f"/proc/{started.stdout.strip()}").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert time.monotonic() < deadline
    with subprocess.Popen([sys.executable, "manage.py", "worker"], cwd=ROOT, env=environment()) as process:
        time.sleep(3)
        process.terminate()
        assert process.wait(20) == 0
