"""What the OpenAPI document says of the calls on contacts.

Requests and answers are read and written with msgspec and plain dicts; these JSON schemas describe them.
"""

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

from contacts.models import FieldType

Schema = dict[str, Any]
Described = Callable[[Any], Any]
OUTCOMES = {200: "Done", 201: "Created", 207: "Some records were refused: see each result"}


def ref(name: str) -> Schema:
    """A component of the document."""
    return {"$ref": f"#/components/schemas/{name}"}


EXTERNAL_ID: Schema = {
    "description": "The id that your system has for the contact: 1 to 255 characters, or an integer.",
    "oneOf": [{"type": "string", "minLength": 1, "maxLength": 255}, {"type": "integer"}],
}
VALUES: Schema = {
    "type": "object",
    "description": (
        "Contact fields by name (GET /fields lists them). Integers, booleans, arrays of choices as such, decimals as "
        "a number or as text, anything else as text. null, blank text and an empty array empty a field."
    ),
    "additionalProperties": {"type": ["string", "number", "boolean", "array", "null"], "items": {"type": "string"}},
}
STORED_VALUES: Schema = {
    "type": "object",
    "description": "Contact fields by name, those that are not empty. Decimals are text, so that no digit is lost.",
    "additionalProperties": {"type": ["string", "integer", "boolean", "array"], "items": {"type": "string"}},
}
ID_FIELD: Schema = {"type": "string", "description": "Your own id field, or left out."}
LINK_TO: Schema = {"type": ["string", "null"], "format": "uuid", "description": "The contact that you name."}
RECORD: Schema = {
    "type": "object",
    "additionalProperties": False,
    "required": ["external_id", "values"],
    "properties": {"external_id": EXTERNAL_ID, "values": VALUES, "id_field": ID_FIELD, "link_to": LINK_TO},
}
NAMED_RECORD: Schema = RECORD | {"required": ["values"]}
NAMED_CHANGE: Schema = {
    "type": "object",
    "additionalProperties": False,
    "required": ["values"],
    "properties": {"external_id": EXTERNAL_ID, "values": VALUES, "id_field": ID_FIELD},
}
CONTACT: Schema = {
    "type": "object",
    "required": ["id", "external_id", "external_ids", "values", "created_at", "updated_at", "version"],
    "properties": {
        "id": {"type": "string", "format": "uuid"},
        "external_id": {"type": "string"},
        "external_ids": {
            "type": "object",
            "description": "Per id field, the primary id first.",
            "additionalProperties": {"type": "array", "items": {"type": "string"}},
        },
        "values": STORED_VALUES,
        "created_at": {"type": "string", "format": "date-time"},
        "updated_at": {"type": "string", "format": "date-time"},
        "version": {"type": "integer"},
        "explanation": {
            "type": "object",
            "description": "With explain=true: who wrote each value, who sent the same since and whose value it "
            "replaced; who linked each external id; when, in which request, by which rule.",
            "required": ["values", "external_ids"],
            "properties": {
                "values": {"type": "object", "additionalProperties": {"type": "object"}},
                "external_ids": {"type": "array", "items": {"type": "object"}},
            },
        },
    },
}
WARNING: Schema = {
    "type": "object",
    "required": ["code"],
    "properties": {
        "code": {
            "type": "string",
            "enum": [
                "blocked_value",
                "invalid_phone",
                "value_too_common",
                "possible_duplicate",
                "id_conflict",
                "ambiguous",
            ],
        },
        "field": {"type": "string"},
        "contact": {"type": "string", "format": "uuid"},
        "rule": {"type": "integer"},
        "count": {"type": "integer"},
    },
}
OUTCOME: Schema = {
    "outcome": {"type": "string", "enum": ["created", "linked", "updated", "unchanged"]},
    "matched_by": {
        "type": ["object", "null"],
        "properties": {
            "external_id": {"type": "boolean"},
            "link_to": {"type": "boolean"},
            "rule": {"type": "integer"},
            "fields": {"type": "array", "items": {"type": "string"}},
        },
    },
    "warnings": {"type": "array", "items": ref("Warning")},
}
WRITTEN: Schema = {
    "type": "object",
    "required": ["outcome", "matched_by", "warnings", "contact"],
    "properties": OUTCOME | {"contact": ref("Contact")},
}
PROBLEM: Schema = {
    "type": "object",
    "description": "Problem details (RFC 9457) with a stable code.",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "code", "detail"],
                "properties": {
                    "pointer": {"type": "string"},
                    "code": {"type": "string"},
                    "detail": {"type": "string"},
                },
            },
        },
        "candidates": {"type": "array", "items": {"type": "string", "format": "uuid"}},
    },
}
BATCH: Schema = {
    "type": "object",
    "additionalProperties": False,
    "required": ["records"],
    "properties": {
        "mode": {"type": "string", "enum": ["merge", "replace"], "default": "merge"},
        "records": {"type": "array", "minItems": 1, "maxItems": 1000, "items": ref("Record")},
    },
}
BATCH_RESULT: Schema = {
    "type": "object",
    "required": ["results"],
    "properties": {
        "results": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["index", "status"],
                "properties": {"index": {"type": "integer"}, "status": {"type": "integer"}}
                | OUTCOME
                | {"contact": {"type": "string", "format": "uuid"}, "problem": ref("Problem")},
            },
        }
    },
}
FIELDS: Schema = {
    "type": "object",
    "required": ["fields", "id_fields"],
    "properties": {
        "fields": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["name", "label", "type", "choices", "retired"],
                "properties": {
                    "name": {"type": "string"},
                    "label": {"type": "string"},
                    "type": {"type": "string", "enum": FieldType.values},
                    "choices": {
                        "type": "array",
                        "description": "What a choice or multiple choice takes; empty for other types.",
                        "items": {"type": "string"},
                    },
                    "retired": {
                        "type": "boolean",
                        "description": "Takes no values any more (`retired_field`); those there are stay readable.",
                    },
                },
            },
        },
        "id_fields": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["name", "label", "source_system", "yours"],
                "properties": {
                    "name": {"type": "string"},
                    "label": {"type": "string"},
                    "source_system": {"type": ["string", "null"]},
                    "yours": {"type": "boolean"},
                },
            },
        },
    },
}

