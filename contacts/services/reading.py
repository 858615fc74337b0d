"""Reading contacts from outside the account: leaves a trace in the account's activity."""

from accounts.actor import Actor
from accounts.models import AuditEvent
from accounts.services import audit
from contacts.models import Contact


def record_seen(*, contact: Contact, as_operator: bool, by: Actor) -> AuditEvent:
    """Tells the account that its partner (or an operator) opened a contact: which one, nothing of its values."""
    return audit.record(
        account=contact.account,
        action="contact.seen_by_operator" if as_operator else "contact.seen_by_partner",
        object_id=contact.pk,
        object_label=str(contact.pk),
        by=by,
    )
