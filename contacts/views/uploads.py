"""Files that browsers send, stored in the database part by part as they come."""

from typing import Any

from django.core.files.base import ContentFile
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, SkipFile
from django.http import HttpRequest

from accounts.errors import TooLarge
from contacts.models import StoredFile
from contacts.services import files

FIELD = "file"
AROUND = 2**16
"""Bytes that a form may have besides its file."""


def check_announced(request: HttpRequest, limit: int) -> None:
    """Raises TooLarge when Content-Length says that no file of so many bytes at most is coming."""
    if int(request.META.get("CONTENT_LENGTH") or 0) > limit + AROUND:
        raise TooLarge.beyond(limit, "split the file")


class StoringHandler(FileUploadHandler):
    """Takes the form's one file; any other is read and forgotten, as is what is larger than the limit (`refusal`).

    `stored` is the file once it is whole. Whoever made the handler calls `drop` unless something took the file.
    """

    chunk_size = files.PART

    def __init__(self, account_id: int, limit: int) -> None:
        super().__init__()
        self.account_id, self.limit = account_id, limit
        self.stored: StoredFile | None = None
        self.refusal: TooLarge | None = None
        self._incoming: files.Incoming | None = None

    def new_file(self, field_name: str, *args: Any, **kwargs: Any) -> None:
        super().new_file(field_name, *args, **kwargs)
        if field_name != FIELD or self._incoming is not None:
            raise SkipFile
        self._incoming = files.Incoming(self.account_id, self.limit)

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        try:
            self._incoming.add(raw_data)  # type: ignore[union-attr]  # new_file has made it
        except TooLarge as refusal:
            self.refusal = refusal
            self.drop()
            raise SkipFile from None

    def file_complete(self, file_size: int) -> UploadedFile[bytes]:
        """Stands for the file in the form: its name and size, no content."""
        self.stored = self._incoming.end()  # type: ignore[union-attr]
        return UploadedFile(ContentFile(b""), self.file_name, self.content_type, file_size)

    def drop(self) -> None:
        """Deletes what was stored."""
        if self._incoming is not None:
            files.delete(file=self._incoming.file)
