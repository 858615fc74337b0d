"""Contact fields of an account's own: added, relabelled, given choices, retired; never changed, never deleted."""

from collections.abc import Sequence
from typing import Any

import pytest

from accounts.actor import Actor
from accounts.errors import Conflict, DomainError, NotFound, ValidationFailed
from accounts.models import AuditEvent
from contacts.models import ContactBook, ContactField, FieldType, RuleSet, Signature
from contacts.services import fields
from tests import factories
from tests.conftest import Cast
from tests.factories import id_field
from tests.system import System

pytestmark = pytest.mark.django_db

BY = Actor(label="olga@example.com")
COLOURS = ("red", "Sky blue")


def add(cast: Cast, name: str = "colour", type_: str = "choice", choices: Sequence[str] = COLOURS) -> ContactField:
    return fields.add_contact_field(account=cast.account, name=name, label="Label", type=type_, choices=choices, by=BY)


def stored(cast: Cast, name: str) -> ContactField:
    row: ContactField = ContactField.objects.for_account(cast.account).get(name=name)
    return row


def told(error: DomainError) -> list[tuple[str, str]]:
    return [(each.field, each.code) for each in error.errors]


def publish(cast: Cast, names: list[str], status: RuleSet.Status) -> None:
    """Rules that use these contact fields, in a rule set of that status."""
    signature = Signature.objects.for_account(cast.account).create(fields=names, phone_region="NL", normaliser=1)
    rule_set = RuleSet.objects.for_account(cast.account).create(
        number=2, status=status, rules=[signature.pk], phone_region="NL", created_by="x"
    )
    if status in {RuleSet.Status.BUILDING, RuleSet.Status.READY}:
        ContactBook.objects.for_account(cast.account).update(building=rule_set)


class TestAdding:
    @pytest.mark.parametrize("type_", FieldType.values)
    def test_a_field_of_each_type_comes_last(self, cast: Cast, type_: str) -> None:
        add(cast, "custom", type_, [" red ", "Sky blue"] if "choice" in type_ else [])
        last = ContactField.objects.for_account(cast.account).last()
        assert last is not None
        assert (last.name, last.label, last.type, last.retired_at) == ("custom", "Label", type_, None)
        assert last.choices == (["red", "Sky blue"] if "choice" in type_ else [])
        event = AuditEvent.objects.latest("pk")
        assert (event.action, event.object_label, event.actor) == ("contact_field.added", "custom", BY.label)
        assert event.after == {"label": "Label", "type": type_, "choices": last.choices}

    def test_a_field_without_a_label_is_called_by_its_name(self, cast: Cast) -> None:
        added = fields.add_contact_field(account=cast.account, name="age", label=" ", type="integer", choices=(), by=BY)
        assert added.label == "age"

    @pytest.mark.parametrize("name", ["", "A", "1a", "a b", "a-b", "a\n", "é", "a" * 64, "a\0", "\ud800", "__class__"])
    def test_a_name_of_a_wrong_form_is_refused(self, cast: Cast, name: str) -> None:
        count = AuditEvent.objects.count()
        with pytest.raises(ValidationFailed) as refused:
            add(cast, name)
        assert {error.field for error in refused.value.errors} == {"name"}
        assert name not in ContactField.objects.for_account(cast.account).values_list("name", flat=True)
        assert AuditEvent.objects.count() == count

    @pytest.mark.parametrize("name", ["email", "externalCustomerId", "webshopCustomerId", "gone"])
    def test_a_name_that_any_field_has_is_taken(self, cast: Cast, name: str) -> None:
        id_field(cast.account, "webshopCustomerId")
        fields.retire(account=cast.account, name=add(cast, "gone").name, by=BY)
        with pytest.raises(ValidationFailed) as refused:
            add(cast, name)
        assert told(refused.value) == [("name", "taken")]

    def test_an_id_field_cannot_have_its_name_either(self, cast: Cast) -> None:
        add(cast)
        with pytest.raises(ValidationFailed) as refused:
            id_field(cast.account, "colour")
        assert told(refused.value) == [("name", "taken")]

    def test_accounts_do_not_share_names(self, cast: Cast) -> None:
        fields.add_contact_field(account=cast.other_account, name="colour", label="", type="text", choices=(), by=BY)
        assert add(cast).account == cast.account

    @pytest.mark.parametrize(
        ("type_", "choices", "error"),
        [
            ("colour", [], ("type", "invalid_choice")),
            ("", [], ("type", "invalid_choice")),
            ("text", ["red"], ("choices", "not_a_choice")),
            ("choice", [], ("choices", "required")),
            ("multiple_choice", [], ("choices", "required")),
            ("choice", ["red", " "], ("choices", "required")),
            ("choice", ["red", " Red "], ("choices", "taken")),
            ("choice", ["a\nb"], ("choices", "invalid_characters")),
            ("choice", ["a\x00"], ("choices", "invalid_characters")),
            ("choice", ["\ud800"], ("choices", "invalid_characters")),
            ("choice", ["x" * 101], ("choices", "too_long")),
            ("choice", [str(number) for number in range(501)], ("choices", "too_many")),
        ],
    )
    def test_types_and_choices_are_checked(
        self, cast: Cast, type_: str, choices: list[str], error: tuple[str, str]
    ) -> None:
        with pytest.raises(ValidationFailed) as refused:
            add(cast, "custom", type_, choices)
        assert told(refused.value) == [error]

    def test_all_that_is_wrong_is_told_at_once(self, cast: Cast) -> None:
        with pytest.raises(ValidationFailed) as refused:
            fields.add_contact_field(account=cast.account, name="A", label="l" * 101, type="x", choices=["a"], by=BY)
        assert {error.field for error in refused.value.errors} == {"name", "label", "type"}


