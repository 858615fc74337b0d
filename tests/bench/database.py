"""A fresh test database for a benchmark, outside of the test runner, and the same state before each measurement."""

import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import django


@contextmanager
def fresh_database() -> Iterator[str]:
    """Sets Django up on a database that is gone afterwards; yields the vendor's name."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    os.environ.setdefault("API_REQUESTS_PER_MINUTE", str(10**9))  # counted as ever, and never met
    django.setup()
    logging.disable(logging.WARNING)  # a line per request would bury the tables
    # After setup: they need the settings.
    from django.db import connection
    from django.test.utils import setup_test_environment

    from integrations.services import usage

    setup_test_environment()
    name = connection.creation.create_test_db(verbosity=0, autoclobber=True)
    try:
        yield connection.vendor
    finally:
        usage.forget()  # what is not written by now would be missed by nobody
        connection.creation.destroy_test_db(name, verbosity=0)


def seconds(work: Callable[[], object]) -> float:
    """How long the work takes, from a state in which no housekeeping is due."""
    settle()
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def settle() -> None:
    """Does what the database would do by itself at some time, or in the middle of a measurement: vacuums, learns how
    its rows are distributed, empties its log. Leaves all that there is now, the input above all, out of the garbage
    collector's work, as a server does when it has started."""
    from django.db import connection

    from config.wsgi import spare_the_collector

    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("VACUUM ANALYZE")
            cursor.execute("CHECKPOINT")
        else:
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    spare_the_collector()
