"""Generated sequences of writes by three systems: one by one, in random chunks, and in the oracle.

The three must agree on every result and on the whole end state, and hold the invariants. The counters at the end
make sure that the sequences reach what they are for.
"""

import itertools
from collections import Counter
from dataclasses import dataclass
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contacts.models import IdField
from tests.contacts.oracle import Oracle, Result
from tests.contacts.world import NOBODY, SYSTEMS, Outcome, Sent, World

pytestmark = pytest.mark.django_db

EMAILS = ("a@example.com", "A@Example.com", "b@example.com", "B@example.com", "c@example.com", "test@test.com", "")
POSTCODES = ("1011 AB", "1011  ab", "2022 CD", "n/a", None)
NAMES = ("Jansen", "JANSEN", "Null", "", None)
RULES = (
    (("email",),),
    (("email",), ("lastName",)),
    (("email",), ("postalCode", "lastName")),
    (("lastName", "postalCode", "city"), ("email",), ("postalCode",)),
)


@dataclass(frozen=True)
class Run:
    """Records that one system sends in a row, and where a random cut makes chunks of them."""

    system: str
    records: tuple[Sent, ...]
    cuts: tuple[bool, ...]


@dataclass(frozen=True)
class Unlink:
    system: str
    external_id: str


def random_values(random: Random) -> dict[str, str | None]:
    choices = {"email": EMAILS, "postalCode": POSTCODES, "lastName": NAMES, "city": ("Ede", "Goes", None)}
    named = [name for name in choices if random.random() < (0.8 if name == "email" else 0.4)]
    return {name: random.choice(choices[name]) or None for name in named}


def random_record(random: Random) -> Sent:
    return Sent(
        external_id=random.choice(("1", "2", "3", "4", "1001")),
        values=random_values(random),
        mode=random.choice(("merge",) * 6 + ("replace",) * 2 + ("patch",)),
        link_to=random.choice((0, 1, 2, NOBODY)) if random.random() < 0.06 else None,
    )


def random_run(random: Random) -> Run:
    length = random.randint(1, 7)
    return Run(
        random.choice(SYSTEMS),
        tuple(random_record(random) for _ in range(length)),
        tuple(random.random() < 0.3 for _ in range(length)),
    )


def random_step(random: Random) -> Run | Unlink:
    if random.random() < 0.2:
        return Unlink(random.choice(SYSTEMS), random.choice(("1", "2", "3", "4", "1001")))
    return random_run(random)


@st.composite
def sequences(draw: st.DrawFn) -> list[Run | Unlink]:
    """Steps from a random source that hypothesis seeds: drawn choice by choice, they would be short and alike, and
    hardly ever reach an ambiguous match. Hypothesis still shrinks the number of steps.
    """
    random = Random(draw(st.integers(0, 2**32)))
    return [random_step(random) for _ in range(draw(st.integers(1, 8)))]


def chunks(run: Run) -> list[list[Sent]]:
    """The run cut at random, and before each `link_to`: its caller must have seen the contact that it names."""
    result: list[list[Sent]] = [[]]
    for record, cut in zip(run.records, run.cuts, strict=True):
        if result[-1] and (cut or record.link_to is not None):
            result.append([])
        result[-1].append(record)
    return result


def in_world_words(result: Result) -> Outcome:
    """A refusal is a problem, and problems carry no warnings."""
    warnings = frozenset() if result.contact is None else frozenset(result.warnings)
    return Outcome(result.outcome, result.contact, result.matched_by, warnings, tuple(result.candidates))


def oracle_state(oracle: Oracle) -> dict[str, Any]:
    groups: dict[tuple[int, str], set[int]] = {}
    for rule, key, contact in sorted(oracle.keys()):
        groups.setdefault((rule, key), set()).add(contact)
    return {
        "ids": dict(oracle.ids),
        "values": {name: contact.values for name, contact in oracle.contacts.items()},
        "provenance": {
            name: {
                field: (entry.writer, entry.rule, entry.before, entry.shared)
                for field, entry in contact.provenance.items()
            }
            for name, contact in oracle.contacts.items()
        },
        "keys": {(rule, frozenset(contacts)) for (rule, _), contacts in groups.items()},
        "pairs": dict(oracle.pairs),
    }


