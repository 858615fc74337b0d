"""The state machine of tests.contacts.machine, over all that it can do; 2,000 sequences on both databases together."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connection
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.contacts.machine import WANTED, Matching, reached

pytestmark = pytest.mark.django_db

SEQUENCES = {"sqlite": 1300, "postgresql": 700}


@contextmanager
def untraced() -> Iterator[None]:
    """Without coverage, which would take longer than all the rest, and learns nothing here."""
    tracer = sys.gettrace()
    sys.settrace(None)
    try:
        yield
    finally:
        sys.settrace(tracer)


def test_one_by_one_in_chunks_and_the_oracle_agree() -> None:
    with untraced():
        run_state_machine_as_test(
            Matching,
            settings=settings(
                max_examples=SEQUENCES[connection.vendor],
                stateful_step_count=6,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )


def test_the_sequences_reach_what_they_are_for() -> None:
    assert not {what for what in WANTED if reached[what] == 0}, reached
