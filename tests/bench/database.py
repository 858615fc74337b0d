"""A fresh test database for a benchmark, outside of the test runner."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

import django


@contextmanager
def fresh_database() -> Iterator[str]:
    """Sets Django up on a database that is gone afterwards; yields the vendor's name."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    logging.disable(logging.WARNING)  # a line per request would bury the tables
    # After setup: they need the settings.
    from django.db import connection
    from django.test.utils import setup_test_environment

    setup_test_environment()
    name = connection.creation.create_test_db(verbosity=0, autoclobber=True)
    try:
        yield connection.vendor
    finally:
        connection.creation.destroy_test_db(name, verbosity=0)


def put_aside() -> None:
    """Leaves all that there is now, the input of a benchmark above all, out of the garbage collector's work, as a
    server does when it has started."""
    from config.wsgi import spare_the_collector

    spare_the_collector()
