"""What an account asks of its partner."""

from django.db import transaction
from django.utils import timezone

from accounts.actor import Actor
from accounts.errors import Conflict, ValidationFailed
from accounts.services import audit, mail
from integrations.models import License, Request
from integrations.services import licenses


@transaction.atomic
def ask_to_deactivate(*, license: License, reason: str, by: Actor) -> Request:
    """Files the request to cancel a license, and tells the partner by mail.

    Raises ValidationFailed when the reason is missing or longer than 500 characters, Conflict `already_requested`
    while one is open, `license_ended` when there is nothing left to cancel.
    """
    reason = reason.strip()
    if not reason:
        raise ValidationFailed.of("reason", "required", "Say why, so that your partner can act on it.")
    if len(reason) > 500:
        raise ValidationFailed.of("reason", "too_long", "Use at most 500 characters.")
    license_ = License.objects.for_account(license.account_id).select_for_update().get(pk=license.pk)
    if license_.active_until is not None:
        raise Conflict("This license has been cancelled already.", code="license_ended")
    requests = Request.objects.for_account(license.account_id)
    if requests.filter(license=license_, kind=Request.Kind.DEACTIVATE, status=Request.Status.OPEN).exists():
        raise Conflict("Your partner has this request already.", code="already_requested")
    request: Request = requests.create(
        kind=Request.Kind.DEACTIVATE, license=license_, reason=reason, requested_by=by.label
    )
    _record(request, "request.filed", by)
    mail.to_partner(
        account=request.account,
        template="integrations/mail/deactivation_requested.txt",
        context={"request": request, "integration": license_.integration},
    )
    return request


@transaction.atomic
def decide(*, request: Request, approve: bool, at_period_end: bool = True, answer: str, by: Actor) -> Request:
    """Approves a request, which cancels the license, or declines it, and tells the owners by mail.

    Raises ValidationFailed when the answer is missing, Conflict `already_decided`.
    """
    answer = answer.strip()
    if not answer:
        raise ValidationFailed.of("answer", "required", "Write an answer; the account sees it.")
    locked: Request = Request.objects.for_account(request.account_id).select_for_update().get(pk=request.pk)
    if locked.status != Request.Status.OPEN:
        raise Conflict("This request has been decided already.", code="already_decided")
    if approve and locked.license.active_until is None:
        licenses.cancel(license=locked.license, at_period_end=at_period_end, reason=answer, by=by)
    locked.status = Request.Status.APPROVED if approve else Request.Status.DECLINED
    locked.decided_at, locked.decided_by, locked.answer = timezone.now(), by.label, answer[:500]
    locked.save(update_fields=["status", "decided_at", "decided_by", "answer"])
    _record(locked, f"request.{locked.status}", by)
    mail.to_owners(
        account=locked.account, template="integrations/mail/request_decided.txt", context={"request": locked}
    )
    return locked


def _record(request: Request, action: str, by: Actor) -> None:
    audit.record(
        account=request.account,
        action=action,
        object_id=request.pk,
        object_label=f"{request.get_kind_display()}: {request.license.integration}",
        after={"reason": request.reason, "answer": request.answer},
        by=by,
    )
