"""One contact's pages: what they show to whom, what they do, and what they refuse."""

from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.actor import SYSTEM, Actor
from accounts.models import AuditEvent, Role
from contacts.models import Change, Merge
from contacts.services import erasure, fields, merges, reviews, splits
from tests.contacts.pages import contact_path, form_of, jan_and_piet, member, merge, path, said, values
from tests.contacts.world import SYSTEMS, Sent, World
from tests.integrations.pages import error_of

pytestmark = pytest.mark.django_db

SHOP, CRM, ERP = SYSTEMS
BY = Actor(label="olga@example.com")


@pytest.fixture
def world() -> World:
    return jan_and_piet()


@pytest.fixture
def owner(world: World) -> Client:
    return member(world)


class TestThePage:
    def test_says_who_wrote_what_and_what_stood_there_before(self, world: World, owner: Client) -> None:
        text = said(owner.get(contact_path(world, 0)))
        assert "Jan Smit" in text
        assert f"City Epe {CRM} 77" in text
        assert f"Ede {SHOP} 1001" in text
        assert "by rule 1 (email)" in text
        assert f"jan@example.com Shared {SHOP} 1001" in text
        assert f"Also sent by {CRM} 77" in text
        assert "linked by rule 1 (email)" in text
        assert "2 Updated City" in text
        assert "1 Created" in text

    def test_a_person_is_named_and_an_emptied_value_told(self, world: World, owner: Client) -> None:
        splits.edit(account=world.account, contact_id=world.id_of(0), values={"city": None, "infix": "de"}, by=BY)
        text = said(owner.get(contact_path(world, 0)))
        assert "Jan de Smit" in text
        assert "City (emptied) olga@example.com" in text

    def test_a_merged_one_leads_to_the_one_that_it_lives_on_in(self, world: World, owner: Client) -> None:
        world.write(ERP, [Sent("5", {"firstName": "Kees"})])
        merge(world, 1, 2)
        merge(world, 0, 1)
        for action in ("", "edit", "undo", "split", "export", "erase"):
            page = owner.get(contact_path(world, 2, action), follow=True)
            assert page.redirect_chain == [(contact_path(world, 0), 302)]
            assert "was merged into this one" in said(page)

    def test_an_erased_one_says_so_to_members_and_is_not_there_for_others(self, world: World, owner: Client) -> None:
        other = World()
        stranger, admin = member(other), member(world, Role.ADMIN)
        assert stranger.get(contact_path(world, 0)).status_code == 404
        merge(world, 0, 1)
        erasure.erase(account=world.account, contact_id=world.id_of(0), by=BY)
        for name, action in ((0, ""), (0, "edit"), (1, ""), (1, "erase")):
            page = owner.get(contact_path(world, name, action))
            assert page.status_code == 410
            assert "This contact was erased olga@example.com erased it on " in said(page)
            assert path(world, "erasures") in page.text.split("<main")[1]
        assert owner.post(contact_path(world, 0, "edit"), {}).status_code == 410
        page = admin.get(contact_path(world, 0))
        assert "unless an owner of the account lifted that since" in said(page)
        assert path(world, "erasures") not in page.text
        assert stranger.get(contact_path(world, 0)).status_code == 404
        assert stranger.get(path(other, pk=world.id_of(0))).status_code == 404
        assert owner.get(path(world, pk=uuid4())).status_code == 404

    def test_one_that_its_system_erased_may_come_again(self, world: World, owner: Client) -> None:
        world.erase_own(CRM, "78")
        page = owner.get(contact_path(world, 1))
        assert page.status_code == 410
        assert f"{CRM} erased it on" in said(page)
        assert "may send it again" in said(page)

    def test_the_history_says_what_people_did_and_to_whom(self, world: World, owner: Client) -> None:
        def told(name: int) -> list[str]:
            page = owner.get(contact_path(world, name))
            rows = [f"{told.what} {told.other_name or told.other or ''}".strip() for told in page.context["changes"]]
            assert [row for row in rows if row not in said(page)] == []
            return rows

        merge(world, 0, 1)
        assert told(0)[0] == "Merged with Piet"
        assert contact_path(world, 1) not in owner.get(contact_path(world, 0)).text  # leads back to this page
        merges.undo(account=world.account, merge_id=Merge.objects.for_account(world.account).get().pk, by=BY)
        world.split(CRM, "77")
        apart = world.id_of(2)
        splits.edit(account=world.account, contact_id=apart, values={"lastName": "Bos"}, by=BY)
        assert told(0) == [
            *("Split off Bos", "Merge undone, apart again from Piet", "Merged with Piet", "Updated", "Created")
        ]
        assert told(1) == ["Merge undone, apart again from Jan Smit", "Merged into Jan Smit", "Created"]
        assert told(2) == ["Updated", "Split off from Jan Smit"]
        assert f'href="{path(world, pk=apart)}"' in owner.get(contact_path(world, 0)).text
        erasure.erase(account=world.account, contact_id=apart, by=BY)
        assert told(0)[0] == f"Split off {apart}"

    def test_a_viewer_sees_all_and_is_offered_nothing(self, world: World) -> None:
        merge(world, 0, 1)
        viewer, admin = member(world, Role.VIEWER), member(world, Role.ADMIN)
        page = viewer.get(contact_path(world, 0)).text
        assert [each for each in ("edit", "undo", "split", "export", "erase") if f"/{each}/" in page] == []
        page = admin.get(contact_path(world, 0)).text
        assert [each for each in ("edit", "undo", "split", "export", "erase") if f"/{each}/" in page] == [
            *("edit", "undo", "split", "export")
        ]
        for action in ("edit", "undo", "split", "export", "erase"):
            for client in (viewer,) if action != "erase" else (viewer, admin):
                assert client.get(contact_path(world, 0, action)).status_code == 403
                assert client.post(contact_path(world, 0, action)).status_code == 403
        assert viewer.get(path(world, "erasures")).status_code == admin.post(path(world, "erasures")).status_code == 403

    def test_a_long_history_comes_in_pages(self, world: World, owner: Client) -> None:
        for number in range(30):
            world.write(SHOP, [Sent("1001", {"city": str(number)})])
        first = owner.get(contact_path(world, 0))
        assert [told.change.number for told in first.context["changes"]] == list(range(33, 8, -1))
        rest = owner.get(contact_path(world, 0), {"before": first.context["older"]})
        assert [told.change.number for told in rest.context["changes"]] == [*range(8, 3, -1), 2, 1]
        assert owner.get(contact_path(world, 0), {"before": "soon"}).status_code == 404

    def test_more_of_everything_takes_no_more_queries(self, world: World, owner: Client) -> None:
        def count() -> int:
            owner.get(contact_path(world, 0))
            with CaptureQueriesContext(connection) as queries:
                assert owner.get(contact_path(world, 0)).status_code == 200
            return len(queries)

        merge(world, 0, 1)
        few = count()
        for number in range(5):
            world.write(ERP, [Sent(f"e{number}", {"firstName": f"N{number}"})])
            merge(world, 0, 2 + number)
            splits.edit(account=world.account, contact_id=world.id_of(0), values={"city": str(number)}, by=BY)
        assert count() == few <= 22


