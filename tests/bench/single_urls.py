"""The addresses of P6: Concord's own, and among them the view that a single upsert is compared with.

It is the same stack (middleware, authentication, permissions), and one INSERT … ON CONFLICT.
"""

from typing import Any

import msgspec
from django.db import connection
from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.tenancy.api import AccountAPIView
from tests.bench.beside import beside

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


urlpatterns = beside("api-contacts", [path("peer", PeerView.as_view())])
