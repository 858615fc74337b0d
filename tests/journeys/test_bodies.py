"""How bodies are framed on the wire: chunks, lengths that lie, no body at all."""

from collections.abc import Iterator

import pytest
from django.conf import settings

from contacts.models import Contact
from tests import factories
from tests.journeys.conftest import LiveApi
from tests.system import System

pytestmark = pytest.mark.django_db(transaction=True)

TARGET = "/api/v1/contacts"
BODY = b'{"external_id": "1001", "values": {"firstName": "Jan"}}'


@pytest.fixture
def system(live_api: LiveApi, transactional_db: None) -> System:
    return System(factories.authentication_for(factories.AccountFactory.create()))


def headers(system: System) -> dict[str, str]:
    return {"Authorization": system.authorization, "Content-Type": "application/json"}


def chunks(data: bytes, size: int) -> Iterator[bytes]:
    yield from (data[start : start + size] for start in range(0, len(data), size))


def raw(system: System, framing: str, rest: bytes) -> bytes:
    lines = [f"{name}: {value}" for name, value in headers(system).items()]
    head = "\r\n".join(["POST /api/v1/contacts HTTP/1.1", "Host: localhost", "Connection: close", *lines, framing])
    return head.encode() + b"\r\n\r\n" + rest


def test_a_chunked_body_is_read(live_api: LiveApi, system: System) -> None:
    answer = live_api.send("POST", TARGET, chunks(BODY, 7), headers(system))
    assert (answer.status, answer.json()["contact"]["external_id"]) == (201, "1001")
    again = live_api.send("POST", TARGET, BODY, headers(system))
    assert again.json()["outcome"] == "unchanged"


def test_a_large_chunked_batch_is_read_to_its_end(live_api: LiveApi, system: System) -> None:
    records = ",".join(f'{{"external_id": {n}, "values": {{"street": "{"x" * 900}"}}}}' for n in range(300))
    body = f'{{"records": [{records}]}}'.encode()
    answer = live_api.send("POST", "/api/v1/batch", chunks(body, 60_000), headers(system))
    assert answer.status == 200, answer.body[:300]
    assert len(answer.json()["results"]) == Contact.objects.for_account(system.issued.authentication.account).count()


def test_a_body_over_the_limit_is_refused_however_it_is_framed(live_api: LiveApi, system: System) -> None:
    body = BODY[:-2] + b" " * settings.API_MAX_BODY_BYTES + b"}}"
    for sent in (body, chunks(body, 1_000_000)):
        answer = live_api.send("POST", TARGET, sent, headers(system))
        assert (answer.status, answer.json()["code"]) == (413, "too_large")
        assert answer.headers["content-type"] == "application/problem+json"


def test_a_body_at_the_limit_is_taken(live_api: LiveApi, system: System) -> None:
    body = BODY + b" " * (settings.API_MAX_BODY_BYTES - len(BODY))
    assert live_api.send("POST", TARGET, chunks(body, 1_000_000), headers(system)).status == 201


@pytest.mark.parametrize("sent", [None, b"", iter([])], ids=["absent", "empty", "no chunks"])
def test_no_body_is_told(live_api: LiveApi, system: System, sent: object) -> None:
    answer = live_api.send("POST", TARGET, sent, headers(system))
    assert (answer.status, answer.json()["code"]) == (400, "malformed_json")


@pytest.mark.parametrize(
    ("framing", "rest"),
    [
        ("Content-Length: 10", BODY),
        ("Content-Length: 900", BODY[:20]),
        ("Content-Length: x", BODY),
        ("Content-Length: -1", BODY),
        ("Content-Length: 3\r\nContent-Length: 4", BODY),
        ("Transfer-Encoding: chunked", b"zz\r\n" + BODY),
        ("Transfer-Encoding: chunked", b"14\r\n" + BODY[:20] + b"\r\n"),
        ("Transfer-Encoding: gzip, chunked", b"5\r\nhello\r\n0\r\n\r\n"),
    ],
)
def test_a_length_that_lies_writes_nothing(live_api: LiveApi, system: System, framing: str, rest: bytes) -> None:
    answer = live_api.send_raw(raw(system, framing, rest), half_close=True)
    # A server may hang up on who hangs up in the middle of a body.
    assert answer == b"" or answer.startswith(b"HTTP/1.1 400 "), answer
    assert not Contact.objects.for_account(system.issued.authentication.account).exists()


def test_who_is_refused_is_told_so_however_much_they_are_sending(live_api: LiveApi, system: System) -> None:
    wrong = headers(system) | {"Authorization": "Token x:y"}
    body = BODY + b" " * 3_000_000
    for _ in range(5):
        for sent in (BODY, chunks(BODY, 7), body, chunks(body, 50_000)):
            answer = live_api.send("POST", TARGET, sent, wrong)
            assert (answer.status, answer.json()["code"]) == (401, "invalid_credentials")
    assert live_api.send("POST", TARGET, body, headers(system) | {"Content-Type": "text/csv"}).status == 415
