"""Nasty bodies on every call that writes: refused in a stable form, never a 500, and nothing is written."""

import json
from typing import Any

import pytest
from django.apps import apps

from tests import factories
from tests.system import System

pytestmark = pytest.mark.django_db

WRITES = [
    ("POST", "/contacts"),
    ("PUT", "/contacts/1001"),
    ("PATCH", "/contacts/1001"),
    ("PUT", "/contact?external_id=1001"),
    ("PATCH", "/contact?external_id=1001"),
    ("POST", "/batch"),
]
DEEP = 100_000
# What is no JSON at all, and so refused as a whole on every call
MALFORMED: dict[str, bytes] = {
    "nothing": b"",
    "blank": b" \n",
    "half an object": b'{"values": ',
    "two values": b"{}{}",
    "a trailing comma": b'{"values": {},}',
    "single quotes": b"{'values': {}}",
    "a comment": b'{"values": {} /* none */}',
    "not a number": b'{"values": {"firstName": NaN}}',
    "infinity": b'{"values": {"firstName": -Infinity}}',
    "leading zero": b'{"external_id": 007, "values": {}}',
    "bare control character": b'{"values": {"firstName": "a\x00b"}}',
    "byte order mark": b"\xef\xbb\xbf" + b'{"values": {}}',
    "utf-16": '{"values": {}}'.encode("utf-16"),
    "latin-1": '{"values": {"firstName": "André"}}'.encode("latin-1"),
    "surrogates in utf-8": b'{"values": {"firstName": "\xed\xa0\x80"}}',
    "overlong utf-8": b'{"values": {"firstName": "\xc0\x80"}}',
    "bytes in a member nobody knows": b'{"values": {}, "other": "\xff"}',
    "deep arrays": b'{"values": {"firstName": ' + b"[" * DEEP + b"]" * DEEP + b"}}",
    "deep objects": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "an unknown escape": rb'{"values": {"firstName": "\x41"}}',
    "half an escape": rb'{"values": {"firstName": "\u12"}}',
}
# JSON, but not what any of the calls takes
NOT_AN_OBJECT: dict[str, bytes] = {
    "null": b"null",
    "an array": b"[]",
    "text": b'"x"',
    "a number": b"1e999",
    "a huge number": b"9" * 5000,
    "true": b"true",
}
# A record with one thing wrong: its members, the pointer and the code that it is refused with
RECORDS: dict[str, tuple[str, str, str]] = {
    "no values": ("", "/values", "required"),
    "values is null": ('"values": null', "/values", "wrong_type"),
    "values is an array": ('"values": []', "/values", "wrong_type"),
    "values is text": ('"values": "{}"', "/values", "wrong_type"),
    "a number": ('"values": {"firstName": 1}', "/values/firstName", "wrong_type"),
    "a huge integer": (f'"values": {{"firstName": {"9" * 100_000}}}', "/values/firstName", "wrong_type"),
    "a huge float": ('"values": {"firstName": 1e999}', "/values/firstName", "wrong_type"),
    "true": ('"values": {"firstName": true}', "/values/firstName", "wrong_type"),
    "an array": ('"values": {"firstName": ["Jan"]}', "/values/firstName", "wrong_type"),
    "an object": ('"values": {"firstName": {"$ne": null}}', "/values/firstName", "wrong_type"),
    "nested": (f'"values": {{"firstName": {"[" * 200}{"]" * 200}}}', "/values/firstName", "wrong_type"),
    "NUL": (r'"values": {"firstName": "a\u0000b"}', "/values/firstName", "invalid_characters"),
    "an escape character": (r'"values": {"firstName": "\u001b[31m"}', "/values/firstName", "invalid_characters"),
    "a high surrogate": (r'"values": {"firstName": "Jan \ud83d"}', "/values/firstName", "invalid_characters"),
    "a low surrogate": (r'"values": {"firstName": "\ude00 Jan"}', "/values/firstName", "invalid_characters"),
    "surrogates turned round": (
        r'"values": {"firstName": "\ude00\ud83d"}',
        "/values/firstName",
        "invalid_characters",
    ),
    "too long": (f'"values": {{"firstName": "{"x" * 1001}"}}', "/values/firstName", "too_long"),
    "a long address": (f'"values": {{"email": "{"x" * 300}@example.com"}}', "/values/email", "too_long"),
    "no address": ('"values": {"email": "jan"}', "/values/email", "invalid_email"),
    "no date": ('"values": {"birthday": "2023-02-30"}', "/values/birthday", "invalid_date"),
    "a date of another form": ('"values": {"birthday": "31-12-1980"}', "/values/birthday", "invalid_date"),
    "an unknown field": ('"values": {"firstname": "Jan"}', "/values/firstname", "unknown_field"),
    "a field with a pointer's characters": ('"values": {"a/b~c": "x"}', "/values/a~1b~0c", "unknown_field"),
    "a field without a name": ('"values": {"": "x"}', "/values/", "unknown_field"),
    "a field named by half an emoji": (r'"values": {"\ud83d": "x"}', "/values/\0", "unknown_field"),
    "prototype pollution": ('"values": {"__proto__": "x"}', "/values/__proto__", "unknown_field"),
    "the id field as a value": ('"values": {"externalCustomerId": "1"}', "/values/externalCustomerId", "unknown_field"),
    "an unknown member": ('"values": {}, "id": "1"', "/id", "unknown_field"),
    "an id field that is a number": ('"values": {}, "id_field": 1', "/id_field", "wrong_type"),
    "an id field that is null": ('"values": {}, "id_field": null', "/id_field", "wrong_type"),
    "an id that is null": ('"values": {}, "external_id": null', "/external_id", "wrong_type"),
    "an id that is a fraction": ('"values": {}, "external_id": 1.0', "/external_id", "wrong_type"),
    "an id with an exponent": ('"values": {}, "external_id": 1e3', "/external_id", "wrong_type"),
    "an id that is true": ('"values": {}, "external_id": true', "/external_id", "wrong_type"),
    "an id that is an array": ('"values": {}, "external_id": ["1001"]', "/external_id", "wrong_type"),
    "an empty id": ('"values": {}, "external_id": " "', "/external_id", "required"),
    "a blocked id": ('"values": {}, "external_id": "NULL"', "/external_id", "blocked_value"),
    "a blocked number": ('"values": {}, "external_id": -1', "/external_id", "blocked_value"),
    "a long id": (f'"values": {{}}, "external_id": "{"x" * 256}"', "/external_id", "too_long"),
    "a long number": (f'"values": {{}}, "external_id": {"9" * 100_000}', "/external_id", "too_long"),
    "an id with NUL": (r'"values": {}, "external_id": "\u0000"', "/external_id", "invalid_characters"),
    "half an emoji as id": (r'"values": {}, "external_id": "\ud83d"', "/external_id", "invalid_characters"),
}
# As above; PATCH does not know link_to at all
LINKS: dict[str, tuple[str, str, str]] = {
    "no id": ('"values": {}, "link_to": "x"', "/link_to", "invalid_id"),
    "an id in braces": ('"values": {}, "link_to": "{01a2093216f4773f881dda8cb245f306--}"', "/link_to", "invalid_id"),
    "an id without dashes": ('"values": {}, "link_to": "01a2093216f4773f881dda8cb245f306"', "/link_to", "invalid_id"),
    "a number": ('"values": {}, "link_to": 1', "/link_to", "wrong_type"),
    "a huge number": (f'"values": {{}}, "link_to": {"9" * 5000}', "/link_to", "wrong_type"),
}


