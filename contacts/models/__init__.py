from contacts.models.change import Change
from contacts.models.contact import Contact, ContactBook, ErasedId, ExternalId, FormerId, MatchKey, Write
from contacts.models.field import ContactField, FieldType
from contacts.models.idempotency import IdempotencyKey
from contacts.models.job import Export, FilePart, Import, Job, RejectedRow, StoredFile
from contacts.models.merge import Merge
from contacts.models.preview import Preview, PreviewPair
from contacts.models.review import ReviewItem
from contacts.models.rules import Policy, RuleSet, Signature
from contacts.models.search import SearchIndex, SearchTerm
from contacts.models.source import IdField, SourceSystem

__all__ = [
    "Change",
    "Contact",
    "ContactBook",
    "ContactField",
    "ErasedId",
    "Export",
    "ExternalId",
    "FieldType",
    "FilePart",
    "FormerId",
    "IdField",
    "IdempotencyKey",
    "Import",
    "Job",
    "MatchKey",
    "Merge",
    "Policy",
    "Preview",
    "PreviewPair",
    "RejectedRow",
    "ReviewItem",
    "RuleSet",
    "SearchIndex",
    "SearchTerm",
    "Signature",
    "SourceSystem",
    "StoredFile",
    "Write",
]
