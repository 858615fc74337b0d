"""The agencies that look after accounts, and who works for them."""

from django.db import transaction

from accounts.actor import Actor
from accounts.errors import ValidationFailed
from accounts.models import Partner, PartnerStaff, User
from accounts.services import audit


@transaction.atomic
def save_partner(*, partner: Partner | None, name: str, email: str, phone: str, by: Actor) -> Partner:
    """Makes a partner, or changes one. Raises ValidationFailed when the name is taken."""
    others = Partner.objects.exclude(pk=partner.pk) if partner else Partner.objects.all()
    if others.filter(name=name).exists():
        raise ValidationFailed.of("name", "taken", "A partner with this name exists already.")
    row = Partner.objects.select_for_update().get(pk=partner.pk) if partner else Partner()
    before = _contact(row) if partner else None
    row.name, row.email, row.phone = name, email, phone
    row.save()
    if before != _contact(row):
        _record(row, "changed" if partner else "added", by, before=before, after=_contact(row))
    return row


@transaction.atomic
def add_staff(*, partner: Partner, user: User, by: Actor) -> PartnerStaff:
    """Lets a person into the admin for a partner's accounts. Raises ValidationFailed for who works for one."""
    if PartnerStaff.objects.filter(user=user).exists():
        raise ValidationFailed.of("user", "taken", f"{user} works for a partner already.")
    staff = PartnerStaff.objects.create(partner=partner, user=user)
    if not user.is_staff:
        user.is_staff = True
        user.save(update_fields=["is_staff"])
    _record(partner, "staff_added", by, after={"user": user.email})
    return staff


@transaction.atomic
def remove_staff(*, staff: PartnerStaff, by: Actor) -> None:
    """Shuts a person out of a partner's accounts, and of the admin unless they are an operator."""
    user = staff.user
    staff.delete()
    if user.is_staff and not user.is_superuser:
        user.is_staff = False
        user.save(update_fields=["is_staff"])
    _record(staff.partner, "staff_removed", by, after={"user": user.email})


def _contact(partner: Partner) -> dict[str, object]:
    return {"name": partner.name, "email": partner.email, "phone": partner.phone}


def _record(
    partner: Partner, happened: str, by: Actor, *, before: dict[str, object] | None = None, after: dict[str, object]
) -> None:
    audit.record(
        account=None,
        action=f"partner.{happened}",
        object_id=partner.pk,
        object_label=partner.name,
        before=before,
        after=after,
        by=by,
    )
