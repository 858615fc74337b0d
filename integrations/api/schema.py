"""What the OpenAPI document says beyond the calls on contacts: how to sign in, and what answers have in common."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema

from contacts.api import schema
from contacts.api.shapes import COMPONENTS, Schema

ME: Schema = {
    "type": "object",
    "required": ["account", "authentication", "source_system", "id_field", "access", "license", "expires_at", "limits"],
    "properties": {
        "account": {
            "type": "object",
            "required": ["number", "name"],
            "properties": {"number": {"type": "integer"}, "name": {"type": "string"}},
        },
        "authentication": {"type": "object", "required": ["key"], "properties": {"key": {"type": "string"}}},
        "source_system": {"type": "string"},
        "id_field": {"type": "string"},
        "access": {"type": "string", "enum": ["read_write", "read_only"]},
        "license": {
            "type": "object",
            "required": ["integration", "state"],
            "properties": {"integration": {"type": "string"}, "state": {"type": "string", "enum": ["active"]}},
        },
        "expires_at": {"type": ["string", "null"], "format": "date-time"},
        "limits": {
            "type": "object",
            "required": ["batch_records", "body_bytes"],
            "properties": {"batch_records": {"type": "integer"}, "body_bytes": {"type": "integer"}},
        },
    },
}

me = schema.reading("Who am I, and what may I do", {200: "Me"})

INTRODUCTION = """
Send the key and the secret of an authentication with every call. An external id may hold any character: percent-encode
it in addresses, slashes too. Clients that rewrite paths use `/contact?external_id=…`.

Bodies are JSON in UTF-8, not compressed; of a name that stands twice in an object the last value counts. Parameters
that a call does not know are refused, and so are the headers `If-Match` and `Idempotency-Key` where they are not
listed, `If-Unmodified-Since` and, on writes, `If-None-Match`.

To follow what others change, read `/changes` from cursor 0 on and keep `next_cursor`: whoever was away goes on where
they were, and nothing is lost. A contact that is `null` was erased; one with `merged_into` is now the same as that one.

Whatever goes wrong is answered as `application/problem+json` (RFC 9457) with a stable `code`; its `type` is the address
of this page with the code behind the `#`. What is wrong with the input stands in `errors`, up to 100 of them: `pointer`
is a JSON pointer into the body (in a batch: into the record), or the name of a parameter or header.
"""


class KeySchemes(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """The two forms of the Authorization header."""

    target_class = "integrations.authentication.KeyAuthentication"
    name = ["Token", "Basic"]

    def get_security_definition(self, auto_schema: AutoSchema) -> list[Schema]:
        return [
            {
                "type": "apiKey",
                "in": "header",
                "name": "Authorization",
                "description": "`Token <key>:<secret>`",
            },
            {"type": "http", "scheme": "basic", "description": "The key as user name, the secret as password"},
        ]

    def get_security_requirement(self, auto_schema: AutoSchema) -> list[dict[str, list[Any]]]:
        """Either of them."""
        return [{name: []} for name in self.name]


def add_components(result: Schema, **_kwargs: Any) -> Schema:
    """Completes the generated document: the introduction, the shapes that the calls refer to, the request's id."""
    result["info"]["description"] += f"\n{INTRODUCTION}"
    result["components"]["schemas"] = {**COMPONENTS, "Me": ME}
    for operations in result["paths"].values():
        for operation in operations.values():
            if "requestBody" in operation:
                operation["requestBody"]["required"] = True
            for answer in operation["responses"].values():
                described = {"schema": {"type": "string"}, "description": "Name it when you ask us about this call."}
                answer.setdefault("headers", {})["X-Request-Id"] = described
    return result
