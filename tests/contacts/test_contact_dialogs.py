"""Undoing, splitting and erasing on a contact's pages: what they say before, what they do, and what they refuse."""

import pytest
from django.test import Client

from accounts.actor import SYSTEM
from contacts.models import Contact, ErasedId, ExternalId
from contacts.services import erasure
from tests.contacts.pages import contact_path, form_of, jan_and_piet, member, merge, path, said, values
from tests.contacts.world import SYSTEMS, Sent, World
from tests.integrations.pages import HTMX, error_of

pytestmark = pytest.mark.django_db

SHOP, CRM, ERP = SYSTEMS


@pytest.fixture
def world() -> World:
    return jan_and_piet()


@pytest.fixture
def owner(world: World) -> Client:
    return member(world)


class TestUndoing:
    def test_it_says_what_moves_and_then_does_it(self, world: World, owner: Client) -> None:
        undo = contact_path(world, 0, "undo")
        assert owner.get(undo).status_code == 409
        merge(world, 0, 1)
        world.write(ERP, [Sent("5", {"infix": "de"}, link_to=0)])
        page = owner.get(undo, headers=HTMX)
        assert f"with 1 id: {CRM} 78." in said(page)
        assert f"Linked since, and stays here: {ERP} 5." in said(page)
        assert "First name Jan Piet" in said(page)
        page = owner.post(undo, form_of(page), follow=True)
        assert f"there are two contacts again. What came since stayed here: {ERP} 5, infix." in said(page)
        assert values(world, 1) == {"email": "piet@example.com", "firstName": "Piet"}
        assert "Undone since" in said(page)

    def test_refusals_are_told_in_words(self, world: World, owner: Client) -> None:
        world.write(ERP, [Sent("5", {"firstName": "Kees"})])
        merge(world, 0, 1)
        undo = contact_path(world, 0, "undo")
        form = form_of(owner.get(undo))
        merge(world, 0, 2)
        assert "merged again since; undo that first" in said(owner.post(undo, form, follow=True))
        assert "one of the two was merged again since. Undo that first." in said(owner.get(contact_path(world, 0)))
        owner.post(undo, form_of(owner.get(undo)))
        form = form_of(owner.get(undo))
        assert owner.post(undo, form).status_code == 302
        assert "was undone already" in said(owner.post(undo, form, follow=True))
        assert owner.post(undo, {}).status_code == 409
        merge(world, 1, 2)
        of_another = form_of(owner.get(contact_path(world, 1, "undo")))["chosen"]
        for pk in (0, of_another, 2**80):
            assert owner.post(undo, form | {"chosen": pk}).status_code == 404

    def test_what_came_since_is_shown_before_it_is_undone(self, world: World, owner: Client) -> None:
        merge(world, 0, 1)
        undo = contact_path(world, 0, "undo")
        form = form_of(owner.get(undo))
        world.write(ERP, [Sent("5", {"infix": "de"}, link_to=0)])
        page = owner.post(undo, form)
        assert page.status_code == 409
        assert "changed since you opened this page, and nothing was done" in said(page)
        assert f"Linked since, and stays here: {ERP} 5." in said(page)
        assert owner.post(undo, form_of(page)).status_code == 302
        assert "there are two contacts again" in said(owner.get(contact_path(world, 0)))

    def test_a_form_without_what_was_seen_is_refused(self, world: World, owner: Client) -> None:
        merge(world, 0, 1)
        form = form_of(owner.get(contact_path(world, 0, "undo"))) | {"seen_version": ""}
        page = owner.post(contact_path(world, 0, "undo"), form)
        assert page.status_code == 422
        assert "This form is too old. Open it again." in said(page)


