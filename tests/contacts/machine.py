"""A state machine over the matching engine: three systems that write, and people who decide.

Each step goes to a world one record at a time, to a world in random chunks, and to the oracle. The three must agree on
every result and on the whole end state, and hold the invariants. Steps draw a seed and make their input from it: drawn
choice by choice, sequences would be short and alike, and hardly ever reach an ambiguous match.
"""

from collections import Counter
from dataclasses import asdict
from random import Random
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from contacts.models import IdField
from tests.contacts.oracle_people import People
from tests.contacts.oracle_words import Entry, Result, RuleSet
from tests.contacts.world import NOBODY, SYSTEMS, Outcome, Sent, World
from tests.follower import Follower, all_there_is

EMAILS = ("a@example.com", "A@Example.com", "a+x@example.com", "b@example.com", "c@example.com", "test@test.com", "")
POSTCODES = ("1011 AB", "1011  ab", "2022 CD", "n/a", None)
NAMES = ("Jansen", "JANSEN", "Null", "", None)
OWN_IDS = ("1", "2", "3", "4", "1001")
RULES = (
    (("email",),),
    (("email",), ("lastName",)),
    (("email",), ("postalCode", "lastName")),
    (("lastName", "postalCode", "city"), ("email",), ("postalCode",)),
)
BLOCKED: tuple[dict[str, tuple[str, ...]], ...] = ({}, {}, {"email": ("B@example.com",)}, {"lastName": ("jansen ",)})
SEEDS = st.integers(0, 2**32)

reached: Counter[str] = Counter()
"""What the sequences came by, so that the suite knows that it tests what it says."""

WANTED = {
    *("repeated id in a chunk", "chunk of several", "e-mail changed and then matched in the same chunk"),
    *("created", "linked", "updated", "unchanged", "not_found", "id_conflict", "ambiguous_match", "contact_erased"),
    *("warning id_conflict", "warning ambiguous", "warning possible_duplicate", "warning blocked_value"),
    *("policy create", "policy reject", "fields 1", "fields 2", "fields 3", "own blocked values", "folded plus-tags"),
    *("merged", "merged with ids in one field", "written through both ids of a merged contact", "undone after writes"),
    *("undone", "merged_since", "split", "sent again after a split", "edited", "erased", "sent again after an erasure"),
    *("erased by its system", "linked_elsewhere", "lifted", "not_a_match", "later", "publication between writes"),
    "feed read from a number on",
}


def random_values(random: Random) -> dict[str, str | None]:
    choices = {"email": EMAILS, "postalCode": POSTCODES, "lastName": NAMES, "city": ("Ede", "Goes", None)}
    named = [name for name in choices if random.random() < (0.8 if name == "email" else 0.4)]
    return {name: random.choice(choices[name]) or None for name in named}


def random_rules(random: Random) -> RuleSet:
    return RuleSet(
        random.choice(RULES), random.choice(("create", "reject")), random.choice(BLOCKED), random.random() < 0.3
    )


def random_record(random: Random) -> Sent:
    return Sent(
        external_id=random.choice(OWN_IDS),
        values=random_values(random),
        mode=random.choice(("merge",) * 6 + ("replace",) * 2 + ("patch",)),
        link_to=random.choice((0, 1, 2, NOBODY)) if random.random() < 0.06 else None,
    )


def chunks(records: list[Sent], random: Random) -> list[list[Sent]]:
    """The records cut at random, and before each `link_to`: its caller must have seen the contact that it names."""
    result: list[list[Sent]] = [[]]
    for record in records:
        if result[-1] and (random.random() < 0.3 or record.link_to is not None):
            result.append([])
        result[-1].append(record)
    return result


def in_world_words(result: Result) -> Outcome:
    """A refusal is a problem, and problems carry no warnings."""
    warnings = frozenset() if result.contact is None else frozenset(result.warnings)
    return Outcome(result.outcome, result.contact, result.matched_by, warnings, tuple(result.candidates))


def others(ids: dict[tuple[str, str], int], system: str) -> dict[tuple[str, str], int]:
    return {key: contact for key, contact in ids.items() if key[0] != system}


