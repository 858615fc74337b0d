"""Runs what the oracle runs through the engine and the services, and tells their state in the oracle's words.

Contacts are named by the order in which they were made (ids are UUIDv7, which sort that way), so that worlds whose
ids differ can be compared.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from accounts.actor import SYSTEM
from accounts.errors import DomainError
from contacts import pages
from contacts.models import (
    Contact,
    ContactBook,
    ErasedId,
    ExternalId,
    FormerId,
    IdField,
    MatchKey,
    Merge,
    ReviewItem,
    Signature,
)
from contacts.overlay import Mode, Record
from contacts.provenance import PERSON, Stamp, decode
from contacts.services import erasure, merges, reviews, rules, splits, sync
from contacts.services.rules import Draft
from tests import factories
from tests.follower import Follower

SYSTEMS = ("externalCustomerId", "webshopCustomerId", "crmCustomerId")
NOBODY = 99
"""The name of a contact that does not exist."""


@dataclass(frozen=True)
class Sent:
    """One record as a system sends it; `link_to` names a contact by its order."""

    external_id: str
    values: dict[str, str | None]
    mode: str = "merge"
    link_to: int | None = None


@dataclass(frozen=True)
class Outcome:
    """What became of a record, in the oracle's words."""

    outcome: str
    contact: int | None
    matched_by: str | None
    warnings: frozenset[tuple[Any, ...]] = frozenset()
    candidates: tuple[int, ...] = ()


class Own(NamedTuple):
    """An external id, as services name it."""

    account: Any
    id_field_id: int
    external_id: str


