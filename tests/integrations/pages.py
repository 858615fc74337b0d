"""Asking for the pages under Integrations, and reading what they say."""

import re
from typing import Any

from django.test import Client
from django.urls import reverse

from accounts.models import Account
from tests.factories import default_id_field

HTMX = {"HX-Request": "true"}
SEEN = re.compile(r'name="seen" value="([0-9a-f]{64})"')
NUMBER = re.compile(r'name="number" value="([^"]+)"')


def path(name: str, account: Account, **more: Any) -> str:
    return reverse(f"integrations-{name}", kwargs={"account_number": account.number, **more})


def error_of(name: str, page: str) -> str:
    """The error that stands at a form's field, as a screen reader finds it; empty when there is none."""
    found = re.search(
        rf'id="(?:error_\d+_id_{name}|id_{name}_error|id_field-errors|{name}-error)"[^>]*>(.*?)</', page, re.DOTALL
    )
    return found[1] if found else ""


def answers(client: Client, account: Account, **changed: Any) -> dict[str, Any]:
    """The form as it was given to this person, filled in for the default id field."""
    found = NUMBER.search(client.get(path("authentication-new", account)).text)
    assert found
    return {
        "number": found[1],
        "unique_data": "Customer number",
        "kind": "afas",
        "system_name": "",
        "id_field": default_id_field(account).pk,
        **changed,
    }


def change_answers(client: Client, account: Account, pk: Any, **changed: Any) -> dict[str, Any]:
    """The form that changes an authentication as it was given to this person, but for its answers."""
    found = SEEN.search(client.get(path("authentication-change", account, pk=pk)).text)
    assert found
    return {"seen": found[1], **changed}
