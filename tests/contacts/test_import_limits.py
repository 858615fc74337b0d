"""Imports: what waits and for how long, how much may be sent, and what can't be read."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.actor import SYSTEM
from accounts.errors import Conflict
from accounts.models import AuditEvent
from contacts.management.commands.worker import tidy_up
from contacts.models import Contact, FilePart, IdField, Import, Job, StoredFile
from contacts.services import drafts, files
from contacts.views import imports as views
from tests.conftest import Cast, SignIn
from tests.contacts.uploads import CHOSEN, CSV, HEADER, answers, drafted, path, text_of, upload
from tests.factories import authentication_for
from tests.work import work

pytestmark = pytest.mark.django_db


@pytest.fixture
def field(cast: Cast) -> IdField:
    return authentication_for(cast.account, system="CRM").authentication.id_field


@pytest.fixture
def admin(cast: Cast, sign_in: SignIn) -> Client:
    return sign_in(cast.admin)


def test_pause_resume_and_cancel(admin: Client, cast: Cast, field: IdField) -> None:
    draft = drafted(admin, field)
    admin.post(path(cast.account, "import-map", pk=draft.pk), {**answers(HEADER, CHOSEN), "start": "yes"})

    def decide(what: str) -> str:
        answer = admin.post(path(cast.account, f"import-{what}", pk=draft.pk), follow=True)
        state: str = answer.context["source"].job.state
        return state

    assert [decide("pause"), decide("pause"), decide("resume"), decide("resume")] == [
        "paused",
        "paused",
        "queued",
        "queued",
    ]
    assert "what they wrote to contacts stays" in text_of(admin.get(path(cast.account, "import-cancel", pk=draft.pk)))
    assert decide("cancel") == "cancelled"
    work()
    assert not Contact.objects.for_account(cast.account).exists()


def test_a_draft_is_thrown_away_by_hand_or_after_a_day(admin: Client, cast: Cast, field: IdField) -> None:
    draft = drafted(admin, field)
    seen = Import.objects.for_account(cast.account).select_related("job", "file", "account").get(pk=draft.pk)
    answer = admin.post(path(cast.account, "import-cancel", pk=draft.pk), follow=True)
    assert "Nothing was imported" in text_of(answer)
    old, young, started = drafted(admin, field), drafted(admin, field), drafted(admin, field)
    admin.post(path(cast.account, "import-map", pk=started.pk), {**answers(HEADER, CHOSEN), "start": "yes"})
    with pytest.raises(Conflict, match="it is gone"):
        drafts.discard(source=seen, by=SYSTEM)
    before = timezone.now() - drafts.KEPT - timedelta(minutes=1)
    Job.all_accounts.filter(pk__in=[old.job_id, started.job_id]).update(created_at=before)
    tidy_up()
    assert set(Import.all_accounts.values_list("pk", flat=True)) == {young.pk, started.pk}
    assert StoredFile.all_accounts.count() == 2
    assert [*AuditEvent.objects.filter(action="import.discarded").order_by("pk").values_list("actor", flat=True)] == [
        cast.admin.email,
        "system",
    ]


def test_an_import_that_stays_paused_is_cancelled_and_says_so_before(admin: Client, cast: Cast, field: IdField) -> None:
    started = [drafted(admin, field) for _ in range(3)]
    for each in started:
        admin.post(path(cast.account, "import-map", pk=each.pk), {**answers(HEADER, CHOSEN), "start": "yes"})
    old, young, resumed = started
    for each in started:
        admin.post(path(cast.account, "import-pause", pk=each.pk))
    jobs = Job.objects.for_account(cast.account)
    jobs.exclude(pk=young.job_id).update(paused_at=timezone.now() - timedelta(days=7, minutes=1))
    admin.post(path(cast.account, "import-resume", pk=resumed.pk))
    assert "unless somebody resumes it" in text_of(admin.get(path(cast.account, pk=young.pk)))
    tidy_up()
    tidy_up()
    assert {job.pk: job.state for job in jobs} == {
        old.job_id: "cancelled",
        young.job_id: "paused",
        resumed.job_id: "queued",
    }
    events = AuditEvent.objects.filter(account_id=cast.account.pk, action="job.cancelled")
    assert [(event.actor, event.object_id) for event in events] == [("system", str(old.job_id))]
    jobs.filter(pk=old.job_id).update(ended_at=timezone.now() - files.KEPT - timedelta(minutes=1))
    tidy_up()
    assert {each.pk for each in Import.objects.for_account(cast.account).filter(file=None)} == {old.pk}


def test_only_so_many_files_wait(admin: Client, cast: Cast, field: IdField, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drafts, "MOST", 2)
    first, _ = drafted(admin, field), drafted(admin, field)

    def nothing_is_read(*args: object) -> None:
        raise AssertionError

    with monkeypatch.context() as unread:
        unread.setattr("django.http.request.HttpRequest._load_post_and_files", nothing_is_read)
        answer = upload(admin, field, CSV)
    assert answer.status_code == 409
    assert "2 files wait to be started already, and no more may. Start one or delete one" in text_of(answer)
    assert path(cast.account, "import-map", pk=first.pk) in answer.text
    assert "no more may" in text_of(admin.get(path(cast.account, "import-new")))
    assert StoredFile.objects.for_account(cast.account).count() == 2
    with pytest.raises(Conflict, match="Start one or delete one"):
        drafts.check_room(account=cast.account)
    drafts.check_room(account=cast.other_account)
    admin.post(path(cast.account, "import-cancel", pk=first.pk))
    drafted(admin, field)


def test_who_was_slower_with_the_last_place_is_refused(
    admin: Client, cast: Cast, field: IdField, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drafts, "MOST", 1)
    recognise = drafts._recognise

    def another_comes(source: Import) -> None:
        monkeypatch.setattr(drafts, "_recognise", recognise)
        drafted(admin, field)

    monkeypatch.setattr(drafts, "_recognise", another_comes)
    answer = upload(admin, field, CSV)
    assert answer.status_code == 409
    assert "Start one or delete one" in text_of(answer)
    assert Import.objects.for_account(cast.account).count() == 0  # the other's is taken back with ours, in this test
    assert StoredFile.objects.for_account(cast.account).count() == 0


def test_what_is_too_large_is_refused_before_it_is_read_or_as_soon_as_it_shows(
    admin: Client, cast: Cast, field: IdField, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.IMPORT_MAX_BYTES = 10
    read = upload(admin, field, CSV)
    with monkeypatch.context() as unread:
        unread.setattr("django.http.request.HttpRequest._load_post_and_files", lambda _: pytest.fail("was read"))
        announced = upload(admin, field, bytes(2**17))
    for answer in (read, announced):
        assert answer.status_code == 413
        assert "Send at most 10 bytes; split the file." in text_of(answer)
        assert list(answer.context["form"].errors) == ["file"]
    assert not StoredFile.all_accounts.exists()
    assert not FilePart.all_accounts.exists()


@pytest.mark.parametrize(
    ("last", "reason"),
    [
        (b'4;"d@example.com;D', "Row 4: a quote is opened there and never closed. Close it"),
        (b'4;"d@example.com" x;D', "Row 4: something stands behind a closing quote. Write a quote twice"),
    ],
)
def test_the_preview_shows_what_can_be_read_and_names_the_row_that_cant(
    last: bytes, reason: str, admin: Client, cast: Cast, field: IdField
) -> None:
    header = ["Kundennummer", "E-Mail", "Vorname"]
    draft = drafted(admin, field, b"Kundennummer;E-Mail;Vorname\r\n1;a@example.com;A\r\n2;b@example.com;B\r\n" + last)
    here = path(cast.account, "import-map", pk=draft.pk)
    page = admin.get(here)
    assert [(row.number, row.outcome) for row in page.context["foreseen"]] == [(2, "created"), (3, "created")]
    said = text_of(page)
    assert reason in said
    assert "Then upload the file again" in said
    assert "Start the import" not in said
    sent = answers(header, ["external_id", "email", "firstName"], encoding="utf-8")
    assert admin.post(here, {**sent, "start": "yes"}).status_code == 422
    assert Job.objects.for_account(cast.account).get(pk=draft.job_id).state == "draft"
    assert "Start the import" in text_of(admin.get(path(cast.account, "import-map", pk=drafted(admin, field).pk)))


def test_lists_go_on_behind_their_last_row(
    admin: Client, cast: Cast, field: IdField, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "PAGE", 2)
    body = b"id,email\r\n" + b"".join(b"%d,no address\r\n" % number for number in range(5))
    kept = [drafted(admin, field, body) for _ in range(5)]

    def all_of(address: str, rows: str) -> list[object]:
        found: list[object] = []
        page = admin.get(address)
        while True:
            found += page.context[rows]
            assert (page.context["after"] is None) == ("after" not in page.request["QUERY_STRING"])
            if (more := page.context["more"]) is None:
                return found
            assert f"?after={more}" in page.text
            page = admin.get(address, {"after": more})

    assert all_of(path(cast.account, "imports"), "rows") == kept[::-1]
    sent = answers(["id", "email"], ["external_id", "email"], ",", "utf-8")
    admin.post(path(cast.account, "import-map", pk=kept[0].pk), {**sent, "start": "yes"})
    work()
    here = path(cast.account, pk=kept[0].pk)
    assert [row.row for row in all_of(here, "rejected")] == [2, 3, 4, 5, 6]  # type: ignore[attr-defined]
    for address in (path(cast.account, "imports"), here):
        assert admin.get(address, {"after": "x"}).status_code == 404
    assert admin.get(here, {"after": "9" * 40}).context["rejected"] == []
