"""Two systems that write the same people at once, while people merge and a partner publishes (PostgreSQL)."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from random import Random
from threading import Barrier, Event
from uuid import UUID

import pytest
from django.db import connection

from accounts.actor import SYSTEM
from contacts.models import Change, Contact, ContactBook, ExternalId, MatchKey
from contacts.overlay import Record
from contacts.services import merges, previews, rules, sync
from contacts.services.rules import Draft
from tests.contacts.world import SYSTEMS, World
from tests.work import work

SHOP, CRM, _ = SYSTEMS
WRITERS = ((SHOP, "street"), (SHOP, "city"), (CRM, "infix"), (CRM, "initials"))
"""A thread each: the system as which it writes, and the field that only it writes."""
ROUNDS = 1000
Written = tuple[UUID, str, int, str]
"""Contact, field, the contact's version after the write, value."""


def write(world: World, thread: int, round_: int, barrier: Barrier) -> Iterator[Written]:
    """All threads send the new person of the round, among others that were there before, in different orders."""
    system, field = WRITERS[thread]
    random = Random(f"{thread} {round_}")
    people = [round_, *random.sample(range(round_), min(round_, 2))]
    random.shuffle(people)
    records = [
        Record(str(person), {"email": f"person{person}@example.com", field: f"{thread}-{round_}"}) for person in people
    ]
    barrier.wait(60)
    results = sync.write(
        account_id=world.account.pk,
        id_field_id=world.id_fields[system].pk,
        records=records,
        origin=sync.Origin(None, f"{thread}-{round_}"),
    )
    for result in results:
        assert result.error is None, result
        assert result.contact_id is not None
        yield result.contact_id, field, result.version, f"{thread}-{round_}"


def run_writer(world: World, thread: int, barrier: Barrier) -> list[Written]:
    try:
        return [written for round_ in range(ROUNDS) for written in write(world, thread, round_, barrier)]
    except BaseException:
        barrier.abort()  # or the others would wait for this one
        raise
    finally:
        connection.close()


def run_people(world: World, done: Event) -> Counter[str]:
    """Merges whom it finds, and publishes other rules now and then, for as long as the others write."""
    random, did = Random(1), Counter[str]()
    try:
        while not done.wait(0.05):
            live = Contact.objects.for_account(world.account).filter(merged_into__isnull=True)
            found = list(live.values_list("pk", flat=True))
            if len(found) < 20:
                continue
            survivor, loser = random.sample(found, 2)
            merges.merge(account=world.account, survivor_id=survivor, loser_id=loser, by=SYSTEM)
            did["merges"] += 1
            if did["merges"] % 10 == 0:
                draft = Draft([["email"]], folds_plus_tags=did["publications"] % 2 == 0)
                rules.publish(account=world.account, draft=draft, size=50, by=SYSTEM)
                did["publications"] += 1
    finally:
        connection.close()
    return did


def lost_updates(world: World, written: list[Written]) -> list[Written]:
    """Writes that were the last of a field of a contact, and whose value is not there."""
    last: dict[tuple[UUID, str], Written] = {}
    for each in written:
        contact, field, version, _ = each
        if (contact, field) not in last or last[contact, field][2] < version:
            last[contact, field] = each
    live = Contact.objects.for_account(world.account).filter(merged_into__isnull=True)
    values = dict(live.values_list("pk", "values"))
    return [
        each for (contact, field), each in last.items() if contact in values and values[contact].get(field) != each[3]
    ]


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_four_threads_and_people_make_no_duplicates_lose_nothing_and_never_lock_each_other_out() -> None:
    world = World((("email",),))
    barrier, done = Barrier(len(WRITERS)), Event()
    with ThreadPoolExecutor(len(WRITERS) + 1) as threads:
        people = threads.submit(run_people, world, done)
        writers = [threads.submit(run_writer, world, thread, barrier) for thread in range(len(WRITERS))]
        try:
            written = [each for writer in writers for each in writer.result()]
        finally:
            done.set()
        did = people.result()
    account = world.account

    # A deadlock, or an error of any other kind, would have come out of a thread.
    assert did["merges"] >= 20
    assert did["publications"] >= 2
    signature = ContactBook.objects.for_account(account).get().rule_set.rules[0]
    keys = MatchKey.objects.for_account(account).filter(signature_id=signature).values_list("key", flat=True)
    assert [key for key, holders in Counter(keys).items() if holders > 1] == []
    ids = ExternalId.objects.for_account(account)
    shop, crm = (
        dict(ids.filter(id_field=world.id_fields[name]).values_list("value", "contact_id")) for name in (SHOP, CRM)
    )
    assert shop == crm
    assert len(shop) == ROUNDS
    assert lost_updates(world, written) == []
    numbers = list(Change.objects.for_account(account).order_by("number").values_list("number", flat=True))
    assert numbers == list(range(1, len(numbers) + 1))


PEOPLE = 400
BEFORE, AFTER = 20, 20
"""Writes of each writer before the publication begins, and after it has ended."""


def write_people(world: World, people: range, some: Barrier, done: Event) -> Iterator[tuple[str, str]]:
    """One by one, as the CRM, the telephone numbers of the shop's people: external id, outcome."""
    try:
        left = AFTER
        for number, person in enumerate(people):
            if number == BEFORE:
                some.wait(60)
            [result] = sync.write(
                account_id=world.account.pk,
                id_field_id=world.id_fields[CRM].pk,
                records=[Record(str(person), {"phoneNumber": phone(person)})],
                origin=sync.Origin(None, ""),
            )
            yield str(person), str(result.outcome)
            left -= done.is_set()
            if not left:
                return
    finally:
        connection.close()


def phone(person: int) -> str:
    return f"+3161234{person:04d}"


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_writers_meet_the_old_rules_or_the_new_ones_and_never_half_built_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "CHUNK", 20)
    world = World((("email",),))
    shop = [Record(str(person), {"phoneNumber": phone(person)}) for person in range(PEOPLE)]
    twins = [Record(f"twin{person}", {"phoneNumber": phone(PEOPLE)}) for person in range(2)]
    sync.write(
        account_id=world.account.pk,
        id_field_id=world.id_fields[SHOP].pk,
        records=[*shop, *twins],
        origin=sync.Origin(None, ""),
    )
    some, done = Barrier(3), Event()
    parts = (range(0, PEOPLE, 2), range(1, PEOPLE, 2))
    with ThreadPoolExecutor(2) as threads:
        writers = [threads.submit(lambda part: list(write_people(world, part, some, done)), part) for part in parts]
        try:
            some.wait(60)
            rule_set = previews.begin(account=world.account, draft=Draft([["phoneNumber"]]), by=SYSTEM)
            work()
            previews.publish(account=world.account, rule_set_id=rule_set.pk, limit=PEOPLE, by=SYSTEM)
        finally:
            done.set()
        outcomes = dict(each for writer in writers for each in writer.result())

    ids = ExternalId.objects.for_account(world.account).filter(id_field=world.id_fields[CRM])
    under = dict(ids.values_list("value", "write__rule_set_id"))
    linked = {person for person, outcome in outcomes.items() if outcome == "linked"}
    assert linked == {person for person, rules_of_write in under.items() if rules_of_write == rule_set.pk}
    assert {outcomes[person] for person in outcomes.keys() - linked} == {"created"}
    assert len(linked) >= AFTER
    assert len(outcomes) - len(linked) > 2 * BEFORE
    keys = MatchKey.objects.for_account(world.account).filter(signature_id=rule_set.rules[0])
    assert keys.count() == Contact.objects.for_account(world.account).count()
