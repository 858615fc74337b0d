"""Faults planted in the engine: each must be caught by the generated sequences, or those prove nothing."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError
from hypothesis import HealthCheck, Phase, given, settings

from contacts import matching, overlay
from contacts.overlay import Chunk, State
from contacts.provenance import Entry, Stamp
from contacts.services import store
from tests.contacts import test_sequences
from tests.contacts.test_sequences import RULES, play, sequences

pytestmark = pytest.mark.django_db


def drop_the_overlay(patch: pytest.MonkeyPatch) -> None:
    """Records don't see the keys that the records before them gained and lost."""
    patch.setattr(overlay, "_move", lambda *_: None)


def ignore_occupancy(patch: pytest.MonkeyPatch) -> None:
    """A contact gets a second id in a field of a system."""
    real = matching.decide
    patch.setattr(matching, "decide", lambda **given: real(**{**given, "occupied": lambda _: False}))


def skip_the_second_look_up(patch: pytest.MonkeyPatch) -> None:
    """Keys that came to be by combining sent and stored values find nobody."""
    real, calls = store.holders, iter(range(10**9))

    def holders(**given: Any) -> Any:
        return real(**given) if next(calls) % 2 == 0 else real(book=given["book"], keys=())

    patch.setattr(store, "holders", holders)


def forget_own_ids_of_the_chunk(patch: pytest.MonkeyPatch) -> None:
    """A repeated new id in a chunk is taken for new twice."""
    real = Chunk._apply

    def apply(self: Chunk, step: Any) -> None:
        own = dict(self.own)
        real(self, step)
        self.own = own

    patch.setattr(Chunk, "_apply", apply)


def keep_the_first_writer(patch: pytest.MonkeyPatch) -> None:
    """A value that another writer changed stays the first one's."""

    def written(entry: Entry | None, old: str | None, new: str | None, stamp: Stamp) -> Entry | None:
        return entry if entry is not None else None if new is None else Entry(stamp)

    patch.setattr(overlay, "written", written)


def let_later_rules_rescue(patch: pytest.MonkeyPatch) -> None:
    """A rule that finds several does not decide; the next one does."""
    real = matching.decide

    def decide(**given: Any) -> Any:
        unique = [found for found in given["found"] if len(found.contacts) == 1]
        return real(**{**given, "found": unique or given["found"]})

    patch.setattr(matching, "decide", decide)


def forget_gone_keys(patch: pytest.MonkeyPatch) -> None:
    """A contact whose address is emptied is still found by it."""
    real = store._save_keys

    def save_keys(book: Any, touched: list[State]) -> None:
        for state in touched:
            for rule in book.rules:
                if matching.key(rule, state.values) is None:
                    state.keys_before.pop(rule.number, None)
        real(book, touched)

    patch.setattr(store, "_save_keys", save_keys)


EMAIL, EMAIL_OR_NAME, COMBINED = RULES[0], RULES[1], RULES[3]
FAULTS: dict[Callable[[pytest.MonkeyPatch], None], Any] = {
    drop_the_overlay: EMAIL,
    ignore_occupancy: EMAIL,
    skip_the_second_look_up: COMBINED,
    forget_own_ids_of_the_chunk: EMAIL,
    keep_the_first_writer: EMAIL,
    let_later_rules_rescue: EMAIL_OR_NAME,
    forget_gone_keys: EMAIL,
}
"""Each with the rules under which it shows."""


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_planted_fault_is_caught(
    fault: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    fault(monkeypatch)
    reached = dict(test_sequences.reached)

    @settings(
        max_examples=300,
        derandomize=True,
        deadline=None,
        phases=[Phase.generate],
        database=None,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(sequence=sequences())
    def generated(sequence: Any) -> None:
        play(FAULTS[fault], "create", sequence)

    with pytest.raises((AssertionError, IntegrityError)):  # a constraint is the last line of defence
        generated()
    test_sequences.reached.clear()
    test_sequences.reached.update(reached)
