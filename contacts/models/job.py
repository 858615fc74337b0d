from datetime import timedelta

from django.db import models
from django.utils import timezone
from uuid_utils.compat import uuid7

from accounts.tenancy.models import AccountOwned


class Job(AccountOwned):
    """Work in the background: how far it is, and who is at it.

    `attempts` counts how often somebody took it up, and is the token of the one who did last: what another attempt
    does is refused. `stalls` counts the attempts since it last got on. `progress` is the task's own JSON.
    """

    class State(models.TextChoices):
        DRAFT = "draft", "Draft"
        QUEUED = "queued", "Waiting"
        RUNNING = "running", "Running"
        PAUSED = "paused", "Paused"
        COMPLETED = "completed", "Completed"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    ENDED = (State.COMPLETED, State.FAILED, State.CANCELLED)
    PAUSE_LASTS = timedelta(days=7)
    """After this long without being resumed a job is cancelled."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    task = models.CharField(max_length=100, help_text="The dotted path of the task that does it.")
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    attempts = models.PositiveIntegerField(default=0)
    stalls = models.PositiveSmallIntegerField(default=0)
    queued_as = models.UUIDField(null=True, help_text="The task in the queue that is to take it up.")
    queued_at = models.DateTimeField(default=timezone.now)
    heartbeat_at = models.DateTimeField(null=True)
    progress = models.JSONField(default=dict)
    failure_code = models.CharField(max_length=50, blank=True)
    failure_detail = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    created_by = models.CharField(max_length=254)
    started_at = models.DateTimeField(null=True)
    paused_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta(AccountOwned.Meta):
        ordering = ("-pk",)
        constraints = (
            models.CheckConstraint(
                name="contacts_job_ended",
                condition=models.Q(state__in=("completed", "failed", "cancelled"), ended_at__isnull=False)
                | (~models.Q(state__in=("completed", "failed", "cancelled")) & models.Q(ended_at__isnull=True)),
            ),
            models.CheckConstraint(
                name="contacts_job_failure",
                condition=models.Q(state="failed") ^ models.Q(failure_code=""),
            ),
        )
        indexes = (
            models.Index(fields=("account", "created_at"), name="contacts_job_account"),
            models.Index(
                fields=("state", "heartbeat_at"),
                condition=models.Q(state__in=("queued", "running")),
                name="contacts_job_under_way",
            ),
            models.Index(fields=("paused_at",), condition=models.Q(state="paused"), name="contacts_job_paused"),
        )

    def __str__(self) -> str:
        return f"{self.task} ({self.state})"


class StoredFile(AccountOwned):
    """A file in the database, in parts, so that a worker on another machine can read it."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    size = models.PositiveBigIntegerField(default=0, help_text="Bytes.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta(AccountOwned.Meta):
        indexes = (models.Index(fields=("account", "created_at"), name="contacts_storedfile_age"),)

    def __str__(self) -> str:
        return str(self.pk)


class FilePart(AccountOwned):
    """At most 1 MiB of a file."""

    file = models.ForeignKey(StoredFile, on_delete=models.PROTECT, related_name="+", db_index=False)
    number = models.PositiveIntegerField()
    data = models.BinaryField()

    class Meta(AccountOwned.Meta):
        constraints = (models.UniqueConstraint(fields=("account", "file", "number"), name="contacts_filepart_number"),)

    def __str__(self) -> str:
        return f"Part {self.number}"


class Import(AccountOwned):
    """A file of contacts that a system sent, or a person, and how it is to be read.

    `columns`: contact field, or external_id, → the column's name; what is not named is found by its own name.
    `mapped`: contact field, or external_id, → the column's number, from 0; what is not there is left out.
    """

    class Format(models.TextChoices):
        CSV = "csv", "CSV"
        NDJSON = "ndjson", "NDJSON"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    job = models.OneToOneField(Job, on_delete=models.PROTECT, related_name="+")
    file = models.ForeignKey(StoredFile, on_delete=models.PROTECT, null=True, related_name="+", db_index=False)
    size = models.PositiveBigIntegerField(help_text="Bytes, as sent.")
    id_field = models.ForeignKey("contacts.IdField", on_delete=models.PROTECT, related_name="+", db_index=False)
    authentication_id = models.UUIDField(null=True)
    person_id = models.PositiveBigIntegerField(null=True, help_text="The user on whose behalf it writes.")
    file_name = models.CharField(max_length=255, blank=True, help_text="What the person called it.")
    request_id = models.CharField(max_length=64)
    format = models.CharField(max_length=6, choices=Format)
    is_compressed = models.BooleanField(default=False)
    mode = models.CharField(max_length=10)
    columns = models.JSONField(default=dict)
    mapped = models.JSONField(null=True)
    delimiter = models.CharField(max_length=1, blank=True)
    encoding = models.CharField(max_length=20, blank=True)

    class Meta(AccountOwned.Meta):
        ordering = ("-pk",)
        constraints = (
            models.CheckConstraint(
                name="contacts_import_writer",
                condition=models.Q(authentication_id__isnull=True) ^ models.Q(person_id__isnull=True),
            ),
        )
        indexes = (
            models.Index(fields=("account", "id_field"), name="contacts_import_id_field"),
            models.Index(fields=("account", "-id"), name="contacts_import_list"),
        )

    def __str__(self) -> str:
        return str(self.pk)


class RejectedRow(AccountOwned):
    """Why a row of an import was left out. Never holds a value."""

    source = models.ForeignKey(Import, on_delete=models.PROTECT, related_name="+", db_index=False)
    row = models.PositiveBigIntegerField(help_text="As a spreadsheet counts: the header of a CSV is row 1.")
    code = models.CharField(max_length=50)
    field = models.CharField(max_length=150, blank=True)
    reason = models.CharField(max_length=500)

    class Meta(AccountOwned.Meta):
        ordering = ("pk",)
        indexes = (models.Index(fields=("account", "source", "id"), name="contacts_rejectedrow_source"),)

    def __str__(self) -> str:
        return f"Row {self.row}: {self.code}"


class Export(AccountOwned):
    """All contacts of the account as a file."""

    class Format(models.TextChoices):
        CSV = "csv", "CSV"
        NDJSON = "ndjson", "NDJSON"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    job = models.OneToOneField(Job, on_delete=models.PROTECT, related_name="+")
    file = models.ForeignKey(StoredFile, on_delete=models.PROTECT, null=True, related_name="+", db_index=False)
    format = models.CharField(max_length=6, choices=Format)

    class Meta(AccountOwned.Meta):
        ordering = ("-pk",)
        indexes = (models.Index(fields=("account", "-id"), name="contacts_export_list"),)

    def __str__(self) -> str:
        return str(self.pk)
