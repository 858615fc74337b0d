"""What an account asks of its partner: asked, written about, and in the end decided or withdrawn."""

from contextlib import suppress

from django.db import transaction
from django.utils import timezone

from accounts.actor import Actor
from accounts.errors import Conflict, ValidationFailed
from accounts.models import Account
from accounts.services import audit, mail
from contacts.services import fields
from integrations.models import License, Request, RequestMessage
from integrations.services import licenses


@transaction.atomic
def ask_to_deactivate(*, license: License, reason: str, by: Actor) -> Request:
    """Files the request to cancel a license, and tells the partner by mail.

    Raises ValidationFailed when the reason is missing or longer than 500 characters, Conflict `already_requested`
    while one is open, `license_ended` when there is nothing left to cancel.
    """
    reason = _written("reason", reason, 500, "Say why, so that your partner can act on it.")
    Account.objects.select_for_update().get(pk=license.account_id)  # in the order of licenses.keep
    license_ = License.objects.for_account(license.account_id).select_for_update().get(pk=license.pk)
    if license_.active_until is not None:
        raise Conflict("This license has been cancelled already.", code="license_ended")
    request = Request(kind=Request.Kind.DEACTIVATE, license=license_, reason=reason)
    return _file(license.account, request, by)


@transaction.atomic
def ask(*, account: Account, kind: str, system: str = "", reason: str, by: Actor) -> Request:
    """Files a request for an extra id field for a `system`, for other rules, or for advice, and tells the partner.

    Raises ValidationFailed (`kind`, `system`, `reason`), Conflict `already_requested` while the same is open.
    """
    if kind not in {Request.Kind.ID_FIELD, Request.Kind.RULES, Request.Kind.ADVICE}:
        raise ValidationFailed.of("kind", "invalid_choice", "Choose what you ask for.")
    if kind == Request.Kind.ID_FIELD:
        system = _written("system", system, 100, "Name the system that the id field is for.")
    else:
        system = ""
    reason = _written("reason", reason, 500, "Say why, so that your partner can act on it.")
    return _file(account, Request(kind=kind, system=system, reason=reason), by)


@transaction.atomic
def write(*, request: Request, text: str, from_partner: bool, by: Actor) -> RequestMessage:
    """Adds a message to an open request, and tells the other side by mail.

    Raises ValidationFailed (`text`), Conflict `already_decided`.
    """
    text = _written("text", text, 1000, "Write a message.")
    open_ = _open(request)
    message: RequestMessage = RequestMessage.objects.for_account(open_.account_id).create(
        request=open_, text=text, from_partner=from_partner, written_by=by.label
    )
    _record(open_, "request.message", by)
    tell = mail.to_owners if from_partner else mail.to_partner
    context = {"request": open_, "message": message}
    tell(account=open_.account, template="integrations/mail/request_message.txt", context=context)
    return message


@transaction.atomic
def withdraw(*, request: Request, by: Actor) -> Request:
    """Takes back a request that nobody has decided yet. Raises Conflict `already_decided`."""
    withdrawn = _close(_open(request), Request.Status.WITHDRAWN, "", by)
    mail.to_partner(
        account=withdrawn.account, template="integrations/mail/request_withdrawn.txt", context={"request": withdrawn}
    )
    return withdrawn


@transaction.atomic
def decide(
    *,
    request: Request,
    approve: bool,
    at_period_end: bool = True,
    name: str = "",
    label: str = "",
    answer: str,
    by: Actor,
) -> Request:
    """Approves a request or declines it, and tells the owners by mail.

    Approving cancels the license, or adds the id field by that `name` and `label`; of other rules and of advice it
    says that it is done. Raises ValidationFailed when the answer is missing or the id field can't have that name,
    Conflict `already_decided`.
    """
    answer = _written("answer", answer, 500, "Write an answer; the account sees it.")
    open_ = _open(request)
    if approve and open_.license is not None:
        with suppress(Conflict):  # it has ended meanwhile, or ends no later than is said here
            licenses.cancel(license=open_.license, at_period_end=at_period_end, reason=answer, by=by)
    if approve and open_.kind == Request.Kind.ID_FIELD:
        open_.id_field = fields.add_id_field(account=open_.account, name=name, label=label, by=by)
    decided = _close(open_, Request.Status.APPROVED if approve else Request.Status.DECLINED, answer, by)
    mail.to_owners(
        account=decided.account, template="integrations/mail/request_decided.txt", context={"request": decided}
    )
    return decided


def _written(field: str, text: str, length: int, missing: str) -> str:
    """The text, trimmed. Raises ValidationFailed."""
    text = text.strip()
    if not text:
        raise ValidationFailed.of(field, "required", missing)
    if len(text) > length:
        raise ValidationFailed.of(field, "too_long", f"Use at most {length} characters.")
    return text


def _file(account: Account, request: Request, by: Actor) -> Request:
    Account.objects.select_for_update().get(pk=account.pk)  # two clicks at once ask once
    waiting = Request.objects.for_account(account).filter(kind=request.kind, status=Request.Status.OPEN)
    match request.kind:
        case Request.Kind.DEACTIVATE:
            same = waiting.filter(license=request.license)
        case Request.Kind.ID_FIELD:
            same = waiting.filter(system=request.system)
        case _:
            same = waiting.filter(reason=request.reason)
    if same.exists():
        raise Conflict("Your partner has this request already.", code="already_requested")
    request.account, request.requested_by = account, by.label
    request.save(force_insert=True)
    _record(request, "request.filed", by)
    mail.to_partner(account=account, template="integrations/mail/request_filed.txt", context={"request": request})
    return request


def _open(request: Request) -> Request:
    """The request, locked against everybody else's decision. Raises Conflict `already_decided`."""
    rows = Request.objects.for_account(request.account_id).select_for_update(of=("self",))
    locked: Request = rows.select_related("account__partner").get(pk=request.pk)
    if locked.status != Request.Status.OPEN:
        raise Conflict(f"This request is {locked.get_status_display().lower()} already.", code="already_decided")
    return locked


def _close(request: Request, status: Request.Status, answer: str, by: Actor) -> Request:
    request.status, request.answer = status, answer
    request.decided_at, request.decided_by = timezone.now(), by.label
    request.save(update_fields=["status", "decided_at", "decided_by", "answer", "id_field"])
    _record(request, f"request.{status}", by)
    return request


def _record(request: Request, action: str, by: Actor) -> None:
    audit.record(
        account=request.account,
        action=action,
        object_id=request.pk,
        object_label=str(request),
        after={"reason": request.reason, "answer": request.answer},
        by=by,
    )
