"""A secret is in exactly one response, ever; nowhere else, whatever is done with it, rightly or wrongly."""

import base64
import json
import logging
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.core import mail
from django.core.cache import cache
from django.http import HttpRequest
from django.test import Client, RequestFactory
from django.views.debug import get_exception_reporter_class

from accounts.actor import SYSTEM
from accounts.models import Account, AuditEvent
from accounts.services import audit
from integrations import credentials
from integrations.models import Authentication
from tests import leaks
from tests.factories import (
    PASSWORD,
    AccountFactory,
    UserFactory,
    authentication_for,
    license_for,
    operator,
    partner_user,
)

pytestmark = pytest.mark.django_db

ROTATION = {"secret_version": "1", "grace_hours": "24"}
SHOWN = re.compile(r"cs_[0-9A-Za-z]{46}")


class FormParser(HTMLParser):
    """The fields of the first form that asks for the unique data, with what they hold, and where it is sent."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.action, self.fields, self.options = "", dict[str, str](), dict[str, list[str]]()
        self.inside, self.select = False, ""
        start = page.find('name="unique_data"')
        self.feed(page[page.rfind("<form", 0, start) :])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        name = given.get("name", "")
        if tag == "form" and not self.action:
            self.action, self.inside = given.get("action") or given.get("hx-post", ""), True
        elif self.inside and tag == "select":
            self.select = name
        elif self.inside and tag == "option" and "disabled" not in given:
            self.options.setdefault(self.select, []).append(given.get("value", ""))
        elif self.inside and tag == "input" and given.get("type") == "radio" and "disabled" not in given:
            self.options.setdefault(name, []).append(given["value"])
        elif self.inside and tag == "input" and given.get("type") != "checkbox":
            self.fields[name] = given.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        self.inside = self.inside and tag != "form"


@dataclass
class Issue:
    """An authentication issued and rotated in the settings, and everything logged since before that. `secret` is the
    present one, `old` the one before it, which works as well."""

    account: Account
    owner: Client
    key: str
    old: str
    secret: str
    page: str
    answers: dict[str, str]
    rotation: str
    book: leaks.LogBook

    @property
    def needles(self) -> list[str]:
        return leaks.traces(self.key, self.secret) + leaks.traces(self.key, self.old)


def secret_of(response: Any) -> str:
    """The one secret that an answer shows."""
    shown = set(SHOWN.findall(response.text))
    assert len(shown) == 1, response.text
    assert "no-store" in response["Cache-Control"]
    return str(shown.pop())


def signed_in(email: str) -> Client:
    client = Client()
    assert client.post("/auth/login/", {"login": email, "password": PASSWORD}).status_code == 302
    return client


@pytest.fixture
def issue(django_capture_on_commit_callbacks: Any) -> Iterator[Issue]:
    cache.clear()
    owner = UserFactory.create()
    account = AccountFactory.create(owner=owner)
    license_for(account)
    with leaks.LogBook() as book:
        client = signed_in(owner.email)
        start = f"/settings/{account.number}/integrations/"
        _, pages = leaks.in_pages(client, start, [], below=start)
        form_page = next((page for page in sorted(pages) if 'name="unique_data"' in client.get(page).text), "")
        assert form_page, pages
        form = FormParser(client.get(form_page).text)
        values = form.fields | {"unique_data": "Customer number", "kind": "other", "system_name": "Our shop"}
        for name, options in form.options.items():
            values.setdefault(name, next(filter(None, options), ""))
        with django_capture_on_commit_callbacks(execute=True):
            old = secret_of(client.post(form.action or form_page, values))
            authentication = Authentication.objects.for_account(account).get()
            rotation = f"{start}configurations/{authentication.pk}/rotate/"
            secret = secret_of(client.post(rotation, ROTATION))
        yield Issue(account, client, authentication.key, old, secret, form_page, values, rotation, book)


def post(api: Client, data: Any, authorization: str) -> Any:
    headers = {"authorization": authorization}
    return api.post("/api/v1/contacts", data, content_type="application/json", headers=headers)


def call_the_api(issue: Issue) -> None:
    """Both ways of signing in, and the wrong ways that people try."""
    key, secret, api = issue.key, issue.secret, Client(raise_request_exception=False)
    basic = base64.b64encode(f"{key}:{secret}".encode()).decode()
    token = f"Token {key}:{secret}"
    record = {"external_id": "1001", "values": {"email": "jan@example.com"}}
    for right in (token, f"Token {key}:{issue.old}"):
        assert api.get("/api/v1/me", headers={"authorization": right}).status_code == 200
    assert post(api, record, f"Basic {basic}").status_code == 201
    post(api, record | {"secret": secret, secret: "x"}, token)
    post(api, {"key": key, "secret": secret, **record}, "")
    post(api, f'{{"secret": "{secret}"', token)
    api.get("/api/v1/me", {"key": key, "secret": secret})
    api.get("/api/v1/me", {"secret": secret}, headers={"authorization": token})
    api.get(f"/api/v1/{secret}", headers={"authorization": token})
    api.get(f"/api/v1/contacts/{secret}", headers={"authorization": token})
    api.get(f"/nowhere/{secret}")
    for wrong in (f"Bearer {secret}", f"Token {secret}", f"Token {secret}:{key}", f"{key}:{secret}", f"Basic {secret}"):
        assert api.get("/api/v1/me", headers={"authorization": wrong}).status_code == 401
    api.get(
        "/api/v1/me",
        headers={"authorization": token, "x-request-id": secret, "user-agent": secret, "idempotency-key": secret},
    )
    issue.owner.get(issue.page, {"secret": secret})


def test_it_is_left_nowhere(issue: Issue) -> None:
    call_the_api(issue)
    assert len(issue.book.lines) > 50
    assert any("INSERT" in line or "request_finished" in line for line in issue.book.lines)
    assert mail.outbox
    found = leaks.in_database(issue.needles) + leaks.in_mails(issue.needles) + issue.book.found(issue.needles)
    assert found == []


def test_no_page_shows_it_again(issue: Issue) -> None:
    call_the_api(issue)
    start = f"/settings/{issue.account.number}/integrations/"
    found, pages = leaks.in_pages(issue.owner, start, issue.needles, below="/settings/")
    assert {issue.page, issue.rotation} <= pages
    for user in (operator(), partner_user(issue.account.partner)):
        shown, pages = leaks.in_pages(signed_in(user.email), "/admin/", issue.needles, below="/admin/")
        authentication = Authentication.objects.for_account(issue.account).get()
        assert any(str(authentication.pk) in page for page in pages)
        assert any("auditevent" in page for page in pages)
        found += shown
    assert found == []


def test_sending_a_form_again_shows_no_secret_and_makes_none(issue: Issue) -> None:
    for page, answers in ((issue.page, issue.answers), (issue.rotation, ROTATION)):
        response = issue.owner.post(page, answers)
        assert response.status_code == 409
        assert "already issued" in response.text
        assert not SHOWN.search(response.text)
    assert Authentication.objects.for_account(issue.account).get().secret_version == 2


def test_no_representation_shows_it() -> None:
    account = AccountFactory.create()
    issued = authentication_for(account)
    fresh = credentials.issue({1: b"x" * 32})
    for thing, secret in ((issued, issued.secret), (issued.authentication, issued.secret), (fresh, fresh.secret)):
        for text in (repr(thing), str(thing), f"{[thing]}"):
            assert secret not in text
            assert secret[3:] not in text


def test_the_caller_of_a_request_does_not_carry_it(issue: Issue) -> None:
    token = f"Token {issue.key}:{issue.secret}"
    request = Client().get("/api/v1/me", headers={"authorization": token}).renderer_context["request"]  # type: ignore[attr-defined]
    assert issue.key in repr(request.auth) or credentials.mask(issue.key) in repr(request.auth)
    assert not leaks.gives_away(repr(request.auth), issue.needles)
    assert not leaks.gives_away(vars(request.auth) if hasattr(request.auth, "__dict__") else "", issue.needles)


def test_no_error_report_shows_it() -> None:
    secret = credentials.issue({1: b"x" * 32}).secret

    def fails(request: HttpRequest) -> None:
        held = {"value": secret, "request": request}
        raise RuntimeError("a bug", len(held))

    request = RequestFactory().get(
        "/", {"secret": secret}, headers={"authorization": f"Token ck:{secret}", "cookie": f"a={secret}"}
    )
    try:
        fails(request)
    except RuntimeError:
        reporter_class: Any = get_exception_reporter_class(request)
        reporter = reporter_class(request, *sys.exc_info())
    assert "RuntimeError" in reporter.get_traceback_text()
    assert "in fails" in reporter.get_traceback_text()
    for text in (reporter.get_traceback_text(), str(reporter.get_traceback_html())):
        assert not leaks.gives_away(text, leaks.traces("ck", secret))


class TestTheSearchFindsIt:
    """A search that finds nothing proves nothing, unless it finds what was planted."""

    @pytest.fixture
    def planted(self) -> credentials.IssuedSecret:
        return credentials.issue({1: b"x" * 32})

    @pytest.fixture
    def needles(self, planted: credentials.IssuedSecret) -> list[str]:
        return leaks.traces(planted.key, planted.secret)

    def plant(self, after: Any) -> AuditEvent:
        return audit.record(account=None, action="a.b", object_id=1, object_label="x", after={"v": after}, by=SYSTEM)

    def test_in_an_audit_event(self, planted: credentials.IssuedSecret, needles: list[str]) -> None:
        assert leaks.in_database(needles) == []
        self.plant(planted.secret)
        assert leaks.in_database(needles) == ["accounts_auditevent.after"]

    def test_in_part(self, planted: credentials.IssuedSecret, needles: list[str]) -> None:
        self.plant(f"it was {planted.secret[3:]}.")
        assert leaks.in_database(needles) == ["accounts_auditevent.after"]

    def test_in_a_header(self, planted: credentials.IssuedSecret, needles: list[str]) -> None:
        self.plant("Basic " + base64.b64encode(f"{planted.key}:{planted.secret}".encode()).decode())
        assert leaks.in_database(needles) == ["accounts_auditevent.after"]

    def test_in_bytes(self, planted: credentials.IssuedSecret, needles: list[str]) -> None:
        authentication = authentication_for(AccountFactory.create()).authentication
        authentication.secret_digest = planted.secret.encode()
        authentication.save()
        assert leaks.in_database(needles) == ["integrations_authentication.secret_digest"]

    def test_in_a_session_and_in_the_cache(self, planted: credentials.IssuedSecret, needles: list[str]) -> None:
        session = SessionStore()
        session["padding"], session["secret"] = "x" * 2000, planted.secret
        session.save()
        cache.set("concord", {"secret": planted.secret})
        assert set(leaks.in_database(needles)) == {"django_session.session_data", "session", "concord_cache.value"}
        cache.clear()

    def test_in_mails_logs_and_pages(self, planted: credentials.IssuedSecret, needles: list[str]) -> None:
        mail.EmailMessage("Subject", json.dumps({"secret": planted.secret}), to=["a@example.com"]).send()
        assert leaks.in_mails(needles) == ["mail: Subject"]
        with leaks.LogBook() as book:
            logging.getLogger("some.library").debug("tried %s", planted.secret)
        assert len(book.found(needles)) == 1  # as it came; what is written is blotted out
        found, _ = leaks.in_pages(Client(), f"/auth/login/?next=/{planted.secret}", needles, below="/auth/")
        assert found
