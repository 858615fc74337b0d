"""The door to an account's rows: one account at a time, or not at all."""

import pickle
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.db import IntegrityError, connection, transaction

from accounts.models import Account, Charge
from accounts.tenancy.querysets import ForeignRow, UnscopedQuery
from contacts.models import Contact, ContactField, IdField, SourceSystem
from integrations.models import Authentication
from tests.conftest import Cast
from tests.factories import authentication_for, default_id_field, id_field

pytestmark = pytest.mark.django_db


def own(account: Account) -> Any:
    return SourceSystem.objects.for_account(account)


def system(account: Account, name: str = "Shop") -> SourceSystem:
    row: SourceSystem = own(account).create(kind="shopify", name=name, created_by="test")
    return row


class TestTheDoorIsShut:
    @pytest.mark.parametrize(
        "ask",
        [
            lambda door: door.all(),
            lambda door: door.filter(name="x"),
            lambda door: door.exclude(name="x"),
            lambda door: door.get(pk=uuid.uuid4()),
            lambda door: door.first(),
            lambda door: door.count(),
            lambda door: door.exists(),
            lambda door: door.none(),
            lambda door: door.values("name"),
            lambda door: door.values_list("name"),
            lambda door: door.aggregate(),
            lambda door: door.in_bulk(),
            lambda door: door.iterator(),
            lambda door: door.raw("SELECT 1"),
            lambda door: door.using("default"),
            lambda door: door.update(name="x"),
            lambda door: door.create(name="x"),
            lambda door: door.bulk_create([SourceSystem(name="x")]),
            lambda door: door.bulk_update([SourceSystem(name="x")], ["name"]),
            lambda door: door.get_or_create(name="x"),
            lambda door: door.update_or_create(name="x"),
            lambda door: door.select_related("account"),
            lambda door: door.order_by("name"),
            lambda door: door.db_manager("default").all(),
            lambda door: door.acount(),
            lambda door: door.acreate(name="x"),
        ],
    )
    def test_every_question_without_an_account_is_refused(self, ask: Callable[[Any], Any]) -> None:
        with pytest.raises(UnscopedQuery):
            ask(SourceSystem.objects)

    @pytest.mark.parametrize("not_an_account", [None, True, "1", 1.0])
    def test_it_opens_for_accounts_only(self, not_an_account: Any) -> None:
        with pytest.raises(TypeError):
            SourceSystem.objects.for_account(not_an_account)

    def test_a_person_is_no_account_even_with_the_same_number(self, cast: Cast) -> None:
        with pytest.raises(TypeError):
            SourceSystem.objects.for_account(cast.owner)  # type: ignore[arg-type]

    def test_an_unsaved_account_has_no_rows_and_gets_none(self) -> None:
        with pytest.raises(UnscopedQuery):
            SourceSystem.objects.for_account(Account())

    def test_a_queryset_that_went_round_the_door_can_not_write(self, cast: Cast) -> None:
        queryset = type(own(cast.account))(SourceSystem)
        with pytest.raises(UnscopedQuery):
            queryset.create(kind="shopify", name="x", created_by="test")


