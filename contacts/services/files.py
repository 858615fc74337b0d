"""Files in the database, written and read a part at a time."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts.errors import TooLarge
from contacts.models import Export, FilePart, Import, StoredFile

PART = 2**20
"""Bytes."""
KEPT = timedelta(days=7)
"""How long a file is kept after its import or export has ended."""


def receive(
    *, account_id: int, read: Callable[[int], bytes], limit: int, seen: Callable[[bytes], object]
) -> StoredFile:
    """Stores what `read(size)` gives until it gives nothing more; each part in a transaction of its own, so that
    nobody waits for a slow sender. `seen` gets each part.

    Raises TooLarge beyond the limit, and whatever reading raises; nothing is left then.
    """
    incoming = Incoming(account_id, limit)
    try:
        while data := read(PART):
            incoming.add(data)
            seen(data)
        return incoming.end()
    except BaseException:
        delete(file=incoming.file)
        raise


class Incoming:
    """A file that somebody hands over piece by piece; each part is stored in a transaction of its own, so that nobody
    waits for a slow sender."""

    def __init__(self, account_id: int, limit: int) -> None:
        self.file: StoredFile = StoredFile.objects.for_account(account_id).create()
        self._limit = limit
        self._number = 0
        self._rest = bytearray()

    def add(self, data: bytes) -> None:
        """Raises TooLarge beyond the limit; what is stored by then, the caller deletes."""
        self.file.size += len(data)
        if self.file.size > self._limit:
            raise TooLarge.beyond(self._limit, "split the file")
        self._rest += data
        while len(self._rest) >= PART:
            self._store(bytes(self._rest[:PART]))
            del self._rest[:PART]

    def end(self) -> StoredFile:
        """The file, whole."""
        if self._rest:
            self._store(bytes(self._rest))
        StoredFile.objects.for_account(self.file.account_id).save_fields(self.file, "size")
        return self.file

    def _store(self, data: bytes) -> None:
        append(file=self.file, number=self._number, data=data)
        self._number += 1


def append(*, file: StoredFile, number: int, data: bytes) -> None:
    """Stores a part of a file; numbers begin at 0."""
    FilePart.objects.for_account(file.account_id).create(file=file, number=number, data=data)


def parts(*, file: StoredFile) -> Iterator[bytes]:
    """The parts in order, each read when it is asked for."""
    rows = FilePart.objects.for_account(file.account_id).filter(file=file)
    number = 0
    while (data := rows.filter(number=number).values_list("data", flat=True).first()) is not None:
        yield bytes(data)
        number += 1


def delete(*, file: StoredFile) -> None:
    """Deletes a file with its parts."""
    FilePart.objects.for_account(file.account_id).filter(file=file).delete()
    StoredFile.objects.for_account(file.account_id).filter(pk=file.pk).delete()


def delete_old() -> None:
    """Deletes the files of imports and exports that ended long enough ago, of all accounts, and those that were never
    received whole."""
    before = timezone.now() - KEPT
    used: list[Any] = []
    for model in (Import, Export):
        kept = model.all_accounts.filter(file__isnull=False)
        for row in kept.filter(job__ended_at__lt=before).select_related("file"):
            with transaction.atomic():
                model.objects.for_account(row.account_id).filter(pk=row.pk).update(file=None)
                delete(file=row.file)
        used.append(kept.values("file_id"))
    left_over = StoredFile.all_accounts.filter(created_at__lt=before).exclude(pk__in=used[0]).exclude(pk__in=used[1])
    for file in left_over:
        delete(file=file)