@pytest.fixture
def system() -> System:
    """A system with one contact, which PATCH would find."""
    system = System(factories.authentication_for(factories.AccountFactory.create()))
    assert system.send("1001", firstName="Jan")["outcome"] == "created"
    return system


def counts() -> dict[str, int]:
    return {model.__name__: model._base_manager.count() for model in apps.get_app_config("contacts").get_models()}


def send(system: System, method: str, path: str, body: bytes, content_type: str = "application/json") -> Any:
    headers = {"authorization": system.authorization}
    return system.client.generic(method, f"/api/v1{path}", body, content_type=content_type, headers=headers)


def problem(answer: Any, status: int, code: str) -> Any:
    """The decoded problem, its shape checked."""
    assert answer.status_code == status, answer.content[:500]
    assert answer["Content-Type"] == "application/problem+json"
    assert answer["X-Request-Id"]
    found = answer.json()
    assert (found["status"], found["code"]) == (status, code)
    assert found["type"] == f"/api/v1/docs#{code}"
    assert found["title"]
    assert found["detail"]
    assert len(answer.content) < 5000
    return found


def record(path: str, members: str) -> str:
    """A record in the form of a call: with an id of its own where the address has none."""
    needs_id = path == "/contacts" and '"external_id"' not in members
    return "{" + ", ".join(part for part in ('"external_id": 5' if needs_id else "", members) if part) + "}"


