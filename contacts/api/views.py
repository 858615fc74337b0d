"""The calls on contacts."""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.db import transaction
from msgspec import structs
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.actor import Actor
from accounts.errors import Conflict, DomainError, NotFound, ValidationFailed
from accounts.middleware import actor_of
from accounts.models import Account
from accounts.rest import problem
from accounts.tenancy.api import AccountAPIView, sent_parameters
from accounts.wsgi import PATH_IS_BROKEN
from contacts import explain, normalise, pages, payload, queries
from contacts.api import conditions, parameters, schema
from contacts.api.conditions import IDEMPOTENCY_KEY, IF_MATCH
from contacts.api.parameters import USUAL_PAGE, Parameters
from contacts.normalise import Invalid
from contacts.overlay import Mode, Record
from contacts.pages import Wanted
from contacts.services import erasure, idempotency, sync
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

    @property
    def by(self) -> Actor:
        """The authentication, for a service's `by=`."""
        return actor_of(self.request._request, self.caller.key)

    def note(self, *, read: int = 0, written: int = 0) -> None:
        """Says how many contacts the call is about, for the figures that a middleware keeps. A dry run writes none."""
        request: Any = self.request._request
        request.contacts_read = read
        request.contacts_written = 0 if self.flag("dry_run") else written

    def body(self) -> bytes:
        """The raw body; empty when none was sent."""
        data: Any = self.request.data
        return data if isinstance(data, bytes) else b""

    @property
    def versions(self) -> Collection[int] | None:
        """The versions that an If-Match asks for."""
        return conditions.versions(self.request.headers.get(IF_MATCH))

    @contextmanager
    def taking_back(self) -> Iterator[None]:
        """With `?dry_run=true` all that is written inside is taken back again, so that the answer is the real one; with
        `?atomic=true` it can be."""
        if not self.flag("dry_run") and not self.flag("atomic"):
            yield
            return
        with transaction.atomic():
            yield
            if self.flag("dry_run"):
                transaction.set_rollback(True)

    def once(self, work: Callable[[], Response], body: bytes | None = None) -> Response:
        """The answer to a call; with an Idempotency-Key it is made once. A dry run doesn't use the key up. `body`: what
        stands for a body that is not in memory."""
        key = conditions.idempotency_key(self.request.headers.get(IDEMPOTENCY_KEY))
        if key is None or self.flag("dry_run"):
            return work()
        request = self.request
        answer = idempotency.once(
            account_id=self.account_id,
            authentication_id=self.caller.authentication_id,
            key=key,
            call=conditions.digest(str(request.method), request.get_full_path(), self.body() if body is None else body),
            work=lambda: _answer(work()),
        )
        return Response(json.loads(answer.body), status=answer.status, headers=answer.headers)

    def write(self, records: list[Record]) -> list[Result]:
        return sync.write(
            account_id=self.account_id, id_field_id=self.caller.id_field_id, records=records, origin=self.origin
        )

    def write_one(self, record: Record) -> Response:
        """Writes one record and answers with the contact. Raises what the engine refuses with."""
        with self.taking_back():
            (result,) = self.write([structs.replace(record, versions=self.versions)])
            if result.error is not None or result.contact_id is None:
                raise result.error or _not_there()
            contact = self.contact(result.contact_id, record.external_id)
        self.note(written=1)
        status = 201 if result.outcome == "created" else 200
        return Response(_result_json(result) | {"contact": contact}, status=status, headers=_etag(contact))

    def contact(self, contact_id: UUID, external_id: str) -> dict[str, Any]:
        """The contact as the API shows it. Raises NotFound when it is there no more."""
        contact = queries.contact(account_id=self.account_id, contact_id=contact_id, external_id=external_id)
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

    parameters = {"GET": frozenset({"cursor", "page_size", "updated_since", "email", "linked", "id"})}
    flags = {"POST": WRITES}
    conditions = {"POST": frozenset({IF_MATCH, IDEMPOTENCY_KEY})}

    @schema.contacts
    def get(self, request: Request) -> Response:
        sent = Parameters(sent_parameters(request))
        ids = sent.all("id", parameters.contact_id)
        wanted = Wanted(
            email=sent.one("email", parameters.email),
            updated_since=sent.one("updated_since", parameters.since),
            linked=sent.one("linked", parameters.truth),
        )
        after = sent.one("cursor", parameters.position)
        size = sent.one("page_size", parameters.page_size, USUAL_PAGE)
        sent.check()
        own = {"account_id": self.account_id, "id_field_id": self.caller.id_field_id}
        if ids:
            if len(sent.sent) > len(ids):
                raise ValidationFailed.of("id", "stands_alone", "Ask for contacts by id without other parameters.")
            found = pages.contacts_by_id(contact_ids=ids, **own)
            self.note(read=len(found))
            return Response({"contacts": [found[pk] for pk in dict.fromkeys(ids) if pk in found], "next_cursor": None})
        contacts, end = pages.contact_page(wanted=wanted, after=after, size=size, **own)
        self.note(read=len(contacts))
        return Response({"contacts": contacts, "next_cursor": parameters.position_text(end)})

    @schema.upsert
    def post(self, request: Request) -> Response:
        return self.once(lambda: self.write_one(payload.read_upsert(self.body(), self.context)))


