"""Mail to the people of an account and to its partner: sent when the transaction commits, never before."""

import secrets
from collections.abc import Sequence
from typing import Any

import structlog
from django.core.mail import EmailMessage
from django.db import transaction
from django.template import Context, Engine

from accounts import queries
from accounts.models import Account

log = structlog.get_logger(__name__)


def _send_on_commit(*, to: Sequence[str], template: str, context: dict[str, Any]) -> None:
    """The first line of `template` is the subject, the rest the body."""
    if not to:
        return
    subject, body = _rendered(template, context)
    message = EmailMessage(subject=subject, body=body, to=list(to))

    def send() -> None:
        try:
            message.send()
        except Exception:
            # What was done is done and shown on the page, a secret perhaps: no fault of a mail, or of the server that
            # is to take it, may turn it into an error.
            log.exception("mail_not_sent", subject=message.subject)

    transaction.on_commit(send)


def _rendered(template: str, context: dict[str, Any]) -> tuple[str, str]:
    """Subject, on one line, and body. A line break in a value does not end the subject: the template's own does."""
    engine = Engine.get_default()
    first, _, rest = engine.get_template(template).source.partition("\n")
    end = secrets.token_hex()  # nothing that a value can hold
    subject, _, body = engine.from_string(first + end + rest).render(Context(context)).partition(end)
    return " ".join(subject.split()), body.strip() + "\n"


def to_owners(*, account: Account, template: str, context: dict[str, Any]) -> None:
    """A mail to the account's owners."""
    _send_on_commit(to=queries.owner_emails(account), template=template, context={"account": account, **context})


def to_partner(*, account: Account, template: str, context: dict[str, Any]) -> None:
    """A mail to the address of the account's partner."""
    _send_on_commit(to=[account.partner.email], template=template, context={"account": account, **context})


def to_person(*, email: str, account: Account, template: str, context: dict[str, Any]) -> None:
    """A mail to one address, about an account."""
    _send_on_commit(to=[email], template=template, context={"account": account, **context})