@pytest.mark.parametrize(("method", "path"), WRITES)
def test_what_is_no_json_is_refused_as_a_whole(system: System, method: str, path: str) -> None:
    before = counts()
    for name, body in MALFORMED.items():
        found = problem(send(system, method, path, body), 400, "malformed_json")
        assert "errors" not in found, name
    assert counts() == before


@pytest.mark.parametrize(("method", "path"), WRITES)
def test_what_is_no_object_is_refused_as_a_whole(system: System, method: str, path: str) -> None:
    before = counts()
    for body in NOT_AN_OBJECT.values():
        found = problem(send(system, method, path, body), 422, "validation_failed")
        assert [(error["pointer"], error["code"]) for error in found["errors"]] == [("", "wrong_type")]
    assert counts() == before


@pytest.mark.parametrize(("method", "path"), [write for write in WRITES if write[1] != "/batch"])
@pytest.mark.parametrize("kind", ["values", "links"])
def test_what_is_wrong_in_a_record_is_pointed_at(system: System, method: str, path: str, kind: str) -> None:
    before = counts()
    for name, (members, pointer, code) in (RECORDS if kind == "values" else LINKS).items():
        expected = "unknown_field" if kind == "links" and method == "PATCH" else code
        found = problem(send(system, method, path, record(path, members).encode()), 422, "validation_failed")
        told = [(error["pointer"], error["code"]) for error in found["errors"]]
        assert told == [(pointer, expected)], name
        assert all(error["detail"] for error in found["errors"])
    assert counts() == before


def test_a_bad_record_in_a_batch_fails_alone(system: System) -> None:
    bad = {**RECORDS, **{f"link: {name}": case for name, case in LINKS.items()}}
    texts = []
    for number, (members, _, _) in enumerate(bad.values()):
        own = "" if '"external_id"' in members else f'"external_id": "bad {number}"'
        texts.append("{" + ", ".join(part for part in (own, members) if part) + "}")
        texts.append(f'{{"external_id": "good {number}", "values": {{}}}}')
    before = counts()
    answer = send(system, "POST", "/batch", f'{{"records": [{",".join(texts)}]}}'.encode())
    assert answer.status_code == 207
    results = answer.json()["results"]
    assert [result["index"] for result in results] == list(range(2 * len(bad)))
    for (name, (_, pointer, code)), result in zip(bad.items(), results[::2], strict=True):
        told = [(error["pointer"], error["code"]) for error in result["problem"]["errors"]]
        assert (result["status"], told) == (422, [(pointer, code)]), name
    assert {(result["status"], result["outcome"]) for result in results[1::2]} == {(201, "created")}
    assert counts()["ExternalId"] == before["ExternalId"] + len(bad)


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ("{}", "/records", "required"),
        ('{"records": []}', "/records", "required"),
        ('{"records": null}', "/records", "wrong_type"),
        ('{"records": {}}', "/records", "wrong_type"),
        (json.dumps({"records": [{"external_id": n, "values": {}} for n in range(1001)]}), "/records", "too_many"),
        ('{"records": [{}], "mode": "patch"}', "/mode", "invalid_choice"),
        ('{"records": [{}], "mode": null}', "/mode", "invalid_choice"),
        (f'{{"records": [{{}}], "mode": {"9" * 5000}}}', "/mode", "invalid_choice"),
        ('{"records": [{}], "dry_run": true}', "/dry_run", "unknown_field"),
    ],
)
def test_a_batch_that_is_none_is_refused(system: System, body: str, pointer: str, code: str) -> None:
    before = counts()
    found = problem(send(system, "POST", "/batch", body.encode()), 422, "validation_failed")
    assert [(error["pointer"], error["code"]) for error in found["errors"]] == [(pointer, code)]
    assert counts() == before