class TestSplitting:
    def test_it_says_what_moves_and_comes_back_and_then_does_it(self, world: World, owner: Client) -> None:
        split = contact_path(world, 0, "split")
        row = ExternalId.objects.for_account(world.account).get(value="77")
        assert "You see what moves with it before anything happens" in said(owner.get(split))
        page = owner.get(split, {"id": row.pk})
        assert "City Ede comes back for “Epe” Epe" in said(page)
        assert "jan@example.com jan@example.com" in said(page)
        page = owner.post(split, form_of(page), follow=True)
        assert "77 is a contact of its own now" in said(page)
        assert values(world, 0)["city"] == "Ede"
        row.refresh_from_db()
        assert page.redirect_chain[-1][0] == path(world, pk=row.contact_id)

    def test_what_moved_meanwhile_is_told(self, world: World, owner: Client) -> None:
        split = contact_path(world, 0, "split")
        row = ExternalId.objects.for_account(world.account).get(value="77")
        assert owner.post(split, {}).status_code == 422
        form = form_of(owner.get(split, {"id": row.pk}))
        world.write(CRM, [Sent("77", {"city": "Rhenen"})])
        page = owner.post(split, form)
        assert page.status_code == 409
        assert "changed since you opened this page, and nothing was done" in said(page)
        assert "City Ede comes back for “Rhenen” Rhenen" in said(page)
        assert form_of(page) == form | {"seen_version": str(int(form["seen_version"]) + 1)}
        world.split(CRM, "77")
        assert "points at another contact by now" in said(owner.post(split, form_of(page), follow=True))
        assert "nothing was split off" in said(owner.post(split, form | {"chosen": 0}, follow=True))


class TestErasing:
    def test_it_takes_the_name_and_then_everything(self, world: World, owner: Client) -> None:
        merge(world, 0, 1)
        erase = contact_path(world, 0, "erase")
        assert "4 values, 3 ids, 1 contact merged into it" in said(owner.get(erase))
        form = form_of(owner.get(erase))
        page = owner.post(erase, form | {"confirmation": "Piet"})
        assert page.status_code == 422
        assert "Type Jan Smit" in error_of("confirmation", page.text)
        assert owner.post(erase, {}).status_code == 422
        page = owner.post(erase, form | {"confirmation": "jan  smit"}, follow=True)
        assert "The contact is erased" in said(page)
        assert not Contact.objects.for_account(world.account).exists()
        assert ErasedId.objects.for_account(world.account).count() == 3
        assert world.write(SHOP, [Sent("1001", {})])[0].outcome == "contact_erased"
        assert owner.post(erase, {"confirmation": "Jan Smit"}).status_code == 410

    def test_what_came_since_is_shown_before_it_is_erased(self, world: World, owner: Client) -> None:
        erase = contact_path(world, 0, "erase")
        form = form_of(owner.get(erase)) | {"confirmation": "Jan Smit"}
        merge(world, 0, 1)
        page = owner.post(erase, form)
        assert page.status_code == 409
        assert "changed since you opened this page, and nothing was done" in said(page)
        assert "4 values, 3 ids, 1 contact merged into it" in said(page)
        assert Contact.objects.for_account(world.account).filter(pk=world.id_of(0)).exists()
        assert owner.post(erase, form_of(page) | {"confirmation": "Jan Smit"}).status_code == 302
        assert not Contact.objects.for_account(world.account).exists()

    def test_a_contact_without_a_name_takes_a_word(self, world: World, owner: Client) -> None:
        world.write(ERP, [Sent("5", {"city": "Ede"})])
        typed = form_of(owner.get(contact_path(world, 2, "erase"))) | {"confirmation": "erase"}
        assert owner.post(contact_path(world, 2, "erase"), typed).status_code == 302
        assert owner.post(contact_path(world, 2, "erase")).status_code == 410
        merge(world, 0, 1)
        page = owner.post(contact_path(world, 1, "erase"), typed, follow=True)
        assert "was merged into" in said(page)

    def test_an_owner_lifts_it_by_typing_the_id(self, world: World, owner: Client) -> None:
        lift = path(world, "erasures")
        assert "No id is refused" in said(owner.get(lift))
        erasure.erase(account=world.account, contact_id=world.id_of(0), by=SYSTEM)
        assert "1 erased id, the last on" in said(owner.get(lift))
        field = world.id_fields[SHOP].pk
        page = owner.post(lift, {"id_field": field, "external_id": "1002"})
        assert "No contact with this external id was erased" in error_of("external_id", page.text)
        assert owner.post(lift, {"id_field": World().id_fields[SHOP].pk, "external_id": "1001"}).status_code == 422
        assert "may be written again" in said(
            owner.post(lift, {"id_field": field, "external_id": " 1001 "}, follow=True)
        )
        assert world.write(SHOP, [Sent("1001", {})])[0].outcome == "created"
