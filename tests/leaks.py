"""Looks for a secret wherever it could have been left: in the database, in logs, in mails, in pages."""

import base64
import binascii
import logging
import re
import zlib
from collections.abc import Iterable, Iterator
from typing import Any

from django.contrib.sessions.models import Session
from django.core import mail
from django.db import connection
from django.test import Client

from config import logs

LINK = re.compile(r'(?:href|hx-get)="(/[^"#]*)"')
SIGNS_OUT = "/auth/logout/"


def traces(key: str, secret: str) -> list[str]:
    """What gives a secret away: its random part, and the forms in which a header carries it."""
    basic = base64.b64encode(f"{key}:{secret}".encode()).decode()
    alone = base64.b64encode(secret.encode()).decode().rstrip("=")
    return [secret[3:43], basic, alone, secret.encode().hex()]


def readings(value: object) -> Iterator[str]:
    """A value as text, and what it says when it is unpacked: base64 and zlib, as sessions and caches are stored."""
    data = bytes(value) if isinstance(value, bytes | bytearray | memoryview) else str(value).encode()
    yield data.decode("latin-1")
    for part in {data, *data.split(b":")}:
        text = part.strip(b".\n")
        try:
            unpacked = base64.b64decode(text.translate(bytes.maketrans(b"-_", b"+/")) + b"=" * (-len(text) % 4))
        except (binascii.Error, ValueError):
            continue
        yield unpacked.decode("latin-1")
        try:
            yield zlib.decompress(unpacked).decode("latin-1")
        except zlib.error:
            continue


def gives_away(value: object, needles: Iterable[str]) -> bool:
    """Whether a value, read in any way, holds one of the traces."""
    needles = list(needles)
    return any(needle in text for text in readings(value) for needle in needles)


def in_database(needles: list[str]) -> list[str]:
    """The columns, and the sessions once decoded, that hold a trace; every table is read in full."""
    found = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            columns = [column[0] for column in cursor.description]
            for row in cursor.fetchall():
                pairs = zip(columns, row, strict=True)
                found += [f"{table}.{column}" for column, value in pairs if gives_away(value, needles)]
    return found + ["session" for row in Session.objects.all() if gives_away(row.get_decoded(), needles)]


def in_mails(needles: list[str]) -> list[str]:
    """The mails sent in this test that hold a trace."""
    return [f"mail: {message.subject}" for message in mail.outbox if gives_away(message.message(), needles)]


def in_pages(client: Client, start: str, needles: list[str], *, below: str) -> tuple[list[str], set[str]]:
    """Follows every link from `start` whose path begins with `below`; the pages that hold a trace, and all of them."""
    found, seen, waiting = [], {start}, [start]
    while waiting:
        path = waiting.pop()
        response = client.get(path)
        text = response.text if not response.streaming else b"".join(response).decode("latin-1")
        if gives_away(text, needles) or gives_away(response.headers, needles):
            found.append(f"page: {path}")
        links = {link.replace("&amp;", "&") for link in LINK.findall(text)} - {SIGNS_OUT}
        links.add(response.headers.get("Location", start))
        new = {link for link in links if link.startswith(below)} - seen
        # Sorting and filtering make endless variations of the same lists
        new = {link for link in new if link.count("?") == 0}
        seen |= new
        waiting += sorted(new)
    return found, seen


class LogBook(logging.Handler):
    """Everything logged while it is open, at any level: as it came, and as the installation writes it."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []
        self.setFormatter(logs.formatter(json=True))
        self.loggers = [logging.getLogger(), logging.getLogger("django")]
        self.levels = [logger.level for logger in self.loggers]

    def emit(self, record: logging.LogRecord) -> None:
        self.lines += [str(record.msg), str(record.args), self.format(record)]

    def __enter__(self) -> "LogBook":
        for logger in self.loggers:
            logger.setLevel(logging.DEBUG)
        self.loggers[0].addHandler(self)
        return self

    def __exit__(self, *_: Any) -> None:
        self.loggers[0].removeHandler(self)
        for logger, level in zip(self.loggers, self.levels, strict=True):
            logger.setLevel(level)

    def found(self, needles: list[str]) -> list[str]:
        """The lines that hold a trace."""
        return [f"log: {line[:300]}" for line in self.lines if gives_away(line, needles)]
