"""The calls on contacts."""

from typing import Any, ClassVar

from rest_framework.request import Request
from rest_framework.response import Response

from accounts.actor import Actor
from accounts.errors import DomainError, FieldError, NotFound, ValidationFailed
from accounts.rest import problem
from accounts.tenancy.api import AccountAPIView
from contacts import normalise, queries
from contacts.api import payload, schema
from contacts.normalise import Invalid
from contacts.overlay import Mode, Record
from contacts.services import sync
from contacts.services.sync import Origin, Result


class ContactAPIView(AccountAPIView):
    """What the calls on contacts have in common: strict parameters, and where a write comes from.

    A parameter or header that would change the meaning of a call is refused while it is not known: nobody shall
    believe that `?dry_run=true` was honoured.
    """

    parameters: ClassVar[frozenset[str]] = frozenset()
    unknown_headers: ClassVar[tuple[str, ...]] = ("If-Match", "Idempotency-Key")

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        errors = [
            FieldError(f"?{name[:50]}", "unknown_parameter", f"This call has no parameter “{name[:50]}”; leave it out.")
            for name in request.query_params.keys() - self.parameters
        ]
        errors += [
            FieldError(name, "unknown_header", f"{name} is not supported yet; leave it out.")
            for name in self.unknown_headers
            if name in request.headers
        ]
        if errors:
            raise ValidationFailed(errors)

    @property
    def context(self) -> payload.Context:
        return payload.Context(self.caller.id_field, queries.field_types(self.account_id))

    @property
    def origin(self) -> Origin:
        return Origin(self.caller.authentication_id, getattr(self.request, "id", ""))

    def body(self) -> bytes:
        """The raw body; empty when none was sent."""
        data: Any = self.request.data
        return data if isinstance(data, bytes) else b""

    def write(self, records: list[Record]) -> list[Result]:
        return sync.write(
            account_id=self.account_id, id_field_id=self.caller.id_field_id, records=records, origin=self.origin
        )

    def write_one(self, record: Record) -> Response:
        """Writes one record and answers with the contact. Raises what the engine refuses with."""
        (result,) = self.write([record])
        if result.error is not None or result.contact_id is None:
            raise result.error or NotFound("There is no such contact.", code="contact_not_found")
        body = _result_json(result) | {
            "contact": queries.contact_json(
                account_id=self.account_id, contact_id=result.contact_id, external_id=record.external_id
            )
        }
        return Response(
            body, status=201 if result.outcome == "created" else 200, headers={"ETag": f'"{result.version}"'}
        )


class FieldsView(ContactAPIView):
    """The contact fields and id fields of the account."""

    @schema.fields
    def get(self, request: Request) -> Response:
        return Response(queries.fields_json(account_id=self.account_id, own_id_field_id=self.caller.id_field_id))


class ContactsView(ContactAPIView):
    """All contacts of the account."""

    @schema.upsert
    def post(self, request: Request) -> Response:
        return self.write_one(payload.read_upsert(self.body(), self.context))


class ContactView(ContactAPIView):
    """The contact that one of the caller's own ids points at: /contacts/{external_id}, in which the id may hold any
    character."""

    def own_id(self) -> str:
        """The id of the address. Raises ValidationFailed when it can't be an external id."""
        raw = self.request.META.get("PATH_INFO", "")
        try:
            # Django quotes what is no UTF-8 once more, and so would make another id of it.
            raw.encode("latin-1").decode("utf-8")
        except UnicodeDecodeError:
            raise ValidationFailed.of(
                "external_id", "invalid_characters", "Percent-encode the id as UTF-8 in the address."
            ) from None
        except UnicodeEncodeError:
            pass
        return _own_id(self.kwargs["external_id"])

    @schema.read
    def get(self, request: Request, **kwargs: str) -> Response:
        own = self.own_id()
        contact_id = queries.contact_id(
            account_id=self.account_id, id_field_id=self.caller.id_field_id, external_id=own
        )
        contact = contact_id and queries.contact_json(
            account_id=self.account_id, contact_id=contact_id, external_id=own
        )
        if not contact:
            raise NotFound("Your id field has no such external id.", code="contact_not_found")
        return Response(contact, headers={"ETag": f'"{contact["version"]}"'})

    @schema.replace
    def put(self, request: Request, **kwargs: str) -> Response:
        own = self.own_id()
        return self.write_one(payload.read_named(self.body(), self.context, Mode.REPLACE, own))

    @schema.change
    def patch(self, request: Request, **kwargs: str) -> Response:
        own = self.own_id()
        return self.write_one(payload.read_named(self.body(), self.context, Mode.PATCH, own))

    @schema.unlink
    def delete(self, request: Request, **kwargs: str) -> Response:
        own = self.own_id()
        sync.unlink(
            account_id=self.account_id,
            id_field_id=self.caller.id_field_id,
            external_id=own,
            by=Actor(label=self.caller.key, request_id=self.origin.request_id),
        )
        return Response(status=204)


class ContactByParameterView(ContactView):
    """The same as /contacts/{external_id}, for clients and proxies that rewrite paths: /contact?external_id=…"""

    parameters = frozenset({"external_id"})

    def own_id(self) -> str:
        given = self.request.query_params.getlist("external_id")
        if len(given) != 1:
            raise ValidationFailed.of("?external_id", "required", "Give the id once, as ?external_id=….")
        if "\ufffd" in given[0]:
            raise ValidationFailed.of(
                "?external_id", "invalid_characters", "Percent-encode the id as UTF-8 in the address."
            )
        return _own_id(given[0])


class BatchView(ContactAPIView):
    """Many records at once, each with a result of its own."""

    @schema.batch
    def post(self, request: Request) -> Response:
        read = payload.read_batch(self.body(), self.context)
        written = iter(self.write([record for record in read if isinstance(record, Record)]))
        results = [
            _batch_result(index, each if isinstance(each, DomainError) else next(written))
            for index, each in enumerate(read)
        ]
        all_fine = all(result["status"] < 400 for result in results)
        return Response({"results": results}, status=200 if all_fine else 207)


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
