"""The shapes of what calls on contacts take and answer, as JSON schemas.

Requests and answers are read and written with msgspec and plain dicts; these describe them.
"""

from typing import Any

from contacts.models import Change, Export, FieldType, Import, Job
from contacts.queries import COUNTS

Schema = dict[str, Any]
STATES = [state for state in Job.State.values if state != Job.State.DRAFT]
"""Of a job that a call begins: it is never a draft."""
NEXT_CURSOR = "Give it as cursor to get what follows."


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
        "external_id": {
            "type": ["string", "null"],
            "description": "The id that was asked for; in lists your own primary one, null where you have none.",
        },
        "external_ids": {
            "type": "object",
            "description": "Per id field, the primary id first.",
            "additionalProperties": {"type": "array", "items": {"type": "string"}},
        },
        "values": STORED_VALUES,
        "created_at": {"type": "string", "format": "date-time"},
        "updated_at": {"type": "string", "format": "date-time"},
        "version": {"type": "integer"},
        "merged_into": {
            "type": "string",
            "format": "uuid",
            "description": "The contact that this one was merged into; all the rest is the survivor's.",
        },
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
                "required": ["name", "label", "source_system", "yours", "retired"],
                "properties": {
                    "name": {"type": "string"},
                    "label": {"type": "string"},
                    "source_system": {"type": ["string", "null"]},
                    "yours": {"type": "boolean"},
                    "retired": {
                        "type": "boolean",
                        "description": "Takes no ids any more; those there are stay readable.",
                    },
                },
            },
        },
    },
}

CONTACTS: Schema = {
    "type": "object",
    "required": ["contacts", "next_cursor"],
    "properties": {
        "contacts": {"type": "array", "items": ref("Contact")},
        "next_cursor": {"type": ["string", "null"], "description": f"{NEXT_CURSOR} null: this was the last page."},
    },
}
CHANGES: Schema = {
    "type": "object",
    "required": ["changes", "next_cursor", "has_more"],
    "properties": {
        "changes": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["number", "contact_id", "kind", "fields", "at", "contact"],
                "properties": {
                    "number": {"type": "integer", "description": "Dense, in the order of the changes."},
                    "contact_id": {"type": "string", "format": "uuid"},
                    "kind": {"type": "string", "enum": Change.Kind.values},
                    "fields": {
                        "type": "array",
                        "description": "The contact fields whose value changed.",
                        "items": {"type": "string"},
                    },
                    "at": {"type": "string", "format": "date-time"},
                    "contact": {
                        "description": "The contact as it is now, null when it was erased.",
                        "oneOf": [ref("Contact"), {"type": "null"}],
                    },
                },
            },
        },
        "next_cursor": {"type": "integer", "description": f"{NEXT_CURSOR} Keep it: it stays good."},
        "has_more": {"type": "boolean", "description": "Whether there are more changes already."},
    },
}

COUNT: Schema = {"type": "integer"}
INSTANT_OR_NULL: Schema = {"type": ["string", "null"], "format": "date-time"}
FAILURE: Schema = {
    "description": "Why it failed. What was done before stays.",
    "oneOf": [
        {
            "type": "object",
            "required": ["code", "detail"],
            "properties": {"code": {"type": "string"}, "detail": {"type": "string"}},
        },
        {"type": "null"},
    ],
}
IMPORT: Schema = {
    "type": "object",
    "required": [
        *("id", "state", "format", "mode", "size", "progress", "counts", "columns_left_out", "failure"),
        *("created_at", "started_at", "estimated_end_at", "ended_at"),
    ],
    "properties": {
        "id": {"type": "string", "format": "uuid"},
        "state": {"type": "string", "enum": STATES},
        "format": {"type": "string", "enum": Import.Format.values},
        "mode": {"type": "string", "enum": ["merge", "replace"]},
        "size": {"type": "integer", "description": "Bytes, as sent."},
        "progress": {"type": "number", "minimum": 0, "maximum": 1},
        "counts": {"type": "object", "required": list(COUNTS), "properties": dict.fromkeys(COUNTS, COUNT)},
        "columns_left_out": {
            "type": "array",
            "description": "Columns of a CSV that are no contact field.",
            "items": {"type": "string"},
        },
        "failure": FAILURE,
        "created_at": {"type": "string", "format": "date-time"},
        "started_at": INSTANT_OR_NULL,
        "estimated_end_at": INSTANT_OR_NULL,
        "ended_at": INSTANT_OR_NULL,
    },
}
EXPORT: Schema = {
    "type": "object",
    "required": [
        *("id", "state", "format", "contacts", "size", "link", "link_expires_at", "failure", "created_at", "ended_at"),
    ],
    "properties": {
        "id": {"type": "string", "format": "uuid"},
        "state": {"type": "string", "enum": STATES},
        "format": {"type": "string", "enum": Export.Format.values},
        "contacts": {"type": "integer", "description": "That are in the file so far."},
        "size": {"type": "integer", "description": "Bytes so far."},
        "link": {
            "type": ["string", "null"],
            "description": "Opens the file for whoever has it, without a key; null until it is made, and from 7 days "
            "after that.",
        },
        "link_expires_at": INSTANT_OR_NULL,
        "failure": FAILURE,
        "created_at": {"type": "string", "format": "date-time"},
        "ended_at": INSTANT_OR_NULL,
    },
}
IMPORT_ERRORS: Schema = {
    "type": "object",
    "required": ["errors", "next_cursor"],
    "properties": {
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["row", "code", "field", "reason"],
                "properties": {
                    "row": {"type": "integer", "description": "As a spreadsheet counts: a CSV's header is row 1."},
                    "code": {"type": "string"},
                    "field": {"type": ["string", "null"]},
                    "reason": {"type": "string"},
                },
            },
        },
        "next_cursor": {"type": ["integer", "null"], "description": f"{NEXT_CURSOR} null: this was the last page."},
    },
}

COMPONENTS: dict[str, Schema] = {
    "Batch": BATCH,
    "BatchResult": BATCH_RESULT,
    "Changes": CHANGES,
    "Contact": CONTACT,
    "Contacts": CONTACTS,
    "Export": EXPORT,
    "Fields": FIELDS,
    "Import": IMPORT,
    "ImportErrors": IMPORT_ERRORS,
    "NamedChange": NAMED_CHANGE,
    "NamedRecord": NAMED_RECORD,
    "Problem": PROBLEM,
    "Record": RECORD,
    "Warning": WARNING,
    "Written": WRITTEN,
}
