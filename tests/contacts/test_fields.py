"""An account's contact base: its id fields, source systems and contact fields."""

from typing import Any

import pytest

from accounts.actor import SYSTEM, Actor
from accounts.errors import Conflict, DomainError, NotFound, ValidationFailed
from accounts.models import AuditEvent
from contacts import normalise
from contacts.catalogue import BUILT_IN_FIELDS, KIND_LABELS
from contacts.models import ContactBook, ContactField, IdField, Policy, SourceSystem
from contacts.services import fields
from tests.conftest import Cast
from tests.factories import default_id_field, id_field

pytestmark = pytest.mark.django_db

BY = Actor(label="olga@example.com")


def bind(cast: Cast, field: IdField | int | None = None, **answers: Any) -> IdField:
    known = {"unique_data": "Customer number", "kind": "shopify", "system_name": "Our shop"}
    id_ = field if isinstance(field, int) else (field or default_id_field(cast.account)).pk
    return fields.bind(account=cast.account, id_field_id=id_, **known | answers, by=BY)


def refused(cast: Cast, field: IdField | int | None = None, **answers: Any) -> DomainError:
    with pytest.raises(DomainError) as caught:
        bind(cast, field, **answers)
    return caught.value


class TestANewContactBase:
    def test_it_has_an_id_field_the_built_in_fields_and_a_rule(self, cast: Cast) -> None:
        default = default_id_field(cast.account)
        assert (default.name, default.source_system, default.unique_data) == ("externalCustomerId", None, "")
        stored = ContactField.objects.for_account(cast.account).values_list("name", "label", "type")
        assert list(stored) == BUILT_IN_FIELDS
        rule_set = ContactBook.objects.for_account(cast.account).get().rule_set
        assert (rule_set.number, rule_set.policy, len(rule_set.rules)) == (1, Policy.CREATE, 1)
        assert normalise.VERSION == 1

    def test_there_is_one_only(self, cast: Cast) -> None:
        with pytest.raises(Exception, match=r"(?i)unique"):
            fields.set_up(account=cast.account, by=SYSTEM)


class TestAddingAnIdField:
    def add(self, cast: Cast, name: str, label: str = "L") -> IdField:
        return fields.add_id_field(account=cast.account, name=name, label=label, by=BY)

    def test_it_is_free_until_a_system_is_bound_to_it(self, cast: Cast) -> None:
        added = self.add(cast, "shopId", "")
        assert (added.label, added.is_default, added.source_system) == ("shopId", False, None)
        event = AuditEvent.objects.latest("pk")
        assert (event.action, event.object_label, event.actor) == ("id_field.added", "shopId", BY.label)

    @pytest.mark.parametrize(
        "name", ["", "A", "1a", "a b", "a-b", "a\n", "é", "a" * 64, "email", "externalCustomerId", "__class__"]
    )
    def test_other_names_are_refused_at_the_name(self, name: str, cast: Cast) -> None:
        count = AuditEvent.objects.count()
        with pytest.raises(ValidationFailed) as caught:
            self.add(cast, name)
        assert {error.field for error in caught.value.errors} == {"name"}
        assert IdField.objects.for_account(cast.account).count() == 1
        assert AuditEvent.objects.count() == count

    def test_a_label_that_is_too_long_is_refused_at_the_label(self, cast: Cast) -> None:
        with pytest.raises(ValidationFailed) as caught:
            self.add(cast, "a" * 63, "l" * 101)
        assert [error.field for error in caught.value.errors] == ["label"]

    def test_accounts_do_not_share_names(self, cast: Cast) -> None:
        id_field(cast.other_account, "shopId")
        assert self.add(cast, "shopId").account == cast.account


class TestBinding:
    def test_a_free_field_takes_the_system_for_good(self, cast: Cast) -> None:
        bound = bind(cast, unique_data=" Customer number ", system_name=" Our shop ")
        assert bound.source_system is not None
        assert (bound.unique_data, bound.source_system.name, bound.source_system.kind) == (
            *("Customer number", "Our shop", "shopify"),
        )
        event = AuditEvent.objects.latest("pk")
        assert event.after == {"source_system": "Our shop", "kind": "shopify", "unique_data": "Customer number"}
        assert bind(cast) == bound
        assert AuditEvent.objects.latest("pk") == event
        others: list[dict[str, Any]] = [
            {"unique_data": "Order number"},
            {"system_name": "Second shop"},
            {"kind": "other"},
        ]
        for other in others:
            conflict = refused(cast, **other)
            assert (type(conflict), conflict.code) == (Conflict, "id_field_of_other_system")

    def test_a_system_without_a_name_is_called_by_its_kind(self, cast: Cast) -> None:
        assert str(bind(cast, system_name=" ").source_system) == KIND_LABELS["shopify"]

    def test_one_system_may_have_several_kinds_of_ids(self, cast: Cast) -> None:
        bind(cast)
        second = bind(cast, id_field(cast.account), unique_data="Debtor number")
        assert SourceSystem.objects.for_account(cast.account).get() == second.source_system

    def test_a_name_stays_with_its_kind(self, cast: Cast) -> None:
        bind(cast)
        error = refused(cast, id_field(cast.account), kind="exact")
        assert [(each.field, each.code) for each in error.errors] == [("system_name", "taken")]

    def test_accounts_do_not_share_systems(self, cast: Cast) -> None:
        mine = bind(cast)
        theirs = default_id_field(cast.other_account)
        fields.bind(
            account=cast.other_account,
            id_field_id=theirs.pk,
            unique_data="x",
            kind="exact",
            system_name="Our shop",
            by=BY,
        )
        assert SourceSystem.objects.for_account(cast.account).get() == mine.source_system

    @pytest.mark.parametrize(
        ("answers", "field", "code"),
        [
            ({"unique_data": " "}, "unique_data", "required"),
            ({"unique_data": "x" * 101}, "unique_data", "too_long"),
            ({"unique_data": "a\nb"}, "unique_data", "invalid_characters"),
            ({"system_name": "a\rb"}, "system_name", "invalid_characters"),
            ({"kind": "nothing"}, "kind", "invalid_choice"),
            ({"kind": "other", "system_name": " "}, "system_name", "required"),
            ({"system_name": "x" * 101}, "system_name", "too_long"),
        ],
    )
    def test_answers_are_checked_each_at_its_question(
        self, answers: dict[str, Any], field: str, code: str, cast: Cast
    ) -> None:
        error: Any = refused(cast, **answers)
        assert [(each.field, each.code) for each in error.errors] == [(field, code)]
        assert default_id_field(cast.account).source_system is None

    def test_another_accounts_field_is_one_that_is_not_there(self, cast: Cast) -> None:
        foreign = refused(cast, default_id_field(cast.other_account))
        missing = refused(cast, 10**9)
        assert isinstance(foreign, NotFound)
        assert (foreign.code, foreign.detail) == (missing.code, missing.detail)
        assert default_id_field(cast.other_account).source_system is None
