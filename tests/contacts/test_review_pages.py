"""The review of possible duplicates: the list, an item side by side, and what deciding does."""

from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.actor import Actor
from accounts.models import AuditEvent, Role
from contacts import queries
from contacts.models import Contact, Merge, ReviewItem, Signature
from contacts.queries_review import Wanted, listed
from contacts.services import merges, reviews
from tests.contacts.pages import contact_path, form_of, member, path, said
from tests.contacts.world import SYSTEMS, Sent, World

pytestmark = pytest.mark.django_db

SHOP, CRM, ERP = SYSTEMS
BY = Actor(label="olga@example.com")


@pytest.fixture
def world() -> World:
    """Three customers of one shop with one address: an id conflict, and two ambiguous pairs."""
    world = World()
    for number, name in (("1", "Jan"), ("2", "Johan"), ("3", "Piet")):
        world.write(SHOP, [Sent(number, {"email": "info@example.com", "firstName": name, "city": "Ede"})])
    return world


@pytest.fixture
def owner(world: World) -> Client:
    return member(world)


def items(world: World) -> list[ReviewItem]:
    return list(ReviewItem.objects.for_account(world.account).order_by("pk"))


def decide(client: Client, world: World, item: ReviewItem, decision: str, **changed: Any) -> Any:
    """Sends an item's form as it stands, but for what is changed."""
    address = path(world, "review-item", pk=item.pk)
    form = form_of(client.get(address))
    return client.post(address, form | {"decision": decision} | changed, follow=True)


