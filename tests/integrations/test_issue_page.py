"""The three questions, and the one page that ever shows a secret."""

import re
from collections.abc import Mapping
from typing import Any

import pytest
from django.test import Client

from accounts.actor import SYSTEM
from accounts.models import Account
from contacts.models import IdField
from integrations.models import Authentication, License
from integrations.services import authentications, licenses
from tests.conftest import Cast
from tests.factories import (
    authentication_for,
    default_id_field,
    id_field,
    license_for,
)
from tests.integrations.pages import answers, error_of, path

pytestmark = pytest.mark.django_db

SECRET = re.compile(r"cs_[0-9A-Za-z]{46}")


class TestIssuing:
    @pytest.fixture(autouse=True)
    def _license(self, cast: Cast, owner: Client) -> None:
        license_for(cast.account)

    def issue(self, client: Client, account: Account, **changed: Any) -> Any:
        return client.post(path("authentication-new", account), answers(client, account, **changed))

    def test_the_answer_to_the_post_shows_the_secret_and_is_kept_by_nobody(self, cast: Cast, owner: Client) -> None:
        response = self.issue(owner, cast.account)
        assert response.status_code == 200
        assert response["Cache-Control"] == "no-store"
        assert len(set(SECRET.findall(response.text))) == 1
        assert Authentication.objects.for_account(cast.account).get().key in response.text
        assert not SECRET.search(str(dict(owner.session)))
        assert not SECRET.search(owner.get(path("configurations", cast.account)).text)

    @pytest.mark.parametrize(
        ("changed", "field", "error"),
        [
            ({"unique_data": " "}, "unique_data", "Say what your system calls it"),
            ({"unique_data": "x" * 101}, "unique_data", "at most 100"),
            ({"kind": ""}, "kind", "Choose a system"),
            ({"kind": "other"}, "system_name", "Give the system a name"),
            ({"kind": "other", "system_name": "x" * 101}, "system_name", "at most 100"),
            ({"id_field": ""}, "id_field", "Choose the id field"),
            ({"id_field": "x"}, "id_field", "not one of the available choices"),
        ],
    )
    def test_errors_stand_at_their_field(
        self, changed: Mapping[str, Any], field: str, error: str, cast: Cast, owner: Client
    ) -> None:
        response = self.issue(owner, cast.account, **changed)
        assert response.status_code == 422
        assert error in error_of(field, response.text)
        assert not Authentication.objects.for_account(cast.account).exists()
        assert not SECRET.search(response.text)

    def test_a_form_is_good_for_one_authentication(self, cast: Cast, owner: Client) -> None:
        values = answers(owner, cast.account)
        address = path("authentication-new", cast.account)
        assert SECRET.search(owner.post(address, values).text)
        again = owner.post(address, values)
        assert again.status_code == 409
        assert "This was already issued" in again.text
        assert not SECRET.search(again.text)
        other = owner.post(address, values | {"id_field": id_field(cast.account).pk})
        assert other.status_code == 409
        assert Authentication.objects.for_account(cast.account).count() == 1

    @pytest.mark.parametrize("number", ["", "x", "0199c0de-0000-7000-8000-000000000000"])
    def test_a_number_that_was_not_given_out_is_refused(self, number: str, cast: Cast, owner: Client) -> None:
        response = self.issue(owner, cast.account, number=number)
        assert response.status_code == 422
        assert not Authentication.objects.for_account(cast.account).exists()

    def test_the_form_of_another_account_is_refused(self, cast: Cast, owner: Client, recent: Any) -> None:
        license_for(cast.other_account)
        foreign = answers(recent(cast.outsider), cast.other_account)["number"]
        response = self.issue(owner, cast.account, number=foreign)
        assert response.status_code == 422
        assert "Open it again" in response.text
        assert not Authentication.objects.for_account(cast.account).exists()

    def test_an_id_field_of_another_account_is_no_choice(self, cast: Cast, owner: Client) -> None:
        foreign = default_id_field(cast.other_account)
        response = self.issue(owner, cast.account, id_field=foreign.pk)
        assert response.status_code == 422
        assert "not one of the available choices" in error_of("id_field", response.text)
        foreign.refresh_from_db()
        assert foreign.source_system is None

    def test_a_taken_id_field_can_not_be_chosen(self, cast: Cast, owner: Client) -> None:
        id_field(cast.account)
        authentication_for(cast.account, system="Till")
        page = owner.get(path("authentication-new", cast.account)).text
        assert "In use by Till" in page
        response = self.issue(owner, cast.account)
        assert response.status_code == 422
        assert Authentication.objects.for_account(cast.account).count() == 1

    def test_a_used_id_field_keeps_its_system_whatever_is_answered(self, cast: Cast, owner: Client) -> None:
        first = authentication_for(cast.account, system="Till").authentication
        authentications.revoke(authentication=first, by=SYSTEM)
        response = self.issue(owner, cast.account, unique_data="Something else", kind="afas", system_name="AFAS")
        assert SECRET.search(response.text)
        field = IdField.objects.for_account(cast.account).select_related("source_system").get()
        assert (str(field.source_system), field.unique_data) == ("Till", "Customer number")

    def test_a_second_system_of_a_kind_asks_which_one_it_is(self, cast: Cast, owner: Client) -> None:
        assert "It is the same system" not in owner.get(path("authentication-new", cast.account)).text
        self.issue(owner, cast.account, kind="shopware")
        for number, (changed, error) in enumerate(
            (
                ({}, "Connected already: Shopware. Give this one a name"),
                ({"system_name": "Shopware"}, "Shopware is connected already."),
                ({"system_name": "Shopwear", "is_same_system": "on"}, "the same as: Shopware."),
            )
        ):
            field = id_field(cast.account, f"ids{number}").pk
            refused = self.issue(owner, cast.account, id_field=field, kind="shopware", **changed)
            assert refused.status_code == 422
            assert error in error_of("system_name", refused.text)
            assert "It is the same system" in refused.text

        self.issue(owner, cast.account, id_field=field, kind="shopware", system_name="Shopware Belgium")
        again = id_field(cast.account, "debtorId").pk
        unclear = self.issue(owner, cast.account, id_field=again, kind="shopware", is_same_system="on")
        assert "the same as: Shopware, Shopware Belgium." in error_of("system_name", unclear.text)
        which = {"system_name": "Shopware Belgium", "is_same_system": "on"}
        assert SECRET.search(self.issue(owner, cast.account, id_field=again, kind="shopware", **which).text)
        bound = IdField.objects.for_account(cast.account).filter(source_system__isnull=False)
        assert list(bound.values_list("name", "source_system__name")) == [
            ("externalCustomerId", "Shopware"),
            ("ids2", "Shopware Belgium"),
            ("debtorId", "Shopware Belgium"),
        ]

    def test_the_same_system_needs_no_name_where_it_is_the_only_one(self, cast: Cast, owner: Client) -> None:
        self.issue(owner, cast.account)
        ticked = self.issue(owner, cast.account, id_field=id_field(cast.account).pk, is_same_system="on")
        assert SECRET.search(ticked.text)
        systems = IdField.objects.for_account(cast.account).values_list("source_system", flat=True)
        assert len(systems) == 2
        assert len(set(systems)) == 1

    def test_read_only_is_asked_for_under_more(self, cast: Cast, owner: Client) -> None:
        page = self.issue(owner, cast.account, read_only="on").text
        assert Authentication.objects.for_account(cast.account).get().read_only
        assert "curl http://testserver/api/v1/me" in page
        assert "-X POST" not in page

    def test_without_a_license_nothing_is_issued(self, cast: Cast, owner: Client) -> None:
        values = answers(owner, cast.account)
        license_ = License.objects.for_account(cast.account).get()
        licenses.cancel(license=license_, at_period_end=False, reason="No longer used.", by=SYSTEM)
        address = path("authentication-new", cast.account)
        assert owner.get(address)["Location"] == path("configurations", cast.account)
        response = owner.post(address, values)
        assert response.status_code == 422
        assert "Activate REST API first" in response.text
        assert "is not active" in owner.get(path("configurations", cast.account)).text

    def test_names_are_shown_as_they_were_typed(self, cast: Cast, owner: Client) -> None:
        name = """<b>"O'Neil" & 'sons'</b>"""
        response = self.issue(owner, cast.account, kind="other", system_name=name)
        assert "<b>" not in response.text
        page = owner.get(path("configurations", cast.account)).text
        assert "&lt;b&gt;&quot;O&#x27;Neil&quot; &amp; &#x27;sons&#x27;&lt;/b&gt;" in page
