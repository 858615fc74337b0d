"""Contacts → Imports: a file uploaded by a person, its columns said, started, and what became of it."""

import gzip
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Account, AuditEvent, Membership, Role
from contacts.forms import MappingForm
from contacts.models import Contact, ExternalId, FilePart, IdField, Import, Job, RejectedRow, StoredFile, Write
from contacts.services import files, imports
from integrations.services.authentications import Issued
from tests.conftest import Cast, SignIn
from tests.contacts.uploads import CHOSEN, CSV, HEADER, answers, drafted, path, text_of, upload
from tests.factories import authentication_for, id_field
from tests.system import System
from tests.work import work

pytestmark = pytest.mark.django_db


@pytest.fixture
def issued(cast: Cast) -> Issued:
    return authentication_for(cast.account, system="CRM")


@pytest.fixture
def field(issued: Issued) -> IdField:
    return issued.authentication.id_field


@pytest.fixture
def admin(cast: Cast, sign_in: SignIn) -> Client:
    return sign_in(cast.admin)


def test_a_file_goes_from_upload_to_contacts(admin: Client, cast: Cast, field: IdField) -> None:
    draft = drafted(admin, field)
    assert not Contact.objects.for_account(cast.account).exists()
    assert (draft.file_name, draft.format, draft.person_id, draft.job.state) == (
        "people.csv",
        "csv",
        cast.admin.pk,
        "draft",
    )
    work()
    page = admin.get(path(cast.account, "import-map", pk=draft.pk))
    assert [field.value() for field, _ in page.context["form"].questions] == CHOSEN
    assert page.context["form"].reading["delimiter"].value() == ";"
    assert page.context["form"].reading["encoding"].value() == "windows-1252"
    assert [(row.number, row.outcome) for row in page.context["foreseen"]] == [
        (2, "created"),
        (3, "rejected"),
        (4, "created"),
    ]
    assert "Schuhgröße" in text_of(page)
    sent = answers(HEADER, CHOSEN)
    answer = admin.post(path(cast.account, "import-map", pk=draft.pk), {**sent, "start": "yes"})
    assert answer["Location"] == path(cast.account, pk=draft.pk)
    assert Job.objects.for_account(cast.account).get(pk=draft.job_id).state == "queued"
    assert admin.get(path(cast.account, "import-map", pk=draft.pk))["Location"] == path(cast.account, pk=draft.pk)
    work()
    page = admin.get(path(cast.account, pk=draft.pk))
    assert page.context["standing"].counts == [
        ("created", 2),
        ("linked", 0),
        ("updated", 0),
        ("unchanged", 0),
        ("rejected", 1),
    ]
    assert "This is no e-mail address." in text_of(page)
    assert "nobody" not in text_of(page)
    csv = admin.get(path(cast.account, "import-rejected", pk=draft.pk)).getvalue().decode()
    assert csv == "\ufeffrow,code,field,reason\r\n3,invalid_email,email,This is no e-mail address.\r\n"
    actions = AuditEvent.objects.filter(account_id=cast.account.pk, action__startswith="import.").order_by("pk")
    assert [(event.action, event.actor) for event in actions] == [
        ("import.uploaded", cast.admin.email),
        ("import.started", cast.admin.email),
    ]
    listed = text_of(admin.get(path(cast.account, "imports")))
    assert "people.csv" in listed
    assert cast.admin.email in listed


def test_the_values_are_the_systems_and_the_write_names_the_person(
    admin: Client, cast: Cast, field: IdField, issued: Issued
) -> None:
    draft = drafted(admin, field)
    admin.post(path(cast.account, "import-map", pk=draft.pk), {**answers(HEADER, CHOSEN), "start": "yes"})
    work()
    write = Write.objects.for_account(cast.account).get()
    assert (write.by, write.authentication_id, write.id_field_id) == (cast.admin.email, None, field.pk)
    # A replacing write of the system itself empties what it does not name: the values are its own.
    system = System(issued)
    system.call("PUT", "/contacts/1001", {"values": {"email": "jan@example.com"}})
    assert system.find("1001")["values"] == {"email": "jan@example.com"}


def test_a_call_does_not_see_a_persons_import(admin: Client, field: IdField, issued: Issued) -> None:
    draft = drafted(admin, field)
    assert System(issued).call("GET", f"/imports/{draft.pk}").status_code == 404


@pytest.mark.parametrize("what", ["leaves", "becomes a viewer", "is switched off", "is suspended"])
def test_who_started_it_must_still_be_allowed(
    what: str, admin: Client, cast: Cast, field: IdField, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "CHUNK", 1)
    draft = drafted(admin, field)
    admin.post(path(cast.account, "import-map", pk=draft.pk), {**answers(HEADER, CHOSEN), "start": "yes"})
    membership = Membership.objects.for_account(cast.account).filter(user=cast.admin)
    done: list[int] = []
    write = imports._write

    def once(*args: Any) -> None:
        write(*args)
        done.append(1)
        if what == "leaves":
            membership.delete()
        elif what == "becomes a viewer":
            membership.update(role=Role.VIEWER)
        elif what == "is switched off":
            cast.admin.is_active = False
            cast.admin.save()
        else:
            Account.objects.filter(pk=cast.account.pk).update(suspended_at=timezone.now(), suspended_by="test")

    monkeypatch.setattr(imports, "_write", once)
    work()
    job = Job.objects.for_account(cast.account).get(pk=draft.job_id)
    assert (job.state, len(done)) == ("failed", 1)
    assert job.failure_code in {"not_a_member", "forbidden", "account_suspended"}
    assert ExternalId.objects.for_account(cast.account).count() == 1