class TestReading:
    @pytest.mark.parametrize(
        ("ask", "answer"),
        [
            (lambda rows: [row.name for row in rows], ["Mine"]),
            (lambda rows: [row.name for row in rows.iterator()], ["Mine"]),
            (lambda rows: list(rows.values_list("name", flat=True)), ["Mine"]),
            (lambda rows: list(rows.values("name")), [{"name": "Mine"}]),
            (lambda rows: rows.count(), 1),
            (lambda rows: rows.filter(name="Theirs").exists(), False),
            (lambda rows: rows.exclude(name="Mine").count(), 0),
            (lambda rows: len(rows.in_bulk()), 1),
            (lambda rows: rows.first().name, "Mine"),
            (lambda rows: rows.order_by().union(rows.order_by()).count(), 1),
            (lambda rows: (rows.filter(name="Mine") | rows.filter(name="Theirs")).count(), 1),
            (lambda rows: rows.all().reverse().distinct().order_by("pk").select_related("account").count(), 1),
            (lambda rows: rows.filter(name="Theirs").update(name="Ours"), 0),
            (lambda rows: rows.filter(name="Theirs").delete()[0], 0),
            (lambda rows: pickle.loads(pickle.dumps(rows)).count(), 1),
            (lambda rows: async_to_sync(rows.acount)(), 1),
            (lambda rows: async_to_sync(rows.aget)().name, "Mine"),
            (lambda rows: async_to_sync(rows.filter(name="Theirs").aupdate)(name="Ours"), 0),
        ],
    )
    def test_only_the_accounts_own_rows_answer(self, ask: Callable[[Any], Any], answer: Any, cast: Cast) -> None:
        system(cast.account, "Mine")
        system(cast.other_account, "Theirs")
        assert ask(own(cast.account)) == answer
        assert own(cast.other_account).get().name == "Theirs"

    def test_another_accounts_row_is_not_there_by_its_id(self, cast: Cast) -> None:
        theirs = system(cast.other_account)
        with pytest.raises(SourceSystem.DoesNotExist):
            own(cast.account).get(pk=theirs.pk)
        assert own(cast.account).in_bulk([theirs.pk]) == {}

    def test_rows_of_two_accounts_do_not_combine(self, cast: Cast) -> None:
        mine, theirs, everything = own(cast.account), own(cast.other_account), SourceSystem.all_accounts.all()
        for other in (theirs, everything):
            for combine in (
                lambda: mine.union(other),  # noqa: B023 - called at once
                lambda: mine.intersection(other),  # noqa: B023
                lambda: mine.difference(other),  # noqa: B023
                lambda: mine | other,  # noqa: B023
                lambda: mine & other,  # noqa: B023
                lambda: mine ^ other,  # noqa: B023
            ):
                with pytest.raises(UnscopedQuery):
                    combine()

    def test_rows_of_one_account_combine_in_every_way(self, cast: Cast) -> None:
        system(cast.account, "A")
        system(cast.account, "B")
        rows = own(cast.account).order_by()
        a = rows.filter(name="A")
        assert [a.intersection(rows).count(), rows.difference(a).count(), (rows & a).count(), (rows ^ a).count()] == [
            *(1, 1, 1, 1)
        ]

    def test_raw_sql_is_refused(self, cast: Cast) -> None:
        with pytest.raises(UnscopedQuery):
            own(cast.account).raw("SELECT * FROM contacts_sourcesystem")


