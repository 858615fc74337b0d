"""POST /imports and what becomes of a file."""

import gzip
import json
from io import BytesIO
from typing import Any
from uuid import uuid4

import pytest
from pytest_django import Settings

from accounts.actor import SYSTEM
from accounts.models import Account, AuditEvent
from contacts.models import Contact, FilePart, Import, Job, RejectedRow, StoredFile
from contacts.services import imports, jobs
from integrations.models import License
from integrations.services import authentications, licenses
from tests import factories
from tests.system import System
from tests.work import work

pytestmark = pytest.mark.django_db

CSV = b"external_id,email,First name\r\n1001,jan@example.com,Jan\r\n1002,piet@example.com,\r\n"


@pytest.fixture
def account() -> Account:
    return factories.AccountFactory.create()


@pytest.fixture
def crm(account: Account) -> System:
    return System(factories.authentication_for(account, system="CRM"))


def post(system: System, body: bytes, query: str = "", media_type: str = "text/csv", **headers: str) -> Any:
    return system.client.generic(
        "POST",
        f"/api/v1/imports{query}",
        body,
        content_type=media_type,
        headers={"authorization": system.authorization, **{name.replace("_", "-"): headers[name] for name in headers}},
    )


def imported(system: System, body: bytes, query: str = "", media_type: str = "text/csv", **headers: str) -> Any:
    """What has become of a file in the end."""
    answer = post(system, body, query, media_type, **headers)
    assert answer.status_code == 202, answer.json()
    work()
    return told(system, answer.json()["id"])


def told(system: System, import_id: str) -> Any:
    answer = system.call("GET", f"/imports/{import_id}")
    assert answer.status_code == 200
    return answer.json()


def errors(system: System, import_id: str) -> list[tuple[int, str, str | None]]:
    answer = system.call("GET", f"/imports/{import_id}/errors").json()
    return [(each["row"], each["code"], each["field"]) for each in answer["errors"]]


def test_a_csv_is_taken_and_read_in_the_background(crm: System, account: Account) -> None:
    answer = post(crm, CSV)
    assert answer.status_code == 202
    queued = answer.json()
    assert answer["Location"] == f"/api/v1/imports/{queued['id']}"
    assert (queued["state"], queued["format"], queued["size"], queued["progress"]) == ("queued", "csv", len(CSV), 0)
    assert not Contact.all_accounts.exists()
    work()
    done = told(crm, queued["id"])
    assert (done["state"], done["progress"], done["failure"]) == ("completed", 1, None)
    assert done["counts"] == {"rows": 2, "created": 2, "linked": 0, "updated": 0, "unchanged": 0, "rejected": 0}
    assert done["started_at"] <= done["ended_at"]
    assert crm.find("1001")["values"] == {"email": "jan@example.com", "firstName": "Jan"}
    assert crm.find("1002")["values"] == {"email": "piet@example.com"}
    event = AuditEvent.objects.get(account_id=account.pk, action="import.started")
    assert event.actor == crm.issued.authentication.key


def test_ndjson_is_one_record_a_line(crm: System) -> None:
    lines = [{"external_id": number, "values": {"firstName": "Jan"}} for number in (1, 2)]
    body = "\n\n".join(json.dumps(line) for line in lines).encode() + b"\n{\n[]\n"
    done = imported(crm, body, media_type="application/x-ndjson; charset=utf-8")
    assert done["counts"] | {"created": 2, "rejected": 2, "rows": 4} == done["counts"]
    assert errors(crm, done["id"]) == [(4, "malformed_json", None), (5, "wrong_type", None)]


@pytest.mark.parametrize(
    ("text", "encoding", "query"),
    [
        ("external_id;lastName\n1;Müller\n", "utf-8", ""),
        ("external_id;lastName\n1;Müller\n", "utf-8-sig", ""),
        ("external_id\tlastName\r1\tMüller\r", "utf-16", ""),
        ("external_id|lastName\n1|Müller\n", "windows-1252", ""),
        ("external_id,lastName\n1,Müller", "iso-8859-1", "?encoding=iso-8859-1&delimiter=,"),
        ('"external_id","lastName"\r\n"1","Müller"\r\n', "utf-8", ""),
    ],
)
@pytest.mark.parametrize("is_compressed", [False, True])
def test_the_usual_forms_of_a_csv_are_read(
    crm: System, text: str, encoding: str, query: str, is_compressed: bool
) -> None:
    body = text.encode(encoding)
    if is_compressed:
        imported(crm, gzip.compress(body), query, content_encoding="gzip")
    else:
        imported(crm, body, query)
    assert crm.find("1")["values"] == {"lastName": "Müller"}


def test_columns_are_found_by_name_label_or_as_the_caller_says(crm: System) -> None:
    body = b"Klant,E-MAIL,FIRSTNAME,Achternaam,Shoe size\n1,jan@example.com,Jan,Jansen,44\n"
    done = imported(crm, body, "?column.external_id=Klant&column.lastName=Achternaam")
    assert done["columns_left_out"] == ["Shoe size"]
    assert crm.find("1")["values"] == {"email": "jan@example.com", "firstName": "Jan", "lastName": "Jansen"}


