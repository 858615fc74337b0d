"""An external system as the API sees it: a key, a secret, and calls."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from django.test import Client

from integrations.services.authentications import Issued


@dataclass
class System:
    """Calls the REST API in process with one authentication's key and secret."""

    issued: Issued
    client: Client = field(default_factory=Client)

    @property
    def authorization(self) -> str:
        return f"Token {self.issued.authentication.key}:{self.issued.secret}"

    def call(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Any:
        """`body` is sent as JSON unless it is None."""
        data = "" if body is None else json.dumps(body)
        return self.client.generic(
            method,
            f"/api/v1{path}",
            data,
            content_type="application/json",
            headers={"authorization": self.authorization, **(headers or {})},
        )

    def send(self, external_id: str, **values: str | None) -> Any:
        """Upserts a contact and returns the decoded answer, whatever its status."""
        return self.call("POST", "/contacts", {"external_id": external_id, "values": values}).json()

    def find(self, external_id: str) -> Any:
        """The contact that the id points at, or the problem."""
        return self.call("GET", f"/contacts/{quote(external_id, safe='')}").json()

    def batch(self, records: list[dict[str, Any]], mode: str = "merge") -> Any:
        """The results of a batch."""
        return self.call("POST", "/batch", {"mode": mode, "records": records}).json()["results"]