class TestEditing:
    def test_only_what_was_changed_is_written(self, world: World, owner: Client) -> None:
        form = form_of(owner.get(contact_path(world, 0, "edit")))
        page = owner.post(contact_path(world, 0, "edit"), form | {"city": " Nijmegen ", "lastName": ""}, follow=True)
        assert "Saved." in said(page)
        assert values(world, 0) == {"email": "jan@example.com", "firstName": "Jan", "city": "Nijmegen"}
        change = Change.objects.for_account(world.account).latest("number")
        assert change.fields == ["city", "lastName"]
        assert AuditEvent.objects.get(action="contact.edited").after == {"fields": ["city", "lastName"]}
        form = form_of(owner.get(contact_path(world, 0, "edit")))
        assert "Nothing was changed." in said(owner.post(contact_path(world, 0, "edit"), form, follow=True))
        assert Change.objects.for_account(world.account).latest("number") == change

    def test_every_type_has_its_input_and_its_errors(self, world: World, owner: Client) -> None:
        choices = ["red", "green"]
        for name, type_ in [
            *(("note", "text"), ("size", "integer"), ("discount", "decimal"), ("active", "boolean")),
            *(("since", "date"), ("seenAt", "date_time"), ("colour", "choice"), ("colours", "multiple_choice")),
        ]:
            offered = choices if "choice" in type_ else ()
            fields.add_contact_field(
                account=world.account, name=name, label=name, type=type_, choices=offered, by=SYSTEM
            )
        edit = contact_path(world, 0, "edit")
        form = form_of(owner.get(edit))
        typed = {
            "note": "one\r\ntwo",
            "size": "43",
            "discount": "1.50",
            "active": "false",
            "since": "2026-02-28",
            "seenAt": "2026-07-01T09:30",
            "colour": "green",
            "colours": ["green", "red"],
        }
        assert owner.post(edit, form | typed).status_code == 302
        assert {name: values(world, 0)[name] for name in typed} == {
            "note": "one\ntwo",
            "size": 43,
            "discount": "1.50",
            "active": False,
            "since": "2026-02-28",
            "seenAt": "2026-07-01T09:30:00+02:00",
            "colour": "green",
            "colours": ["red", "green"],
        }
        shown = form_of(owner.get(edit))
        assert "Nothing was changed." in said(owner.post(edit, shown, follow=True))
        wrong = {
            "email": "jan",
            "size": "1.5",
            "discount": "much",
            "since": "2026-02-30",
            "seenAt": "soon",
            "colour": "x",
        }
        page = owner.post(edit, shown | {"seenAt": "soon"})
        assert "a date and a time that exist" in error_of("seenAt", page.text)
        page = owner.post(edit, shown | wrong | {"seenAt": shown["seenAt"], "colour": "green"})
        assert page.status_code == 422
        assert [name for name in wrong if error_of(name, page.text)] == ["email", "size", "discount", "since"]
        assert error_of("colour", owner.post(edit, shown | wrong).text)
        emptied = {name: "" for name in typed if name != "colours"}
        shown.pop("colours")
        assert owner.post(edit, shown | emptied).status_code == 302
        assert set(values(world, 0)) & set(typed) == set()

    def test_moments_are_in_the_accounts_time_zone(self, world: World, owner: Client) -> None:
        fields.add_contact_field(
            account=world.account, name="seenAt", label="Seen", type="date_time", choices=(), by=SYSTEM
        )
        edit = contact_path(world, 0, "edit")
        for sent, shown, typed in (
            ("2026-07-01T09:30:00.25Z", "2026-07-01 11:30:00", None),
            ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z", None),
            ("2026-07-01T09:30:00Z", "1900-01-01 09:00:00", "1900-01-01T09:00"),
        ):
            world.write(SHOP, [Sent("1001", {"seenAt": sent})])
            form = form_of(owner.get(edit))
            if typed:
                assert owner.post(edit, form | {"seenAt": typed}).status_code == 302
                assert values(world, 0)["seenAt"].endswith("+00:00")
            else:
                assert "Nothing was changed." in said(owner.post(edit, form, follow=True))
            assert f"Seen {shown}" in said(owner.get(contact_path(world, 0)))

    def test_a_retired_field_and_a_withdrawn_choice_stay_as_they_are(self, world: World, owner: Client) -> None:
        fields.retire(account=world.account, name="city", by=SYSTEM)
        edit = contact_path(world, 0, "edit")
        page = owner.get(edit)
        assert "Retired fields City Epe" in said(page)
        assert owner.post(edit, form_of(page) | {"city": "Ede", "infix": "de"}).status_code == 302
        assert values(world, 0)["city"] == "Epe"

    def test_who_was_slower_is_told_and_loses_nothing(self, world: World, owner: Client) -> None:
        edit = contact_path(world, 0, "edit")
        form = form_of(owner.get(edit))
        world.write(SHOP, [Sent("1001", {"city": "Rhenen", "infix": "de"})])
        page = owner.post(edit, form | {"city": "Nijmegen", "firstName": "Johan"})
        assert page.status_code == 409
        assert "Somebody changed this contact since you opened it" in said(page)
        assert "Meanwhile this became “Rhenen”" in error_of("city", page.text)
        again = form_of(page)
        assert (again["city"], again["firstName"], again["infix"]) == ("Nijmegen", "Johan", "de")
        assert values(world, 0)["city"] == "Rhenen"
        assert owner.post(edit, again).status_code == 302
        assert values(world, 0) | {"city": "Nijmegen", "firstName": "Johan", "infix": "de"} == values(world, 0)
        merge(world, 1, 0)
        page = owner.post(edit, form_of(page) | {"city": "Wijchen"})
        assert page.status_code == 409
        assert "Wijchen" in page.text

    @pytest.mark.parametrize("broken", [{}, {"seen_version": "1", "seen_values": "[]"}, {"seen_values": "{"}])
    def test_a_form_without_what_was_seen_is_refused(self, world: World, owner: Client, broken: dict[str, str]) -> None:
        assert owner.post(contact_path(world, 0, "edit"), broken | {"city": "x"}).status_code == 422
        assert values(world, 0)["city"] == "Epe"

    def test_it_tells_whom_the_contact_is_like_now(self, world: World, owner: Client) -> None:
        edit = contact_path(world, 0, "edit")
        page = owner.post(edit, form_of(owner.get(edit)) | {"email": "piet@example.com"}, follow=True)
        assert "It may be the same as 1 other now" in said(page)
        assert "Open doubts Possible duplicate: " in said(page)