def test_an_empty_cell_says_nothing_or_empties_as_the_mode_says(crm: System) -> None:
    crm.send("1", firstName="Jan", lastName="Jansen")
    body = b"external_id,firstName,lastName\n1,,Jansen\n"
    imported(crm, body)
    assert crm.find("1")["values"] == {"firstName": "Jan", "lastName": "Jansen"}
    imported(crm, body, "?mode=replace")
    assert crm.find("1")["values"] == {"lastName": "Jansen"}


def test_rejected_rows_are_listed_without_a_value(crm: System) -> None:
    body = b"""external_id,email,firstName
1,nobody-at-all,Jan
,x@example.com,Jan

3,ok@example.com,Jan,secretvalue
4,ok@example.com,Jan
"""
    done = imported(crm, body)
    assert done["counts"] | {"rows": 4, "created": 1, "rejected": 3} == done["counts"]
    assert errors(crm, done["id"]) == [
        (2, "invalid_email", "email"),
        (3, "required", "external_id"),
        (5, "too_many_cells", None),
    ]
    stored = str(list(RejectedRow.all_accounts.values()))
    assert "nobody-at-all" not in stored
    assert "secretvalue" not in stored
    first = crm.call("GET", f"/imports/{done['id']}/errors?page_size=2").json()
    rest = crm.call("GET", f"/imports/{done['id']}/errors?page_size=2&cursor={first['next_cursor']}").json()
    assert [len(first["errors"]), len(rest["errors"]), rest["next_cursor"]] == [2, 1, None]


def test_rows_are_linked_by_the_rules_and_refused_by_the_engine(crm: System, account: Account) -> None:
    shop = System(factories.authentication_for(account, factories.id_field(account), system="Shop"))
    shop.send("W1", email="jan@example.com")
    imported(crm, b"external_id,email\n1,jan@example.com\n")
    assert crm.find("1")["external_ids"] == {"webshopCustomerId": ["W1"], "externalCustomerId": ["1"]}
    lost = {"external_id": "9", "values": {}, "link_to": str(uuid4())}
    done = imported(crm, json.dumps(lost).encode(), media_type="application/x-ndjson")
    assert errors(crm, done["id"]) == [(1, "contact_not_found", None)]


UNREADABLE = [
    (b"email\njan@example.com\n", "", "no_external_id"),
    (b"", "gzip", "malformed_gzip"),
    (b"external_id\n1\n", "gzip", "malformed_gzip"),
    (gzip.compress(CSV)[:-9], "gzip", "malformed_gzip"),
    (b"external_id,email,E-mail\n1,,\n", "", "duplicate_column"),
    (b'external_id,firstName\n1,"Jan\n2,Piet\n', "", "malformed_csv"),
    (b'external_id,firstName\n1,"Jan" x\n', "", "malformed_csv"),
    (b"external_id,firstName\n1," + b"x" * 2**20 + b"\n", "", "row_too_large"),
    (b'external_id,firstName\n1,"' + b"x\n" * 2**20, "", "row_too_large"),
    (gzip.compress(b"\0" * 10**8), "gzip", "row_too_large"),
    (b",".join([b"external_id"] + [b"c"] * 1000) + b"\n", "", "too_many_columns"),
]


@pytest.mark.parametrize(("body", "coding", "code"), UNREADABLE)
def test_a_file_that_can_not_be_read_fails_with_a_reason(crm: System, body: bytes, coding: str, code: str) -> None:
    done = imported(crm, body or b"\n", content_encoding=coding)
    assert (done["state"], done["failure"]["code"]) == ("failed", code)
    assert done["failure"]["detail"]
    assert done["ended_at"]


def test_an_encoding_that_is_wrong_further_down_names_the_row(crm: System) -> None:
    body = b"external_id,firstName\n" + b"".join(b"%d,Jan\n" % number for number in range(60_000)) + b"x,M\xfcller\n"
    done = imported(crm, body)
    assert (done["state"], done["failure"]["code"]) == ("failed", "invalid_encoding")
    assert "encoding=windows-1252" in done["failure"]["detail"]


def test_rows_before_the_one_that_fails_are_written(crm: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "CHUNK", 2)
    done = imported(crm, b'external_id,firstName\n1,Jan\n2,Jan\n3,Jan\n4,"Jan\n')
    assert (done["state"], done["counts"]["created"]) == ("failed", 3)
    assert "Row 5" in done["failure"]["detail"]


def test_more_than_is_taken_is_refused_and_nothing_kept(crm: System, settings: Settings) -> None:
    settings.IMPORT_MAX_BYTES = 1000
    answer = post(crm, b"x" * 1001)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert not StoredFile.all_accounts.exists()
    assert not FilePart.all_accounts.exists()