reached: Counter[str] = Counter()


def count(run: Run, outcomes: list[Outcome]) -> None:
    """What a sequence reached, so that the suite knows that it tests what it says."""
    for chunk in chunks(run):
        ids = [record.external_id for record in chunk]
        reached["repeated id in a chunk"] += len(ids) > len(set(ids))
        reached["chunk of several"] += len(chunk) > 1
    reached["e-mail changed and then matched in the same chunk"] += sum(
        outcome.matched_by is not None and outcome.matched_by.startswith("rule") and index > 0
        for index, outcome in enumerate(outcomes)
    )
    for outcome in outcomes:
        reached[outcome.outcome] += 1
        for warning in outcome.warnings:
            reached[f"warning {warning[0]}"] += 1


def others(ids: dict[tuple[str, str], int], system: str) -> dict[tuple[str, str], int]:
    return {key: contact for key, contact in ids.items() if key[0] != system}


def check_write(world: World, system: str, chunk: list[Sent]) -> list[Outcome]:
    """Writes a chunk and holds invariants 1 (each finds its own) and 2 (nobody else's ids move)."""
    before = world.external_ids()
    outcomes = world.write(system, chunk)
    after = world.external_ids()
    assert others(after, system) == others(before, system)
    for sent, outcome in zip(chunk, outcomes, strict=True):
        if outcome.contact is not None:
            assert after[system, sent.external_id] == outcome.contact
        # Invariant 4: never silent. That the warnings and review items are all there, the oracle says.
        assert outcome.matched_by or outcome.outcome in {"created", "not_found"} or outcome.candidates
    return outcomes


def play(rules: Any, policy: str, sequence: list[Run | Unlink]) -> None:
    single, chunked, oracle = World(rules, policy), World(rules, policy), Oracle(rules, policy)
    for step in sequence:
        if isinstance(step, Unlink):
            expected_unlink = oracle.unlink(step.system, step.external_id).outcome
            assert single.unlink(step.system, step.external_id) == expected_unlink
            assert chunked.unlink(step.system, step.external_id) == expected_unlink
            continue
        expected = [
            in_world_words(oracle.write(step.system, r.external_id, r.values, r.mode, r.link_to)) for r in step.records
        ]
        one_by_one = list(
            itertools.chain.from_iterable(check_write(single, step.system, [record]) for record in step.records)
        )
        assert one_by_one == expected
        in_chunks = list(
            itertools.chain.from_iterable(check_write(chunked, step.system, chunk) for chunk in chunks(step))
        )
        assert in_chunks == expected
        count(step, in_chunks)
    assert single.state() == oracle_state(oracle)
    assert chunked.state() == oracle_state(oracle)


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(rules=st.sampled_from(RULES), policy=st.sampled_from(("create", "reject")), sequence=sequences())
def test_one_by_one_in_chunks_and_the_oracle_agree(rules: Any, policy: str, sequence: list[Run | Unlink]) -> None:
    play(rules, policy, sequence)


def test_the_sequences_reach_what_they_are_for() -> None:
    wanted = {
        "repeated id in a chunk",
        "chunk of several",
        "e-mail changed and then matched in the same chunk",
        *("created", "linked", "updated", "unchanged", "not_found", "id_conflict", "ambiguous_match"),
        *("warning id_conflict", "warning ambiguous", "warning possible_duplicate", "warning blocked_value"),
    }
    assert not {what for what in wanted if reached[what] == 0}, reached


def test_a_bound_id_field_never_changes_its_source_system() -> None:
    """Invariant 7, over the whole account: see also the stories."""
    world = World()
    bound = list(IdField.objects.for_account(world.account).values_list("pk", "source_system_id"))
    for system in SYSTEMS:
        world.write(system, [Sent("1", {"email": "a@example.com"})])
    assert list(IdField.objects.for_account(world.account).values_list("pk", "source_system_id")) == bound
