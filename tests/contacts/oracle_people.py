"""The oracle's other half: what only people do. Merge, undo, split, edit, erase, and deciding what waits for review."""

from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import TypeVar

from tests.contacts.oracle import Oracle
from tests.contacts.oracle_words import Contact, Entry, Key, RuleSet, Stamp, Values, Warnings, Writer, put, set_values

Pair = tuple[int, int]
Held = tuple[str | None, Entry | None]
UNDECIDED = {"open", "later"}
K = TypeVar("K")
V = TypeVar("V")


def held(contact: Contact, name: str) -> Held:
    return contact.values.get(name), contact.entries.get(name)


def pair_of(one: int, other: int) -> Pair:
    return min(one, other), max(one, other)


@dataclass
class Merge:
    survivor: int
    loser: int
    at: int
    before: dict[int, Contact]
    ids: set[Writer]
    former: set[Writer]
    state: str = "done"
    pairs: dict[Pair, tuple[tuple[str, str] | None, tuple[str, str]]] = field(default_factory=dict)
    crowds: dict[Key, tuple[tuple[int, str] | None, tuple[int, str]]] = field(default_factory=dict)


def writers(contact: Contact) -> set[Writer]:
    """Through whom anything came that is there, or was."""
    found = {stamp.writer for entry in contact.entries.values() for stamp in (entry.stamp, *entry.shared)}
    return found | {entry.before[1].writer for entry in contact.entries.values() if entry.before}


def take_back(items: dict[K, V], changes: dict[K, tuple[V | None, V]]) -> None:
    """What nobody has decided since is again what it was."""
    for key, (before, after) in changes.items():
        if items.get(key) == after:
            del items[key]
            if before is not None:
                items[key] = before


