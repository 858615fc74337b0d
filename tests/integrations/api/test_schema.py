"""The OpenAPI document: valid, complete, and true."""

import json
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
import schemathesis
from django.core.management import call_command
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.test import Client
from drf_spectacular.validation import validate_schema
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from config.wsgi import application
from contacts.api.schema import PROBLEMS
from tests import factories
from tests.architecture.routes import routes
from tests.system import System

# What is asked about without being a call
NO_CALLS = {"api", "api-nothing-here", "api-schema", "api-docs"}
CALLS = [
    ("/api/v1/me", "GET"),
    ("/api/v1/fields", "GET"),
    ("/api/v1/changes", "GET"),
    ("/api/v1/contacts", "GET"),
    ("/api/v1/contacts", "POST"),
    *(
        (path, method)
        for path in ("/api/v1/contacts/{external_id}", "/api/v1/contact")
        for method in ("GET", "PUT", "PATCH", "DELETE")
    ),
    ("/api/v1/batch", "POST"),
    ("/api/v1/exports", "POST"),
    ("/api/v1/exports/{export_id}", "GET"),
    ("/api/v1/imports", "POST"),
    ("/api/v1/imports/{import_id}", "GET"),
    ("/api/v1/imports/{import_id}/errors", "GET"),
    *((f"/api/v1/imports/{{import_id}}/{what}", "POST") for what in ("pause", "resume", "cancel")),
]
CHECKS = [not_a_server_error, response_schema_conformance, status_code_conformance, content_type_conformance]


@pytest.fixture(scope="module")
def document() -> Any:
    return json.loads(Client().get("/api/v1/schema").content)


def test_the_document_is_valid_and_made_without_a_warning(document: Any) -> None:
    out = StringIO()
    call_command("spectacular", validate=True, fail_on_warn=True, format="openapi-json", stdout=out)
    assert json.loads(out.getvalue()) == document
    validate_schema(document)
    assert document["openapi"] == "3.1.0"


def test_every_call_is_described(document: Any) -> None:
    described = {(path, method.upper()) for path, methods in document["paths"].items() for method in methods}
    ours = set()
    for route in routes():
        if route.face == "api" and route.name not in NO_CALLS:
            path = "/" + route.pattern.replace("<external_id:", "{").replace("<uuid:", "{").replace(">", "}")
            methods = ("GET", "POST", "PUT", "PATCH", "DELETE")
            ours |= {(path, method) for method in methods if hasattr(route.view_class, method.lower())}
    assert described == ours == set(CALLS)


def operations(document: Any) -> list[Any]:
    return [operation for methods in document["paths"].values() for operation in methods.values()]


def test_every_call_says_how_to_sign_in_and_what_can_go_wrong(document: Any) -> None:
    assert {scheme["type"] for scheme in document["components"]["securitySchemes"].values()} == {"apiKey", "http"}
    problem = {"$ref": "#/components/schemas/Problem"}
    for operation in operations(document):
        assert operation["security"] == [{"Token": []}, {"Basic": []}]
        assert operation["summary"]
        for status, answer in operation["responses"].items():
            assert "X-Request-Id" in answer["headers"]
            if int(status) >= 400:
                assert answer["content"] == {"application/problem+json": {"schema": problem}}
                assert all(f"`{code}`" in answer["description"] for code in PROBLEMS[int(status)])


def test_no_component_is_missing_or_useless(document: Any) -> None:
    text = json.dumps(document)
    for name in document["components"]["schemas"]:
        assert f'"#/components/schemas/{name}"' in text
    assert text.count("#/components/schemas/") == sum(
        text.count(f'"#/components/schemas/{name}"') for name in document["components"]["schemas"]
    )


@pytest.fixture
def headers(db: None) -> dict[str, str]:
    system = System(factories.authentication_for(factories.AccountFactory.create()))
    system.send("1001", firstName="Jan", email="jan@example.com")
    return {"Authorization": system.authorization}


@pytest.fixture
def kept_connection(headers: dict[str, str]) -> Iterator[None]:
    """Keeps the test's transaction open over requests, as Django's own client does for its own."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def fuzzed_document(kept_connection: None) -> Any:
    return schemathesis.openapi.from_wsgi("/api/v1/schema", application)


@pytest.mark.parametrize("mode", GenerationMode)
@pytest.mark.parametrize(("path", "method"), CALLS)
def test_the_answers_are_as_described_whatever_is_sent(
    fuzzed_document: Any, headers: dict[str, str], path: str, method: str, mode: GenerationMode
) -> None:
    operation = fuzzed_document[path][method]
    statuses = set()

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    def check(case: Any) -> None:
        answer = case.call(headers=headers)
        statuses.add(answer.status_code)
        case.validate_response(answer, checks=CHECKS)

    try:
        check()
    except Unsatisfiable:
        assert mode is GenerationMode.NEGATIVE, "valid requests can always be made"
    assert not statuses & {401, 429, 503}
