"""What the OpenAPI document says of the calls on contacts."""

from collections.abc import Callable, Sequence
from typing import Any

from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiParameter,
    OpenApiRequest,
    OpenApiResponse,
    extend_schema,
    extend_schema_view,
)

from contacts.api.conditions import IDEMPOTENCY_KEY, IF_MATCH
from contacts.api.parameters import MAX_PAGE, USUAL_PAGE
from contacts.api.shapes import Schema, ref
from contacts.models import Export
from contacts.rows import DELIMITERS, ENCODINGS

Described = Callable[[Any], Any]
OUTCOMES = {
    200: "Done",
    201: "Created",
    202: "Taken; it is read in the background",
    207: "Some records were refused: see each result",
}

PROBLEMS = {
    400: ("malformed_json", "bad_request", "incomplete_body"),
    401: ("invalid_credentials", "authentication_revoked", "secret_rotated_out", "authentication_expired"),
    403: ("account_suspended", "license_inactive", "network_not_allowed", "read_only", "id_field_not_yours"),
    404: ("contact_not_found", "import_not_found", "export_not_found", "not_found"),
    405: ("method_not_allowed",),
    406: ("not_acceptable",),
    409: ("ambiguous_match", "id_conflict", "linked_elsewhere", "idempotency_in_progress", "job_state"),
    410: ("contact_erased",),
    412: ("version_mismatch",),
    413: ("too_large",),
    415: ("unsupported_media_type",),
    422: ("validation_failed", "idempotency_key_reused"),
    429: ("throttled",),
    503: ("unavailable",),
}
"""The codes of the problems, by status."""
WRITE_ONLY = (409, 410, 412, 413, 415)

BY_PARAMETER = OpenApiParameter(
    "external_id",
    {"type": "string", "minLength": 1},
    OpenApiParameter.QUERY,
    required=True,
    description="The id that your system has for the contact, percent-encoded.",
)
IN_PATH = OpenApiParameter(
    "external_id",
    {"type": "string", "minLength": 1},
    OpenApiParameter.PATH,
    description="The id that your system has for the contact, percent-encoded, slashes too.",
)
ETAG = OpenApiParameter(
    "ETag", str, OpenApiParameter.HEADER, response=[200, 201], description="The version of the contact, in quotes."
)
EXAMPLE = OpenApiExample(
    "A contact",
    value={"external_id": "1001", "values": {"email": "jan@example.com", "firstName": "Jan"}},
    request_only=True,
)


def _flag(name: str, description: str) -> OpenApiParameter:
    return OpenApiParameter(
        name, {"type": "boolean", "default": False}, OpenApiParameter.QUERY, description=description
    )


DRY_RUN = _flag("dry_run", "Answer as the real call would, and write nothing.")
ATOMIC = _flag(
    "atomic", "All or nothing: if a record is refused, nothing is written, and the others answer 409 batch_refused."
)
EXCLUDE_OWN = _flag("exclude_own", "Leave out what your own id field wrote, so that two systems do not echo.")
ERASE = _flag("erase", "Erase the contact too, unless another external id points at it (409 linked_elsewhere).")
EXPLAIN = _flag("explain", "Add who wrote each value and linked each id, when, by which rule and request.")


def _parameter(name: str, described: Schema, description: str) -> OpenApiParameter:
    return OpenApiParameter(name, described, OpenApiParameter.QUERY, description=description)


def _header(name: str, description: str) -> OpenApiParameter:
    return OpenApiParameter(name, {"type": "string"}, OpenApiParameter.HEADER, description=description)


PAGE_SIZE = _parameter(
    "page_size",
    {"type": "integer", "minimum": 1, "maximum": MAX_PAGE, "default": USUAL_PAGE},
    "How many a page has at most.",
)
LIST = [
    _parameter("cursor", {"type": "string"}, "The next_cursor of the page before."),
    PAGE_SIZE,
    _parameter(
        "updated_since",
        {"type": "string", "format": "date-time"},
        "Contacts that changed at this instant or later, with its offset: 2026-11-23T09:00:00Z.",
    ),
    _parameter("email", {"type": "string", "format": "email"}, "Contacts with this address, in upper or lower case."),
    _parameter("linked", {"type": "boolean"}, "Contacts with (true) or without (false) an id in your id field."),
    _parameter(
        "id",
        {"type": "array", "items": {"type": "string", "format": "uuid"}},
        "Contacts by the ids that the API gave them, up to 50; those that were merged away too. Stands alone.",
    ),
]
FEED = [
    _parameter(
        "cursor", {"type": "integer", "minimum": 0, "default": 0}, "The next_cursor of the page before; 0 begins."
    ),
    PAGE_SIZE,
    EXCLUDE_OWN,
]
IF_MATCH_HEADER = _header(
    IF_MATCH, 'Write only if the contact has this ETag still (412 `version_mismatch` otherwise): "3", or * for any.'
)
IDEMPOTENCY_KEY_HEADER = _header(
    IDEMPOTENCY_KEY,
    "Do this call once: for 24 hours the same key and body get the same answer. 1 to 255 visible ASCII characters; a "
    "dry run does not use it up.",
)


def reading(
    summary: str, good: dict[int, str], parameters: Sequence[OpenApiParameter] = (), name: str | None = None
) -> Described:
    """Describes a call that reads: its answers are components by status. `name`: of the operation, where the one that
    is made of the address would stand twice."""
    answers = _answers(good, set(WRITE_ONLY))
    return extend_schema(summary=summary, responses=answers, parameters=list(parameters), operation_id=name)


