"""Faults planted in the engine and its services: each must be caught by the state machine, or it proves nothing."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import Error
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from contacts import matching, overlay, state
from contacts.overlay import Chunk, Holders
from contacts.provenance import Entry, Parted, Stamp, part
from contacts.services import merged_items, merges, saving, splits, store
from tests.contacts import machine
from tests.contacts.machine import Matching

# What they show does not depend on the database.
pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
Patch = pytest.MonkeyPatch


def drop_the_overlay(patch: Patch) -> None:
    """Records don't see the keys that the records before them gained and lost."""
    patch.setattr(overlay, "move", lambda *_: None)


def ignore_occupancy(patch: Patch) -> None:
    """A contact gets a second id in a field of a system."""
    real = matching.decide
    patch.setattr(matching, "decide", lambda **given: real(**{**given, "occupied": lambda _: False}))


def skip_the_second_look_up(patch: Patch) -> None:
    """Keys that came to be by combining sent and stored values find nobody."""
    real = store.holders_and_pairs

    def holders_and_pairs(book: Any, keys: Any, *rest: Any, **given: Any) -> Any:
        held, pairs = real(book, keys, *rest, **given)
        return {key: Holders() for key in held}, pairs

    patch.setattr(store, "holders_and_pairs", holders_and_pairs)


def forget_own_ids_of_the_chunk(patch: Patch) -> None:
    """A repeated new id in a chunk is taken for new twice."""
    real = Chunk._apply

    def apply(self: Chunk, *given: Any) -> None:
        own = dict(self.own)
        real(self, *given)
        self.own = own

    patch.setattr(Chunk, "_apply", apply)


def keep_the_first_writer(patch: Patch) -> None:
    """A value that another writer changed stays the first one's."""

    def written(entry: Entry | None, old: Any, new: Any, stamp: Stamp) -> Entry | None:
        return entry if entry is not None else None if new is None else Entry(stamp)

    patch.setattr(state, "written", written)


def let_later_rules_rescue(patch: Patch) -> None:
    """A rule that finds several does not decide; the next one does."""
    real = matching.decide

    def decide(**given: Any) -> Any:
        unique = [found for found in given["found"] if found.total == 1]
        return real(**{**given, "found": unique or given["found"]})

    patch.setattr(matching, "decide", decide)


def forget_gone_keys(patch: Patch) -> None:
    """A contact whose address is emptied is still found by it."""
    real = saving._save_keys

    def save_keys(book: Any, touched: Any) -> None:
        for each in touched:
            for signature in [signature for signature, key in each.keys.items() if key is None]:
                del each.keys[signature], each.keys_before[signature]
        real(book, touched)

    patch.setattr(saving, "_save_keys", save_keys)


def ask_by_blocked_values(patch: Patch) -> None:
    """The rule set's own blocked values match."""
    patch.setattr(matching, "asks", lambda *_: True)


def forget_what_is_not_a_match(patch: Patch) -> None:
    """A pair that a person decided is told again."""
    real = store.holders_and_pairs

    def holders_and_pairs(*given: Any, **named: Any) -> Any:
        held, pairs = real(*given, **named)
        return held, dict.fromkeys(pairs, True)

    patch.setattr(store, "holders_and_pairs", holders_and_pairs)


def forget_the_last_contact(patch: Patch) -> None:
    """An id that was split off and sent again is linked by rule to the contact that it was split from."""
    real = store.known

    def known(*given: Any) -> Any:
        found = real(*given)
        found.barred.clear()
        return found

    patch.setattr(store, "known", known)


def split_without_giving_back(patch: Patch) -> None:
    """The contact keeps the values of the id that was split off."""
    patch.setattr(splits, "part", lambda entry, value, writer: Parted(part(entry, value, writer).went, value, entry))


def undo_without_what_came_since(patch: Patch) -> None:
    """An undo puts both contacts back as they were, and loses what was written since."""
    patch.setattr(merges, "_part", lambda _, own, lost, *__: merges._Part(own, lost))


def merge_without_inheriting(patch: Patch) -> None:
    """What was decided of the loser is forgotten."""
    patch.setattr(merged_items, "settle", lambda *_: None)


FAULTS: tuple[Callable[[Patch], None], ...] = (
    drop_the_overlay,
    ignore_occupancy,
    skip_the_second_look_up,
    forget_own_ids_of_the_chunk,
    keep_the_first_writer,
    let_later_rules_rescue,
    forget_gone_keys,
    ask_by_blocked_values,
    forget_what_is_not_a_match,
    forget_the_last_contact,
    split_without_giving_back,
    undo_without_what_came_since,
    merge_without_inheriting,
)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_planted_fault_is_caught(fault: Callable[[Patch], None], monkeypatch: Patch) -> None:
    fault(monkeypatch)
    reached = dict(machine.reached)
    # A constraint is the last line of defence; a fault may also run into the engine's own trust in itself.
    with pytest.raises((AssertionError, Error, KeyError)):
        run_state_machine_as_test(
            Matching,
            settings=settings(
                max_examples=600,
                stateful_step_count=12,
                derandomize=True,
                deadline=None,
                phases=[Phase.generate],
                database=None,
                report_multiple_bugs=False,
                suppress_health_check=list(HealthCheck),
            ),
        )
    machine.reached.clear()
    machine.reached.update(reached)
