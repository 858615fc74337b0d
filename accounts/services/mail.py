"""Mail to the people of an account and to its partner: sent when the transaction commits, never before."""

from collections.abc import Sequence
from typing import Any

import structlog
from django.core.mail import EmailMessage
from django.db import transaction
from django.template.loader import render_to_string

from accounts import queries
from accounts.models import Account

log = structlog.get_logger(__name__)


def _send_on_commit(*, to: Sequence[str], template: str, context: dict[str, Any]) -> None:
    """`template` renders to text: its first line is the subject, the rest the body."""
    if not to:
        return
    subject, _, body = render_to_string(template, context).strip().partition("\n")
    message = EmailMessage(subject=subject.strip(), body=body.strip() + "\n", to=list(to))

    def send() -> None:
        try:
            message.send()
        except OSError:
            # What was done is done and shown on the page; a mail server that is down must not turn it into an error.
            log.exception("mail_not_sent", subject=message.subject)

    transaction.on_commit(send)


def to_owners(*, account: Account, template: str, context: dict[str, Any]) -> None:
    """A mail to the account's owners."""
    _send_on_commit(to=queries.owner_emails(account), template=template, context={"account": account, **context})


def to_partner(*, account: Account, template: str, context: dict[str, Any]) -> None:
    """A mail to the address of the account's partner."""
    _send_on_commit(to=[account.partner.email], template=template, context={"account": account, **context})


def to_person(*, email: str, account: Account, template: str, context: dict[str, Any]) -> None:
    """A mail to one address, about an account."""
    _send_on_commit(to=[email], template=template, context={"account": account, **context})