class TestTheList:
    def test_has_what_waits_oldest_first_with_reasons_and_counts(self, world: World, owner: Client) -> None:
        first, second, third = items(world)
        page = owner.get(path(world, "review"))
        assert [row.item for row in page.context["rows"]] == [first, second, third]
        text = said(page)
        assert "Open 3 Later 0 Decided 0" in text
        assert "Id conflicts 1 Ambiguous 2" in text
        assert "Jan and Johan Alike by rule 1 (E-mail), but one system has an id for each" in text
        reviews.later(account=world.account, item_id=first.pk, by=BY)
        reviews.not_a_match(account=world.account, item_id=second.pk, by=BY)
        shown = {
            shown: [row.item.pk for row in owner.get(path(world, "review"), {"shown": shown}).context["rows"]]
            for shown in ("open", "later", "decided", "x")
        }
        assert shown == {"open": [third.pk], "later": [first.pk], "decided": [second.pk], "x": [third.pk]}
        of_kind = owner.get(path(world, "review"), {"kind": "id_conflict", "shown": "later"})
        assert [row.item for row in of_kind.context["rows"]] == [first]
        assert "There is no item of this kind" in said(owner.get(path(world, "review"), {"kind": "too_common"}))

    def test_comes_in_pages(self, owner: Client, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("contacts.queries_review.PAGE", 2)
        first = owner.get(path(world, "review"))
        assert [row.item for row in first.context["rows"]] == items(world)[:2]
        assert f"after={items(world)[1].pk}" in first.text
        rest = owner.get(path(world, "review"), {"after": first.context["more"]})
        assert [row.item for row in rest.context["rows"]] == items(world)[2:]
        assert rest.context["more"] is None
        assert owner.get(path(world, "review"), {"after": "x"}).status_code == 404

    def test_says_when_nothing_waits(self) -> None:
        world = World()
        page = member(world, Role.VIEWER).get(path(world, "review"))
        assert "Nothing waits for you" in said(page)
        assert 'class="badge"' not in page.text[: page.text.find("<main")]

    def test_more_items_take_no_more_queries(self, world: World, owner: Client) -> None:
        def count() -> int:
            with CaptureQueriesContext(connection) as queries:
                assert owner.get(path(world, "review")).status_code == 200
            return len(queries)

        few = count()
        for number in range(4, 9):
            world.write(SHOP, [Sent(str(number), {"email": "info@example.com"})])
        assert count() == few <= 14

    def test_the_badge_counts_what_is_open_so_far(self, world: World, owner: Client) -> None:
        assert ">3<span" in owner.get(path(world, "review")).text
        template = items(world)[0]
        contacts = Contact.objects.for_account(world.account)
        ids = [contacts.create().pk for _ in range(15)]
        ReviewItem.objects.for_account(world.account).bulk_create(
            ReviewItem(kind="ambiguous", contact_id=one, other_id=other, rule_set_id=template.rule_set_id)
            for one in ids
            for other in ids
            if one < other
        )
        assert queries.open_reviews(world.account) == 100
        page = owner.get(path(world, "review"))
        assert ">99+<span" in page.text
        assert "Open 99+" in said(page)

    def test_what_waits_is_found_by_an_index_however_much_was_decided(self, world: World) -> None:
        signature = Signature.objects.for_account(world.account).first()
        decided = {"state": "not_a_match", "decided_at": timezone.now(), "decided_by": "olga"}
        ReviewItem.objects.for_account(world.account).bulk_create(
            ReviewItem(
                kind="too_common",
                signature=signature,
                key=uuid4(),
                count=21,
                rule_set_id=items(world)[0].rule_set_id,
                **decided,
            )
            for _ in range(3000)
        )
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE contacts_reviewitem")
            with CaptureQueriesContext(connection) as captured:
                queries.open_reviews(world.account)
                listed(world.account, Wanted(), None)
            explain = "EXPLAIN" if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN"
            for query in captured.captured_queries[:2]:
                cursor.execute(f"{explain} {query['sql']}")
                plan = " ".join(str(row) for row in cursor.fetchall())
                assert "contacts_reviewitem_state" in plan
                assert "Seq Scan" not in plan


class TestAPair:
    def test_stands_side_by_side_with_what_differs(self, world: World, owner: Client) -> None:
        page = owner.get(path(world, "review-item", pk=items(world)[0].pk))
        text = said(page)
        assert "Both have an id in externalCustomerId" in text
        assert "First name Differs Jan externalCustomerId" in text
        assert page.context["pair"].choices == ["firstName"]
        assert form_of(page)["survivor"] == form_of(page)["choice-firstName"] == str(world.id_of(0))

    def test_is_merged_with_a_choice_and_says_what_else_was_settled(self, world: World, owner: Client) -> None:
        first, *_ = items(world)
        page = decide(owner, world, first, "merge", **{"choice-firstName": str(world.id_of(1))})
        assert "Merged: there is one contact now" in said(page)
        assert "1 other doubt was settled with it" in said(page)
        merged = Contact.objects.for_account(world.account).get(pk=world.id_of(0))
        assert merged.values == {"email": "info@example.com", "firstName": "Johan", "city": "Ede"}
        assert page.redirect_chain[-1][0] == path(world, "review-item", pk=items(world)[1].pk)
        assert [item.state for item in items(world)] == ["merged", "open", "settled"]

    def test_the_newer_one_may_stay(self, world: World, owner: Client) -> None:
        decide(owner, world, items(world)[0], "merge", survivor=str(world.id_of(1)))
        assert Merge.objects.for_account(world.account).get().survivor_id == world.id_of(1)

    def test_is_no_match_or_waits_for_later(self, world: World, owner: Client) -> None:
        first, second, third = items(world)
        page = decide(owner, world, first, "later")
        assert "Put aside" in said(page)
        assert page.redirect_chain[-1][0] == path(world, "review-item", pk=second.pk)
        page = decide(owner, world, third, "not_a_match")
        assert "Not a match: They are two, for good." in said(page)
        assert page.redirect_chain[-1][0] == path(world, "review-item", pk=second.pk)
        page = decide(owner, world, second, "not_a_match")
        assert page.redirect_chain[-1][0] == path(world, "review")
        page = decide(owner, world, first, "not_a_match")
        assert {item.state for item in items(world)} == {"not_a_match"}
        assert AuditEvent.objects.filter(action="review_item.not_a_match").count() == 3

    def test_goes_on_within_what_is_shown(self, world: World, owner: Client) -> None:
        _, second, third = items(world)
        address = f"{path(world, 'review-item', pk=second.pk)}?kind=ambiguous"
        page = owner.get(address)
        assert (page.context["previous"], page.context["next"]) == (None, third.pk)
        page = owner.post(address, {"decision": "later"})
        assert page["Location"] == f"{path(world, 'review-item', pk=third.pk)}?kind=ambiguous"

    @pytest.mark.parametrize("decision", ["merge", "not_a_match", "later"])
    def test_what_somebody_else_decided_is_told_and_done_once(self, world: World, owner: Client, decision: str) -> None:
        first, *_ = items(world)
        address = path(world, "review-item", pk=first.pk)
        form = form_of(owner.get(address))
        reviews.not_a_match(account=world.account, item_id=first.pk, by=BY)
        page = owner.post(address, form | {"decision": decision}, follow=True)
        assert "This was decided already: not a match. Nothing was done." in said(page)
        assert not Merge.objects.for_account(world.account).exists()
        assert AuditEvent.objects.filter(action__startswith="review_item.").count() == 1
        assert "Not a match: olga@example.com" in said(owner.get(address))
        assert 'name="decision"' not in owner.get(address).text

    def test_a_decision_in_the_same_moment_is_refused_under_the_lock(
        self, world: World, owner: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first, *_ = items(world)

        def somebody_is_faster(**given: Any) -> Any:
            reviews.not_a_match(account=world.account, item_id=first.pk, by=BY)
            return merge(**given)

        merge = reviews.merge
        monkeypatch.setattr(reviews, "merge", somebody_is_faster)
        page = decide(owner, world, first, "merge")
        assert "decided already: not a match. Nothing was done" in said(page)
        assert not Merge.objects.for_account(world.account).exists()

    def test_contacts_that_changed_meanwhile_are_shown_again(self, world: World, owner: Client) -> None:
        first, *_ = items(world)
        address = path(world, "review-item", pk=first.pk)
        form = form_of(owner.get(address)) | {"decision": "merge"}
        newer = str(world.id_of(1))
        world.write(SHOP, [Sent("2", {"city": "Epe"})])
        page = owner.post(address, form | {"choice-firstName": newer})
        assert page.status_code == 409
        assert "has changed since you saw it" in said(page)
        assert "Choose one of the two" not in said(page)  # a choice that is new is none that was missed
        again = form_of(page)
        assert (again["choice-firstName"], again["choice-city"]) == (newer, again["survivor"])
        world.write(SHOP, [Sent("2", {"city": "Ede"})])
        page = owner.post(address, again | {"decision": "merge"})
        assert page.status_code == 409
        assert "has changed since you saw it" in said(page)
        assert owner.post(address, form_of(page) | {"decision": "merge"}).status_code == 302
        assert Contact.objects.for_account(world.account).get(pk=form["survivor"]).values["firstName"] == "Johan"

    def test_all_that_is_wrong_is_told_at_once_in_our_words(self, world: World, owner: Client) -> None:
        first, *_ = items(world)
        page = owner.post(path(world, "review-item", pk=first.pk), {"versions": "\0"})
        assert page.status_code == 422
        text = said(page)
        assert "Choose what to do: merge, not a match, or later." in text
        assert "This page is too old. Open it again." in text
        assert "Which stays, when merged? Choose one of the two." in text
        assert text.count("Choose one of the two.") == 2
        assert "field is required" not in text
        assert "Null characters" not in text

    @pytest.mark.parametrize(
        "broken",
        [
            {"decision": ""},
            {"decision": "erase"},
            {"survivor": "x"},
            {"survivor": ""},
            {"choice-firstName": "x"},
            {"versions": ""},
            {"versions": "1"},
            {"versions": "1,x"},
        ],
    )
    def test_a_broken_form_does_nothing(self, world: World, owner: Client, broken: dict[str, str]) -> None:
        first, *_ = items(world)
        address = path(world, "review-item", pk=first.pk)
        page = owner.post(address, form_of(owner.get(address)) | {"decision": "merge"} | broken)
        assert page.status_code == 422
        assert not Merge.objects.for_account(world.account).exists()

    def test_a_viewer_looks_and_decides_nothing(self, world: World) -> None:
        viewer, (first, *_) = member(world, Role.VIEWER), items(world)
        address = path(world, "review-item", pk=first.pk)
        page = viewer.get(address)
        assert "First name Differs" in said(page)
        assert 'type="radio"' not in page.text
        assert 'name="decision"' not in page.text
        assert viewer.post(address, {"decision": "later"}).status_code == 403
        assert member(World()).get(address).status_code == 404

    def test_one_that_a_merge_settled_can_still_be_read(self, world: World, owner: Client) -> None:
        merges.merge(account=world.account, survivor_id=world.id_of(0), loser_id=world.id_of(1), by=BY)
        for item in items(world):
            assert owner.get(path(world, "review-item", pk=item.pk)).status_code == 200
        assert "Merged into the other" in said(owner.get(path(world, "review-item", pk=items(world)[0].pk)))
        world.split(SHOP, "1")
        text = said(owner.get(path(world, "review"), {"shown": "decided"}))
        assert "A person took them apart" in text

    def test_a_page_takes_the_same_few_queries(self, world: World, owner: Client) -> None:
        with CaptureQueriesContext(connection) as captured:
            owner.get(path(world, "review-item", pk=items(world)[0].pk))
        assert len(captured) <= 26


class TestACrowd:
    @pytest.fixture
    def crowd(self) -> World:
        world = World()
        for number in range(9):
            world.write(SHOP, [Sent(str(number), {"email": "info@example.com", "firstName": f"N{number}"})])
        return world

    def test_shows_the_value_and_who_has_it_and_identifies_nobody(self, crowd: World) -> None:
        owner = member(crowd)
        item = ReviewItem.objects.for_account(crowd.account).get(kind="too_common")
        address = path(crowd, "review-item", pk=item.pk)
        page = owner.get(address)
        text = said(page)
        assert "info@example.com" in text
        assert "Shared by 9 contacts" in text
        assert f'href="{contact_path(crowd, 0)}"' in page.text
        assert "requests/new/?kind=rules" in page.text
        assert "8 contacts with one value" in said(owner.get(path(crowd, "review"), {"kind": "too_common"}))
        page = owner.post(address, {"decision": "merge"})
        assert page.status_code == 422
        assert "none of them can be merged here" in said(page)
        page = decide(owner, crowd, item, "not_a_match")
        assert "The value identifies nobody, for good." in said(page)
        for number in range(9):
            crowd.write(SHOP, [Sent(str(number), {"email": None})])
        assert "Nobody has it any more" in said(owner.get(address))