COMPONENTS: dict[str, Schema] = {
    "Batch": BATCH,
    "BatchResult": BATCH_RESULT,
    "Contact": CONTACT,
    "Fields": FIELDS,
    "NamedChange": NAMED_CHANGE,
    "NamedRecord": NAMED_RECORD,
    "Problem": PROBLEM,
    "Record": RECORD,
    "Warning": WARNING,
    "Written": WRITTEN,
}

PROBLEMS = {
    400: ("malformed_json", "bad_request"),
    401: ("invalid_credentials", "authentication_revoked"),
    403: ("account_suspended", "license_inactive", "read_only", "id_field_not_yours"),
    404: ("contact_not_found", "not_found"),
    405: ("method_not_allowed",),
    406: ("not_acceptable",),
    409: ("ambiguous_match", "id_conflict", "linked_elsewhere"),
    410: ("contact_erased",),
    413: ("too_large",),
    415: ("unsupported_media_type",),
    422: ("validation_failed",),
    429: ("throttled",),
    503: ("unavailable",),
}
"""The codes of the problems, by status."""
WRITE_ONLY = (409, 410, 413, 415)

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
ERASE = _flag("erase", "Erase the contact too, unless another external id points at it (409 linked_elsewhere).")
EXPLAIN = _flag("explain", "Add who wrote each value and linked each id, when, by which rule and request.")


def reading(summary: str, good: dict[int, str], parameters: Sequence[OpenApiParameter] = ()) -> Described:
    """Describes a call that reads: its answers are components by status."""
    return extend_schema(summary=summary, responses=_answers(good, set(WRITE_ONLY)), parameters=list(parameters))


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
    [ETAG],
    [EXAMPLE],
)
batch = writing(
    "Send up to 1,000 contacts, each with its own result", {200: "BatchResult", 207: "BatchResult"}, "Batch"
)


def on_one(parameter: OpenApiParameter) -> Callable[[Any], Any]:
    """Describes the four calls on one contact, whose id comes in a path or in a query parameter."""
    places = [parameter, ETAG]
    return extend_schema_view(
        get=reading("The contact that your id points at", {200: "Contact"}, [*places, EXPLAIN]),
        put=writing(
            "Send all you know of a contact: what you wrote before and leave out now is emptied",
            {200: "Written", 201: "Written"},
            "NamedRecord",
            places,
        ),
        patch=writing(
            "Change the named values of a contact, never create one", {200: "Written"}, "NamedChange", places
        ),
        delete=writing("Take your id off the contact, which stays", {204: ""}, parameters=[parameter, ERASE]),
    )