@pytest.mark.parametrize(
    ("query", "media_type", "coding", "status", "pointer"),
    [
        ("", "application/json", "", 415, None),
        ("", "text/csv", "br", 415, None),
        ("?mode=all", "text/csv", "", 422, "mode"),
        ("?delimiter=x", "text/csv", "", 422, "delimiter"),
        ("?encoding=ebcdic", "text/csv", "", 422, "encoding"),
        ("", "text/csv; charset=ebcdic", "", 422, "encoding"),
        ("?column.nope=x", "text/csv", "", 422, "column.nope"),
        ("?column.email=x&column.email=y", "text/csv", "", 422, "column.email"),
        ("?dry_run=true", "text/csv", "", 422, "dry_run"),
    ],
)
def test_what_can_not_be_meant_is_refused(
    crm: System, query: str, media_type: str, coding: str, status: int, pointer: str | None
) -> None:
    answer = post(crm, CSV, query, media_type, content_encoding=coding)
    assert answer.status_code == status
    if pointer:
        assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert not Import.all_accounts.exists()
    assert not StoredFile.all_accounts.exists()


def test_a_body_that_is_empty_or_cut_is_refused(crm: System) -> None:
    empty = crm.client.generic(
        "POST", "/api/v1/imports", headers={"authorization": crm.authorization, "content-type": "text/csv"}
    )
    assert (empty.status_code, empty.json()["errors"][0]["code"]) == (422, "required")
    cut = crm.client.generic(
        "POST",
        "/api/v1/imports",
        CSV,
        content_type="text/csv",
        headers={"authorization": crm.authorization},
        CONTENT_LENGTH=str(len(CSV) + 1),
        **{"wsgi.input": BytesIO(CSV)},  # type: ignore[arg-type]
    )
    assert (cut.status_code, cut.json()["code"]) == (400, "incomplete_body")
    assert not StoredFile.all_accounts.exists()


def test_the_same_key_is_one_import(crm: System) -> None:
    first = post(crm, CSV, idempotency_key="a-key")
    again = post(crm, CSV, idempotency_key="a-key")
    assert (again.status_code, again.content, again["Location"]) == (202, first.content, first["Location"])
    assert post(crm, CSV + b"\n", idempotency_key="a-key").json()["code"] == "idempotency_key_reused"
    assert Import.all_accounts.count() == StoredFile.all_accounts.count() == 1


def test_another_systems_import_is_not_there(crm: System, account: Account) -> None:
    own = post(crm, CSV).json()["id"]
    shop = System(factories.authentication_for(account, factories.id_field(account), system="Shop"))
    stranger = System(factories.authentication_for(factories.AccountFactory.create()))
    for system in (shop, stranger):
        for method, path in (("GET", ""), ("GET", "/errors"), ("POST", "/cancel")):
            answer = system.call(method, f"/imports/{own}{path}")
            assert (answer.status_code, answer.json()["code"]) == (404, "import_not_found")


def test_an_import_is_paused_resumed_and_cancelled(crm: System, account: Account) -> None:
    own = post(crm, CSV).json()["id"]
    assert crm.call("POST", f"/imports/{own}/pause").json()["state"] == "paused"
    work()
    assert told(crm, own)["counts"]["rows"] == 0
    assert crm.call("POST", f"/imports/{own}/pause").json()["code"] == "job_state"
    assert crm.call("POST", f"/imports/{own}/resume").json()["state"] == "queued"
    work()
    assert told(crm, own)["state"] == "completed"
    assert crm.call("POST", f"/imports/{own}/cancel").json()["code"] == "job_state"
    other = post(crm, CSV).json()["id"]
    cancelled = crm.call("POST", f"/imports/{other}/cancel").json()
    assert (cancelled["state"], cancelled["ended_at"] is None) == ("cancelled", False)
    work()
    assert told(crm, other)["state"] == "cancelled"
    actions = AuditEvent.objects.filter(account_id=account.pk, action__startswith="job.").values_list(
        "action", flat=True
    )
    assert list(actions.order_by("pk")) == ["job.paused", "job.resumed", "job.cancelled"]


def revoke(system: System, account: Account) -> None:
    authentications.revoke(authentication=system.issued.authentication, by=SYSTEM)


def suspend(system: System, account: Account) -> None:
    Account.objects.filter(pk=account.pk).update(suspended_at="2026-01-01T00:00Z", suspended_by="test")


def cancel_license(system: System, account: Account) -> None:
    license_ = License.objects.for_account(account).get()
    licenses.cancel(license=license_, at_period_end=False, reason="No longer used.", by=SYSTEM)


@pytest.mark.parametrize(
    ("end", "code"),
    [
        (revoke, "authentication_revoked"),
        (suspend, "account_suspended"),
        (cancel_license, "license_inactive"),
    ],
)
def test_who_may_not_write_any_more_stops_half_way(
    crm: System, account: Account, monkeypatch: pytest.MonkeyPatch, end: Any, code: str
) -> None:
    monkeypatch.setattr(imports, "CHUNK", 1)
    own = post(crm, CSV).json()["id"]
    step = jobs.step

    def step_and_end(**kwargs: Any) -> None:
        step(**kwargs)
        end(crm, account)

    monkeypatch.setattr(jobs, "step", step_and_end)
    work()
    job = Job.all_accounts.get()
    assert (job.state, job.failure_code, job.progress["created"]) == ("failed", code, 1)
    assert Contact.all_accounts.count() == 1
    assert str(Import.all_accounts.get().pk) == own
