"""The partner's pages of the contact base."""

from typing import Any

import pytest
from django.test import Client

from accounts.models import AuditEvent
from contacts.models import Contact, ContactField, IdField
from tests.conftest import Cast, SignIn
from tests.factories import default_id_field
from tests.rows import furnish

pytestmark = pytest.mark.django_db

ADD = "/admin/contacts/idfield/add/"


@pytest.fixture
def agent(cast: Cast, sign_in: SignIn) -> Client:
    return sign_in(cast.agent)


def form_errors(response: Any) -> Any:
    assert response.status_code == 200
    return response.context["adminform"].form.errors


class TestIdFields:
    def test_a_partner_adds_one_to_an_own_account(self, agent: Client, cast: Cast) -> None:
        answer = agent.post(ADD, {"account": cast.account.pk, "name": "webshopCustomerId", "label": ""})
        assert answer.status_code == 302
        added = IdField.objects.for_account(cast.account).get(name="webshopCustomerId")
        assert (added.label, added.created_by, added.source_system) == ("webshopCustomerId", cast.agent.email, None)
        event = AuditEvent.objects.latest("pk")
        assert (event.account_id, event.action, event.actor) == (cast.account.pk, "id_field.added", cast.agent.email)
        assert (event.actor_user_id, event.address) == (cast.agent.pk, "127.0.0.1")

    @pytest.mark.parametrize("continue_", ["_continue", "_addanother", "_popup"])
    def test_every_button_saves_the_same(self, continue_: str, agent: Client, cast: Cast) -> None:
        answer = agent.post(ADD, {"account": cast.account.pk, "name": "a", "label": "A", continue_: "1"})
        assert answer.status_code == (200 if continue_ == "_popup" else 302)
        added = IdField.objects.for_account(cast.account).get(name="a")
        if continue_ == "_continue":
            assert answer["Location"] == f"/admin/contacts/idfield/{added.pk}/change/"

    def test_another_partners_account_is_no_choice(self, agent: Client, cast: Cast) -> None:
        foreign = agent.post(ADD, {"account": cast.other_account.pk, "name": "a"})
        missing = agent.post(ADD, {"account": 10**9, "name": "a"})
        assert form_errors(foreign) == form_errors(missing)
        assert form_errors(foreign).keys() == {"account"}
        assert not IdField.objects.for_account(cast.other_account).filter(name="a").exists()

    @pytest.mark.parametrize(
        ("name", "says"),
        [
            ("externalCustomerId", "has this name already"),
            ("email", "A contact field has this name"),
            ("Upper", "small letter"),
            ("a b", "small letter"),
        ],
    )
    def test_a_refusal_stands_at_the_name_and_nothing_is_added(
        self, name: str, says: str, agent: Client, cast: Cast
    ) -> None:
        answer = agent.post(ADD, {"account": cast.account.pk, "name": name, "label": "L"})
        errors = form_errors(answer)
        assert errors.keys() == {"name"}
        assert says in errors["name"][0]
        assert IdField.objects.for_account(cast.account).count() == 1

    def test_the_same_name_in_another_account_is_no_obstacle(self, agent: Client, cast: Cast) -> None:
        IdField.objects.for_account(cast.other_account).create(name="shopId", label="x", created_by="x")
        assert agent.post(ADD, {"account": cast.account.pk, "name": "shopId"}).status_code == 302

    def test_one_is_never_changed(self, agent: Client, cast: Cast) -> None:
        field = default_id_field(cast.account)
        path = f"/admin/contacts/idfield/{field.pk}/change/"
        page = agent.get(path)
        assert page.context["adminform"].form.fields == {}
        assert agent.post(path, {"name": "other", "account": cast.account.pk}).status_code == 403
        field.refresh_from_db()
        assert field.name == "externalCustomerId"


