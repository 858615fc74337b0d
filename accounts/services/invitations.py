"""Inviting people into an account: a link by mail, good once and for a week."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from django.core import signing
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from accounts.actor import Actor
from accounts.errors import Conflict, NotFound, ValidationFailed
from accounts.models import Account, Invitation, Membership, Role, User
from accounts.services import audit, mail, members, people
from accounts.text import NO_EMAIL

LASTS = timedelta(days=7)
SALT = "accounts.invitation"


@transaction.atomic
def invite(*, account: Account, email: str, role: Role, site: str, by: Actor) -> Invitation:
    """Invites a person by mail. `site` is where the link leads: the installation's address, without a path.

    Raises ValidationFailed (`email`), Conflict `already_member`.
    """
    email = email.strip().lower()
    try:
        validate_email(email)
    except ValidationError:
        raise ValidationFailed.of("email", "invalid", NO_EMAIL) from None
    if Membership.objects.for_account(account).filter(user__email__iexact=email).exists():
        raise Conflict(f"{email} is a member of {account} already.", code="already_member")
    invitation: Invitation = Invitation.objects.for_account(account).create(email=email, role=role, invited_by=by.label)
    audit.record(
        account=account,
        action="invitation.sent",
        object_id=invitation.pk,
        object_label=email,
        after={"role": role},
        by=by,
    )
    link = f"{site}{reverse('invitation', kwargs={'token': signing.dumps(str(invitation.pk), salt=SALT)})}"
    mail.to_person(
        email=email,
        account=account,
        template="accounts/mail/invited.txt",
        context={"invitation": invitation, "link": link, "by": by, "days": LASTS.days},
    )
    return invitation


def find(*, token: str) -> Invitation:
    """The invitation that a link is about. Raises NotFound `invitation_not_found` when it has expired or was used."""
    try:
        pk = UUID(signing.loads(token, salt=SALT, max_age=LASTS))
    except signing.BadSignature:
        raise _not_there() from None
    invitation: Invitation | None = (
        Invitation.all_accounts.select_related("account__partner").filter(pk=pk, accepted_at=None).first()
    )
    if invitation is None:
        raise _not_there()
    return invitation


@transaction.atomic
def accept(*, invitation: Invitation, user: User, by: Actor) -> Membership:
    """Makes the person whom it was sent to a member. Raises NotFound `invitation_not_found` when it was used
    meanwhile, or is somebody else's, Conflict `already_member`."""
    rows = Invitation.objects.for_account(invitation.account_id).select_for_update(of=("self",))
    locked: Invitation | None = rows.filter(pk=invitation.pk, accepted_at=None).first()
    if locked is None or locked.email != user.email.lower():
        raise _not_there()
    if Membership.objects.for_account(locked.account_id).filter(user=user).exists():
        raise Conflict("You are a member of this account already.", code="already_member")
    locked.accepted_at, locked.accepted_by = timezone.now(), by.label
    locked.save(update_fields=["accepted_at", "accepted_by"])
    return members.add_member(account=invitation.account, user=user, role=Role(locked.role), by=by)


@transaction.atomic
def accept_as_new_person(*, invitation: Invitation, name: str, password: str, by: Actor) -> Membership:
    """Makes a person of the one whom it was sent to, and a member; the link proves whose address it is.

    Raises ValidationFailed (`email` when somebody has that address by now), and what `accept` raises.
    """
    user = people.add_user(email=invitation.email, name=name, password=password, by=by)
    return accept(invitation=invitation, user=user, by=replace(by, user_id=user.pk))


def _not_there() -> NotFound:
    return NotFound("This invitation has expired, or was used already. Ask for a new one.", code="invitation_not_found")