class TestTakingItOut:
    def test_the_file_has_everything_and_leaves_a_trace(self, world: World, owner: Client) -> None:
        merge(world, 0, 1)
        assert "One JSON file with everything" in said(owner.get(contact_path(world, 0, "export")))
        answer = owner.post(contact_path(world, 0, "export"))
        assert answer["Content-Disposition"] == f'attachment; filename="contact-{world.id_of(0)}.json"'
        known = answer.json()
        assert known["values"]["city"] == "Epe"
        assert known["external_ids"] == {SHOP: ["1001"], CRM: ["77", "78"]}
        city = known["explanation"]["values"]["city"]
        assert (city["written_by"], city["replaced"]["value"]) == ({"id_field": CRM, "external_id": "77"}, "Ede")
        assert [each["id"] for each in known["merged_from"]] == [str(world.id_of(1))]
        assert [each["kind"] for each in known["history"]] == ["created", "updated", "updated"]
        assert [each["state"] for each in known["review_items"]] == ["merged"]
        assert AuditEvent.objects.get(action="contact.exported").object_id == str(world.id_of(0))
        assert owner.post(contact_path(world, 1, "export")).status_code == 302


def test_decided_doubts_are_not_shown(world: World, owner: Client) -> None:
    splits.edit(account=world.account, contact_id=world.id_of(0), values={"email": "piet@example.com"}, by=BY)
    page = owner.get(contact_path(world, 0))
    ((item, _),) = page.context["shown"].doubts
    reviews.later(account=world.account, item_id=item.pk, by=BY)
    assert "Open doubts Possible duplicate: " in said(owner.get(contact_path(world, 1)))
    reviews.not_a_match(account=world.account, item_id=item.pk, by=BY)
    assert "Open doubts" not in said(owner.get(contact_path(world, 1)))
