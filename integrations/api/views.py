"""Who am I, and what is at an address that does not exist."""

from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.errors import NotFound
from accounts.tenancy.api import AccountAPIView
from contacts.api.payload import MAX_RECORDS
from contacts.api.schema import READ_PROBLEMS, Schema, answers

ME: Schema = {
    "type": "object",
    "required": ["account", "authentication", "source_system", "id_field", "access", "license", "expires_at", "limits"],
    "properties": {
        "account": {
            "type": "object",
            "properties": {"number": {"type": "integer"}, "name": {"type": "string"}},
        },
        "authentication": {"type": "object", "properties": {"key": {"type": "string"}}},
        "source_system": {"type": "string"},
        "id_field": {"type": "string"},
        "access": {"type": "string", "enum": ["read_write", "read_only"]},
        "license": {
            "type": "object",
            "properties": {"integration": {"type": "string"}, "state": {"type": "string", "enum": ["active"]}},
        },
        "expires_at": {"type": ["string", "null"], "format": "date-time"},
        "limits": {
            "type": "object",
            "properties": {"batch_records": {"type": "integer"}, "body_bytes": {"type": "integer"}},
        },
    },
}


class MeView(AccountAPIView):
    """What the caller's key and secret open."""

    @extend_schema(summary="Who am I, and what may I do", responses=answers({200: ME}, READ_PROBLEMS))
    def get(self, request: Request) -> Response:
        caller = self.caller
        return Response(
            {
                "account": {"number": caller.account_number, "name": caller.account_name},
                "authentication": {"key": caller.key},
                "source_system": caller.source_system,
                "id_field": caller.id_field,
                "access": "read_only" if caller.read_only else "read_write",
                # Who has no active license is not let in, so that nobody ever reads another state here.
                "license": {"integration": caller.integration, "state": "active"},
                "expires_at": None,
                "limits": {"batch_records": MAX_RECORDS, "body_bytes": settings.API_MAX_BODY_BYTES},
            }
        )


class NothingHereView(AccountAPIView):
    """Every other address below /api/v1/, so that a slip of the pen is told in the same form as everything else."""

    schema = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        raise NotFound("There is no such call; /api/v1/docs lists them. Addresses have no slash at the end.")