class TestWriting:
    def test_what_is_created_is_stamped(self, cast: Cast) -> None:
        rows = own(cast.account)
        rows.bulk_create([SourceSystem(kind="shopify", name="A", created_by="test")])
        rows.create(kind="shopify", name="B", created_by="test")
        rows.get_or_create(name="C", defaults={"kind": "shopify", "created_by": "test"})
        rows.update_or_create(name="D", defaults={"kind": "shopify", "created_by": "test"})
        rows.filter(kind="shopify").order_by("name").create(kind="shopify", name="E", created_by="test")
        stamps = SourceSystem.all_accounts.order_by("name").values_list("name", "account_id")
        assert list(stamps) == [(name, cast.account.pk) for name in "ABCDE"]

    def test_a_row_for_another_account_is_refused(self, cast: Cast) -> None:
        rows, foreign = own(cast.account), {"kind": "shopify", "created_by": "test", "account": cast.other_account}
        for write in (
            lambda: rows.create(name="A", **foreign),
            lambda: rows.bulk_create([SourceSystem(name="A", **foreign)]),
            lambda: rows.get_or_create(name="A", defaults=foreign),
            lambda: rows.update_or_create(name="A", defaults=foreign),
            lambda: rows.update_or_create(name="A", create_defaults=foreign),
            lambda: async_to_sync(rows.acreate)(name="A", **foreign),
            lambda: async_to_sync(rows.abulk_create)([SourceSystem(name="A", **foreign)]),
            lambda: rows.bulk_update([system(cast.other_account)], ["name"]),
        ):
            with pytest.raises(ForeignRow), transaction.atomic():
                write()
        assert not SourceSystem.all_accounts.exists()

    def test_no_row_moves_to_another_account(self, cast: Cast) -> None:
        row = system(cast.account)
        rows = own(cast.account)
        for move in (
            lambda: rows.update(account=cast.other_account),
            lambda: rows.update(account_id=cast.other_account.pk),
            lambda: rows.update_or_create(pk=row.pk, defaults={"account": cast.other_account}),
            lambda: rows.update_or_create(pk=row.pk, defaults={"account_id": cast.other_account.pk}),
            lambda: rows.bulk_update([row], ["account"]),
        ):
            with pytest.raises(ForeignRow):
                move()
        assert SourceSystem.all_accounts.get().account_id == cast.account.pk

    def test_a_row_that_points_at_another_accounts_row_is_refused(self, cast: Cast) -> None:
        theirs = system(cast.other_account)
        fields = IdField.objects.for_account(cast.account)
        mine = fields.get()
        mine.source_system, mine.unique_data = theirs, "Number"
        for write in (
            lambda: fields.create(name="a", label="a", source_system=theirs, unique_data="Number"),
            lambda: fields.bulk_create([IdField(name="a", label="a", source_system=theirs, unique_data="Number")]),
            lambda: fields.filter(is_default=True).update(source_system=theirs, unique_data="Number"),
            lambda: fields.update_or_create(is_default=True, defaults={"source_system": theirs}),
            lambda: fields.bulk_update([mine], ["source_system"]),
        ):
            with pytest.raises(ForeignRow):
                write()

    def test_an_upsert_does_not_reach_another_accounts_row(self, cast: Cast) -> None:
        theirs = Contact.objects.for_account(cast.other_account).create(values={"email": "theirs@example.com"})
        contacts = Contact.objects.for_account(cast.account)
        for unique_fields in (["id"], ["pk"]):
            with pytest.raises(ForeignRow):
                contacts.bulk_create(
                    [Contact(id=theirs.pk, values={})],
                    update_conflicts=True,
                    unique_fields=unique_fields,
                    update_fields=["values"],
                )
        theirs.refresh_from_db()
        assert theirs.values == {"email": "theirs@example.com"}

    def test_an_upsert_needs_the_account_or_the_primary_key_in_its_key(self, cast: Cast) -> None:
        with pytest.raises(ForeignRow):
            Authentication.objects.for_account(cast.account).bulk_create(
                [], update_conflicts=True, unique_fields=["key"], update_fields=["read_only"]
            )
        with pytest.raises(ForeignRow):
            ContactField.objects.for_account(cast.account).bulk_create(
                [], update_conflicts=True, unique_fields=["account", "name"], update_fields=["account", "label"]
            )

    def test_an_upsert_of_own_rows_writes_them(self, cast: Cast) -> None:
        fields = ContactField.objects.for_account(cast.account)
        fields.bulk_create(
            [ContactField(name="email", label="Mail", type="email")],
            update_conflicts=True,
            unique_fields=["account", "name"],
            update_fields=["label"],
        )
        assert fields.get(name="email").label == "Mail"
        assert ContactField.objects.for_account(cast.other_account).get(name="email").label == "E-mail"

    def test_an_update_stays_in_the_account(self, cast: Cast) -> None:
        rows = ContactField.objects.for_account(cast.account)
        field = rows.get(name="email")
        field.label = "Mail"
        assert (rows.bulk_update([field], ["label"]), rows.update(position=7)) == (1, rows.count())
        others = ContactField.objects.for_account(cast.other_account)
        assert not others.filter(label="Mail").exists()
        assert others.filter(position=7).count() == 1

    def test_the_database_refuses_rows_that_point_across_accounts(self, cast: Cast) -> None:
        """On PostgreSQL; SQLite can't, and there the services' own look-ups refuse (see test_fields)."""
        theirs = default_id_field(cast.other_account)
        issued = authentication_for(cast.account, id_field(cast.account))
        row = Authentication.objects.for_account(cast.account).filter(pk=issued.authentication.pk)

        def point_across() -> None:
            with transaction.atomic():
                row.update(id_field_id=theirs.pk)
                connection.check_constraints()

        if connection.vendor == "postgresql":
            with pytest.raises(IntegrityError, match="integrations_authentication_id_field_id_in_account"):
                point_across()
        else:
            point_across()
        kept = row.get().id_field_id == issued.authentication.id_field_id
        assert kept is (connection.vendor == "postgresql")


def test_a_charge_reached_through_its_license_is_the_accounts(cast: Cast) -> None:
    authentication_for(cast.account)
    assert Charge.objects.for_account(cast.account).count() == 1
    assert not Charge.objects.for_account(cast.other_account).exists()
