"""Who am I, and what is at an address that does not exist."""

from django.conf import settings
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.errors import NotFound
from accounts.tenancy.api import AccountAPIView
from contacts.payload import MAX_RECORDS
from integrations.api import schema


class MeView(AccountAPIView):
    """What the caller's key and secret open."""

    @schema.me
    def get(self, request: Request) -> Response:
        caller = self.caller
        return Response(
            {
                "account": {"number": caller.account_number, "name": caller.account_name},
                "authentication": {"key": caller.key, "name": caller.name},
                "source_system": caller.source_system,
                "id_field": caller.id_field,
                "access": "read_only" if caller.read_only else "read_write",
                # Who has no active license is not let in, so that nobody ever reads another state here.
                "license": {"integration": caller.integration, "state": "active"},
                "expires_at": caller.expires_at,
                "allowed_networks": caller.allowed_networks,
                "limits": {
                    "batch_records": MAX_RECORDS,
                    "body_bytes": settings.API_MAX_BODY_BYTES,
                    "requests_per_minute": settings.API_REQUESTS_PER_MINUTE or None,
                },
            }
        )


class NothingHereView(AccountAPIView):
    """Every other address below /api/v1/, so that a slip of the pen is told in the same form as everything else."""

    schema = None

    def check_call(self, request: Request) -> None:
        raise NotFound("There is no such call; /api/v1/docs lists them. Addresses have no slash at the end.")
