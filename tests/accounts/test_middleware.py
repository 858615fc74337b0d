"""What every request gets: an id, an actor, and for staff the duty of a second factor."""

import logging
import re
from typing import Any

import pytest
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.http import HttpRequest
from django.test import Client, RequestFactory
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.middleware import actor_of, client_address
from accounts.models import User
from tests.factories import AccountFactory, PartnerFactory, UserFactory, operator, partner_user


def request_from(**meta: Any) -> HttpRequest:
    return RequestFactory().get("/", **meta)


def test_a_well_formed_request_id_of_the_caller_is_kept(client: Client) -> None:
    response = client.get("/healthz", headers={"x-request-id": "trace:0af7.6519-16cd"})
    assert response["X-Request-Id"] == "trace:0af7.6519-16cd"


@pytest.mark.parametrize(
    "sent", ["", "short", "x" * 65, "spaces are bad", "tracé-0123456", "cs_0123456789", "a\tbcdefghi"]
)
def test_any_other_request_id_is_replaced(client: Client, sent: str) -> None:
    answered = client.get("/healthz", headers={"x-request-id": sent})["X-Request-Id"]
    assert answered != sent
    assert re.fullmatch("[0-9a-f]{32}", answered)


def test_each_request_has_its_own_id(client: Client) -> None:
    assert client.get("/healthz")["X-Request-Id"] != client.get("/healthz")["X-Request-Id"]


@pytest.mark.django_db
def test_the_log_names_a_signed_in_person_by_number(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    user = UserFactory.create()
    client.force_login(user)
    with caplog.at_level(logging.INFO):
        client.get("/auth/password/change/")
    finished = [record.msg for record in caplog.records if isinstance(record.msg, dict)]
    assert [event["user_id"] for event in finished if event["event"] == "request_finished"] == [user.pk]
    assert user.email not in caplog.text


@pytest.mark.django_db
def test_logging_asks_the_database_for_nobody(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client.force_login(UserFactory.create())
    with django_assert_num_queries(0):
        client.get("/healthz")


def test_static_files_are_not_logged(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        response = client.get("/static/admin/css/base.css")
        assert b"".join(response.streaming_content)  # type: ignore[attr-defined]
    assert response.status_code == 200
    assert not caplog.records


def test_forwarded_addresses_are_not_believed_without_a_proxy() -> None:
    assert client_address(request_from(REMOTE_ADDR="192.0.2.1", HTTP_X_FORWARDED_FOR="198.51.100.7")) == "192.0.2.1"


@pytest.mark.parametrize(
    ("proxies", "forwarded", "address"),
    [
        (1, "198.51.100.7", "198.51.100.7"),
        (1, "10.0.0.1, 198.51.100.7", "198.51.100.7"),  # the caller made the first one up
        (2, "10.0.0.1, 198.51.100.7, 203.0.113.5", "198.51.100.7"),
        (1, "[2001:db8::1]:443", "2001:db8::1"),
        (1, "", "192.0.2.1"),
        (2, "198.51.100.7", "192.0.2.1"),  # came past a proxy: its direct sender is all that is known
        (1, "not an address", None),
    ],
)
def test_as_many_forwarded_addresses_are_believed_as_there_are_trusted_proxies(
    proxies: int, forwarded: str, address: str | None, settings: Settings
) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = proxies
    assert client_address(request_from(REMOTE_ADDR="192.0.2.1", HTTP_X_FORWARDED_FOR=forwarded)) == address


@pytest.mark.parametrize("sender", ["::ffff:192.0.2.1", "::ffff:c000:201", "192.0.2.1"])
def test_an_address_of_ipv4_is_one_however_the_server_listens(sender: str) -> None:
    assert client_address(request_from(REMOTE_ADDR=sender)) == "192.0.2.1"
    assert client_address(request_from(REMOTE_ADDR="::1")) == "::1"


@pytest.mark.parametrize(
    ("sender", "address"), [("fe80::1%eth0", "fe80::1"), ("::ffff:192.0.2.1%2", "192.0.2.1"), ("fe80::1", "fe80::1")]
)
def test_an_address_has_no_zone(sender: str, address: str) -> None:
    assert client_address(request_from(REMOTE_ADDR=sender)) == address


def test_a_request_through_a_socket_has_no_address(settings: Settings) -> None:
    assert client_address(request_from(REMOTE_ADDR="")) is None
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 2
    assert client_address(request_from(REMOTE_ADDR="", HTTP_X_FORWARDED_FOR="198.51.100.7")) is None


@pytest.mark.django_db
def test_the_actor_of_a_request_is_the_person_with_address_and_request_id(client: Client) -> None:
    user = UserFactory.create()
    client.force_login(user)
    request = client.get("/auth/password/change/", headers={"x-request-id": "request-1"}).wsgi_request
    actor = actor_of(request)
    assert (actor.label, actor.user_id, actor.address) == (user.email, user.pk, "127.0.0.1")
    assert actor.request_id == "request-1"


class TestSecondFactorOfStaff:
    """On in production; off locally, where the demo shall not start with an authenticator app."""

    pytestmark = pytest.mark.django_db

    @pytest.fixture(autouse=True)
    def _required(self, settings: Settings) -> None:
        settings.STAFF_SECOND_FACTOR_REQUIRED = True

    @pytest.fixture(params=["operator", "partner"])
    def staff(self, request: pytest.FixtureRequest) -> User:
        return operator() if request.param == "operator" else partner_user(PartnerFactory.create())

    def test_staff_without_one_reach_only_the_pages_to_set_it_up(self, client: Client, staff: User) -> None:
        client.force_login(staff)
        for path in ("/admin/", "/", "/settings/12345678/integrations/", "/admin/nowhere"):
            response = client.get(path)
            assert (response.status_code, response["Location"]) == (302, "/auth/2fa/"), path
        assert client.get("/auth/2fa/").status_code == 200
        assert client.get("/auth/logout/").status_code == 200

    def test_staff_with_one_go_on(self, client: Client, staff: User) -> None:
        authenticator = TOTP.activate(staff, generate_totp_secret()).instance
        RecoveryCodes.activate(staff)
        client.force_login(staff)
        assert client.get("/admin/").headers.get("Location") != "/auth/2fa/"
        authenticator.delete()
        assert client.get("/admin/")["Location"] == "/auth/2fa/"  # recovery codes are no second factor

    def test_people_of_accounts_and_strangers_need_none(self, client: Client) -> None:
        owner = UserFactory.create()
        AccountFactory.create(owner=owner)
        assert client.get("/auth/login/").status_code == 200
        client.force_login(owner)
        assert client.get("/auth/password/change/").status_code == 200
        assert client.get("/").headers.get("Location") != "/auth/2fa/"

    def test_it_is_not_asked_for_where_it_is_not_required(
        self, client: Client, staff: User, settings: Settings
    ) -> None:
        settings.STAFF_SECOND_FACTOR_REQUIRED = False
        client.force_login(staff)
        assert client.get("/").headers.get("Location") != "/auth/2fa/"
