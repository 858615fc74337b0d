"""An account's contact base: id fields, source systems, contact fields."""

import secrets
from collections.abc import Callable, Collection, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from accounts.actor import Actor
from accounts.errors import Conflict, FieldError, NotFound, ValidationFailed
from accounts.models import Account
from accounts.services import audit
from accounts.text import ON_ONE_LINE, is_writable
from contacts import normalise, search_terms
from contacts.catalogue import BUILT_IN_FIELDS, DEFAULT_ID_FIELD, KIND_LABELS, OTHER
from contacts.models import (
    ContactBook,
    ContactField,
    FieldType,
    IdField,
    Policy,
    RuleSet,
    SearchIndex,
    Signature,
    SourceSystem,
)
from contacts.services import store

MAX_CHOICES = 500
MAX_CHOICE = 100


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
    SearchIndex.objects.for_account(account).create(version=search_terms.VERSION, phone_region=account.phone_region)
    return book


@transaction.atomic
def add_id_field(*, account: Account, name: str, label: str, by: Actor) -> IdField:
    """Adds an extra id field, free until an authentication binds a source system to it.

    Raises ValidationFailed when the name is taken, is a contact field's, or has a wrong form.
    """
    store.lock(account.pk)
    id_field = IdField(account=account, name=name, label=label or name, created_by=by.label)
    errors = _faults(id_field) + _taken(account, name)
    if errors:
        raise ValidationFailed(errors)
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
def retire_id_field(*, id_field: IdField, is_in_use: Callable[[IdField], bool], by: Actor) -> IdField:
    """Lets an id field take no ids and no authentication any more; the ids in it stay readable. Once retired, it stays
    so.

    `is_in_use` says whether it has a live authentication, asked while nobody can bind the field. Raises Conflict
    `id_field_in_use`, `id_field_retired`.
    """
    store.lock(id_field.account_id)  # so that no write is under way
    locked: IdField = _bindable(id_field.account_id).select_related("account").get(pk=id_field.pk)
    if locked.retired_at is not None:
        raise Conflict(f"{locked.name} is retired already.", code="id_field_retired")
    if is_in_use(locked):
        raise Conflict(f"{locked.name} has a live authentication. Revoke that first.", code="id_field_in_use")
    locked.retired_at, locked.retired_by = timezone.now(), by.label
    locked.save(update_fields=["retired_at", "retired_by"])
    audit.record(
        account=locked.account,
        action="id_field.retired",
        object_id=locked.pk,
        object_label=locked.name,
        by=by,
    )
    return locked


@transaction.atomic
def add_contact_field(
    *, account: Account, name: str, label: str, type: str, choices: Sequence[str], by: Actor
) -> ContactField:
    """Adds a contact field of the account's own. Its name and type never change.

    Raises ValidationFailed (`name`, `label`, `type`, `choices`).
    """
    store.lock(account.pk)
    last = ContactField.objects.for_account(account).aggregate(last=Max("position"))["last"]
    field = ContactField(
        account=account,
        name=name,
        label=label.strip() or name,
        type=type,
        choices=[choice.strip() for choice in choices],
        position=0 if last is None else last + 1,
    )
    errors = _faults(field, but=("type", "choices")) + _taken(account, name)
    if type not in FieldType.values:
        errors.append(FieldError("type", "invalid_choice", f"Choose one of {', '.join(FieldType.values)}."))
    elif fault := _fault_of_choices(field):
        errors.append(fault)
    if errors:
        raise ValidationFailed(errors)
    field.save(force_insert=True)
    _record(field, "added", by, after={"label": field.label, "type": field.type, "choices": field.choices})
    return field


@transaction.atomic
def relabel(*, account: Account, name: str, label: str, by: Actor) -> ContactField:
    """Changes what people call a contact field.

    Raises NotFound `contact_field_not_found`, ValidationFailed (`label`).
    """
    field = _locked(account, name)
    before, field.label = field.label, label.strip()
    errors = _faults(field, but=("choices",))
    if errors:
        raise ValidationFailed(errors)
    if field.label != before:
        field.save(update_fields=["label"])
        _record(field, "relabelled", by, before={"label": before}, after={"label": field.label})
    return field


@transaction.atomic
def add_choices(*, account: Account, name: str, choices: Sequence[str], by: Actor) -> ContactField:
    """Adds choices to a choice field, after those there are, which stay.

    Raises NotFound `contact_field_not_found`, Conflict `retired_field`, ValidationFailed (`choices`).
    """
    field = _locked(account, name)
    if field.retired_at is not None:
        raise Conflict(f"{name} is retired and takes no values any more.", code="retired_field")
    added = [choice.strip() for choice in choices]
    if not added:
        raise ValidationFailed.of("choices", "required", "Give at least one choice.")
    field.choices = [*field.choices, *added]
    if fault := _fault_of_choices(field):
        raise ValidationFailed([fault])
    field.save(update_fields=["choices"])
    _record(field, "choices_added", by, after={"choices": added})
    return field


