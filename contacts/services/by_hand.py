"""What the services of people's decisions share: the account's lock, contacts in memory, one write at the end."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

from django.utils import timezone

from accounts.actor import Actor
from accounts.errors import Conflict, NotFound
from accounts.models import Account
from contacts import state
from contacts.matching import Decision, Outcome, Suspicion
from contacts.models import Contact, Write
from contacts.normalise import Value
from contacts.overlay import Step
from contacts.provenance import PERSON, THIS_WRITE, Stamp, Writer
from contacts.review import Findings, review
from contacts.services import saving, store
from contacts.state import NOTHING_MOVED, Moved, State


class Sides(NamedTuple):
    """Of a field, when a contact is parted in two: what stands there, what stays, and what the other gets (None:
    nothing)."""

    now: Value | None
    stays: Value | None
    goes: Value | None


@dataclass(slots=True)
class ByHand:
    """A person's write on an account's contacts, while the account's lock is held; must be in a transaction."""

    book: store.Book
    row: Write
    states: dict[UUID, State] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)

    @classmethod
    def begin(cls, account: Account, by: Actor) -> "ByHand":
        """Takes the account's lock."""
        book = store.lock(account.pk)
        row = Write(
            account_id=account.pk,
            by=by.label,
            request_id=by.request_id,
            rule_set_id=book.rule_set_id,
            at=timezone.now(),
        )
        return cls(book, row)

    @property
    def stamp(self) -> Stamp:
        """The person as a writer."""
        return Stamp(Writer(PERSON, self.row.by), THIS_WRITE, None)

    def load(self, *contact_ids: UUID, merged: bool = False) -> list[State]:
        """The contacts, in this order. Raises NotFound `contact_not_found`; Conflict `merged_away` for one that was
        merged into another, unless `merged` ones are asked for."""
        found = store.states(self.book, contact_ids)
        for pk in contact_ids:
            if pk not in found:
                raise NotFound("There is no such contact in this account.", code="contact_not_found")
            if found[pk].merged_into is not None and not merged:
                raise Conflict(
                    f"This contact was merged into {found[pk].merged_into}; go on with that one.", code="merged_away"
                )
        self.states |= found
        return [found[pk] for pk in contact_ids]

    def load_seen(self, contact_id: UUID, version: int | None) -> State:
        """The contact that a person decided on; `version`: the one that they saw, None where nobody says. Raises as
        `load` does, and PreconditionFailed `version_mismatch`."""
        (contact,) = self.load(contact_id)
        self.check_seen(contact, version)
        return contact

    def check_seen(self, contact: State, version: int | None) -> None:
        """Raises PreconditionFailed `version_mismatch` when a person decided on another version than there is now."""
        store.check_version(contact.version, None if version is None else {version})

    def put(self, contact: State, changes: Mapping[str, Value | None]) -> None:
        """Puts values in a contact's fields, their provenance aside; equal ones are no change."""
        different = {name: value for name, value in changes.items() if contact.values.get(name) != value}
        self.moved(contact, state.put(contact, different, self.book.rules))

    def moved(self, contact: State, moved: Moved) -> None:
        """Notes which keys a contact lost and gained."""
        if moved is not NOTHING_MOVED:
            self.steps.append(Step(contact.id, Decision(Outcome.UPDATE, contact.id), moved=moved))

    def review(self) -> Findings:
        """Whom the contacts may be the same as by the keys that they gained."""
        asking = {key for step in self.steps for _, key in step.moved.asking}
        contacts = [step.contact for step in self.steps if step.contact is not None]
        holders, known = store.holders_and_pairs(self.book, asking, contacts, room=len(self.steps))
        return review(self.steps, holders, known)

    def save(self, findings: Findings | None = None, *, kinds: Mapping[UUID, str] | None = None) -> None:
        """Writes all of it. `kinds`: contacts of which another kind of change is told than created or updated."""
        found = findings or Findings()
        outcome = saving.Outcome(self.states.values(), (), found.pairs, found.crowds, kinds or {})
        saving.save(self.book, self.row, outcome)


def warnings(told: Sequence[Suspicion]) -> list[dict[str, object]]:
    """Suspicions as the API tells them."""
    return [
        {"code": str(suspicion.doubt), "contact": str(suspicion.contact), "rule": suspicion.rule} for suspicion in told
    ]


def with_merged(account: Account, contact_id: UUID) -> list[UUID]:
    """The contact and all that were merged into it, and into those."""
    family, newest = [contact_id], [contact_id]
    while newest:
        contacts = Contact.objects.for_account(account).filter(merged_into__in=newest)
        newest = list(contacts.values_list("pk", flat=True))
        family += newest
    return family
