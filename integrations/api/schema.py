"""What the OpenAPI document says beyond the calls on contacts: how to sign in, and what answers have in common."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema

from contacts.api import schema
from contacts.api.shapes import COMPONENTS, Schema

ME: Schema = {
    "type": "object",
    "required": [
        "account",
        "authentication",
        "source_system",
        "id_field",
        "access",
        "license",
        "expires_at",
        "allowed_networks",
        "limits",
    ],
    "properties": {
        "account": {
            "type": "object",
            "required": ["number", "name"],
            "properties": {"number": {"type": "integer"}, "name": {"type": "string"}},
        },
        "authentication": {
            "type": "object",
            "required": ["key", "name"],
            "properties": {"key": {"type": "string"}, "name": {"type": "string"}},
        },
        "source_system": {"type": "string"},
        "id_field": {"type": "string"},
        "access": {"type": "string", "enum": ["read_write", "read_only"]},
        "license": {
            "type": "object",
            "required": ["integration", "state"],
            "properties": {"integration": {"type": "string"}, "state": {"type": "string", "enum": ["active"]}},
        },
        "expires_at": {"type": ["string", "null"], "format": "date-time"},
        "allowed_networks": {
            "type": "array",
            "items": {"type": "string"},
            "description": "CIDRs of IPv4 and IPv6; none: from anywhere.",
        },
        "limits": {
            "type": "object",
            "required": ["batch_records", "body_bytes", "requests_per_minute"],
            "properties": {
                "batch_records": {"type": "integer"},
                "body_bytes": {"type": "integer"},
                "requests_per_minute": {"type": ["integer", "null"]},
            },
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

A right secret is told why it is not let in, in this order: `authentication_revoked`, `secret_rotated_out` (it was
replaced, and its grace is over), `authentication_expired`, `account_suspended`, `license_inactive`,
`network_not_allowed`, `read_only`. An authentication may make so many requests a minute as `GET /me` says; every
answer tells in `RateLimit-Limit`, `RateLimit-Remaining` and `RateLimit-Reset` (seconds) where it stands. Beyond them,
and after too many wrong secrets from one address, calls answer 429 `throttled` with `Retry-After`; a right secret is
never refused for the wrong ones of others.

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
            for status, answer in operation["responses"].items():
                answer["headers"] = answer.get("headers", {}) | _headers(int(status))
    return result


def _headers(status: int) -> Schema:
    """What every answer with a status carries. Who is not let in, or too often wrong, stands with no limit."""
    text, number = {"type": "string"}, {"type": "integer"}
    found: Schema = {"X-Request-Id": {"schema": text, "description": "Name it when you ask us about this call."}}
    if status == 429:
        found["Retry-After"] = {"schema": number, "description": "Seconds to wait.", "required": True}
    if status not in {401, 403, 503}:
        found |= {
            "RateLimit-Limit": {
                "schema": number,
                "description": "Requests that it may make in a minute.",
            },
            "RateLimit-Remaining": {"schema": number, "description": "How many of them are left."},
            "RateLimit-Reset": {"schema": number, "description": "Seconds until it may make all of them again."},
            "RateLimit-Policy": {"schema": text, "description": "The limit and its seconds: 600;w=60."},
        }
    return found
