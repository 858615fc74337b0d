"""Nothing is half done: each write of a service in turn fails, and nothing of the others is left."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from accounts.actor import Actor
from accounts.models import AuditEvent, Charge
from contacts.models import IdField, SourceSystem
from integrations.models import Authentication, License, Request, RequestMessage
from integrations.services import authentications, licenses, requests
from tests.conftest import Cast
from tests.factories import AccountFactory, authentication_for, id_field, license_for, rest_api

BY = Actor(label="olga@example.com")
SERVICES = ["buy", "cancel", "keep", "issue", "revoke", "rotate", "end_grace", "change"]
SERVICES += ["decide", "grant", "ask", "write", "withdraw"]


class Broken(RuntimeError):
    """A write that fails."""


@pytest.mark.django_db
class TestAllOrNothing:
    """Each write of a service in turn fails, and nothing of the others is left."""

    def prepare(self, cast: Cast) -> dict[str, tuple[Callable[..., Any], dict[str, Any]]]:
        request = requests.ask_to_deactivate(license=license_for(cast.account), reason="x", by=BY)
        licenses.cancel(license=license_for(cast.other_account), at_period_end=True, reason="x", by=BY)
        ending = License.objects.for_account(cast.other_account).get()
        asked = requests.ask(account=cast.account, kind="id_field", system="Till", reason="x", by=BY)
        issued = authentication_for(cast.account)
        other = authentication_for(cast.account, id_field(cast.account, "erpId"), system="ERP").authentication
        in_grace = authentications.rotate(authentication=other, secret_version=1, by=BY).authentication
        return {
            "buy": (licenses.buy, {"account": AccountFactory.create(), "integration": rest_api()}),
            "cancel": (licenses.cancel, {"license": request.license, "at_period_end": False, "reason": "x"}),
            "keep": (licenses.keep, {"license": ending}),
            "issue": (
                authentications.issue,
                {
                    "account": cast.account,
                    "integration": rest_api(),
                    "id_field_id": id_field(cast.account).pk,
                    "unique_data": "Number",
                    "kind": "other",
                    "system_name": "New",
                },
            ),
            "revoke": (authentications.revoke, {"authentication": issued.authentication}),
            "rotate": (authentications.rotate, {"authentication": issued.authentication, "secret_version": 1}),
            "end_grace": (authentications.end_grace, {"authentication": in_grace}),
            "change": (
                authentications.change,
                {"authentication": issued.authentication, "access": authentications.Access("Other", read_only=True)},
            ),
            "decide": (requests.decide, {"request": request, "approve": True, "answer": "x"}),
            "grant": (requests.decide, {"request": asked, "approve": True, "name": "tillId", "answer": "x"}),
            "ask": (requests.ask, {"account": cast.account, "kind": "advice", "reason": "x"}),
            "write": (requests.write, {"request": asked, "text": "x", "from_partner": True}),
            "withdraw": (requests.withdraw, {"request": asked}),
        }

    @pytest.mark.parametrize("name", SERVICES)
    def test_nothing_is_half_written(self, name: str, cast: Cast) -> None:
        service, arguments = self.prepare(cast)[name]
        before = everything()
        for number in range(1, 30):
            with BreakingWrite(number) as writes:
                try:
                    service(**arguments, by=BY)
                except Broken:
                    assert everything() == before, f"write {number}"
                    continue
            assert writes[0] >= 2, "a service that writes once proves nothing"
            assert everything() != before
            return
        raise AssertionError("it never succeeded")


def everything() -> list[Any]:
    """All rows that the services write."""
    owned = (Charge, License, Authentication, Request, RequestMessage, IdField, SourceSystem)
    rows = [list(model.all_accounts.order_by("pk").values()) for model in owned]
    return [*rows, list(AuditEvent.objects.order_by("pk").values())]


class BreakingWrite:
    """Makes the `number`th INSERT or UPDATE of the block fail; gives the count of those that were tried."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.writes = [0]

    def __enter__(self) -> list[int]:
        self.wrapper = connection.execute_wrapper(self.run)
        self.wrapper.__enter__()
        return self.writes

    def __exit__(self, *error: Any) -> None:
        self.wrapper.__exit__(*error)

    def run(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith(("INSERT", "UPDATE")):
            self.writes[0] += 1
            if self.writes[0] == self.number:
                raise Broken(sql)
        return execute(sql, params, many, context)
