"""What the OpenAPI document says of the calls on contacts.

Requests and answers are read and written with msgspec and plain dicts; these JSON schemas describe them.
"""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiRequest, OpenApiResponse, extend_schema

Schema = dict[str, Any]

EXTERNAL_ID: Schema = {
    "description": "The id that your system has for the contact: 1 to 255 characters, or an integer.",
    "oneOf": [{"type": "string", "minLength": 1, "maxLength": 255}, {"type": "integer"}],
}
VALUES: Schema = {
    "type": "object",
    "description": "Contact fields by name (GET /fields lists them). null or blank text empties a field.",
    "additionalProperties": {"type": ["string", "null"]},
}
STORED_VALUES: Schema = {"type": "object", "additionalProperties": {"type": "string"}}
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
    "warnings": {"type": "array", "items": WARNING},
}
WRITTEN: Schema = {
    "type": "object",
    "required": ["outcome", "matched_by", "warnings", "contact"],
    "properties": OUTCOME | {"contact": CONTACT},
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
        "records": {"type": "array", "minItems": 1, "maxItems": 1000, "items": RECORD},
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
                | {"contact": {"type": "string", "format": "uuid"}, "problem": PROBLEM},
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
                "required": ["name", "label", "type"],
                "properties": {
                    "name": {"type": "string"},
                    "label": {"type": "string"},
                    "type": {"type": "string", "enum": ["text", "email", "phone", "date"]},
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

BY_PARAMETER = OpenApiParameter(
    "external_id", OpenApiTypes.STR, OpenApiParameter.QUERY, required=True, description="The id, percent-encoded."
)
EXAMPLE = OpenApiExample(
    "A contact",
    value={"external_id": "1001", "values": {"email": "jan@example.com", "firstName": "Jan"}},
    request_only=True,
)
READ_PROBLEMS = (401, 403, 404, 406, 422, 429, 503)
WRITE_PROBLEMS = (400, 401, 403, 404, 406, 409, 413, 415, 422, 429, 503)


def answers(statuses: dict[int, Schema | None], problems: tuple[int, ...]) -> dict[Any, Any]:
    """Answers by status and media type; every problem has the same shape."""
    good = {status: OpenApiResponse(schema) if schema else None for status, schema in statuses.items()}
    bad = {(status, "application/problem+json"): OpenApiResponse(PROBLEM) for status in problems}
    return {**good, **bad}


def body(schema: Schema) -> dict[str, Any]:
    """A JSON body."""
    return {"application/json": OpenApiRequest(schema)}


fields = extend_schema(
    summary="The contact fields and id fields of the account", responses=answers({200: FIELDS}, READ_PROBLEMS)
)
upsert = extend_schema(
    summary="Send a contact: found by your id, linked by a rule, or created",
    request=body(RECORD),
    examples=[EXAMPLE],
    responses=answers({200: WRITTEN, 201: WRITTEN}, WRITE_PROBLEMS),
)
read = extend_schema(summary="The contact that your id points at", responses=answers({200: CONTACT}, READ_PROBLEMS))
replace = extend_schema(
    summary="Send all you know of a contact: what you wrote before and leave out now is emptied",
    request=body(NAMED_RECORD),
    responses=answers({200: WRITTEN, 201: WRITTEN}, WRITE_PROBLEMS),
)
change = extend_schema(
    summary="Change the named values of a contact, never create one",
    request=body(NAMED_CHANGE),
    responses=answers({200: WRITTEN}, WRITE_PROBLEMS),
)
unlink = extend_schema(
    summary="Take your id off the contact, which stays", responses=answers({204: None}, WRITE_PROBLEMS)
)
batch = extend_schema(
    summary="Send up to 1,000 contacts, each with its own result",
    request=body(BATCH),
    responses=answers({200: BATCH_RESULT, 207: BATCH_RESULT}, WRITE_PROBLEMS),
)
