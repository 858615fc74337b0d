"""`manage.py worker`: does what waits in the queue, looks after the jobs whose workers are gone, and makes what was
written searchable."""

import os
import signal
import time
from contextlib import suppress
from threading import Event, Thread
from typing import Any

import structlog
from django.core.management.base import BaseCommand, CommandParser
from django.db import DatabaseError, close_old_connections, connection
from django.utils import timezone
from django.utils.crypto import get_random_string
from django_tasks_db.management.commands import db_worker

from contacts.services import drafts, files, idempotency, jobs, search_index

log = structlog.get_logger(__name__)

LOOK = 10
"""Seconds between two looks for silent jobs."""
TIDY = 3600
"""Seconds between two rounds of tidying up."""
LOOK_FOR_CHANGES = 1
"""Seconds between two looks for changes that searches don't find yet."""
PAUSE = 5
"""Seconds after which a worker whose database failed tries again."""


class Worker(db_worker.Worker):
    """Lets go of the job at hand when it is asked to stop, and outlives a database that fails."""

    def shutdown(self, signum: int, frame: Any) -> None:
        jobs.stopping.set()
        super().shutdown(signum, frame)

    def run(self) -> None:
        while True:
            try:
                super().run()
            except DatabaseError:
                log.exception("worker_database_failed")
                with suppress(DatabaseError):
                    connection.close()
                time.sleep(PAUSE)
            else:
                return


class Command(BaseCommand):
    """Any number of these, on any number of machines, share one queue."""

    help = "Works in the background: imports, exports, the search. Run as many as you like, on as many machines."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--interval", type=float, default=0.5, help="seconds between two looks at an empty queue")
        parser.add_argument("--batch", action="store_true", help="do what waits, and end")
        parser.add_argument("--with-parent", action="store_true", help="end when what started this ends")

    def handle(self, *args: Any, interval: float, batch: bool, with_parent: bool, **options: Any) -> None:
        worker = Worker(
            queue_names=["*"],
            interval=interval,
            batch=batch,
            backend_name="default",
            startup_delay=False,
            max_tasks=None,
            worker_id=get_random_string(32),
            excluded_queue_names=[],
        )
        worker.configure_signals()
        done = Event()
        guards = [Thread(target=guard, args=(done,), daemon=True) for guard in (_look_after, _keep_searchable)]
        if with_parent:
            guards.append(Thread(target=_end_with, args=(os.getppid(), done), daemon=True))
        for guard in guards:
            guard.start()
        try:
            worker.run()
            if batch:
                search_index.catch_up_all(stopping=jobs.stopping)
        finally:
            done.set()
            for guard in guards:
                guard.join(LOOK)


def _look_after(done: Event) -> None:
    """Until it is done: rescues jobs, and now and then deletes what is old."""
    tidied = -float(TIDY)
    while True:
        try:
            close_old_connections()
            jobs.rescue()
            if time.monotonic() - tidied > TIDY:
                tidy_up()
                tidied = time.monotonic()
        except Exception:  # whatever it was: who looks after jobs must not be gone
            log.exception("worker_look_failed")
        if done.wait(LOOK):
            connection.close()
            return


def _keep_searchable(done: Event) -> None:
    """Until it is done: indexes what was written."""
    while True:
        try:
            close_old_connections()
            search_index.catch_up_all(stopping=done)
        except Exception:
            log.exception("worker_search_failed")
        if done.wait(LOOK_FOR_CHANGES):
            connection.close()
            return


def _end_with(parent: int, done: Event) -> None:
    while not done.wait(1):
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGTERM)
            return


def tidy_up() -> None:
    """Ends and deletes what was kept long enough."""
    idempotency.delete_old(before=timezone.now() - idempotency.KEPT)
    drafts.delete_old()
    jobs.cancel_paused()
    files.delete_old()
    jobs.forget_old_tasks()
