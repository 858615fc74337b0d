"""Sends the people of two systems through POST /batch and counts what became of them."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from accounts.actor import SYSTEM
from accounts.models import Account
from contacts.models import Contact, ExternalId, ReviewItem
from contacts.services import fields, rules
from contacts.services.rules import Draft
from tests import factories
from tests.people import OWN_FIELDS, OWN_RULES, A, B, Person
from tests.system import System


@dataclass(frozen=True)
class Report:
    """The figures of one run. `wrong_links`: contacts that ids of different numbers point at. `changed_ids`: ids of
    A that pointed elsewhere after B was sent. `lost`: ids that do not find the contact that their write named.
    `silent`: records that were not linked though others have their address, without a review item.
    """

    linked: int
    created: int
    wrong_links: int
    changed_ids: int
    lost: int
    review_items: int
    silent: int


def link(people: Sequence[Person], chunk: int, seed: int, own_rules: bool = False) -> Report:
    """Sends all of A, then all of B, each shuffled and in chunks, into a new account.

    Linked by e-mail, or by rules over contact fields of the account's own (tests.people.OWN_RULES).
    """
    account = factories.AccountFactory.create()
    if own_rules:
        for name in OWN_FIELDS.values():
            fields.add_contact_field(account=account, name=name, label=name, type="text", choices=(), by=SYSTEM)
        rules.publish(account=account, draft=Draft(OWN_RULES), by=SYSTEM)
    systems = {
        A: System(factories.authentication_for(account, system="System A")),
        B: System(factories.authentication_for(account, factories.id_field(account, "systemB"), system="System B")),
    }
    results = {A: _send(systems[A], _of(people, A), chunk, seed)}
    ids_of_a = _ids(account, systems[A])
    results[B] = _send(systems[B], _of(people, B), chunk, seed)
    found = {name: _ids(account, systems[name]) for name in systems}
    numbers: dict[str, set[str]] = {}
    for ids in found.values():
        for number, contact in ids.items():
            numbers.setdefault(contact, set()).add(number)
    reviewed = {
        str(contact)
        for pair in ReviewItem.objects.for_account(account).values_list("contact_id", "other_id")
        for contact in pair
    }
    return Report(
        linked=sum(result["outcome"] == "linked" for result in results[B].values()),
        created=sum(result["outcome"] == "created" for result in results[B].values()),
        wrong_links=sum(len(of_contact) > 1 for of_contact in numbers.values()),
        changed_ids=sum(found[A].get(number) != contact for number, contact in ids_of_a.items()),
        lost=sum(
            _finds(systems[name], number) != result["contact"]
            for name in systems
            for number, result in results[name].items()
        ),
        review_items=ReviewItem.objects.for_account(account).count(),
        silent=0 if own_rules else len(_not_alone(account.pk) - reviewed),
    )


def _of(people: Sequence[Person], system: str) -> list[Person]:
    return [person for person in people if person.system == system]


def _send(system: System, people: list[Person], chunk: int, seed: int) -> dict[str, dict[str, str]]:
    """Number → result of its record."""
    random.Random(seed).shuffle(people)
    results = {}
    for start in range(0, len(people), chunk):
        part = people[start : start + chunk]
        for person, result in zip(part, system.batch([person.record for person in part]), strict=True):
            results[person.number] = result
    return results


def _ids(account: Account, system: System) -> dict[str, str]:
    id_field = system.issued.authentication.id_field
    rows = ExternalId.objects.for_account(account).filter(id_field=id_field).values_list("value", "contact_id")
    return {value: str(contact) for value, contact in rows}


def _finds(system: System, number: str) -> str:
    contact: str = system.find(number)["id"]
    return contact


def _not_alone(account_id: int) -> set[str]:
    """Contacts whose address another contact has too."""
    by_email: dict[str, set[str]] = {}
    for pk, values in Contact.objects.for_account(account_id).values_list("pk", "values"):
        by_email.setdefault(values["email"].casefold(), set()).add(str(pk))
    return {pk for contacts in by_email.values() if len(contacts) > 1 for pk in contacts}
