"""The partner's page of an id field: what is connected to it, how much is in it, and retiring it."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.actor import SYSTEM
from accounts.errors import DomainError, NotFound
from accounts.models import AuditEvent
from contacts.admin import id_fields as page
from contacts.models import ExternalId, IdField
from contacts.services import sync
from integrations import credentials, queries
from integrations.services import authentications, id_fields
from tests.conftest import Cast, SignIn
from tests.factories import authentication_for, id_field, license_for
from tests.rows import Rows
from tests.system import System

pytestmark = pytest.mark.django_db

LIST = "/admin/contacts/idfield/"
RETIRE = LIST + "{}/retire/"


def refusal(work: Any, *args: Any, **arguments: Any) -> str:
    with pytest.raises(DomainError) as refused:
        work(*args, **arguments)
    return refused.value.code


class TestTheList:
    def test_it_tells_what_is_connected_and_how_much_is_in_it(
        self, agent: Client, rows: Rows, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        key = rows.issued.authentication.key
        listed = agent.get(LIST).content.decode()
        assert credentials.mask(key) in listed
        assert key not in listed
        one = agent.get(f"{LIST}{rows.id_field.pk}/change/").content.decode()
        for told in ("Customer number", credentials.mask(key), "externalCustomerId"):
            assert told in one
        row = IdField.all_accounts.annotate(**page.IdFieldAdmin.annotations).get(pk=rows.id_field.pk)
        assert row.id_count == page.number_of_ids(row) == 3
        assert row.last_write_at is not None
        monkeypatch.setattr(page, "MANY_IDS", 2)
        assert "2+" in agent.get(LIST).content.decode()

    def test_more_fields_take_no_more_queries(self, agent: Client, rows: Rows) -> None:
        def count() -> int:
            with CaptureQueriesContext(connection) as captured:
                agent.get(LIST)
            return len(captured)

        count()
        few = count()
        for number in range(5):
            id_field(rows.account, f"extra{number}")
        assert count() == few


class TestRetiring:
    def test_the_page_says_what_happens_and_to_how_many_ids(self, agent: Client, rows: Rows, cast: Cast) -> None:
        address = RETIRE.format(rows.id_field.pk)
        for method in (agent.get, agent.post):
            assert method(address).status_code == 302  # it has a live authentication
        authentications.revoke(authentication=rows.issued.authentication, by=SYSTEM)
        assert "Those that it has (3) stay" in agent.get(address).content.decode()
        assert agent.post(address).status_code == 302
        retired = IdField.objects.for_account(cast.account).get(pk=rows.id_field.pk)
        assert (retired.retired_at is None, retired.retired_by) == (False, cast.agent.email)
        event = AuditEvent.objects.latest("pk")
        assert (event.action, event.account_id) == ("id_field.retired", cast.account.pk)
        assert event.object_id == str(retired.pk)
        assert "/retire/" not in agent.get(f"{LIST}{retired.pk}/change/").content.decode()
        assert agent.post(address).status_code == 302
        assert AuditEvent.objects.filter(action="id_field.retired").count() == 1

    def test_another_partner_retires_nothing(self, cast: Cast, sign_in: SignIn) -> None:
        field = id_field(cast.account)
        assert sign_in(cast.other_agent).post(RETIRE.format(field.pk)).status_code == 404
        field.refresh_from_db()
        assert field.retired_at is None

    def test_one_in_use_or_retired_is_refused(self, rows: Rows) -> None:
        field = rows.id_field
        assert refusal(id_fields.retire, id_field=field, by=SYSTEM) == "id_field_in_use"
        authentications.revoke(authentication=rows.issued.authentication, by=SYSTEM)
        id_fields.retire(id_field=field, by=SYSTEM)
        assert refusal(id_fields.retire, id_field=field, by=SYSTEM) == "id_field_retired"

    def test_no_authentication_takes_it_and_no_page_offers_it(self, cast: Cast) -> None:
        license_for(cast.account)
        field = id_field(cast.account)
        assert field in {choice.id_field for choice in queries.id_field_choices(cast.account)}
        id_fields.retire(id_field=field, by=SYSTEM)
        assert field not in {choice.id_field for choice in queries.id_field_choices(cast.account)}
        assert refusal(authentication_for, cast.account, field) == "id_field_retired"

    def test_its_ids_stay_readable_and_nothing_is_written_to_it(self, rows: Rows, cast: Cast) -> None:
        own = rows.issued.authentication
        authentications.revoke(authentication=own, by=SYSTEM)
        id_fields.retire(id_field=rows.id_field, by=SYSTEM)
        record, origin = sync.Record("4", {"firstName": "An"}), sync.Origin(own.pk, "late")
        with pytest.raises(NotFound, match="retired"):
            sync.write(account_id=cast.account.pk, id_field_id=rows.id_field.pk, records=[record], origin=origin)
        assert ExternalId.objects.for_account(cast.account).filter(id_field=rows.id_field).count() == 3
        reader = System(rows.read_only)
        listed = reader.call("GET", "/contacts").json()["contacts"]
        assert {"externalCustomerId": ["1"]} in [contact["external_ids"] for contact in listed]
        told = {field["name"]: field["retired"] for field in reader.call("GET", "/fields").json()["id_fields"]}
        assert told == {"externalCustomerId": True, "readerId": False}