def test_records_that_are_no_objects_fail_alone(system: System) -> None:
    answer = send(system, "POST", "/batch", b'{"records": [1, null, "x", [], {"external_id": 7, "values": {}}]}')
    assert [result["status"] for result in answer.json()["results"]] == [422, 422, 422, 422, 201]


@pytest.mark.parametrize(("method", "path"), WRITES)
@pytest.mark.parametrize(
    ("content_type", "extra"),
    [
        ("text/plain", {}),
        ("application/x-www-form-urlencoded", {}),
        ("multipart/form-data; boundary=x", {}),
        ("application/xml", {}),
        ("nonsense", {}),
        ("application/json", {"content-encoding": "gzip"}),
    ],
)
def test_only_plain_json_is_taken(
    system: System, method: str, path: str, content_type: str, extra: dict[str, str]
) -> None:
    before = counts()
    headers = {"authorization": system.authorization, **extra}
    body = b'{"external_id": "1001", "values": {}}'
    answer = system.client.generic(method, f"/api/v1{path}", body, content_type=content_type, headers=headers)
    problem(answer, 415, "unsupported_media_type")
    assert counts() == before


def test_a_small_body_cannot_ask_for_a_huge_answer(system: System) -> None:
    many = ", ".join(f'"unknown{number}": "x"' for number in range(50_000))
    answer = send(system, "POST", "/contacts", f'{{"external_id": 1, "values": {{{many}}}}}'.encode())
    assert len(answer.json()["errors"]) == 100
    assert len(answer.content) < 20_000
    long = send(system, "POST", "/contacts", f'{{"external_id": 1, "values": {{}}, "{"x" * 10**6}": 1}}'.encode())
    assert len(long.content) < 5000


@pytest.mark.parametrize("address", ["/contacts/%s", "/contact?external_id=%s"])
@pytest.mark.parametrize(
    ("own", "code"),
    [
        ("%20", "required"),
        ("%00", "invalid_characters"),
        ("a%1Bb", "invalid_characters"),
        ("x" * 256, "too_long"),
        ("null", "blocked_value"),
        ("-1", "blocked_value"),
    ],
)
def test_an_address_with_an_id_that_is_none(system: System, address: str, own: str, code: str) -> None:
    before = counts()
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        answer = send(system, method, address % own, b'{"values": {}}' if method in {"PUT", "PATCH"} else b"")
        found = problem(answer, 422, "validation_failed")
        assert [(error["pointer"], error["code"]) for error in found["errors"]] == [("external_id", code)]
    assert counts() == before


@pytest.mark.parametrize("query", ["", "?external_id", "?external_id=", "?external_id=1&external_id=2"])
def test_the_id_is_given_exactly_once(system: System, query: str) -> None:
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        found = problem(send(system, method, f"/contact{query}", b""), 422, "validation_failed")
        assert found["errors"][0]["code"] == "required"
