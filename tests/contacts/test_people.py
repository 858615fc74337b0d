"""What only people do, told as stories: merge, undo, split, edit, erase, and what waits for review."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from django.apps import apps

from accounts.actor import SYSTEM, Actor
from accounts.errors import DomainError, NotFound, ValidationFailed
from accounts.models import AuditEvent
from contacts.models import Change, Contact, ExternalId, Merge, ReviewItem
from contacts.services import erasure, fields, merges, reviews, splits
from tests.contacts.world import SYSTEMS, Sent, World

pytestmark = pytest.mark.django_db

SHOP, CRM, ERP = SYSTEMS
BY = Actor(label="owner@example.com", request_id="r-1")


@pytest.fixture
def world() -> World:
    """Two contacts that share nothing: Jan of the shop, Piet of the CRM."""
    world = World()
    world.write(SHOP, [Sent("1", {"email": "jan@example.com", "city": "Ede"})])
    world.write(CRM, [Sent("1", {"email": "piet@example.com", "lastName": "Smit"})])
    return world


def merge(world: World, survivor: int = 0, loser: int = 1, **choices: int) -> Merge:
    return merges.merge(
        account=world.account,
        survivor_id=world.id_of(survivor),
        loser_id=world.id_of(loser),
        choices={name: world.id_of(contact) for name, contact in choices.items()},
        by=BY,
    )


def undo(world: World, done: Merge) -> merges.Undone:
    return merges.undo(account=world.account, merge_id=done.pk, by=BY)


def code_of(work: Any) -> str:
    with pytest.raises(DomainError) as refused:
        work()
    return refused.value.code


def values(world: World, name: int) -> dict[str, Any]:
    contact = Contact.objects.for_account(world.account).get(pk=world.id_of(name))
    found: dict[str, Any] = contact.values
    return found


class TestMerges:
    def test_the_survivors_value_wins_unless_a_person_chooses(self, world: World) -> None:
        done = merge(world, email=1)
        assert values(world, 0) == {"email": "piet@example.com", "city": "Ede", "lastName": "Smit"}
        assert values(world, 1) == {}
        assert world.external_ids() == {(SHOP, "1"): 0, (CRM, "1"): 0}
        assert AuditEvent.objects.get(action="contact.merged").after == {
            "merge": done.pk,
            "survivor": str(world.id_of(0)),
            "loser": str(world.id_of(1)),
        }
        kinds = Change.objects.for_account(world.account).order_by("number").values_list("kind", flat=True)
        assert sorted(kinds)[-2:] == ["merged", "updated"]

    def test_the_survivors_own_ids_stay_primary(self) -> None:
        world = World()
        world.write(SHOP, [Sent("2", {"email": "a@example.com"}), Sent("1", {"email": "b@example.com"})])
        merge(world, survivor=1, loser=0)
        ids = ExternalId.objects.for_account(world.account).order_by("pk").values_list("value", flat=True)
        assert list(ids) == ["1", "2"]

    def test_a_merged_contact_keeps_resolving_along_a_chain(self, world: World) -> None:
        world.write(ERP, [Sent("9", {"email": "kees@example.com"})])
        merge(world, 0, 1)
        merge(world, 2, 0)
        (linked,) = world.write(CRM, [Sent("7", {}, link_to=1)])
        assert linked.outcome == "id_conflict"  # the survivor has the CRM's other id by now
        world.unlink(CRM, "1")
        assert world.write(CRM, [Sent("7", {}, link_to=1)])[0].contact == 2

    def test_what_can_not_be_merged_is_refused(self, world: World) -> None:
        assert code_of(lambda: merge(world, 0, 0)) == "validation_failed"
        assert code_of(lambda: merge(world, 0, 99)) == "contact_not_found"
        assert code_of(lambda: merge(world, 0, 1, shoeSize=1)) == "validation_failed"
        assert code_of(lambda: merge(world, 0, 1, email=99)) == "validation_failed"
        merge(world)
        assert code_of(lambda: merge(world, 0, 1)) == "merged_away"
        assert code_of(lambda: merge(World(), 0, 1)) == "contact_not_found"

    def test_an_undo_tells_what_stays_with_the_survivor(self, world: World) -> None:
        done = merge(world)
        world.write(ERP, [Sent("5", {"infix": "de"}, link_to=0)])
        world.write(CRM, [Sent("1", {"lastName": "de Smit"})])
        undone = undo(world, done)
        assert (undone.stayed_ids, undone.stayed_fields) == ([(ERP, "5")], ["infix"])
        assert values(world, 0) == {"email": "jan@example.com", "city": "Ede", "infix": "de"}
        assert values(world, 1) == {"email": "piet@example.com", "lastName": "de Smit"}
        assert code_of(lambda: undo(world, done)) == "merge_undone"

    def test_a_value_that_another_system_sent_again_stays(self, world: World) -> None:
        """Else that system would miss what it sent."""
        done = merge(world)
        world.write(ERP, [Sent("5", {"lastName": "Smit", "city": "Ede"}, link_to=0)])
        undo(world, done)
        assert values(world, 0) == {"email": "jan@example.com", "city": "Ede", "lastName": "Smit"}
        assert values(world, 1) == {"email": "piet@example.com", "lastName": "Smit"}

    def test_an_undo_gives_nobody_what_was_split_off_since(self, world: World) -> None:
        """An id of either contact turned out to be another person's."""
        world.write(ERP, [Sent("5", {"infix": "de"}, link_to=0), Sent("6", {"firstName": "Kees"}, link_to=1)])
        done = merge(world)
        assert [world.split(ERP, number) for number in "56"] == ["split"] * 2
        undo(world, done)
        assert values(world, 0) == {"email": "jan@example.com", "city": "Ede"}
        assert values(world, 1) == {"email": "piet@example.com", "lastName": "Smit"}
        assert [values(world, name) for name in (2, 3)] == [{"infix": "de"}, {"firstName": "Kees"}]

    def test_only_the_newest_merge_of_both_is_undone(self, world: World) -> None:
        world.write(ERP, [Sent("9", {"email": "kees@example.com"})])
        first = merge(world, 0, 1)
        second = merge(world, 2, 0)
        assert code_of(lambda: undo(world, first)) == "merged_since"
        undo(world, second)
        undo(world, first)
        assert code_of(lambda: merges.undo(account=world.account, merge_id=0, by=BY)) == "merge_not_found"

    def test_what_is_not_a_match_stays_none_for_the_survivor(self) -> None:
        world = World()
        for number in "123":
            world.write(SHOP, [Sent(number, {"email": "info@example.com"})])
        assert world.decide_pair((1, 2), "not_a_match") == "not_a_match"
        merge(world, 0, 1)
        items = world.state()["pairs"]
        assert items == {
            (0, 1): ("id_conflict", "merged"),
            (0, 2): ("ambiguous", "not_a_match"),
            (1, 2): ("ambiguous", "not_a_match"),
        }

    def test_an_undo_keeps_what_a_person_has_decided_since(self) -> None:
        world = World()
        world.write(CRM, [Sent("1", {"city": "Ede"})])
        for number in "12":
            world.write(SHOP, [Sent(number, {"email": "info@example.com"})])
        done = merge(world, 0, 1)
        assert world.state()["pairs"][0, 2] == ("id_conflict", "open")
        world.decide_pair((0, 2), "not_a_match")
        undo(world, done)
        assert world.state()["pairs"] == {(0, 2): ("id_conflict", "not_a_match"), (1, 2): ("id_conflict", "open")}

    def test_a_merge_is_of_the_two_that_a_person_saw(self) -> None:
        world = World()
        for number in "12":
            world.write(SHOP, [Sent(number, {"email": "info@example.com"})])
        item = ReviewItem.objects.for_account(world.account).get()
        seen = dict(Contact.objects.for_account(world.account).values_list("pk", "version"))

        def decide(survivor: UUID) -> str:
            by_item = {"item_id": item.pk, "survivor_id": survivor, "choices": {}, "versions": seen}
            return code_of(lambda: reviews.merge(account=world.account, **by_item, by=BY))

        assert decide(uuid4()) == "validation_failed"
        world.write(SHOP, [Sent("2", {"city": "Ede"})])
        assert decide(world.id_of(0)) == "version_mismatch"
        item.refresh_from_db()
        assert item.state == ReviewItem.State.OPEN

    def test_a_merge_into_a_crowd_and_its_undo_count_it_again(self) -> None:
        world = World()
        world.write(CRM, [Sent("1", {"city": "Ede"})])
        for number in range(20):
            world.write(SHOP, [Sent(str(number), {"email": "info@example.com"})])
        before = world.state()
        assert list(before["crowds"]) == [(("email", False), 19, "open")]
        undo(world, merge(world, 0, 20))
        assert world.state() | {"merges": []} == before

    @pytest.mark.parametrize("last", ["merge", "undo", "split", "erase"])
    def test_nothing_is_half_done_when_the_last_statement_fails(
        self, world: World, last: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        done = merge(world) if last == "undo" else None
        before = world.state()
        for module in (merges, splits, erasure):
            monkeypatch.setattr(module.audit, "record", lambda **_: 1 / 0)
        monkeypatch.setattr(splits, "_record", lambda *_: 1 / 0)
        work = {
            "merge": lambda: merge(world),
            "undo": lambda: done and undo(world, done),
            "split": lambda: world.split(SHOP, "1"),
            "erase": lambda: world.erase(0),
        }[last]
        with pytest.raises(ZeroDivisionError):
            work()
        assert world.state() == before


class TestSplits:
    def test_a_wrong_link_is_repaired_for_good(self) -> None:
        world = World()
        world.write(SHOP, [Sent("1", {"email": "info@example.com", "firstName": "Jan"})])
        world.write(CRM, [Sent("9", {"email": "info@example.com", "firstName": "Piet", "city": "Ede"})])
        assert world.split(CRM, "9") == "split"
        assert values(world, 0) == {"email": "info@example.com", "firstName": "Jan"}
        assert values(world, 1) == {"email": "info@example.com", "firstName": "Piet", "city": "Ede"}
        world.unlink(CRM, "9")
        (again,) = world.write(CRM, [Sent("9", {"email": "info@example.com"})])
        assert (again.outcome, again.contact) == ("linked", 1)
        assert world.split(CRM, "8") == "contact_not_found"

    def test_an_edit_is_the_persons_and_tells_whom_it_made_alike(self, world: World) -> None:
        assert world.edit(0, {"email": "piet@example.com"}) == {("possible_duplicate", 1, 1)}
        assert world.edit(0, {"email": "piet@example.com"}) == set()
        assert world.state()["provenance"][0]["email"][0] == (("person", "system"), None)
        fields.retire(account=world.account, name="city", by=SYSTEM)
        with pytest.raises(ValidationFailed) as refused:
            splits.edit(
                account=world.account,
                contact_id=world.id_of(0),
                values={"city": "Ede", "shoeSize": 43, "birthday": "soon"},
                by=BY,
            )
        assert {(error.field, error.code) for error in refused.value.errors} == {
            ("city", "retired_field"),
            ("shoeSize", "unknown_field"),
            ("birthday", "invalid_date"),
        }


def everywhere(world: World) -> str:
    """All that the contact tables hold of an account, as one text."""
    found = []
    for model in apps.get_app_config("contacts").get_models():
        found += [str(row) for row in model._base_manager.filter(account=world.account).values_list()]
    return "\n".join(found)


class TestErasure:
    def test_nothing_of_the_person_is_left(self, world: World) -> None:
        world.write(ERP, [Sent("erp-77", {"street": "Dam 1"}, link_to=1)])
        done = merge(world)
        world.split(SHOP, "1")
        world.unlink(ERP, "erp-77")
        erasure.erase(account=world.account, contact_id=world.id_of(0), by=BY)
        text = everywhere(world)
        assert [trace for trace in ("piet@example.com", "Smit", "Dam 1", "erp-77") if trace in text] == []
        assert code_of(lambda: undo(world, done)) == "contact_erased"
        last = Change.objects.for_account(world.account).order_by("number").last()
        assert (last.kind, last.contact_id) == ("erased", world.id_of(0))

    def test_a_merge_forgets_whoever_was_split_off_since(self, world: World) -> None:
        done = merge(world)
        world.split(CRM, "1")
        apart = ExternalId.objects.for_account(world.account).get(value="1", id_field=world.id_fields[CRM]).contact_id
        erasure.erase(account=world.account, contact_id=apart, by=BY)
        assert "piet@example.com" not in everywhere(world)
        assert code_of(lambda: undo(world, done)) == "contact_erased"

    def test_its_ids_are_refused_until_an_owner_lifts_it(self, world: World) -> None:
        erasure.erase(account=world.account, contact_id=world.id_of(0), by=BY)
        assert world.write(SHOP, [Sent("1", {"email": "jan@example.com"})])[0].outcome == "contact_erased"
        assert world.unlink(SHOP, "1") == "contact_erased"
        assert world.erase_own(SHOP, "1") == "contact_erased"
        assert world.write(CRM, [Sent("2", {"email": "jan@example.com"})])[0].outcome == "created"
        assert world.lift(SHOP, "1") == "lifted"
        assert world.lift(SHOP, "1") == "erasure_not_found"
        assert world.write(SHOP, [Sent("1", {"email": "jan@example.com"})])[0].outcome == "linked"
        assert code_of(lambda: erasure.erase(account=world.account, contact_id=uuid4(), by=BY)) == "contact_not_found"

    def test_its_own_system_may_send_it_again(self, world: World) -> None:
        world.write(ERP, [Sent("5", {"email": "jan@example.com"})])
        assert world.erase_own(SHOP, "1") == "linked_elsewhere"
        world.unlink(ERP, "5")
        assert world.erase_own(SHOP, "1") == "erased"
        assert world.erase_own(SHOP, "1") == "contact_not_found"
        assert world.write(SHOP, [Sent("1", {"email": "jan@example.com"})])[0].outcome == "created"


class TestReviews:
    def test_later_waits_and_not_a_match_sticks(self) -> None:
        world = World()
        world.write(SHOP, [Sent(number, {"email": "info@example.com"}) for number in "12"])
        assert world.decide_pair((0, 1), "later") == "later"
        assert world.decide_pair((0, 1), "not_a_match") == "not_a_match"
        assert world.decide_pair((0, 1), "later") == "already_decided"
        world.write(SHOP, [Sent("1", {"email": None})])
        (again,) = world.write(SHOP, [Sent("1", {"email": "info@example.com"})])
        assert again.warnings == frozenset()
        assert world.decide_pair((0, 5), "later") == "review_item_not_found"

    def test_a_key_that_too_many_share_is_one_item(self) -> None:
        world = World()
        for number in range(9):
            world.write(SHOP, [Sent(str(number), {"email": "info@example.com"})])
        items = ReviewItem.objects.for_account(world.account)
        crowd = items.get(kind="too_common")
        assert (crowd.count, str(crowd)) == (8, "Too common: 8 contacts")
        assert items.exclude(kind="too_common").count() == 1 + 2 + 3 + 4 + 5 + 5 + 5 + 5
        done = merge(world, 0, 8)
        undo(world, done)
        crowd.refresh_from_db()
        assert crowd.count == 8
        reviews.not_a_match(account=world.account, item_id=crowd.pk, by=BY)
        world.write(SHOP, [Sent("10", {"email": "info@example.com"})])
        crowd.refresh_from_db()
        assert (crowd.count, crowd.state) == (8, "not_a_match")

    def test_another_accounts_item_is_not_there(self) -> None:
        world = World()
        world.write(SHOP, [Sent(number, {"email": "info@example.com"}) for number in "12"])
        item = ReviewItem.objects.for_account(world.account).get()
        with pytest.raises(NotFound):
            reviews.later(account=World().account, item_id=item.pk, by=BY)