class TestRelabelling:
    def test_only_the_label_changes(self, cast: Cast) -> None:
        field = fields.relabel(account=cast.account, name="email", label=" Mail ", by=BY)
        assert (field.name, stored(cast, "email").label) == ("email", "Mail")
        event = AuditEvent.objects.latest("pk")
        assert (event.action, event.before, event.after) == (
            *("contact_field.relabelled", {"label": "E-mail"}, {"label": "Mail"}),
        )
        fields.relabel(account=cast.account, name="email", label="Mail", by=BY)
        assert AuditEvent.objects.latest("pk") == event

    @pytest.mark.parametrize(
        ("label", "code"),
        [(" ", "required"), ("l" * 101, "too_long"), ("a\0", "invalid_characters"), ("\ud800", "invalid_characters")],
    )
    def test_a_label_is_checked(self, cast: Cast, label: str, code: str) -> None:
        with pytest.raises(ValidationFailed) as refused:
            fields.relabel(account=cast.account, name="email", label=label, by=BY)
        assert told(refused.value) == [("label", code)]


class TestAddingChoices:
    def test_they_come_after_those_there_are(self, cast: Cast) -> None:
        add(cast)
        fields.add_choices(account=cast.account, name="colour", choices=[" green ", "blue"], by=BY)
        assert stored(cast, "colour").choices == ["red", "Sky blue", "green", "blue"]
        event = AuditEvent.objects.latest("pk")
        assert (event.action, event.after) == ("contact_field.choices_added", {"choices": ["green", "blue"]})

    @pytest.mark.parametrize(
        ("choices", "code"),
        [([], "required"), (["RED"], "taken"), (["green", "Green"], "taken"), (list(map(str, range(499))), "too_many")],
    )
    def test_they_are_checked_against_those_there_are(self, cast: Cast, choices: list[str], code: str) -> None:
        add(cast)
        with pytest.raises(ValidationFailed) as refused:
            fields.add_choices(account=cast.account, name="colour", choices=choices, by=BY)
        assert told(refused.value) == [("choices", code)]
        assert stored(cast, "colour").choices == list(COLOURS)

    def test_other_types_take_none(self, cast: Cast) -> None:
        with pytest.raises(ValidationFailed) as refused:
            fields.add_choices(account=cast.account, name="email", choices=["x"], by=BY)
        assert told(refused.value) == [("choices", "not_a_choice")]

    def test_a_retired_field_gets_none(self, cast: Cast) -> None:
        add(cast)
        fields.retire(account=cast.account, name="colour", by=BY)
        with pytest.raises(Conflict) as refused:
            fields.add_choices(account=cast.account, name="colour", choices=["green"], by=BY)
        assert refused.value.code == "retired_field"


