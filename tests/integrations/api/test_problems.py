"""Whatever goes wrong below /api/v1 is told as a problem (RFC 9457), also before and after any view."""

import json
import logging
from typing import Any

import pytest
from django.db import InterfaceError, OperationalError
from django.http import UnreadablePostError
from django.test import Client, RequestFactory
from rest_framework import exceptions
from rest_framework.request import Request

from accounts.rest import exception_handler
from contacts import queries
from tests import factories
from tests.system import System

pytestmark = pytest.mark.django_db


@pytest.fixture
def system() -> System:
    return System(factories.authentication_for(factories.AccountFactory.create()))


def problem(answer: Any, status: int, code: str) -> Any:
    assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json"), answer.content
    assert answer["X-Request-Id"]
    assert "Content-Security-Policy" in answer
    body = answer.json()
    assert (body["status"], body["code"], body["type"]) == (status, code, f"/api/v1/docs#{code}")
    return body


@pytest.mark.parametrize("path", ["", "/", "/nowhere", "/me/", "/contacts/", "/batch/1", "/imports/%0A", "//me", "/ME"])
def test_an_unknown_address_is_told(system: System, path: str) -> None:
    for method in ("GET", "POST", "DELETE", "OPTIONS"):
        problem(system.call(method, path), 404, "not_found")
    assert system.client.get(f"/api/v1{path}").status_code == 401


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/me", "GET, HEAD, OPTIONS"),
        ("PUT", "/contacts", "GET, POST, HEAD, OPTIONS"),
        ("GET", "/batch", "POST, OPTIONS"),
        ("POST", "/contacts/1", "GET, PUT, PATCH, DELETE, HEAD, OPTIONS"),
        ("TRACE", "/fields", "GET, HEAD, OPTIONS"),
        ("FROBNICATE", "/fields", "GET, HEAD, OPTIONS"),
    ],
)
def test_a_method_that_does_not_exist_is_told(system: System, method: str, path: str, allowed: str) -> None:
    answer = system.call(method, path)
    problem(answer, 405, "method_not_allowed")
    assert answer["Allow"] == allowed


@pytest.mark.parametrize("accept", ["text/html", "application/xml;q=0.9", "image/*"])
def test_who_accepts_no_json_is_told(system: System, accept: str) -> None:
    headers = {"authorization": system.authorization, "accept": accept}
    problem(system.client.get("/api/v1/me", headers=headers), 406, "not_acceptable")


@pytest.mark.parametrize("accept", ["*/*", "application/json; indent=4", "application/*", "text/html, */*;q=0.1"])
def test_answers_are_plain_json_for_everybody_else(system: System, accept: str) -> None:
    headers = {"authorization": system.authorization, "accept": accept}
    answer = system.client.get("/api/v1/me", headers=headers)
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/json")
    assert b"\n" not in answer.content


def test_a_wrong_host_is_a_problem_here_and_a_page_elsewhere(system: System) -> None:
    problem(system.client.get("/api/v1/me", headers={"host": "evil.example"}), 400, "bad_request")
    elsewhere = system.client.get("/auth/login/", headers={"host": "evil.example"})
    assert elsewhere["Content-Type"].startswith("text/html")
    assert "application/problem+json" not in system.client.get("/api/v10").headers["Content-Type"]


@pytest.mark.parametrize(("number", "status", "code"), [(60, 422, "validation_failed"), (3000, 400, "bad_request")])
def test_too_many_parameters_are_refused(system: System, number: int, status: int, code: str) -> None:
    query = "&".join(f"p{each}=1" for each in range(number))
    found = problem(system.call("GET", f"/me?{query}"), status, code)
    assert [error["code"] for error in found.get("errors", [])] == (["too_many"] if status == 422 else [])


@pytest.mark.parametrize(("path", "method"), [("/schema", "POST"), ("/docs", "POST"), ("/schema", "DELETE")])
def test_the_description_answers_problems_too(path: str, method: str) -> None:
    problem(Client().generic(method, f"/api/v1{path}"), 405, "method_not_allowed")
    problem(Client().get(f"/api/v1{path}", headers={"accept": "image/png"}), 406, "not_acceptable")


@pytest.mark.parametrize("error", [OperationalError("database is locked"), InterfaceError("closed")])
def test_a_database_that_is_busy_or_away_is_503(
    system: System, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(**_: Any) -> None:
        raise error

    monkeypatch.setattr(queries, "fields_json", fail)
    answer = system.call("GET", "/fields")
    assert str(error) not in problem(answer, 503, "unavailable")["detail"]
    assert answer["Retry-After"] == "5"


def test_what_nobody_expected_is_logged_and_tells_nothing(
    system: System, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(**_: Any) -> None:
        raise ZeroDivisionError("something private")

    monkeypatch.setattr(queries, "fields_json", fail)
    with caplog.at_level(logging.ERROR):
        found = problem(system.call("GET", "/fields"), 500, "internal_error")
    assert "private" not in json.dumps(found)
    assert "Traceback" not in json.dumps(found)
    assert any(
        "internal_error" in str(record.msg) and "ZeroDivisionError" in str(record.msg) for record in caplog.records
    )


def test_an_error_outside_any_view_is_a_problem_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("django.middleware.common.CommonMiddleware.process_request", fail)
    answer = Client(raise_request_exception=False).get("/api/v1/me")
    problem(answer, 500, "internal_error")


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (UnreadablePostError("gone"), 400, "bad_request"),
        (exceptions.Throttled(wait=2.5), 429, "throttled"),
        (exceptions.ParseError(), 400, "malformed_json"),
        (exceptions.PermissionDenied(), 403, "forbidden"),
        (exceptions.NotFound(), 404, "not_found"),
    ],
)
def test_errors_of_the_frameworks_have_stable_codes(error: Exception, status: int, code: str) -> None:
    request = Request(RequestFactory().get("/api/v1/me"))
    answer = exception_handler(error, {"request": request})
    assert (answer.status_code, answer.data["code"]) == (status, code)
    assert answer.headers.get("Retry-After") == ("3" if status == 429 else None)
