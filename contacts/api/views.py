"""The calls on contacts."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.db import transaction
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.actor import Actor
from accounts.errors import DomainError, NotFound, ValidationFailed
from accounts.middleware import client_address
from accounts.models import Account
from accounts.rest import problem
from accounts.tenancy.api import AccountAPIView, sent_parameters
from accounts.wsgi import PATH_IS_BROKEN
from contacts import explain, normalise, queries
from contacts.api import payload, schema
from contacts.normalise import Invalid
from contacts.overlay import Mode, Record
from contacts.services import erasure, sync
from contacts.services.sync import Origin, Result

WRITES = frozenset({"dry_run"})


class ContactAPIView(AccountAPIView):
    """What the calls on contacts have in common."""

    @property
    def context(self) -> payload.Context:
        return payload.Context(self.caller.id_field, *queries.field_names(self.account_id))

    @property
    def origin(self) -> Origin:
        return Origin(self.caller.authentication_id, getattr(self.request, "id", ""))

    def body(self) -> bytes:
        """The raw body; empty when none was sent."""
        data: Any = self.request.data
        return data if isinstance(data, bytes) else b""

    @contextmanager
    def taking_back(self) -> Iterator[None]:
        """With `?dry_run=true` all that is written inside is taken back again, so that the answer is the real one."""
        if not self.flag("dry_run"):
            yield
            return
        with transaction.atomic():
            yield
            transaction.set_rollback(True)

    def write(self, records: list[Record]) -> list[Result]:
        return sync.write(
            account_id=self.account_id, id_field_id=self.caller.id_field_id, records=records, origin=self.origin
        )

    def write_one(self, record: Record) -> Response:
        """Writes one record and answers with the contact. Raises what the engine refuses with."""
        with self.taking_back():
            (result,) = self.write([record])
            if result.error is not None or result.contact_id is None:
                raise result.error or _not_there()
            contact = self.contact(result.contact_id, record.external_id)
        status = 201 if result.outcome == "created" else 200
        return Response(_result_json(result) | {"contact": contact}, status=status, headers=_etag(contact))

    def contact(self, contact_id: UUID, external_id: str) -> dict[str, Any]:
        """The contact as the API shows it. Raises NotFound when it is there no more."""
        contact = queries.contact_json(account_id=self.account_id, contact_id=contact_id, external_id=external_id)
        if contact is None:
            raise _not_there()
        return contact


class FieldsView(ContactAPIView):
    """The contact fields and id fields of the account."""

    @schema.fields
    def get(self, request: Request) -> Response:
        return Response(queries.fields_json(account_id=self.account_id, own_id_field_id=self.caller.id_field_id))


class ContactsView(ContactAPIView):
    """All contacts of the account."""

    flags = {"POST": WRITES}

    @schema.upsert
    def post(self, request: Request) -> Response:
        return self.write_one(payload.read_upsert(self.body(), self.context))


class OneContactView(ContactAPIView, ABC):
    """The contact that one of the caller's own ids points at."""

    flags = {"GET": frozenset({"explain"}), "PUT": WRITES, "PATCH": WRITES, "DELETE": WRITES | {"erase"}}

    @abstractmethod
    def own_id(self) -> str:
        """The id of the address. Raises ValidationFailed when it can't be an external id."""

    def get(self, request: Request, **kwargs: str) -> Response:
        own = self.own_id()
        contact_id = queries.contact_id(
            account_id=self.account_id, id_field_id=self.caller.id_field_id, external_id=own
        )
        if contact_id is None:
            raise NotFound("Your id field has no such external id.", code="contact_not_found")
        contact = self.contact(contact_id, own)
        if self.flag("explain"):
            contact["explanation"] = explain.explanation(account_id=self.account_id, contact_id=contact_id)
        return Response(contact, headers=_etag(contact))

    def put(self, request: Request, **kwargs: str) -> Response:
        own = self.own_id()
        return self.write_one(payload.read_named(self.body(), self.context, Mode.REPLACE, own))

    def patch(self, request: Request, **kwargs: str) -> Response:
        own = self.own_id()
        return self.write_one(payload.read_named(self.body(), self.context, Mode.PATCH, own))

    def delete(self, request: Request, **kwargs: str) -> Response:
        own = self.own_id()
        address = client_address(request._request)
        by = Actor(label=self.caller.key, address=address, request_id=self.origin.request_id)
        with self.taking_back():
            if self.flag("erase"):
                account = Account.objects.get(pk=self.account_id)
                erasure.erase_own(account=account, id_field_id=self.caller.id_field_id, external_id=own, by=by)
            else:
                sync.unlink(account_id=self.account_id, id_field_id=self.caller.id_field_id, external_id=own, by=by)
        return Response(status=204)


@schema.on_one(schema.IN_PATH)
class ContactView(OneContactView):
    """At /contacts/{external_id}, in which the id may hold any character."""

    def own_id(self) -> str:
        if PATH_IS_BROKEN in self.request.META:
            raise ValidationFailed.of(
                "external_id", "invalid_characters", "Percent-encode the id as UTF-8 in the address."
            )
        return _own_id(self.kwargs["external_id"])


@schema.on_one(schema.BY_PARAMETER)
class ContactByParameterView(OneContactView):
    """The same as /contacts/{external_id}, for clients and proxies that rewrite paths: /contact?external_id=…"""

    parameters = frozenset({"external_id"})

    def own_id(self) -> str:
        given = [value for name, value in sent_parameters(self.request) if name == "external_id"]
        if len(given) != 1:
            raise ValidationFailed.of("external_id", "required", "Give the id once, as ?external_id=….")
        return _own_id(given[0])


class BatchView(ContactAPIView):
    """Many records at once, each with a result of its own."""

    flags = {"POST": WRITES}

    @schema.batch
    def post(self, request: Request) -> Response:
        read = payload.read_batch(self.body(), self.context)
        records = [record for record in read if isinstance(record, Record)]
        with self.taking_back():
            written = iter(self.write(records) if records else [])
        results = [
            _batch_result(index, each if isinstance(each, DomainError) else next(written))
            for index, each in enumerate(read)
        ]
        all_fine = all(result["status"] < 400 for result in results)
        return Response({"results": results}, status=200 if all_fine else 207)


def _not_there() -> NotFound:
    return NotFound("There is no such contact.", code="contact_not_found")


def _etag(contact: dict[str, Any]) -> dict[str, str]:
    return {"ETag": f'"{contact["version"]}"'}


def _own_id(text: str) -> str:
    try:
        return normalise.external_id(text)
    except Invalid as refusal:
        raise ValidationFailed.of("external_id", refusal.code, refusal.detail) from None


def _result_json(result: Result) -> dict[str, Any]:
    return {"outcome": result.outcome, "matched_by": result.matched_by, "warnings": result.warnings}


def _batch_result(index: int, result: Result | DomainError) -> dict[str, Any]:
    if isinstance(result, DomainError):
        return {"index": index, "status": result.status, "problem": problem(result)}
    if result.error is not None:
        return _batch_result(index, result.error)
    status = 201 if result.outcome == "created" else 200
    return {"index": index, "status": status, **_result_json(result), "contact": str(result.contact_id)}