@transaction.atomic
def retire(*, account: Account, name: str, by: Actor) -> ContactField:
    """Lets a contact field take no values any more; those that contacts have stay readable. Once retired, it stays so.

    Raises NotFound `contact_field_not_found`, Conflict `field_in_use` while a rule of the current rule set, or of one
    that is to follow it, asks for the field.
    """
    field = _locked(account, name)
    if field.retired_at is not None:
        return field
    book = ContactBook.objects.for_account(account).select_related("rule_set", "building").get()
    signatures = {pk for rule_set in (book.rule_set, book.building) if rule_set for pk in rule_set.rules}
    for rule in Signature.objects.for_account(account).filter(pk__in=signatures):
        if name in rule.fields:
            raise Conflict(
                f"The rule {rule} finds contacts by {name}. Publish rules without it first.", code="field_in_use"
            )
    field.retired_at, field.retired_by = timezone.now(), by.label
    field.save(update_fields=["retired_at", "retired_by"])
    _record(field, "retired", by)
    return field


def _locked(account: Account, name: str) -> ContactField:
    """The contact field, once no writer or publication is under way. Raises NotFound."""
    store.lock(account.pk)
    # Compared here: a database refuses names that it can't store.
    field: ContactField | None = {row.name: row for row in ContactField.objects.for_account(account)}.get(name)
    if field is None:
        raise NotFound("There is no such contact field in this account.", code="contact_field_not_found")
    return field


def _taken(account: Account, name: str) -> list[FieldError]:
    """Whether a contact field or an id field has the name: calls and import files name both alike."""
    for model, what in ((ContactField, "A contact field"), (IdField, "An id field")):
        if name in model.objects.for_account(account).values_list("name", flat=True):
            return [FieldError("name", "taken", f"{what} has this name already; choose another.")]
    return []


def _faults(row: IdField | ContactField, *, but: Collection[str] = ()) -> list[FieldError]:
    """What the model says of its own fields, and the characters of the label."""
    errors: list[FieldError] = []
    try:
        row.full_clean(exclude=but, validate_constraints=False)
    except ValidationError as refusal:
        errors = ValidationFailed.of_model(refusal.error_dict).errors
    if row.label != row.name and not is_writable(row.label):
        errors.append(FieldError("label", "invalid_characters", ON_ONE_LINE))
    return errors


def _fault_of_choices(field: ContactField) -> FieldError | None:
    """The first thing that is wrong with a contact field's choices, which are trimmed already."""
    choices: list[str] = field.choices
    if field.type not in {FieldType.CHOICE, FieldType.MULTIPLE_CHOICE}:
        detail = f"A field of type {field.type} has no choices; leave them out."
        return FieldError("choices", "not_a_choice", detail) if choices else None
    folded = {normalise.canonical(field.type, choice, "") for choice in choices}
    checks = (
        (bool(choices) and all(choices), "required", "Give at least one choice, and a text for each."),
        (len(choices) <= MAX_CHOICES, "too_many", f"A field has at most {MAX_CHOICES} choices."),
        (max(map(len, choices), default=0) <= MAX_CHOICE, "too_long", f"A choice has at most {MAX_CHOICE} characters."),
        (all(map(is_writable, choices)), "invalid_characters", "Write each on one line, without control characters."),
        # As they are compared: rules could not tell “red” and “Red” apart.
        (len(folded) == len(choices), "taken", "Each choice is there once, whatever its case and spaces."),
    )
    return next((FieldError("choices", code, detail) for fine, code, detail in checks if not fine), None)


def _record(
    field: ContactField,
    done: str,
    by: Actor,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    audit.record(
        account=field.account,
        action=f"contact_field.{done}",
        object_id=field.pk,
        object_label=field.name,
        before=before,
        after=after,
        by=by,
    )


@transaction.atomic
def bind(*, account: Account, id_field_id: int, unique_data: str, kind: str, system_name: str, by: Actor) -> IdField:
    """Binds an id field to its source system for good, or confirms the one it has.

    An id field that was used before keeps its system and the name of its unique data: giving others is refused,
    because the ids in it are that system's. A free one takes the system of that kind and name, made if new.

    Raises NotFound for another account's id field, ValidationFailed (`unique_data`, `kind`, `system_name`),
    Conflict `id_field_of_other_system`, `id_field_retired`.
    """
    id_field: IdField | None = _bindable(account.pk).filter(pk=id_field_id).first()
    if id_field is None:
        raise NotFound("There is no such id field in this account.", code="id_field_not_found")
    if id_field.retired_at is not None:
        raise Conflict(f"{id_field.name} is retired. Choose another id field.", code="id_field_retired")
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


def _bindable(account_id: int) -> Any:
    """An account's id fields, each locked against whoever else would bind or retire it."""
    return IdField.objects.for_account(account_id).select_for_update(of=("self",))


def _check_answers(unique_data: str, kind: str, system_name: str) -> None:
    errors = []
    if not unique_data:
        errors.append(FieldError("unique_data", "required", "Say what your system calls it, such as Customer number."))
    if len(unique_data) > 100:
        errors.append(FieldError("unique_data", "too_long", "Use at most 100 characters."))
    if not is_writable(unique_data):
        errors.append(FieldError("unique_data", "invalid_characters", ON_ONE_LINE))
    if kind not in KIND_LABELS:
        errors.append(FieldError("kind", "invalid_choice", "Choose a system from the list, or Other system."))
    if kind == OTHER and not system_name:
        errors.append(FieldError("system_name", "required", "Give the system a name, so that people can tell."))
    if len(system_name) > 100:
        errors.append(FieldError("system_name", "too_long", "Use at most 100 characters."))
    if not is_writable(system_name):
        errors.append(FieldError("system_name", "invalid_characters", ON_ONE_LINE))
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
