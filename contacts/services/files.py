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
    file: StoredFile = StoredFile.objects.for_account(account_id).create()
    try:
        number = 0
        while data := _part(read):
            file.size += len(data)
            if file.size > limit:
                raise TooLarge(f"Send at most {limit:,} bytes; split the file.")
            append(file=file, number=number, data=data)
            seen(data)
            number += 1
        StoredFile.objects.for_account(account_id).save_fields(file, "size")
    except BaseException:
        delete(file=file)
        raise
    return file


def _part(read: Callable[[int], bytes]) -> bytes:
    """A whole part, unless the end is near."""
    data = bytearray()
    while len(data) < PART and (piece := read(PART - len(data))):
        data += piece
    return bytes(data)


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
