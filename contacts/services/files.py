"""Files in the database, written and read a part at a time."""

from collections.abc import Callable, Iterator

from accounts.errors import TooLarge
from contacts.models import FilePart, StoredFile

PART = 2**20
"""Bytes."""


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