@dataclass(eq=False)
class World:
    """A fresh account with three systems and the given rules."""

    rules: Sequence[Sequence[str]] = (("email",),)
    policy: str = "create"
    blocked: Mapping[str, Sequence[str]] = field(default_factory=dict)
    folds: bool = False
    id_fields: dict[str, IdField] = field(default_factory=dict)
    names: dict[UUID, int] = field(default_factory=dict)
    merged: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.account = factories.AccountFactory.create()
        default = factories.default_id_field(self.account)
        self.id_fields = {default.name: default}
        for name in SYSTEMS[1:]:
            self.id_fields[name] = factories.id_field(self.account, name)
        self.systems = {row.pk: name for name, row in self.id_fields.items()}
        self.publish(self.rules, self.policy, self.blocked, self.folds)

    def publish(
        self, rule_set: Sequence[Sequence[str]], policy: str, blocked: Mapping[str, Sequence[str]], folds: bool
    ) -> None:
        draft = Draft(rule_set, policy, blocked, folds)
        rules.publish(account=self.account, draft=draft, size=3, by=SYSTEM)

    def ids(self) -> list[UUID]:
        """The contacts that there are, oldest first; each keeps its name when others are erased."""
        found = list(Contact.objects.for_account(self.account).order_by("pk").values_list("pk", flat=True))
        for pk in found:
            self.names.setdefault(pk, len(self.names))
        return found

    def id_of(self, name: int | None) -> UUID:
        """A contact by its name; an id that nobody has where there is none."""
        return next((pk for pk, known in self.names.items() if known == name), None) or uuid4()

    def write(self, id_field: str, records: Sequence[Sent]) -> list[Outcome]:
        results = sync.write(
            account_id=self.account.pk,
            id_field_id=self.id_fields[id_field].pk,
            records=[
                Record(
                    sent.external_id,
                    sent.values,
                    Mode(sent.mode),
                    None if sent.link_to is None else self.id_of(sent.link_to),
                )
                for sent in records
            ],
            origin=sync.Origin(None, "test"),
        )
        self.ids()
        return [self._told(result) for result in results]

    def _told(self, result: sync.Result) -> Outcome:
        order = {str(pk): name for pk, name in self.names.items()}
        if result.error is not None:
            candidates = tuple(order[each] for each in result.error.extra.get("candidates", ()))
            code = "not_found" if result.error.code == "contact_not_found" else result.error.code
            return Outcome(code, None, None, candidates=candidates)
        by = result.matched_by or {}
        matched = f"rule {by['rule']}" if "rule" in by else next(iter(by), None)
        told = frozenset(
            (each["code"], order[each["contact"]], each["rule"]) if "contact" in each else _brief(each)
            for each in result.warnings
        )
        return Outcome(str(result.outcome), order[str(result.contact_id)], matched, told)

    def unlink(self, id_field: str, external_id: str) -> str:
        code = self._code(
            "unlinked",
            lambda: sync.unlink(
                account_id=self.account.pk,
                id_field_id=self.id_fields[id_field].pk,
                external_id=external_id,
                by=SYSTEM,
            ),
        )
        return "not_found" if code == "contact_not_found" else code

    def merge(self, survivor: int, loser: int, chosen: Sequence[str] = ()) -> str:
        """`chosen`: the fields in which the loser's value wins."""
        to_loser = dict.fromkeys(chosen, self.id_of(loser))

        def merge() -> None:
            ids = {"survivor_id": self.id_of(survivor), "loser_id": self.id_of(loser)}
            if survivor == loser:
                ids["loser_id"] = ids["survivor_id"]
            done = merges.merge(account=self.account, choices=to_loser, by=SYSTEM, **ids)
            self.merged.append(done.pk)

        return self._code("merged", merge)

    def undo(self, number: int) -> str:
        known = number < len(self.merged)
        merge_id = self.merged[number] if known else 0
        return self._code("undone", lambda: merges.undo(account=self.account, merge_id=merge_id, by=SYSTEM))

    def split(self, id_field: str, external_id: str) -> str:
        code = self._code(
            "split",
            lambda: splits.split(
                account=self.account, id_field_id=self.id_fields[id_field].pk, external_id=external_id, by=SYSTEM
            ),
        )
        self.ids()
        return code

    def edit(self, name: int, values: Mapping[str, str | None]) -> Any:
        """The warnings, or the code of a refusal."""
        try:
            told = splits.edit(account=self.account, contact_id=self.id_of(name), values=values, by=SYSTEM)
        except DomainError as refused:
            return refused.code
        return {(each["code"], self.names[UUID(each["contact"])], each["rule"]) for each in told}

    def erase(self, name: int) -> str:
        return self._code("erased", lambda: erasure.erase(account=self.account, contact_id=self.id_of(name), by=SYSTEM))

    def erase_own(self, id_field: str, external_id: str) -> str:
        own = Own(self.account, self.id_fields[id_field].pk, external_id)
        return self._code("erased", lambda: erasure.erase_own(**own._asdict(), by=SYSTEM))

    def lift(self, id_field: str, external_id: str) -> str:
        own = Own(self.account, self.id_fields[id_field].pk, external_id)
        return self._code("lifted", lambda: erasure.lift(**own._asdict(), by=SYSTEM))

    def decide_pair(self, pair: tuple[int, int], state: str) -> str:
        items = ReviewItem.objects.for_account(self.account)
        item = items.filter(contact_id=self.id_of(pair[0]), other_id=self.id_of(pair[1])).first()
        decide = reviews.later if state == "later" else reviews.not_a_match
        item_id = uuid4() if item is None else item.pk
        return self._code(state, lambda: decide(account=self.account, item_id=item_id, by=SYSTEM))

    def _code(self, done: str, work: Callable[[], object]) -> str:
        try:
            work()
        except DomainError as refused:
            return refused.code
        return done

    def external_ids(self) -> dict[tuple[str, str], int]:
        self.ids()
        rows = ExternalId.objects.for_account(self.account).values_list("id_field_id", "value", "contact_id")
        return {(self.systems[id_field], value): self.names[contact] for id_field, value, contact in rows}

    def follow(self, follower: Follower) -> None:
        """Reads the feed from where the follower is to its end."""
        field, more = next(iter(self.id_fields.values())), True
        while more:
            page = pages.change_page(
                account_id=self.account.pk, id_field_id=field.pk, after=follower.cursor, exclude_own=False, size=3
            )
            assert page is not None
            more = follower.read({"changes": page.changes, "next_cursor": page.cursor, "has_more": page.has_more})

    @property
    def last_change(self) -> int:
        last: int = ContactBook.objects.for_account(self.account).get().last_change
        return last

    def state(self) -> dict[str, Any]:
        """Everything that the oracle knows too."""
        contacts = list(Contact.objects.for_account(self.account))
        ids = {
            name: list(ExternalId.objects.for_account(self.account).filter(id_field=row).order_by("pk"))
            for name, row in self.id_fields.items()
        }
        former = FormerId.objects.for_account(self.account)
        return {
            "ids": self.external_ids(),
            "primary": {
                (name, self.names[each.contact_id]): each.value for name, rows in ids.items() for each in reversed(rows)
            },
            "former": {(self.systems[each.id_field_id], each.value): self.names[each.contact_id] for each in former},
            "erased": ErasedId.objects.for_account(self.account).count(),
            "merged": {self.names[c.pk]: self.names[c.merged_into_id] for c in contacts if c.merged_into_id},
            "values": {self.names[c.pk]: c.values for c in contacts},
            "provenance": {self.names[c.pk]: self._provenance(c) for c in contacts},
            "keys": self._keys(),
            "merges": list(Merge.objects.for_account(self.account).order_by("pk").values_list("state", flat=True)),
        } | self._items()

    def _keys(self) -> set[tuple[int, frozenset[int]]]:
        """Keys compared by who shares them under which rule: digests and texts differ, groups must not."""
        current = ContactBook.objects.for_account(self.account).select_related("rule_set").get().rule_set.rules
        groups: dict[tuple[int, Any], set[int]] = {}
        for signature, key, contact in MatchKey.objects.for_account(self.account).values_list(
            "signature_id", "key", "contact_id"
        ):
            groups.setdefault((current.index(signature) + 1, key), set()).add(self.names[contact])
        return {(rule, frozenset(contacts)) for (rule, _), contacts in groups.items()}

    def _items(self) -> dict[str, Any]:
        shapes = {row.pk: (*row.fields, row.folds_plus_tags) for row in Signature.objects.for_account(self.account)}
        pairs, crowds = {}, Counter[Any]()
        for item in ReviewItem.objects.for_account(self.account):
            if item.contact_id is None:
                crowds[shapes[item.signature_id], item.count, item.state] += 1
            else:
                pairs[self.names[item.contact_id], self.names[item.other_id]] = (item.kind, item.state)
        return {"pairs": pairs, "crowds": crowds}

    def _provenance(self, contact: Contact) -> dict[str, Any]:
        def told(stamp: Stamp) -> Any:
            field, value = stamp.writer.id_field, stamp.writer.external_id
            return ("person" if field == PERSON else self.systems[field], value), stamp.rule

        return {
            name: (
                told(entry.stamp),
                [told(stamp) for stamp in entry.shared],
                entry.before and (entry.before.value, told(entry.before.stamp)),
            )
            for name, entry in decode(contact.provenance, contact.values).items()
        }


def _brief(warning: Mapping[str, Any]) -> tuple[Any, ...]:
    """A warning about a value or a key."""
    return (warning["code"], warning["field"] if "field" in warning else warning["rule"])
