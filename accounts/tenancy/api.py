"""The base of every API view: which account the caller's key opens."""

from typing import Any

from rest_framework.views import APIView


class AccountAPIView(APIView):
    """A call for the account of its authentication, and no other; there is no way to name one.

    `request.auth` is made by integrations.authentication and checked by the default permission: no view of the API
    sets authentication or permission classes of its own.
    """

    # An OPTIONS request is no call of the API.
    metadata_class = None

    @property
    def caller(self) -> Any:
        """Who calls (contacts.api.caller.Caller)."""
        return self.request.auth

    @property
    def account_id(self) -> int:
        """The primary key of the caller's account."""
        account_id: int = self.caller.account_id
        return account_id