class TestRetiring:
    def test_a_field_is_retired_once(self, cast: Cast) -> None:
        add(cast)
        fields.retire(account=cast.account, name="colour", by=BY)
        row = stored(cast, "colour")
        assert (row.retired_at is not None, row.retired_by) == (True, BY.label)
        event = AuditEvent.objects.latest("pk")
        assert (event.action, event.object_label) == ("contact_field.retired", "colour")
        fields.retire(account=cast.account, name="colour", by=Actor(label="other@example.com"))
        assert (stored(cast, "colour").retired_at, stored(cast, "colour").retired_by) == (row.retired_at, BY.label)
        assert AuditEvent.objects.latest("pk") == event

    @pytest.mark.parametrize("status", ["current", "building", "ready", "superseded", "cancelled"])
    def test_one_that_rules_use_is_not(self, cast: Cast, status: str) -> None:
        kept = status in {"superseded", "cancelled"}
        if status == "current":
            name = "email"
        else:
            name = "colour"
            add(cast)
            publish(cast, ["lastName", name], RuleSet.Status(status))
        if kept:
            fields.retire(account=cast.account, name=name, by=BY)
            assert stored(cast, name).retired_at is not None
            return
        with pytest.raises(Conflict) as refused:
            fields.retire(account=cast.account, name=name, by=BY)
        assert refused.value.code == "field_in_use"
        assert stored(cast, name).retired_at is None

    def test_values_stay_readable_and_no_more_are_taken(self, cast: Cast) -> None:
        add(cast)
        system = System(factories.authentication_for(cast.account))
        system.send("1", colour="red", city="Utrecht")
        fields.retire(account=cast.account, name="colour", by=BY)
        for value in ("Sky blue", None):
            answer = system.call("POST", "/contacts", {"external_id": "1", "values": {"colour": value}})
            assert answer.status_code == 422
            (error,) = answer.json()["errors"]
            assert (error["pointer"], error["code"]) == ("/values/colour", "retired_field")
        assert system.find("1")["values"] == {"colour": "red", "city": "Utrecht"}
        shown = {field["name"]: field["retired"] for field in system.call("GET", "/fields").json()["fields"]}
        assert [name for name, retired in shown.items() if retired] == ["colour"]


@pytest.mark.parametrize(
    ("service", "arguments"),
    [("relabel", {"label": "x"}), ("add_choices", {"choices": ["x"]}), ("retire", {})],
)
def test_another_accounts_field_is_one_that_is_not_there(cast: Cast, service: str, arguments: dict[str, Any]) -> None:
    fields.add_contact_field(account=cast.other_account, name="colour", label="", type="choice", choices=["red"], by=BY)
    for name in ("colour", "nothing", "externalCustomerId", "a\0", "\ud800"):
        with pytest.raises(NotFound) as refused:
            getattr(fields, service)(account=cast.account, name=name, **arguments, by=BY)
        assert refused.value.code == "contact_field_not_found"


def test_values_of_each_type_go_in_and_out(cast: Cast) -> None:
    types = {name: name for name in ("integer", "decimal", "boolean", "choice")} | {
        "moment": "date_time",
        "several": "multiple_choice",
    }
    for name, type_ in types.items():
        add(cast, name, type_, COLOURS if "choice" in type_ else ())
    system = System(factories.authentication_for(cast.account))
    sent = {
        "integer": -5,
        "decimal": 1.5,
        "boolean": False,
        "choice": "red",
        "moment": "2026-11-23T09:00:00+01:00",
        "several": ["red", "Sky blue"],
    }
    answer = system.call("POST", "/contacts", {"external_id": "1", "values": sent}).json()
    assert answer["contact"]["values"] == sent | {"decimal": "1.5"}
    again = system.call("POST", "/batch", {"records": [{"external_id": "1", "values": sent}]}).json()
    assert again["results"][0]["outcome"] == "unchanged"
    system.call("PUT", "/contacts/1", {"values": {"integer": None, "several": [], "boolean": True}})
    assert system.find("1")["values"] == {"boolean": True}