class TestContacts:
    def test_the_list_shows_no_values(self, agent: Client, cast: Cast) -> None:
        rows = furnish(cast.account)
        page = agent.get("/admin/contacts/contact/").content.decode()
        assert str(rows.contact.pk) in page
        assert rows.contact.values["email"] not in page
        assert not AuditEvent.objects.filter(action__startswith="contact.").exists()

    def test_opening_one_stands_in_the_accounts_activity(self, cast: Cast, sign_in: SignIn) -> None:
        rows = furnish(cast.account)
        for user, action in ((cast.agent, "contact.seen_by_partner"), (cast.operator, "contact.seen_by_operator")):
            page = sign_in(user).get(f"/admin/contacts/contact/{rows.contact.pk}/change/").content.decode()
            assert rows.contact.values["email"] in page
            event = AuditEvent.objects.latest("pk")
            assert (event.action, event.account_id, event.actor) == (action, cast.account.pk, user.email)
            assert (event.object_id, event.before, event.after) == (str(rows.contact.pk), None, None)
            assert event.object_label == str(rows.contact.pk)

    def test_who_may_not_see_one_leaves_no_trace(self, cast: Cast, sign_in: SignIn) -> None:
        rows = furnish(cast.account)
        for user in (cast.other_agent, cast.stray, cast.owner):
            sign_in(user).get(f"/admin/contacts/contact/{rows.contact.pk}/change/")
        assert not AuditEvent.objects.filter(action__startswith="contact.").exists()

    def test_searching_takes_a_whole_id_or_address_of_the_own_accounts(self, agent: Client, cast: Cast) -> None:
        mine, theirs = furnish(cast.account), furnish(cast.other_account)

        def found(term: Any) -> set[Any]:
            listed = agent.get("/admin/contacts/contact/", {"q": term}).context["cl"].queryset
            return {contact.pk for contact in listed}

        for term in (
            "1",
            str(mine.contact.pk),
            f"1@{cast.account.number}.EXAMPLE",
            f" {mine.contact.values['email']} ",
        ):
            assert found(term) == {mine.contact.pk}, term
        for term in (
            str(theirs.contact.pk),
            theirs.contact.values["email"],
            str(cast.other_account.number),
            "@",
            "%",
            "'",
        ):
            assert found(term) == set(), term
        assert len(found("")) == Contact.objects.for_account(cast.account).count() == 3

    def test_review_items_lead_to_both_contacts(self, agent: Client, cast: Cast) -> None:
        item = furnish(cast.account).review_item
        page = agent.get(f"/admin/contacts/reviewitem/{item.pk}/change/").content.decode()
        for contact_id in (item.contact_id, item.other_id):
            assert f"/admin/contacts/contact/{contact_id}/change/" in page


class TestContactFields:
    ADD = "/admin/contacts/contactfield/add/"
    ACTION = "/admin/contacts/contactfield/{}/{}/"

    def add(self, agent: Client, cast: Cast, **changed: str) -> Any:
        said = {"account": cast.account.pk, "name": "shoeColour", "label": "Colour", "type": "choice"}
        return agent.post(self.ADD, {**said, "choices": "red\n\n blue ", **changed})

    def test_a_partner_adds_one_with_its_choices(self, agent: Client, cast: Cast) -> None:
        assert self.add(agent, cast).status_code == 302
        field = ContactField.objects.for_account(cast.account).get(name="shoeColour")
        assert (field.label, field.type, field.choices) == ("Colour", "choice", ["red", "blue"])
        event = AuditEvent.objects.latest("pk")
        assert (event.action, event.actor_user_id) == ("contact_field.added", cast.agent.pk)
        page = agent.get(self.ACTION.format(field.pk, "change")).content.decode()
        assert "red\nblue" in page or "red<br>blue" in page

    @pytest.mark.parametrize(
        ("changed", "field"),
        [
            ({"name": "email"}, "name"),
            ({"name": "Not a name"}, "name"),
            ({"type": "shoe"}, "type"),
            ({"type": "text"}, "choices"),
            ({"choices": ""}, "choices"),
            ({"choices": "red\nRED"}, "choices"),
            ({"choices": "re\x00d"}, "choices"),
            ({"label": "x" * 101}, "label"),
        ],
    )
    def test_what_is_wrong_is_said_at_its_field(
        self, agent: Client, cast: Cast, changed: dict[str, str], field: str
    ) -> None:
        assert form_errors(self.add(agent, cast, **changed)).keys() == {field}
        assert not ContactField.objects.for_account(cast.account).filter(label="Colour").exists()

    def test_only_for_own_accounts(self, agent: Client, cast: Cast) -> None:
        assert form_errors(self.add(agent, cast, account=str(cast.other_account.pk))).keys() == {"account"}

    def test_it_is_relabelled_extended_and_retired(self, agent: Client, cast: Cast) -> None:
        self.add(agent, cast)
        field = ContactField.objects.for_account(cast.account).get(name="shoeColour")
        assert 'value="Colour"' in agent.get(self.ACTION.format(field.pk, "relabel")).content.decode()
        for action, answers in (
            ("relabel", {"label": "Colour of the shoe"}),
            ("choices", {"choices": "green\ngrey"}),
            ("retire", {}),
        ):
            assert agent.post(self.ACTION.format(field.pk, action), answers).status_code == 302
        field.refresh_from_db()
        assert (field.label, field.choices) == ("Colour of the shoe", ["red", "blue", "green", "grey"])
        assert field.retired_by == cast.agent.email
        for action in ("relabel", "choices", "retire"):
            assert agent.get(self.ACTION.format(field.pk, action)).status_code == 302

    def test_what_a_rule_asks_for_is_not_retired(self, agent: Client, cast: Cast) -> None:
        email = ContactField.objects.for_account(cast.account).get(name="email")
        page = agent.post(self.ACTION.format(email.pk, "retire"))
        [error] = page.context["form"].errors["__all__"]
        assert "Publish rules without it first" in error
