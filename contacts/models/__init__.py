from contacts.models.contact import Contact, ContactBook, ExternalId, MatchKey, Write
from contacts.models.field import ContactField, FieldType
from contacts.models.review import ReviewItem
from contacts.models.rules import Policy, RuleSet, Signature
from contacts.models.source import IdField, SourceSystem

__all__ = [
    "Contact",
    "ContactBook",
    "ContactField",
    "ExternalId",
    "FieldType",
    "IdField",
    "MatchKey",
    "Policy",
    "ReviewItem",
    "RuleSet",
    "Signature",
    "SourceSystem",
    "Write",
]