WIDE = ",".join(f"c{n}" for n in range(1001)).encode()
REFUSED: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "The file has nothing in it."),
    "blank lines": (b"\r\n\r\n", "The file has nothing in it."),
    "a header only": (b"id,email\r\n", "only a header and no rows"),
    "a blank header": (b"\r\n1,a@example.com\r\n", "Row 1 is blank"),
    "a picture": (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "This is no text"),
    "a workbook": (b"PK\x03\x04\x14\x00\x06\x00", "Save it as CSV"),
    "a workbook in gzip": (gzip.compress(b"PK\x03\x04\x14\x00\x06\x00"), "Save it as CSV"),
    "1,001 columns": (WIDE + b"\r\n" + WIDE, "more than 1,000 columns"),
    "a bomb of zeros": (gzip.compress(bytes(20 * 2**20)), "This is no text"),
    "a bomb of letters": (gzip.compress(b"a" * 20 * 2**20), "longer than 1 MiB"),
    "half a gzip": (gzip.compress(CSV)[:-9], "end too early"),
    "no gzip behind its mark": (b"\x1f\x8bxxxxxxxxxx", "not gzip data"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_file_of_contacts_is_refused_with_a_reason(name: str, admin: Client, field: IdField) -> None:
    body, reason = REFUSED[name]
    answer = upload(admin, field, body)
    assert answer.status_code == 422
    assert reason in text_of(answer)
    assert not Import.all_accounts.exists()
    assert not StoredFile.all_accounts.exists()
    assert not FilePart.all_accounts.exists()
    assert not Job.all_accounts.filter(task=imports.run.module_path).exists()


def test_an_upload_is_taken_whole_and_with_its_answers(
    admin: Client, cast: Cast, field: IdField, settings: Settings, sign_in: SignIn
) -> None:
    new = path(cast.account, "import-new")
    other = id_field(cast.account, "otherCustomerId")
    refused = [
        (admin.post(new, {}), "Choose a file."),
        (upload(admin, field, CSV, whole="x", id_field=other.pk), "Select a valid choice"),
        (
            admin.post(new, {"id_field": field.pk, "file": SimpleUploadedFile("a.csv", CSV)}),
            "The connection broke before all of the file was here.",
        ),
    ]
    for answer, reason in refused:
        assert answer.status_code == 422
        assert reason in text_of(answer)
    assert upload(sign_in(cast.viewer), field, CSV).status_code == 403
    assert upload(sign_in(cast.outsider), field, CSV).status_code == 404
    assert not StoredFile.all_accounts.exists()


def test_a_forged_upload_is_refused_and_forgotten(cast: Cast, field: IdField) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(cast.admin)
    assert upload(strict, field, CSV).status_code == 403
    assert not StoredFile.all_accounts.exists()
    strict.get(path(cast.account, "import-new"))
    assert upload(strict, field, CSV, csrfmiddlewaretoken=strict.cookies["csrftoken"].value).status_code == 302


def test_a_large_file_is_stored_as_it_comes(
    admin: Client, cast: Cast, field: IdField, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    append = files.append

    def count(**each: Any) -> None:
        sizes.append(len(each["data"]))
        append(**each)

    monkeypatch.setattr(files, "append", count)
    body = b"id,email\r\n" + b"1,a@example.com\r\n" * 150_000
    draft = drafted(admin, field, body)
    assert draft.file is not None
    assert b"".join(files.parts(file=draft.file)) == body
    assert sizes == [files.PART, files.PART, len(body) - 2 * files.PART]


def test_the_name_is_a_label_without_a_path(admin: Client, field: IdField) -> None:
    upload(admin, field, CSV, name="../../etc/<b>people</b>.csv")
    draft = Import.objects.for_account(field.account).get()
    assert "/" not in draft.file_name
    assert "<b>" not in admin.get(path(field.account, "import-map", pk=draft.pk)).content.decode().split("<h1>")[1]


def test_mistakes_in_the_mapping_stand_at_their_column(admin: Client, cast: Cast, field: IdField) -> None:
    draft = drafted(admin, field)
    here = path(cast.account, "import-map", pk=draft.pk)
    twice = admin.post(here, {**answers(HEADER, ["external_id", "email", "email", ""]), "start": "yes"})
    assert twice.status_code == 422
    assert twice.context["form"].errors == {
        "column_2": ["Column 2 goes there already. Choose one of them, and ignore the other."]
    }
    none = admin.post(here, {**answers(HEADER, ["", "email", "", ""]), "start": "yes"})
    assert "Say which column holds the ids" in text_of(none)
    unknown = admin.post(here, {**answers(HEADER, ["external_id", "shoeSize", "", ""]), "start": "yes"})
    assert unknown.status_code == 422
    assert "column_1" in unknown.context["form"].errors
    # Looking is no start, and answers about other columns say nothing.
    assert admin.post(here, answers(HEADER, CHOSEN)).status_code == 200
    stale = admin.post(here, {**answers(HEADER, CHOSEN, delimiter=","), "start": "yes"})
    assert stale.status_code == 422
    assert Job.objects.for_account(cast.account).get(pk=draft.job_id).state == "draft"


def test_another_delimiter_or_encoding_is_looked_at_anew(admin: Client, cast: Cast, field: IdField) -> None:
    here = path(cast.account, "import-map", pk=drafted(admin, field).pk)
    page = admin.post(here, answers(HEADER, CHOSEN, delimiter=","))
    assert len(page.context["form"].sample.header) == 1
    wrong = admin.post(here, answers(HEADER, CHOSEN, encoding="utf-8"))
    assert "be read as UTF-8" in text_of(wrong)
    assert "Choose another encoding above, or save it as UTF-8" in text_of(wrong)
    back = admin.post(here, answers(HEADER, CHOSEN))
    assert back.context["form"].sample.header == HEADER


@pytest.mark.parametrize(
    ("body", "header", "chosen"),
    [
        ("\ufeffid,email\n1,a@example.com\n", ["id", "email"], ["external_id", "email"]),
        ("email,id,email\na@example.com,1,b@example.com\n", ["email", "id", "email"], ["", "external_id", "email"]),
        ("id\n1\n", ["id"], ["external_id"]),
    ],
)
def test_marks_and_headers_that_are_the_same_twice(
    body: str, header: list[str], chosen: list[str], admin: Client, cast: Cast, field: IdField
) -> None:
    draft = drafted(admin, field, body.encode())
    sent = answers(header, chosen, ",", "utf-8")
    assert admin.post(path(cast.account, "import-map", pk=draft.pk), {**sent, "start": "yes"}).status_code == 302
    work()
    job = Job.objects.for_account(cast.account).get(pk=draft.job_id)
    assert (job.state, job.progress["created"]) == ("completed", 1)
    if len(header) == 3:
        assert Contact.objects.for_account(cast.account).get().values == {"email": "b@example.com"}


def test_a_file_may_have_a_thousand_columns(admin: Client, cast: Cast, field: IdField) -> None:
    header = ["id", "email", *(f"c{n}" for n in range(998))]
    draft = drafted(admin, field, f"{','.join(header)}\n1,a@example.com\n".encode())
    chosen = ["external_id", "email", *[""] * 998]
    sent = answers(header, chosen, ",", "utf-8")
    assert admin.post(path(cast.account, "import-map", pk=draft.pk), {**sent, "start": "yes"}).status_code == 302
    work()
    assert Contact.objects.for_account(cast.account).get().values == {"email": "a@example.com"}


def test_ndjson_needs_no_mapping(admin: Client, cast: Cast, field: IdField) -> None:
    body = b'{"external_id": "1", "values": {"email": "a@example.com"}}\n{"external_id": 2, "values": {"size": 1}}\n'
    draft = drafted(admin, field, gzip.compress(body))
    assert (draft.format, draft.is_compressed) == ("ndjson", True)
    here = path(cast.account, "import-map", pk=draft.pk)
    page = admin.get(here)
    assert [row.outcome for row in page.context["foreseen"]] == ["created", "rejected"]
    assert admin.post(here, {"start": "yes", "header": MappingForm.digest([])}).status_code == 302
    work()
    assert RejectedRow.objects.for_account(cast.account).get().field == "size"


def test_the_preview_is_what_the_engine_would_do_and_writes_nothing(admin: Client, cast: Cast, issued: Issued) -> None:
    shop = authentication_for(cast.account, id_field(cast.account), system="Shop")
    System(issued).send("1", email="a@example.com")
    System(issued).send("7", email="c@example.com")
    System(shop).send("9", email="d@example.com")
    body = b"id,email,phone\n1,a@example.com,\n2,d@example.com,12\n3,c@example.com,\n4,,\n"
    draft = drafted(admin, issued.authentication.id_field, body)
    with CaptureQueriesContext(connection) as queries:
        page = admin.get(path(cast.account, "import-map", pk=draft.pk))
    assert [(row.outcome, row.rule) for row in page.context["foreseen"]] == [
        ("unchanged", None),
        ("linked", 1),
        ("created", None),
        ("created", None),
    ]
    assert "has another id of this system" in page.context["foreseen"][2].doubts[0]
    assert "No phone number" in page.context["foreseen"][1].cells[2].note
    written = [each["sql"] for each in queries if not each["sql"].lstrip().startswith(("SELECT", "WITH"))]
    assert written == []
