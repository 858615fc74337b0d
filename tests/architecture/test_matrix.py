"""The behaviour matrix: every route and everybody who might try it on one account's rows, with the answer's status.

The account has one row of everything (tests/rows.py), and so has the other account, whose rows must not show.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from allauth.usersessions.models import UserSession
from django.db import transaction
from django.test import Client
from django.urls import reverse

from accounts.actor import SYSTEM
from accounts.models import Role
from accounts.services import members
from contacts.models import ContactField, IdField
from integrations.models import Integration
from tests.architecture.code import settle
from tests.architecture.matrix import BODIES, CALLS, PAGES, SETTINGS, People
from tests.architecture.routes import Route, routes
from tests.conftest import Cast, SignIn
from tests.factories import PASSWORD, UserFactory
from tests.rows import Rows, furnish


@pytest.fixture
def rows(cast: Cast) -> Rows:
    TOTP.activate(cast.owner, generate_totp_secret())
    UserSession.objects.create(user=cast.owner, ip="192.0.2.1", session_key="x" * 32)
    return furnish(cast.account)


@pytest.fixture
def other_rows(cast: Cast) -> Rows:
    return furnish(cast.other_account)


@pytest.fixture
def people(cast: Cast, sign_in: SignIn) -> dict[str, Client]:
    signed_in = {name: sign_in(getattr(cast, name)) for name in People._fields if name != "nobody"}
    return {"nobody": Client(), **signed_in}


def address(route: Route, cast: Cast, rows: Rows) -> str:
    """The route's path for the account's row."""
    if route.name.startswith("admin"):
        return _admin_address(route, cast, rows)
    own = {
        "/licenses/": rows.license,
        "/requests/": rows.request,
        "/exports/": rows.export,
        "/imports/": rows.import_,
        "/review/": rows.review_item,
        "/contacts/<": rows.contact,
    }
    values: dict[str, Any] = {
        "account_number": rows.account.number,
        "code": Integration.REST_API,
        "external_id": str(rows.account.number),
        "import_id": rows.import_.pk,
        "export_id": rows.export.pk,
        "token": "no-token",
        "pk": next((row for part, row in own.items() if part in route.pattern), rows.issued.authentication).pk,
    }
    named = {name: value for name, value in values.items() if f":{name}>" in route.pattern}
    if route.name == "api-nothing-here":
        return "/api/v1/nowhere"
    path = reverse(route.name, kwargs=named) if "/" not in route.name else f"/{route.pattern}"
    return f"{path}?external_id={rows.account.number}" if route.name == "api-contact-by-parameter" else path


def _admin_address(route: Route, cast: Cast, rows: Rows) -> str:
    by_model = {
        "accounts/account": rows.account.pk,
        "accounts/auditevent": rows.event.pk,
        "accounts/user": cast.owner.pk,
        "accounts/partner": cast.partner.pk,
        "usersessions/usersession": UserSession.objects.latest("pk").pk,
        "mfa/authenticator": cast.owner.authenticator_set.get().pk,
        "contacts/contact": rows.contact.pk,
        "contacts/idfield": rows.id_field.pk,
        "contacts/contactfield": ContactField.objects.for_account(rows.account).get(name="lastName").pk,
        "contacts/reviewitem": rows.review_item.pk,
        "contacts/previewpair": rows.preview_pair.pk,
        "contacts/ruleset": rows.preview_pair.preview.rule_set_id,
        "integrations/license": rows.license.pk,
        "integrations/authentication": rows.issued.authentication.pk,
        "integrations/request": rows.request.pk,
        "integrations/integration": rows.license.integration_id,
    }
    pattern = route.pattern.replace("^(?P<app_label>accounts|usersessions|mfa|contacts|integrations)/$", "contacts/")
    model = "/".join(pattern.split("/")[1:3])
    return "/" + pattern.replace("<path:object_id>", str(by_model.get(model))).replace("(?P<url>.*)$", "nowhere/")


def ours() -> list[Route]:
    """Every route but allauth's own, which know the signed-in person and nothing else."""
    return [route for route in routes() if route.face != "auth" or not route.of_a_package]


def mismatches(cells: NamedTuple, answers: Mapping[str, int], what: str) -> list[str]:
    return [
        f"{what} as {who}: {answers[who]}, not {expected}"
        for who, expected in cells._asdict().items()
        if answers[who] != expected
    ]


def status(client: Client, method: str, path: str, body: str = "", authorization: str = "") -> int:
    """The status of a request, after which everything is as before."""
    before = transaction.savepoint()
    content_type = "text/csv" if path.endswith("/imports") else "application/json"
    response = client.generic(method, path, body, content_type=content_type, headers={"authorization": authorization})
    transaction.savepoint_rollback(before)
    return response.status_code


