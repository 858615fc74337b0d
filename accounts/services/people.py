"""People who sign in: made and changed by operators."""

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.core.exceptions import ValidationError
from django.db import transaction

from accounts.actor import Actor
from accounts.errors import Conflict, ValidationFailed
from accounts.models import User
from accounts.services import audit


@transaction.atomic
def add_user(
    *,
    email: str,
    name: str,
    is_active: bool = True,
    is_staff: bool = False,
    is_superuser: bool = False,
    password: str | None = None,
    by: Actor,
) -> User:
    """Makes a person; without a password they can't sign in until they reset it.

    Raises ValidationFailed, such as for an e-mail address that somebody has.
    """
    user = User(
        email=email.strip().lower(), name=name, is_active=is_active, is_staff=is_staff, is_superuser=is_superuser
    )
    user.set_password(password)
    _check(user)
    user.save(force_insert=True)
    _record(user, "added", by, after=_rights(user))
    return user


@transaction.atomic
def change_user(
    *, user: User, email: str, name: str, is_active: bool, is_staff: bool, is_superuser: bool, by: Actor
) -> User:
    """Changes who a person is and what they may. With a new address, links sent to the old one stop working.

    Raises ValidationFailed, Conflict `last_operator` when nobody would be left to run the installation.
    """
    locked = User.objects.select_for_update().get(pk=user.pk)
    before = _rights(locked)
    locked.email, locked.name = email.strip().lower(), name
    locked.is_active, locked.is_staff, locked.is_superuser = is_active, is_staff, is_superuser
    _check(locked)
    locked.save(update_fields=["email", "name", "is_active", "is_staff", "is_superuser"])
    if not User.objects.filter(is_active=True, is_staff=True, is_superuser=True).exists():
        raise Conflict("Nobody else runs this installation: make another operator first.", code="last_operator")
    if locked.email != before["email"]:
        # allauth also signs people in by the addresses that it remembers.
        EmailAddress.objects.filter(user=locked).exclude(email=locked.email).delete()
    if before != _rights(locked):
        _record(locked, "changed", by, before=before, after=_rights(locked))
    return locked


@transaction.atomic
def set_password(*, user: User, password: str | None, by: Actor) -> User:
    """Gives a person a new password, or none until they reset it; every session of theirs ends."""
    locked = User.objects.select_for_update().get(pk=user.pk)
    locked.set_password(password)
    locked.save(update_fields=["password"])
    _record(locked, "password_set", by, after={"usable": locked.has_usable_password()})
    return locked


@transaction.atomic
def end_sessions(*, user: User, by: Actor) -> int:
    """Signs a person out everywhere; returns in how many places."""
    sessions = list(UserSession.objects.filter(user=user))
    for session in sessions:
        session.end()
    _record(user, "sessions_ended", by, after={"count": len(sessions)})
    return len(sessions)


@transaction.atomic
def remove_second_factors(*, user: User, by: Actor) -> None:
    """Takes away every second factor of a person who lost theirs, and signs them out everywhere."""
    count, _ = Authenticator.objects.filter(user=user).delete()
    end_sessions(user=user, by=by)
    _record(user, "second_factors_removed", by, after={"count": count})


def _rights(user: User) -> dict[str, object]:
    return {
        "email": user.email,
        "name": user.name,
        "is_active": user.is_active,
        "is_staff": user.is_staff,
        "is_superuser": user.is_superuser,
    }


def _check(user: User) -> None:
    try:
        user.full_clean()
    except ValidationError as refusal:
        # The only rule over the whole row: an address is one person's.
        faults = {"email" if name == "__all__" else name: faults for name, faults in refusal.error_dict.items()}
        raise ValidationFailed.of_model(faults) from refusal


def _record(
    user: User, happened: str, by: Actor, *, before: dict[str, object] | None = None, after: dict[str, object]
) -> None:
    audit.record(
        account=None,
        action=f"user.{happened}",
        object_id=user.pk,
        object_label=user.email,
        before=before,
        after=after,
        by=by,
    )
