"""The trail: who did what, when, from where."""

from typing import Any

from accounts.actor import Actor
from accounts.models import Account, AuditEvent


def record(
    *,
    account: Account | None,
    action: str,
    object_id: object,
    object_label: str,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    by: Actor,
) -> AuditEvent:
    """Writes one event, in the transaction of what it tells about.

    `action` is noun and verb (`license.bought`); `before` and `after` are JSON objects of what changed and hold
    neither secrets nor values of contacts.
    """
    return AuditEvent.objects.create(
        account_id=account.pk if account else None,
        actor=by.label,
        actor_user_id=by.user_id,
        address=by.address,
        request_id=by.request_id,
        action=action,
        object_id=str(object_id),
        object_label=object_label[:200],
        before=before,
        after=after,
    )


def record_download(*, account: Account, asked: dict[str, Any], by: Actor) -> AuditEvent:
    """Tells the account that somebody downloaded its activity, and what of it was asked for."""
    return record(
        account=account,
        action="activity.downloaded",
        object_id=account.pk,
        object_label=account.name,
        after=asked,
        by=by,
    )
