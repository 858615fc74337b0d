"""An account's contact base: id fields, source systems, contact fields."""

import secrets

from django.core.exceptions import ValidationError
from django.db import transaction

from accounts.actor import Actor
from accounts.errors import Conflict, FieldError, NotFound, ValidationFailed
from accounts.models import Account
from accounts.services import audit
from contacts import normalise
from contacts.catalogue import BUILT_IN_FIELDS, DEFAULT_ID_FIELD, KIND_LABELS, OTHER
from contacts.models import ContactBook, ContactField, IdField, Policy, RuleSet, Signature, SourceSystem


@transaction.atomic
def set_up(*, account: Account, by: Actor) -> ContactBook:
    """Makes a new account's contact base: default id field, built-in contact fields, the rule `[email]`."""
    name, label = DEFAULT_ID_FIELD
    IdField.objects.for_account(account).create(name=name, label=label, is_default=True, created_by=by.label)
    ContactField.objects.for_account(account).bulk_create(
        ContactField(name=name, label=label, type=type_, position=position)
        for position, (name, label, type_) in enumerate(BUILT_IN_FIELDS)
    )
    signature = Signature.objects.for_account(account).create(
        fields=["email"], phone_region=account.phone_region, normaliser=normalise.VERSION
    )
    rule_set = RuleSet.objects.for_account(account).create(
        number=1,
        rules=[signature.pk],
        policy=Policy.CREATE,
        phone_region=account.phone_region,
        created_by=by.label,
    )
    book: ContactBook = ContactBook.objects.for_account(account).create(
        rule_set=rule_set, erasure_salt=secrets.token_hex(32)
    )
    return book


@transaction.atomic
def add_id_field(*, account: Account, name: str, label: str, by: Actor) -> IdField:
    """Adds an extra id field, free until an authentication binds a source system to it.

    Raises ValidationFailed when the name is taken, is a contact field's, or has a wrong form.
    """
    if ContactField.objects.for_account(account).filter(name=name).exists():
        raise ValidationFailed.of("name", "taken", "A contact field has this name already; choose another.")
    id_field = IdField(account=account, name=name, label=label or name, created_by=by.label)
    try:
        id_field.full_clean()
    except ValidationError as error:
        raise ValidationFailed(
            [
                FieldError(field if field != "__all__" else "name", "invalid", message)
                for field, messages in error.message_dict.items()
                for message in messages
            ]
        ) from error
    id_field.save(force_insert=True)
    audit.record(
        account=account,
        action="id_field.added",
        object_id=id_field.pk,
        object_label=id_field.name,
        after={"label": id_field.label},
        by=by,
    )
    return id_field


@transaction.atomic
def bind(*, account: Account, id_field_id: int, unique_data: str, kind: str, system_name: str, by: Actor) -> IdField:
    """Binds an id field to its source system for good, or confirms the one it has.

    An id field that was used before keeps its system and the name of its unique data: giving others is refused,
    because the ids in it are that system's. A free one takes the system of that kind and name, made if new.

    Raises NotFound for another account's id field, ValidationFailed (`unique_data`, `kind`, `system_name`),
    Conflict `id_field_of_other_system`.
    """
    id_field: IdField | None = (
        IdField.objects.for_account(account).select_for_update(of=("self",)).filter(pk=id_field_id).first()
    )
    if id_field is None:
        raise NotFound("There is no such id field in this account.", code="id_field_not_found")
    unique_data, system_name = unique_data.strip(), system_name.strip()
    _check_answers(unique_data, kind, system_name)
    system_name = system_name or KIND_LABELS[kind]
    bound = id_field.source_system
    if bound is not None:
        if (bound.kind, bound.name, id_field.unique_data) != (kind, system_name, unique_data):
            raise Conflict(
                f"{id_field.name} holds the ids of {bound.name} ({id_field.unique_data}) and stays with it. "
                "Ask your partner for an extra id field for another system.",
                code="id_field_of_other_system",
            )
        return id_field
    id_field.source_system = _source_system(account, kind, system_name, by)
    id_field.unique_data = unique_data
    id_field.save(update_fields=["source_system", "unique_data"])
    audit.record(
        account=account,
        action="id_field.bound",
        object_id=id_field.pk,
        object_label=id_field.name,
        after={"source_system": system_name, "kind": kind, "unique_data": unique_data},
        by=by,
    )
    return id_field


def _check_answers(unique_data: str, kind: str, system_name: str) -> None:
    errors = []
    if not unique_data:
        errors.append(FieldError("unique_data", "required", "Say what your system calls it, such as Customer number."))
    if len(unique_data) > 100:
        errors.append(FieldError("unique_data", "too_long", "Use at most 100 characters."))
    if kind not in KIND_LABELS:
        errors.append(FieldError("kind", "invalid_choice", "Choose a system from the list, or Other system."))
    if kind == OTHER and not system_name:
        errors.append(FieldError("system_name", "required", "Give the system a name, so that people can tell."))
    if len(system_name) > 100:
        errors.append(FieldError("system_name", "too_long", "Use at most 100 characters."))
    if errors:
        raise ValidationFailed(errors)


def _source_system(account: Account, kind: str, name: str, by: Actor) -> SourceSystem:
    """The account's system of this name, made when new. One system may have several kinds of ids."""
    systems = SourceSystem.objects.for_account(account)
    system: SourceSystem | None = systems.filter(name=name).first()
    if system is None:
        created: SourceSystem = systems.create(kind=kind, name=name, created_by=by.label)
        return created
    if system.kind != kind:
        raise ValidationFailed.of(
            "system_name",
            "taken",
            f"{name} is already the name of a {system.get_kind_display()} system; choose another name.",
        )
    return system