def oracle_state(oracle: People) -> dict[str, Any]:
    """The oracle's state, as World.state tells it."""
    groups: dict[Any, set[int]] = {}
    for each in oracle.contacts.values():
        for held in oracle.keys_of(each.values).items():
            groups.setdefault(held, set()).add(each.name)
    primary: dict[tuple[str, int], str] = {}
    for (field, value), contact in oracle.ids.items():
        primary.setdefault((field, contact), value)

    def told(entry: Entry) -> Any:
        stamps = [(stamp.writer, stamp.rule) for stamp in (entry.stamp, *entry.shared)]
        before = entry.before and (entry.before[0], (entry.before[1].writer, entry.before[1].rule))
        return stamps[0], stamps[1:], before

    states = {"done": "done", "merge_undone": "undone", "contact_erased": "erased"}
    return {
        "ids": dict(oracle.ids),
        "primary": primary,
        "former": dict(oracle.former),
        "erased": len(oracle.erased),
        "merged": {each.name: each.merged_into for each in oracle.contacts.values() if each.merged_into is not None},
        "values": {name: each.values for name, each in oracle.contacts.items()},
        "provenance": {
            name: {field: told(entry) for field, entry in each.entries.items()}
            for name, each in oracle.contacts.items()
        },
        "keys": {(rule, frozenset(contacts)) for (rule, _), contacts in groups.items()},
        "merges": [states[merge.state] for merge in oracle.merges],
        "pairs": dict(oracle.pairs),
        "crowds": Counter((oracle.shapes[key[0]], count, state) for key, (count, state) in oracle.crowds.items()),
    }