class ChangesView(ContactAPIView):
    """The change feed."""

    parameters = {"GET": frozenset({"cursor", "page_size"})}
    flags = {"GET": frozenset({"exclude_own"})}

    @schema.changes
    def get(self, request: Request) -> Response:
        sent = Parameters(sent_parameters(request))
        after = sent.one("cursor", parameters.change_number, 0)
        size = sent.one("page_size", parameters.page_size, USUAL_PAGE)
        sent.check()
        page = pages.change_page(
            account_id=self.account_id,
            id_field_id=self.caller.id_field_id,
            after=after,
            exclude_own=self.flag("exclude_own"),
            size=size,
        )
        if page is None:
            raise ValidationFailed.of("cursor", "invalid_cursor", "There is no change of this number yet; begin at 0.")
        self.note(read=len(page.changes))
        return Response({"changes": page.changes, "next_cursor": page.cursor, "has_more": page.has_more})


class OneContactView(ContactAPIView, ABC):
    """The contact that one of the caller's own ids points at."""

    flags = {"GET": frozenset({"explain"}), "PUT": WRITES, "PATCH": WRITES, "DELETE": WRITES | {"erase"}}
    conditions = dict.fromkeys(("PUT", "PATCH", "DELETE"), frozenset({IF_MATCH}))

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
        self.note(read=1)
        return Response(contact, headers=_etag(contact))

    def put(self, request: Request, **kwargs: str) -> Response:
        own = self.own_id()
        return self.write_one(payload.read_named(self.body(), self.context, Mode.REPLACE, own))

    def patch(self, request: Request, **kwargs: str) -> Response:
        own = self.own_id()
        return self.write_one(payload.read_named(self.body(), self.context, Mode.PATCH, own))

    def delete(self, request: Request, **kwargs: str) -> Response:
        own = self.own_id()
        with self.taking_back():
            mine = {
                "id_field_id": self.caller.id_field_id,
                "external_id": own,
                "versions": self.versions,
            }
            if self.flag("erase"):
                erasure.erase_own(account=Account.objects.get(pk=self.account_id), **mine, by=self.by)
            else:
                sync.unlink(account_id=self.account_id, **mine, by=self.by)
        self.note(written=1)
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

    parameters = dict.fromkeys(("GET", "PUT", "PATCH", "DELETE"), frozenset({"external_id"}))

    def own_id(self) -> str:
        given = [value for name, value in sent_parameters(self.request) if name == "external_id"]
        if len(given) != 1:
            raise ValidationFailed.of("external_id", "required", "Give the id once, as ?external_id=….")
        return _own_id(given[0])


class BatchView(ContactAPIView):
    """Many records at once, each with a result of its own."""

    flags = {"POST": WRITES | {"atomic"}}
    conditions = {"POST": frozenset({IDEMPOTENCY_KEY})}

    @schema.batch
    def post(self, request: Request) -> Response:
        return self.once(self.write_batch)

    def write_batch(self) -> Response:
        read = payload.read_batch(self.body(), self.context)
        with self.taking_back():
            results = self.write_read(read)
            refused = any(result.error is not None for result in results)
            if refused and self.flag("atomic"):
                transaction.set_rollback(True)
                results = [Result(error=result.error or _not_written()) for result in results]
        self.note(written=sum(result.error is None for result in results))
        body = [_batch_result(index, result) for index, result in enumerate(results)]
        return Response({"results": body}, status=207 if refused else 200)

    def write_read(self, read: Sequence[Record | DomainError]) -> list[Result]:
        """Writes the records that could be read; the refusals of the others stay where they are."""
        records = [record for record in read if isinstance(record, Record)]
        written = iter(self.write(records) if records else [])
        return [Result(error=each) if isinstance(each, DomainError) else next(written) for each in read]


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


def _not_written() -> DomainError:
    return Conflict("Another record of this atomic batch was refused, so nothing was written.", code="batch_refused")


def _answer(response: Response) -> idempotency.Answer:
    """A response as it is kept."""
    contact = response.data.get("contact")
    return idempotency.Answer(
        status=response.status_code,
        headers={name: response[name] for name in ("ETag", "Location") if name in response},
        body=json.dumps(response.data),
        contact_id=UUID(contact["id"]) if contact else None,
    )


def _batch_result(index: int, result: Result) -> dict[str, Any]:
    if result.error is not None:
        return {"index": index, "status": result.error.status, "problem": problem(result.error)}
    status = 201 if result.outcome == "created" else 200
    return {"index": index, "status": status, **_result_json(result), "contact": str(result.contact_id)}
