"""The peer of P6: the same stack, and a view that does one INSERT … ON CONFLICT, at the same depth of addresses."""

from typing import Any

import msgspec
from django.db import connection
from django.urls import include, path
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.tenancy.api import AccountAPIView
from config.urls import urlpatterns as concord


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


urlpatterns = [path("api/v1/", include([path("peer", PeerView.as_view())])), *concord]
