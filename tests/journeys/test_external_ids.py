"""Whatever characters an external id has, its contact is found by it, through the real server."""

from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from contacts import normalise
from contacts.normalise import Invalid
from tests import factories
from tests.journeys.conftest import Answer, LiveApi
from tests.system import System

pytestmark = pytest.mark.django_db(transaction=True)

CONTACTS = "/api/v1/contacts"


def is_acceptable(text: str) -> bool:
    try:
        normalise.external_id(text)
    except Invalid:
        return False
    return True


ANY = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=255)
AWKWARD = st.text("/.%?#&=+;:@ \\\n\t'\"é☃𝄞25F2aÿ", min_size=1, max_size=30)
IDS = st.one_of(ANY, AWKWARD).filter(is_acceptable)


def addresses(text: str) -> tuple[str, str]:
    """Both forms, percent-encoded; a dot needs no encoding and is sent as it is."""
    encoded = quote(text, safe="")
    return f"{CONTACTS}/{encoded}", f"/api/v1/contact?external_id={encoded}"


class Wire:
    """One system's calls through the real server."""

    def __init__(self, api: LiveApi, system: System) -> None:
        self.api, self.headers = api, {"Authorization": system.authorization}

    def __call__(self, method: str, target: str, body: str = "") -> Answer:
        headers = self.headers | ({"Content-Type": "application/json"} if body else {})
        return self.api.send(method, target, body.encode() or None, headers)


@pytest.fixture
def wire(live_api: LiveApi, transactional_db: None) -> Wire:
    return Wire(live_api, System(factories.authentication_for(factories.AccountFactory.create())))


def quoted(text: str) -> str:
    return '"' + "".join(f"\\u{ord(c):04x}" if ord(c) < 128 else c for c in text) + '"'


@given(text=IDS)
@example(text="batch")
@example(text="x/explain")
@example(text=".")
@example(text="..")
@example(text="../me")
@example(text="a/../../b")
@example(text="a b")
@example(text="é/☃")
@example(text="é")
@example(text="//")
@example(text="/")
@example(text="?")
@example(text="#")
@example(text="%2F")
@example(text="%FF")
@example(text="a+b")
@example(text="a&external_id=b")
@example(text="a\nb")
@example(text="\ufffd")
@example(text="é" * 255)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_id_finds_its_contact_in_both_forms_of_address(wire: Wire, text: str) -> None:
    own = normalise.external_id(text)
    path, parameter = addresses(text)
    created = wire("PUT", path, '{"values": {}}')
    assert created.status == 201, created.body
    contact = created.json()["contact"]
    assert contact["external_id"] == own
    for target in (path, parameter):
        found = wire("GET", target)
        assert (found.status, found.json()) == (200, contact)
        assert wire("PATCH", target, '{"values": {}}').json()["outcome"] == "unchanged"
    again = wire("POST", CONTACTS, f'{{"external_id": {quoted(text)}, "values": {{}}}}')
    assert (again.status, again.json()["contact"]) == (200, contact)
    assert wire("PUT", parameter, '{"values": {}}').json()["contact"] == contact
    assert wire("DELETE", path if len(text) % 2 else parameter).status == 204
    for target in (path, parameter):
        assert wire("GET", target).json()["code"] == "contact_not_found"


@pytest.mark.parametrize("encoded", ["%FF", "a%C3", "%ED%A0%80", "%C0%AF"])
def test_an_address_that_is_not_utf8_is_no_other_id(wire: Wire, encoded: str) -> None:
    for target in (f"{CONTACTS}/{encoded}", f"/api/v1/contact?external_id={encoded}"):
        for method, body in (("GET", ""), ("PUT", '{"values": {}}'), ("PATCH", '{"values": {}}'), ("DELETE", "")):
            answer = wire(method, target, body)
            assert answer.status == 422, answer.body
            assert answer.json()["errors"][0]["code"] == "invalid_characters"
    assert wire("GET", f"{CONTACTS}/{quote(encoded, safe='')}").status == 404