class Matching(RuleBasedStateMachine):
    """Sequences of writes by three systems, and of what people do, over one account."""

    @initialize(seed=SEEDS)
    def open_account(self, seed: int) -> None:
        random = Random(seed)
        rule_set = random_rules(random)
        self.oracle = People(rule_set)
        self.singly, self.chunked = World(**asdict(rule_set)), World(**asdict(rule_set))
        self.bound = list(IdField.objects.for_account(self.singly.account).values_list("pk", "source_system_id"))
        self.split_off: set[tuple[str, str]] = set()
        self.sides: dict[int, set[str]] = {}  # of a merge, by number
        self.written = 0
        self.away: dict[World, Follower] = {}  # who has not read the feed for a while
        for _ in range(3):  # people have something to decide from the start
            self.write_run(random)

    def both(self, expected: Any, name: str, *arguments: Any) -> None:
        """Does the same in both worlds; they must say what the oracle said."""
        assert getattr(self.singly, name)(*arguments) == expected
        assert getattr(self.chunked, name)(*arguments) == expected
        if isinstance(expected, str):
            reached[expected] += 1

    @rule(seed=SEEDS)
    def write(self, seed: int) -> None:
        self.write_run(Random(seed))

    @rule(seed=SEEDS)
    def write_more(self, seed: int) -> None:
        """Writes come most."""
        self.write_run(Random(seed))

    def write_run(self, random: Random) -> None:
        self.write_records(random.choice(SYSTEMS), [random_record(random) for _ in range(random.randint(1, 7))], random)

    def write_records(self, system: str, records: list[Sent], random: Random) -> None:
        expected = [
            in_world_words(self.oracle.write(system, each.external_id, each.values, each.mode, each.link_to))
            for each in records
        ]
        assert [outcome for each in records for outcome in self.send(self.singly, system, [each])] == expected
        cut = chunks(records, random)
        assert [outcome for chunk in cut for outcome in self.send(self.chunked, system, chunk)] == expected
        self.count(system, cut, expected)
        self.written += 1

    def send(self, world: World, system: str, chunk: list[Sent]) -> list[Outcome]:
        """Writes a chunk and holds invariants 1 (each finds its own) and 2 (nobody else's ids move)."""
        before = world.external_ids()
        outcomes = world.write(system, chunk)
        after = world.external_ids()
        assert others(after, system) == others(before, system)
        for sent, outcome in zip(chunk, outcomes, strict=True):
            if outcome.contact is not None:
                assert after[system, sent.external_id] == outcome.contact
            # Invariant 4: never silent. That the warnings and review items are all there, the oracle says.
            silent = {"created", "not_found", "contact_erased"}
            assert outcome.matched_by or outcome.outcome in silent or outcome.candidates
        return outcomes

    def count(self, system: str, cut: list[list[Sent]], outcomes: list[Outcome]) -> None:
        for chunk in cut:
            ids = [record.external_id for record in chunk]
            reached["repeated id in a chunk"] += len(ids) > len(set(ids))
            reached["chunk of several"] += len(chunk) > 1
            gained = set[str]()
            for record in chunk:
                email = str(record.values.get("email")).casefold()
                reached["e-mail changed and then matched in the same chunk"] += email in gained
                gained.add(email)
        rule_set = self.oracle.rule_set
        reached[f"policy {rule_set.policy}"] += 1
        reached["own blocked values"] += bool(rule_set.blocked)
        reached["folded plus-tags"] += rule_set.folds
        for each in rule_set.rules:
            reached[f"fields {len(each)}"] += 1
        for record, outcome in zip((record for chunk in cut for record in chunk), outcomes, strict=True):
            reached[outcome.outcome] += 1
            own = (system, record.external_id)
            reached["sent again after a split"] += own in self.split_off and outcome.outcome in {"created", "linked"}
            reached["sent again after an erasure"] += outcome.outcome == "contact_erased"
            for warning in outcome.warnings:
                reached[f"warning {warning[0]}"] += 1
            for number, merge in enumerate(self.oracle.merges):
                if merge.state == "done" and outcome.contact == merge.survivor:
                    sides = self.sides.setdefault(number, set())
                    sides.add("loser" if own in merge.ids else "survivor")
                    reached["written through both ids of a merged contact"] += len(sides) == 2

    @rule(seed=SEEDS)
    def unlink(self, seed: int) -> None:
        own = self.some_id(Random(seed))
        self.both(self.oracle.unlink(*own).outcome, "unlink", *own)

    @rule(seed=SEEDS)
    def publish(self, seed: int) -> None:
        rule_set = random_rules(Random(seed))
        self.oracle.publish(rule_set)
        for world in (self.singly, self.chunked):
            world.publish(rule_set.rules, rule_set.policy, rule_set.blocked, rule_set.folds)
        reached["publication between writes"] += self.written > 0

    @rule(seed=SEEDS)
    def merge(self, seed: int) -> None:
        self.merge_some(Random(seed))

    @rule(seed=SEEDS)
    def merge_and_undo(self, seed: int) -> None:
        """Invariant 5: merge; undo is the identity."""
        before = self.singly.state(), self.chunked.state()
        if self.merge_some(Random(seed)) != "merged":
            return
        number = len(self.oracle.merges) - 1
        self.both(self.oracle.undo(number), "undo", number)
        for state, world in zip(before, (self.singly, self.chunked), strict=True):
            after = world.state()
            assert after.pop("merges")[:-1] == state.pop("merges")
            after.pop("primary"), state.pop("primary")
            assert after == state

    @rule(seed=SEEDS)
    def merge_write_and_undo(self, seed: int) -> None:
        """Writes through some of the ids of both contacts, between a merge and its undo."""
        random = Random(seed)
        if self.merge_some(random) != "merged":
            return
        number = len(self.oracle.merges) - 1
        survivor = self.oracle.merges[number].survivor
        for system, own in [each for each, to in self.oracle.ids.items() if to == survivor]:
            if random.random() < 0.7:
                self.write_records(system, [Sent(own, random_values(random))], random)
        if random.random() < 0.3:
            self.merge_some(random)
        done = self.oracle.undo(number)
        self.both(done, "undo", number)
        reached["undone after writes"] += done == "undone" and bool(self.sides.get(number))

    def merge_some(self, random: Random) -> str:
        survivor, loser = self.some_contact(random), self.some_contact(random)
        chosen = {name for name in ("email", "lastName") if random.random() < 0.2}
        fields = [{field for (field, _), to in self.oracle.ids.items() if to == each} for each in (survivor, loser)]
        done = self.oracle.merge(survivor, loser, chosen)
        self.both(done, "merge", survivor, loser, sorted(chosen))
        reached["merged with ids in one field"] += done == "merged" and bool(fields[0] & fields[1])
        return done

    @rule(seed=SEEDS)
    def undo(self, seed: int) -> None:
        number = Random(seed).randint(0, max(0, len(self.oracle.merges) - 1))
        done = self.oracle.undo(number)
        self.both(done, "undo", number)

    @rule(seed=SEEDS)
    def split(self, seed: int) -> None:
        own = self.some_id(Random(seed))
        done = self.oracle.split(own)
        self.both(done, "split", *own)
        if done == "split":
            self.split_off.add(own)

    @rule(seed=SEEDS)
    def split_and_send_again(self, seed: int) -> None:
        """What was taken apart is never put together again by a rule, not even when the id was unlinked."""
        random = Random(seed)
        own = self.some_id(random)
        was = self.oracle.ids.get(own)
        if self.oracle.split(own) != "split":
            return
        for world in (self.singly, self.chunked):
            assert world.split(*own) == "split"
        self.both(self.oracle.unlink(*own).outcome, "unlink", *own)
        self.split_off.add(own)
        again = Sent(own[1], dict(self.oracle.contacts[was].values) if was is not None else {})
        expected = [in_world_words(self.oracle.write(own[0], again.external_id, again.values))]
        for world in (self.singly, self.chunked):
            assert self.send(world, own[0], [again]) == expected
        assert self.oracle.ids.get(own) != was
        self.count(own[0], [[again]], expected)

    @rule(seed=SEEDS)
    def edit(self, seed: int) -> None:
        random = Random(seed)
        name, values = self.some_contact(random), random_values(random)
        expected = self.oracle.edit(name, values)
        self.both(expected if isinstance(expected, str) else set(expected), "edit", name, values)
        reached["edited"] += not isinstance(expected, str)

    @rule(seed=SEEDS)
    def erase(self, seed: int) -> None:
        random = Random(seed)
        if random.random() < 0.5:
            name = self.some_contact(random)
            ids = [own for own, to in self.oracle.ids.items() if to == name]
            self.both(self.oracle.erase(name), "erase", name)
            for system, own in ids[:2]:
                self.write_records(system, [Sent(own, random_values(random))], random)
                self.both(self.oracle.unlink(system, own).outcome, "unlink", system, own)
                if random.random() < 0.3:
                    self.both(self.oracle.lift((system, own)), "lift", system, own)
        else:
            mine = self.some_id(random)
            done = self.oracle.erase_own(mine)
            self.both(done, "erase_own", *mine)
            reached["erased by its system"] += done == "erased"

    @rule(seed=SEEDS)
    def lift(self, seed: int) -> None:
        random = Random(seed)
        own = random.choice(sorted(self.oracle.erased)) if self.oracle.erased else self.some_id(random)
        self.both(self.oracle.lift(own), "lift", *own)

    @rule(seed=SEEDS)
    def decide(self, seed: int) -> None:
        random = Random(seed)
        pair = random.choice(sorted(self.oracle.pairs)) if self.oracle.pairs else (0, 1)
        state = random.choice(("later", "not_a_match", "not_a_match"))
        self.both(self.oracle.decide_pair(pair, state), "decide_pair", pair, state)

    @rule()
    def look_at_the_feed(self) -> None:
        """From here on a follower of the feed is away."""
        self.away = {
            world: Follower(all_there_is(world.account), world.last_change) for world in (self.singly, self.chunked)
        }

    def some_id(self, random: Random) -> tuple[str, str]:
        known = sorted(self.oracle.ids)
        if known and random.random() < 0.8:
            return random.choice(known)
        return random.choice(SYSTEMS), random.choice(OWN_IDS)

    def some_contact(self, random: Random) -> int:
        known = sorted(self.oracle.contacts)
        return random.choice(known) if known and random.random() < 0.95 else NOBODY

    def teardown(self) -> None:
        if not hasattr(self, "oracle"):
            return
        expected = oracle_state(self.oracle)
        assert self.singly.state() == expected
        assert self.chunked.state() == expected
        # Invariant 6: the feed, from 0 and from any number on, gives the current contacts.
        for world in (self.singly, self.chunked):
            for follower in (Follower(), *([self.away[world]] if world in self.away else [])):
                reached["feed read from a number on"] += follower.cursor > 0
                world.follow(follower)
                assert follower.known == all_there_is(world.account)
        # Invariant 7: an id field's source system never changes.
        bound = list(IdField.objects.for_account(self.singly.account).values_list("pk", "source_system_id"))
        assert bound == self.bound
