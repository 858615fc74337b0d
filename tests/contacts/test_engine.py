"""What the engine promises beyond the decision: its lock, its account, its bounds."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, transaction

from accounts.actor import SYSTEM
from accounts.errors import NotFound
from accounts.models import AuditEvent
from contacts.models import Contact, ExternalId, MatchKey, ReviewItem, Write
from contacts.overlay import Mode, Record
from contacts.services import fields, saving, sync
from contacts.services.sync import Origin, Result
from tests.contacts.world import SYSTEMS, Sent, World

SHOP, CRM, ERP = SYSTEMS
ORIGIN = Origin(uuid4(), "request-1")


def write(world: World, system: str, *records: Record) -> list[Result]:
    return sync.write(
        account_id=world.account.pk, id_field_id=world.id_fields[system].pk, records=records, origin=ORIGIN
    )


@pytest.mark.django_db
def test_a_key_held_by_more_than_twenty_identifies_nobody_and_opens_five_pairs() -> None:
    world = World()
    for number in range(21):
        world.write(SHOP, [Sent(str(number), {"email": "info@example.com"})])
    before = ReviewItem.objects.for_account(world.account).count()

    (result,) = write(world, CRM, Record("1", {"email": "info@example.com"}))

    assert result.outcome == "created"
    assert result.warnings[0] == {"code": "value_too_common", "rule": 1, "count": 21}
    oldest = [str(pk) for pk in world.ids()[:5]]
    assert [warning["contact"] for warning in result.warnings[1:]] == oldest
    assert ReviewItem.objects.for_account(world.account).count() == before + 5


@pytest.mark.django_db
def test_a_phone_number_that_is_none_is_stored_and_told() -> None:
    world = World((("phoneNumber",),))
    values, no_phones = {"phoneNumber": "call me"}, ("phoneNumber",)
    first, second = write(world, SHOP, *(Record(own, values, no_phones=no_phones) for own in ("1", "2")))
    assert first.warnings == second.warnings == [{"code": "invalid_phone", "field": "phoneNumber"}]
    assert Contact.objects.for_account(world.account).get(pk=first.contact_id).values == {"phoneNumber": "call me"}
    assert not MatchKey.objects.for_account(world.account).exists()


@pytest.mark.django_db
def test_phone_numbers_match_however_they_are_written() -> None:
    world = World((("phoneNumber",),))
    (shop,) = write(world, SHOP, Record("1", {"phoneNumber": "06-12345678"}))
    (crm,) = write(world, CRM, Record("1", {"phoneNumber": "+31 6 1234 5678"}))
    assert (crm.outcome, crm.contact_id) == ("linked", shop.contact_id)


@pytest.mark.django_db
def test_an_equal_write_makes_no_version_and_no_write_row() -> None:
    world = World()
    record = Record("1", {"email": "jan@example.com"})
    write(world, SHOP, record)
    writes = Write.objects.for_account(world.account).count()

    (again,) = write(world, SHOP, record)

    assert (again.outcome, again.version) == ("unchanged", 1)
    assert Write.objects.for_account(world.account).count() == writes


@pytest.mark.django_db
def test_a_write_remembers_where_it_came_from() -> None:
    world = World()
    write(world, SHOP, Record("1", {"email": "jan@example.com"}))
    row = Write.objects.for_account(world.account).get()
    assert (row.authentication_id, row.request_id) == (ORIGIN.authentication_id, "request-1")
    contact = Contact.objects.for_account(world.account).get()
    assert contact.provenance["stamps"] == [[world.id_fields[SHOP].pk, "1", row.pk, None]]


@pytest.mark.django_db
def test_another_accounts_id_field_contact_and_ids_do_not_exist() -> None:
    mine, theirs = World(), World()
    (their_contact,) = write(theirs, SHOP, Record("1", {"email": "jan@example.com"}))

    with pytest.raises(NotFound, match="id field"):
        sync.write(
            account_id=mine.account.pk,
            id_field_id=theirs.id_fields[SHOP].pk,
            records=[Record("1", {})],
            origin=ORIGIN,
        )
    (named,) = write(mine, SHOP, Record("9", {}, Mode.MERGE, their_contact.contact_id))
    assert named.error is not None
    assert named.error.code == "contact_not_found"
    (found,) = write(mine, SHOP, Record("1", {"email": "jan@example.com"}))
    assert found.outcome == "created"
    assert found.contact_id != their_contact.contact_id


@pytest.mark.django_db
def test_nothing_is_half_written_when_the_last_statement_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    write(world, SHOP, Record("1", {"email": "jan@example.com"}))
    state = world.state()

    real = saving._save_items

    def save_and_fail(*given: Any) -> None:
        real(*given)
        raise RuntimeError("the disk is full")

    monkeypatch.setattr(saving, "_save_items", save_and_fail)
    with pytest.raises(RuntimeError), transaction.atomic():
        write(world, CRM, Record("1", {"email": "jan@example.com"}), Record("2", {"email": "jan@example.com"}))
    assert world.state() == state


@pytest.mark.django_db
def test_unlinking_keeps_the_contact_and_leaves_a_trace_without_values() -> None:
    world = World()
    (created,) = write(world, SHOP, Record("1", {"email": "jan@example.com"}))

    world.unlink(SHOP, "1")

    contact = Contact.objects.for_account(world.account).get()
    assert (contact.pk, contact.values, contact.version) == (created.contact_id, {"email": "jan@example.com"}, 2)
    event = AuditEvent.objects.get(action="external_id.unlinked")
    assert (event.object_id, event.actor, event.before, event.after) == (str(contact.pk), SYSTEM.label, None, None)


@pytest.mark.django_db
@pytest.mark.parametrize("size", [1, 10, 200])
def test_the_number_of_statements_does_not_grow_with_the_records(
    size: int, django_assert_max_num_queries: object
) -> None:
    world = World()
    records = [Record(str(number), {"email": f"person{number}@example.com"}) for number in range(size)]
    with django_assert_max_num_queries(30 if connection.vendor == "postgresql" or size < 100 else 45):  # type: ignore[operator]
        write(world, SHOP, *records)


@pytest.mark.django_db(transaction=True)
def test_two_systems_that_write_the_same_new_people_at_once_make_no_duplicates() -> None:
    world = World()
    people = 12

    def send(system: str) -> None:
        try:
            for number in range(people):
                write(world, system, Record(str(number), {"email": f"person{number}@example.com"}))
        finally:
            connection.close()

    with ThreadPoolExecutor(3) as threads:
        for done in [threads.submit(send, system) for system in SYSTEMS]:
            done.result()

    assert Contact.objects.for_account(world.account).count() == people
    assert ExternalId.objects.for_account(world.account).count() == 3 * people
    assert not ReviewItem.objects.for_account(world.account).exists()
    for number in range(people):
        assert len({world.external_ids()[system, str(number)] for system in SYSTEMS}) == 1


@pytest.mark.django_db
def test_a_retired_field_keeps_its_values_and_takes_no_others() -> None:
    world = World()
    write(world, SHOP, Record("1", {"email": "jan@example.com", "city": "Ede"}))
    fields.retire(account=world.account, name="city", by=SYSTEM)

    (replaced,) = write(world, SHOP, Record("1", {"email": "jan@example.com"}, Mode.REPLACE))
    # Read before the field was retired, written after
    late, fine = write(world, SHOP, Record("1", {"city": "Goes"}), Record("1", {"infix": "de"}))

    assert replaced.outcome == "unchanged"
    assert late.error is not None
    assert late.error.errors[0].code == "retired_field"
    assert fine.outcome == "updated"
    contact = Contact.objects.for_account(world.account).get()
    assert contact.values == {"email": "jan@example.com", "city": "Ede", "infix": "de"}


@pytest.mark.django_db
def test_a_new_contact_that_is_emptied_in_its_chunk_remembers_by_whom() -> None:
    world = World()
    records = [Record("1", {"lastName": "Jansen"}), Record("1", {"lastName": None}), Record("1", {"city": "Ede"})]
    write(world, SHOP, *records)
    assert world.state()["provenance"][0].keys() == {"lastName", "city"}
