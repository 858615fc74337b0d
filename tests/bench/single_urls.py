"""The addresses of P6: Concord's own, and among those of contacts the view that a single upsert is compared with.

It is the same stack (middleware, authentication, permissions), and one INSERT … ON CONFLICT.
"""

from typing import Any

import msgspec
from django.db import connection
from django.urls import URLPattern, URLResolver, include, path
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.tenancy.api import AccountAPIView
from config.urls import urlpatterns as concord
from contacts.api.urls import urlpatterns as calls
from integrations.api import urls as api

TABLE = "CREATE TABLE bench_peer (account int, x varchar(255), j text, PRIMARY KEY (account, x))"


class PeerView(AccountAPIView):
    def post(self, request: Request) -> Response:
        data: Any = request.data
        body = msgspec.json.decode(data)
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO bench_peer (account, x, j) VALUES (%s, %s, %s) "
                "ON CONFLICT (account, x) DO UPDATE SET j = excluded.j",
                [self.account_id, body["external_id"], msgspec.json.encode(body["values"]).decode()],
            )
        return Response({"outcome": "created"})


def _beside_contacts() -> list[URLPattern]:
    """Patterns are tried in order: the view stands right before the call that it is compared with."""
    position = next(number for number, each in enumerate(calls) if each.name == "api-contacts")
    return [*calls[:position], path("peer", PeerView.as_view()), *calls[position:]]


def _calls_of_the_api() -> list[Any]:
    return [
        path("", include(_beside_contacts())) if isinstance(each, URLResolver) else each for each in api.urlpatterns
    ]


urlpatterns: list[URLPattern | URLResolver] = [*concord[:-1], path("api/v1/", include(_calls_of_the_api()))]