def methods(route: Route) -> list[str]:
    """The methods that a page or call of ours answers."""
    handlers = [name for name in ("get", "post", "put", "patch", "delete") if hasattr(route.view_class, name)]
    return [name.upper() for name in handlers] or ["GET"]


def test_every_route_is_in_the_matrix(capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print(f"\n{sum(route.face == 'admin' for route in ours())} addresses of the admin are in the matrix")
    entries = dict.fromkeys([*PAGES, *(name for name, _ in [*SETTINGS, *CALLS])], "listed")
    settle((route.name for route in ours()), entries)
    named = {route.name: route for route in ours()}
    for table in (SETTINGS, CALLS):
        for name in {name for name, _ in table}:
            assert {method for key, method in table if key == name} == {*methods(named[name])}, name


@pytest.mark.usefixtures("other_rows")
def test_people_get_what_the_matrix_says(cast: Cast, rows: Rows, people: dict[str, Client]) -> None:
    wrong = []
    for route in ours():
        cells = [(method, SETTINGS[name, method]) for name, method in SETTINGS if name == route.name]
        cells += [("GET", PAGES[route.name])] if route.name in PAGES else []
        for method, expected in cells:
            path = address(route, cast, rows)
            answers = {who: status(client, method, path) for who, client in people.items()}
            wrong += mismatches(expected, answers, f"{method} {path}")
    assert wrong == []


def test_keys_get_what_the_matrix_says(cast: Cast, rows: Rows, other_rows: Rows) -> None:
    keys = {"foreign": other_rows.issued, "read_only": rows.read_only, "own": rows.issued}
    headers = {who: f"Token {key.authentication.key}:{key.secret}" for who, key in keys.items()}
    headers["nobody"] = ""
    wrong = []
    for route in ours():
        for method, expected in ((method, CALLS[name, method]) for name, method in CALLS if name == route.name):
            path, body = address(route, cast, rows), BODIES.get(route.name, "") if method != "GET" else ""
            answers = {who: status(Client(), method, path, body, value) for who, value in headers.items()}
            wrong += mismatches(expected, answers, f"{method} {path}")
    assert wrong == []


def test_who_may_do_all_finds_no_row_of_another_account(cast: Cast, rows: Rows, other_rows: Rows) -> None:
    """The settings pages of the own account, with another account's row in the address."""
    wrong, client, owner = [], Client(), UserFactory.create()
    members.add_member(account=cast.account, user=owner, role=Role.OWNER, by=SYSTEM)
    client.post("/auth/login/", {"login": owner.email, "password": PASSWORD})
    for route in ours():
        if route.face == "settings" and ":pk>" in route.pattern:
            foreign = address(route, cast, other_rows).replace(str(cast.other_account.number), str(cast.account.number))
            for method in methods(route):
                answer = status(client, method, foreign)
                wrong += [] if answer == 404 else [f"{method} {foreign}: {answer}"]
    assert wrong == []


@pytest.mark.parametrize("who", ["agent", "owner", "viewer"])
def test_no_page_of_one_account_names_the_other(
    who: str, cast: Cast, rows: Rows, other_rows: Rows, people: dict[str, Client]
) -> None:
    """Reads every page that the person may read, for anything that is the other account's."""
    secret = {
        *(str(cast.other_account.number), cast.other_account.name, cast.other_partner.name, cast.outsider.email),
        *(str(other_rows.contact.pk), other_rows.issued.authentication.key, str(other_rows.license.pk)),
    }
    read = 0
    for route in ours():
        if route.face == "api":
            continue
        response = people[who].get(address(route, cast, rows))
        if response.status_code == 200 and "text/html" in response["Content-Type"]:
            read += 1
            assert not {each for each in secret if each in response.content.decode()}, route
    assert read >= (30 if who == "agent" else 2)


def test_no_answer_to_one_accounts_key_tells_of_the_other(cast: Cast, rows: Rows, other_rows: Rows) -> None:
    """Both accounts have an external id 1 in an id field of the same name, each with a contact of its own."""
    IdField.objects.for_account(cast.other_account).create(name="theirsAlone", label="Theirs", created_by="test")
    secret = {
        *(str(cast.other_account.number), cast.other_account.name, "theirsAlone", str(other_rows.contact.pk)),
        *(other_rows.contact.values["email"], other_rows.issued.authentication.key),
    }
    key = rows.issued
    client = Client(headers={"authorization": f"Token {key.authentication.key}:{key.secret}"})
    paths = {address(route, cast, rows) for route in ours() if (route.name, "GET") in CALLS}
    answers = {path: client.get(path).content.decode() for path in [*paths, "/api/v1/contacts/1"]}
    assert rows.contact.values["email"] in answers["/api/v1/contacts/1"]
    for path, answer in answers.items():
        assert not {each for each in secret if each in answer}, path