def writing(
    summary: str,
    good: dict[int, str],
    sent: str | None = None,
    parameters: Sequence[OpenApiParameter] = (),
    examples: Sequence[OpenApiExample] = (),
) -> Described:
    """Describes a call that writes: the component of its body, its answers by status."""
    return extend_schema(
        summary=summary,
        request={"application/json": OpenApiRequest(ref(sent))} if sent else None,
        responses=_answers(good, set()),
        parameters=[*parameters, DRY_RUN],
        examples=list(examples),
    )


def _answers(good: dict[int, str], without: set[int]) -> dict[Any, Any]:
    """Answers by status and media type; every problem has the same shape."""
    answers: dict[Any, Any] = {
        status: OpenApiResponse(ref(name), description=OUTCOMES[status])
        if name
        else OpenApiResponse(description="Done")
        for status, name in good.items()
    }
    for status, codes in PROBLEMS.items():
        if status not in without:
            described = OpenApiResponse(ref("Problem"), description=" or ".join(f"`{code}`" for code in codes))
            answers[status, "application/problem+json"] = described
    return answers


fields = reading("The contact fields and id fields of the account", {200: "Fields"})
upsert = writing(
    "Send a contact: found by your id, linked by a rule, or created",
    {200: "Written", 201: "Written"},
    "Record",
    [ETAG, IF_MATCH_HEADER, IDEMPOTENCY_KEY_HEADER],
    [EXAMPLE],
)
batch = writing(
    "Send up to 1,000 contacts, each with its own result",
    {200: "BatchResult", 207: "BatchResult"},
    "Batch",
    [ATOMIC, IDEMPOTENCY_KEY_HEADER],
)
contacts = reading(
    "The contacts of the account, those that changed last at the end", {200: "Contacts"}, LIST, "contacts_list"
)
changes = reading("What became of contacts, in order: the change feed", {200: "Changes"}, FEED)


IMPORT_ID = OpenApiParameter("import_id", {"type": "string", "format": "uuid"}, OpenApiParameter.PATH)
HOW = [
    _parameter(
        "mode",
        {"type": "string", "enum": ["merge", "replace"], "default": "merge"},
        "replace: what your ids wrote before and a row leaves out now is emptied.",
    ),
    _parameter(
        "column.external_id",
        {"type": "string"},
        "The CSV's column with your ids, where it is not called external_id. So for every contact field: column.email.",
    ),
    _parameter("delimiter", {"type": "string", "enum": list(DELIMITERS)}, "Of a CSV; guessed from its header."),
    _parameter("encoding", {"type": "string", "enum": list(ENCODINGS)}, "Of a CSV; guessed from its beginning."),
    OpenApiParameter(
        "Content-Encoding",
        {"type": "string", "enum": ["identity", "gzip"]},
        OpenApiParameter.HEADER,
        description="gzip for a compressed file.",
    ),
    IDEMPOTENCY_KEY_HEADER,
]
LOCATION = OpenApiParameter("Location", str, OpenApiParameter.HEADER, response=[202], description="Where to ask on.")
imports = extend_schema(
    summary="Send a file of contacts: CSV with a header, or NDJSON with a record a line; it is read in the background",
    request={
        "text/csv": OpenApiRequest({"type": "string"}),
        "application/x-ndjson": OpenApiRequest({"type": "string"}),
    },
    responses=_answers({202: "Import"}, {410, 412}),
    parameters=[*HOW, LOCATION],
)
one_import = reading("What has become of an import so far", {200: "Import"}, [IMPORT_ID])
import_errors = reading("The rows of an import that were left out", {200: "ImportErrors"}, [IMPORT_ID, *FEED[:2]])


def _decision(summary: str) -> Described:
    return extend_schema(
        summary=summary, request=None, responses=_answers({200: "Import"}, {410, 412}), parameters=[IMPORT_ID]
    )


pause_import = _decision("Stop an import after its current step; one that stays paused for 7 days is cancelled")
resume_import = _decision("Go on with a paused import")
cancel_import = _decision("End an import after its current step; what was written stays")


exports = extend_schema(
    summary="Export all contacts of the account as a file; it is made in the background",
    request=None,
    responses=_answers({202: "Export"}, {410, 412, 413, 415}),
    parameters=[
        _parameter("format", {"type": "string", "enum": Export.Format.values, "default": "csv"}, "Of the file."),
        IDEMPOTENCY_KEY_HEADER,
        LOCATION,
    ],
)
one_export = reading(
    "What has become of an export, and a link to its file",
    {200: "Export"},
    [OpenApiParameter("export_id", {"type": "string", "format": "uuid"}, OpenApiParameter.PATH)],
)


def on_one(parameter: OpenApiParameter) -> Callable[[Any], Any]:
    """Describes the four calls on one contact, whose id comes in a path or in a query parameter."""
    places = [parameter, ETAG, IF_MATCH_HEADER]
    return extend_schema_view(
        get=reading("The contact that your id points at", {200: "Contact"}, [parameter, ETAG, EXPLAIN]),
        put=writing(
            "Send all you know of a contact: what you wrote before and leave out now is emptied",
            {200: "Written", 201: "Written"},
            "NamedRecord",
            places,
        ),
        patch=writing(
            "Change the named values of a contact, never create one", {200: "Written"}, "NamedChange", places
        ),
        delete=writing(
            "Take your id off the contact, which stays", {204: ""}, parameters=[parameter, IF_MATCH_HEADER, ERASE]
        ),
    )
