"""Uploading files of contacts on the pages about imports, and reading what these say."""

import re
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from accounts.models import Account
from contacts.forms import MappingForm
from contacts.models import IdField, Import

CSV = (
    b"Kundennummer;E-Mail;Vorname;Schuhgr\xf6\xdfe\r\n"
    b"1001;jan@example.com;Jan;42\r\n1002;nobody;Piet;\r\n1003;ada@example.com;Ada;39\r\n"
)
CHOSEN = ["external_id", "email", "firstName", ""]
HEADER = ["Kundennummer", "E-Mail", "Vorname", "Schuhgröße"]


def path(account: Account, name: str = "import", **more: Any) -> str:
    return reverse(f"contacts-{name}", kwargs={"account_number": account.number, **more})


def upload(client: Client, field: IdField, body: bytes, name: str = "people.csv", **more: Any) -> Any:
    data = {"id_field": field.pk, "file": SimpleUploadedFile(name, body), "whole": "yes", **more}
    return client.post(path(field.account, "import-new"), data)


def drafted(client: Client, field: IdField, body: bytes = CSV) -> Import:
    answer = upload(client, field, body)
    assert answer.status_code == 302, answer.content.decode()
    draft: Import = Import.objects.for_account(field.account).latest("pk")
    assert answer["Location"] == path(field.account, "import-map", pk=draft.pk)
    return draft


def answers(header: list[str], chosen: list[str], delimiter: str = ";", encoding: str = "windows-1252") -> Any:
    return {"delimiter": delimiter, "encoding": encoding, **MappingForm.filled(header, chosen)}


def text_of(answer: Any) -> str:
    """What a page says, in one line."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))
