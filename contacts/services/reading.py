"""Reading contacts from outside the account: leaves a trace in the account's activity."""

from accounts.actor import Actor
from accounts.models import Account, AuditEvent
from accounts.services import audit
from contacts.models import Contact, RuleSet


def record_seen(*, contact: Contact, as_operator: bool, by: Actor) -> AuditEvent:
    """Tells the account that its partner (or an operator) opened a contact: which one, nothing of its values."""
    return audit.record(
        account=contact.account,
        action="contact.seen_by_operator" if as_operator else "contact.seen_by_partner",
        object_id=contact.pk,
        object_label=str(contact.pk),
        by=by,
    )


def record_common_values_seen(*, account: Account, as_operator: bool, by: Actor) -> AuditEvent:
    """Tells the account that its partner (or an operator) saw the values that most of its contacts share."""
    return audit.record(
        account=account,
        action="rule_set.values_seen_by_operator" if as_operator else "rule_set.values_seen_by_partner",
        object_id=account.pk,
        object_label="Commonest values",
        by=by,
    )


def record_pairs_read(*, rule_set: RuleSet, by: Actor) -> AuditEvent:
    """Tells the account that somebody downloaded which of its contacts a preview would match: ids, no values."""
    return audit.record(
        account=rule_set.account,
        action="rule_set.pairs_downloaded",
        object_id=rule_set.pk,
        object_label=str(rule_set),
        by=by,
    )


def record_exported(*, contact: Contact, by: Actor) -> AuditEvent:
    """Tells that a member took all that is known of a contact out of the account."""
    return audit.record(
        account=contact.account, action="contact.exported", object_id=contact.pk, object_label=str(contact.pk), by=by
    )