class People(Oracle):
    """An oracle with people. Refusals are told by their code, all else by what became of it."""

    def __init__(self, rule_set: RuleSet) -> None:
        super().__init__(rule_set)
        self.merges: list[Merge] = []

    def live(self, *names: int) -> str | None:
        for name in names:
            if name not in self.contacts:
                return "contact_not_found"
            if self.contacts[name].merged_into is not None:
                return "merged_away"
        return None

    def merge(self, survivor: int, loser: int, chosen: set[str]) -> str:
        """`chosen`: the fields in which the loser's value wins."""
        refused = "validation_failed" if survivor == loser else self.live(survivor, loser)
        if refused:
            return refused
        self.clock += 1
        s, other = self.contacts[survivor], self.contacts[loser]
        if chosen - (s.values.keys() | other.values.keys()):
            return "validation_failed"
        pairs, crowds = dict(self.pairs), dict(self.crowds)
        moved = [writer for writer, to in self.ids.items() if to == loser]
        former = {writer for writer, to in self.former.items() if to == loser}
        merge = Merge(survivor, loser, self.clock, deepcopy({survivor: s, loser: other}), set(moved), former)
        values_before = dict(s.values)
        for name in s.entries.keys() | other.entries.keys():
            (value, entry), (theirs, their_entry) = held(s, name), held(other, name)
            takes = entry is None if theirs is None else (value is None or name in chosen)
            if takes:
                put(s, name, theirs, their_entry)
        other.values, other.entries, other.merged_into = {}, {}, survivor
        for writer in moved:
            del self.ids[writer]
            self.ids[writer] = survivor  # after the survivor's own
        self.former |= dict.fromkeys(former, survivor)
        self.inherit(survivor, loser)
        self.review(s, values_before, [])
        merge.pairs = {p: (pairs.get(p), now) for p, now in self.pairs.items() if pairs.get(p) != now}
        merge.crowds = {k: (crowds.get(k), now) for k, now in self.crowds.items() if crowds.get(k) != now}
        self.merges.append(merge)
        return "merged"

    def inherit(self, survivor: int, loser: int) -> None:
        for pair, (kind, state) in list(self.pairs.items()):
            if loser not in pair or survivor in pair:
                continue
            heir = pair_of(survivor, pair[0] if pair[1] == loser else pair[1])
            if heir not in self.pairs:
                self.pairs[heir] = (kind, "open" if state == "settled" else state)
            elif state == "not_a_match":
                self.pairs[heir] = (self.pairs[heir][0], state)
            if state in UNDECIDED:
                self.pairs[pair] = (kind, "settled")
        both = pair_of(survivor, loser)
        self.pairs[both] = (self.pairs.get(both, ("possible_duplicate", ""))[0], "merged")

    def undo(self, number: int) -> str:
        if number >= len(self.merges):
            return "merge_not_found"
        merge = self.merges[number]
        both = {merge.survivor, merge.loser}
        if merge.state != "done":
            return merge.state
        if any(later.state == "done" and {later.survivor, later.loser} & both for later in self.merges[number + 1 :]):
            return "merged_since"
        self.clock += 1
        survivor, loser = self.contacts[merge.survivor], self.contacts[merge.loser]
        own, lost = merge.before[survivor.name], merge.before[loser.name]
        back = {writer for writer in merge.ids if self.ids.get(writer) == survivor.name}
        for name in survivor.entries.keys() | own.entries.keys() | lost.entries.keys():
            mine, theirs = self.part(merge, back, held(survivor, name), held(own, name), held(lost, name))
            put(survivor, name, *mine)
            put(loser, name, *theirs)
        loser.merged_into = None
        self.ids |= dict.fromkeys(back, loser.name)
        gone = {writer for writer in merge.former if self.former.get(writer) == survivor.name}
        self.former |= dict.fromkeys(gone, loser.name)
        take_back(self.pairs, merge.pairs)
        take_back(self.crowds, merge.crowds)
        merge.state = "merge_undone"
        return "undone"

    def part(self, merge: Merge, back: set[Writer], now: Held, own: Held, lost: Held) -> tuple[Held, Held]:
        """What survivor and loser have of a field after the undo."""
        value, entry = now

        def stays(stamp: Stamp) -> bool:
            return stamp.at > merge.at and stamp.writer not in back

        if entry is not None and entry.stamp.at > merge.at:
            if stays(entry.stamp):
                return now, lost
            if entry.before is not None and stays(entry.before[1]):
                return (entry.before[0], Entry(entry.before[1])), (value, Entry(entry.stamp))
            return own, (value, Entry(entry.stamp))
        sharers = tuple(stamp for stamp in entry.shared if stays(stamp)) if entry is not None else ()
        if entry is None or not sharers:
            return own, lost
        if own[1] is not None and (own[0], own[1].stamp) == (value, entry.stamp):
            return (value, replace(own[1], shared=own[1].shared + sharers)), lost
        before = None if own[1] is None else (own[0], own[1].stamp)
        return (value, Entry(sharers[0], sharers[1:], before)), lost

    def split(self, writer: Writer) -> str:
        if writer not in self.ids:
            return "contact_not_found"
        self.clock += 1
        contact, apart = self.contacts[self.ids[writer]], self.create()
        self.pairs[pair_of(contact.name, apart.name)] = ("possible_duplicate", "not_a_match")
        values_before = dict(contact.values)
        self.take_out(writer, contact, apart)
        family = self.family(contact.name)
        for merge in self.merges:
            if merge.state == "done" and merge.survivor in family:
                for remembered in merge.before.values():
                    self.take_out(writer, remembered, Contact(0))
        self.ids[writer] = apart.name
        self.review_both(contact, values_before, apart)
        return "split"

    def family(self, name: int) -> set[int]:
        """The contact and all that were merged into it, and into those."""
        family = {name}
        while more := {c.name for c in self.contacts.values() if c.merged_into in family} - family:
            family |= more
        return family

    def take_out(self, writer: Writer, contact: Contact, apart: Contact) -> None:
        for name, entry in list(contact.entries.items()):
            stamps = (entry.stamp, *entry.shared)
            value, others = contact.values.get(name), [stamp for stamp in stamps if stamp.writer != writer]
            before = entry.before
            for stamp in stamps:
                if stamp.writer == writer:
                    put(apart, name, value, Entry(stamp))
            if others:
                kept = None if before is not None and before[1].writer == writer else before
                put(contact, name, value, Entry(others[0], tuple(others[1:]), kept))
            else:
                put(contact, name, before and before[0], before and Entry(before[1]))

    def review_both(self, contact: Contact, values_before: Values, apart: Contact) -> None:
        """The contact first, as if the other had nothing yet."""
        values, apart.values = apart.values, {}
        self.review(contact, values_before, [])
        apart.values = values
        self.review(apart, {}, [])

    def edit(self, name: int, values: Values) -> str | Warnings:
        refused = self.live(name)
        if refused:
            return refused
        self.clock += 1
        contact = self.contacts[name]
        before = dict(contact.values)
        set_values(contact, values, Stamp(("person", "system"), None, self.clock))
        return self.review(contact, before, [])

    def erase(self, name: int, *, by_person: bool = True) -> str:
        refused = self.live(name)
        if refused:
            return refused
        self.clock += 1
        gone = self.family(name)
        if by_person:
            self.erased |= {writer for writer, to in self.ids.items() if to == name}
        theirs = {writer for ids in (self.ids, self.former) for writer, to in ids.items() if to in gone}
        self.ids = {writer: to for writer, to in self.ids.items() if to not in gone}
        self.former = {writer: to for writer, to in self.former.items() if to not in gone}
        self.pairs = {pair: item for pair, item in self.pairs.items() if not gone & set(pair)}
        self.contacts = {n: contact for n, contact in self.contacts.items() if n not in gone}
        for merge in self.merges:
            kept = merge.ids.union(*map(writers, merge.before.values()))
            if merge.state == "done" and ({merge.survivor, merge.loser} & gone or kept & theirs):
                merge.state = "contact_erased"
        return "erased"

    def erase_own(self, writer: Writer) -> str:
        if writer not in self.ids:
            return "contact_erased" if writer in self.erased else "contact_not_found"
        if list(self.ids.values()).count(self.ids[writer]) > 1:
            return "linked_elsewhere"
        return self.erase(self.ids[writer], by_person=False)

    def lift(self, writer: Writer) -> str:
        if writer not in self.erased:
            return "erasure_not_found"
        self.erased.remove(writer)
        return "lifted"

    def decide_pair(self, pair: Pair, state: str) -> str:
        if pair not in self.pairs:
            return "review_item_not_found"
        if self.pairs[pair][1] not in UNDECIDED:
            return "already_decided"
        self.pairs[pair] = (self.pairs[pair][0], state)
        return state
