"""What every response carries, whatever became of the request."""

from collections.abc import Callable

import pytest
from django.http import HttpRequest, HttpResponseBase
from django.test import Client
from django.urls import path
from pytest_django import Settings

from config import urls
from tests.factories import operator

pytestmark = pytest.mark.django_db


def fails(request: HttpRequest) -> HttpResponseBase:
    raise RuntimeError("a bug")


class WithAFailingPage:
    """The product's URLs and one page that fails."""

    urlpatterns = [*urls.urlpatterns, path("fails", fails)]


def page(client: Client) -> HttpResponseBase:
    return client.get("/auth/login/")


def admin_page(client: Client) -> HttpResponseBase:
    client.force_login(operator())
    return client.get("/admin/")


def redirect(client: Client) -> HttpResponseBase:
    return client.get("/auth/password/change/")


def static_file(client: Client) -> HttpResponseBase:
    return client.get("/static/admin/css/base.css")


def wrong_host(client: Client) -> HttpResponseBase:
    return client.get("/auth/login/", headers={"host": "evil.example"})


def without_csrf_token(client: Client) -> HttpResponseBase:
    return Client(enforce_csrf_checks=True).post("/auth/login/", {})


def not_found(client: Client) -> HttpResponseBase:
    return client.get("/nowhere")


def wrong_method(client: Client) -> HttpResponseBase:
    return client.post("/healthz")


def refused_by_the_api(client: Client) -> HttpResponseBase:
    return client.get("/api/v1/me")


def failure(client: Client) -> HttpResponseBase:
    client.raise_request_exception = False
    return client.get("/fails")


EVERY_KIND = [
    (page, 200),
    (admin_page, 200),
    (static_file, 200),
    (redirect, 302),
    (wrong_host, 400),
    (refused_by_the_api, 401),
    (without_csrf_token, 403),
    (not_found, 404),
    (wrong_method, 405),
    (failure, 500),
]


@pytest.fixture
def client(settings: Settings) -> Client:
    settings.ROOT_URLCONF = WithAFailingPage
    return Client()


@pytest.mark.parametrize(("make", "status"), EVERY_KIND, ids=lambda value: getattr(value, "__name__", ""))
def test_every_response_is_guarded(make: Callable[[Client], HttpResponseBase], status: int, client: Client) -> None:
    response = make(client)
    response.close()
    assert response.status_code == status
    policy = dict(part.strip().partition(" ")[::2] for part in response["Content-Security-Policy"].split(";"))
    assert policy == {
        "default-src": "'self'",
        "img-src": "'self' data:",
        "object-src": "'none'",
        "base-uri": "'none'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
    }
    assert "camera=()" in response["Permissions-Policy"]
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Referrer-Policy"] == "same-origin"
    assert len(response["X-Request-Id"]) == 32
    assert "Access-Control-Allow-Origin" not in response


def test_production_sends_everybody_to_https_and_says_for_how_long(settings: Settings) -> None:
    settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_HSTS_SECONDS = 31_536_000
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    client = Client()
    plain = client.get("/auth/login/")
    assert (plain.status_code, plain["Location"]) == (301, "https://testserver/auth/login/")
    assert "Content-Security-Policy" in plain
    forwarded = client.get("/auth/login/", headers={"x-forwarded-proto": "https"})
    assert forwarded.status_code == 200
    assert forwarded["Strict-Transport-Security"].startswith("max-age=31536000")


def test_pages_for_people_are_not_kept_by_caches_in_between(client: Client) -> None:
    assert "no-store" in admin_page(client)["Cache-Control"]


def test_cookies_are_out_of_the_reach_of_scripts_and_other_sites(client: Client) -> None:
    page(client)
    cookie = client.cookies["csrftoken"]
    assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")
