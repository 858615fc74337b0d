"""The life of a rule set: building → ready → current → superseded, or cancelled.

A publication never stops the writers for longer than one chunk: keys of new signatures are built while the current
rules go on deciding, and the switch is one update under the account's lock. Unchanged signatures are reused.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from phonenumbers import SUPPORTED_REGIONS

from accounts.actor import Actor
from accounts.errors import Conflict, FieldError, NotFound, ValidationFailed
from accounts.models import Account
from accounts.services import audit
from contacts import groups, matching, normalise
from contacts.models import ContactBook, ContactField, MatchKey, Policy, RuleSet, Signature
from contacts.services import saving, store

MAX_RULES = 10
MAX_FIELDS = 5
MAX_BLOCKED = 1000
CHUNK = 5000
"""Contacts whose match keys are built in one go: as long as that takes, the account's writers wait."""
IDENTIFY_NOBODY = {"boolean", "multiple_choice"}
"""Types of contact fields that can't be part of a rule."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What a rule set says: rules as lists of contact fields, conflict policy, blocked values by contact field."""

    rules: Sequence[Sequence[str]]
    policy: str = Policy.CREATE
    blocked: Mapping[str, Sequence[str]] = field(default_factory=dict)
    folds_plus_tags: bool = False
    phone_region: str = ""
    """ISO 3166-1; left empty, the account's."""


def draft_of(*, rule_set: RuleSet) -> Draft:
    """What a rule set says, to start a draft from."""
    return Draft(
        rules=[signature.fields for signature in rule_set.signatures],
        policy=rule_set.policy,
        blocked=rule_set.blocked,
        folds_plus_tags=any(signature.folds_plus_tags for signature in rule_set.signatures),
        phone_region=rule_set.phone_region,
    )


@transaction.atomic
def begin(*, account: Account, draft: Draft, by: Actor) -> RuleSet:
    """Makes the next rule set of an account; from now on writers maintain the keys of its signatures too.

    It is building, or ready at once when all its signatures are those of the current one. Raises ValidationFailed
    (`rules`, `policy`, `blocked`, `phone_region`), Conflict `publication_in_progress`.
    """
    store.lock(account.pk)
    book = ContactBook.objects.for_account(account).get()
    if book.building_id is not None:
        raise Conflict(
            "Another rule set is being published. Wait until it is current, or cancel it.",
            code="publication_in_progress",
        )
    region = draft.phone_region or account.phone_region
    types = _check(account, draft, region)
    signatures = [_signature(account, list(rule), types, draft.folds_plus_tags, region) for rule in draft.rules]
    current = RuleSet.objects.for_account(account).get(pk=book.rule_set_id)
    is_ready = {signature.pk for signature in signatures} <= set(current.rules)
    rows = RuleSet.objects.for_account(account)
    rule_set: RuleSet = rows.create(
        number=rows.aggregate(last=Max("number"))["last"] + 1,
        status=RuleSet.Status.READY if is_ready else RuleSet.Status.BUILDING,
        rules=[signature.pk for signature in signatures],
        policy=draft.policy,
        blocked={name: list(values) for name, values in draft.blocked.items() if values},
        phone_region=region,
        created_by=by.label,
    )
    book.building = rule_set
    ContactBook.objects.for_account(account).save_fields(book, "building")
    said = {"rules": [list(rule) for rule in draft.rules], "policy": str(draft.policy), "phone_region": region}
    _record(account, "rule_set.begun", rule_set, by, said)
    return rule_set


@transaction.atomic
def build(*, account: Account, rule_set_id: int, size: int = CHUNK) -> bool:
    """Builds the match keys of the next `size` contacts, in the order of their ids; true when there are no more.

    Raises NotFound `rule_set_not_found`, Conflict `rule_set_not_building`.
    """
    book = store.lock(account.pk)
    rule_set = find(account=account, rule_set_id=rule_set_id)
    if rule_set.status == RuleSet.Status.READY:
        return True
    if rule_set.status != RuleSet.Status.BUILDING:
        raise Conflict(f"{rule_set} is {rule_set.get_status_display().lower()}.", code="rule_set_not_building")
    reused = {rule.signature.id for rule in book.rules.asked}
    new = [signature for signature in book.rules.signatures if signature.id not in reused]
    names = {name for signature in new for name in signature.names}
    contacts = groups.contacts(account_id=account.pk, fields=names, after=rule_set.built_to, size=size)
    keys = ((signature.id, pk, matching.key(signature, values)) for pk, values in contacts for signature in new)
    saving.put_keys(book, [(signature, pk, key) for signature, pk, key in keys if key is not None])
    rule_set.built_to = contacts[-1][0] if contacts else rule_set.built_to
    if len(contacts) < size:
        rule_set.status = RuleSet.Status.READY
    RuleSet.objects.for_account(account).save_fields(rule_set, "built_to", "status")
    return rule_set.status == RuleSet.Status.READY


@transaction.atomic
def switch(*, account: Account, rule_set_id: int, previewed: Mapping[str, Any] | None = None, by: Actor) -> RuleSet:
    """Makes a ready rule set the current one: the next write is decided by it. `previewed`: what a preview showed, for
    the account's activity.

    Raises NotFound `rule_set_not_found`, Conflict `rule_set_not_ready`.
    """
    store.lock(account.pk)
    rule_set = find(account=account, rule_set_id=rule_set_id)
    if rule_set.status != RuleSet.Status.READY:
        raise Conflict(f"{rule_set} is {rule_set.get_status_display().lower()}, not ready.", code="rule_set_not_ready")
    rows = RuleSet.objects.for_account(account)
    rows.filter(status=RuleSet.Status.CURRENT).update(status=RuleSet.Status.SUPERSEDED)
    rule_set.status = RuleSet.Status.CURRENT
    rows.save_fields(rule_set, "status")
    ContactBook.objects.for_account(account).update(rule_set=rule_set, building=None)
    Account.objects.filter(pk=account.pk).update(phone_region=rule_set.phone_region)
    account.phone_region = rule_set.phone_region
    _retire_signatures(account, rule_set)
    _record(account, "rule_set.published", rule_set, by, None if previewed is None else dict(previewed))
    return rule_set


@transaction.atomic
def cancel(*, account: Account, rule_set_id: int, by: Actor) -> RuleSet:
    """Gives up a rule set that is building or ready.

    Raises NotFound `rule_set_not_found`, Conflict `rule_set_not_building`.
    """
    store.lock(account.pk)
    rule_set = find(account=account, rule_set_id=rule_set_id)
    if rule_set.status not in {RuleSet.Status.BUILDING, RuleSet.Status.READY}:
        raise Conflict(f"{rule_set} is {rule_set.get_status_display().lower()}.", code="rule_set_not_building")
    rule_set.status = RuleSet.Status.CANCELLED
    RuleSet.objects.for_account(account).save_fields(rule_set, "status")
    ContactBook.objects.for_account(account).update(building=None)
    _retire_signatures(account, RuleSet.objects.for_account(account).get(status=RuleSet.Status.CURRENT))
    _record(account, "rule_set.cancelled", rule_set, by)
    return rule_set


def publish(*, account: Account, draft: Draft, size: int = CHUNK, by: Actor) -> RuleSet:
    """Begins, builds to the end and switches. Raises what `begin` raises."""
    rule_set = begin(account=account, draft=draft, by=by)
    while not build(account=account, rule_set_id=rule_set.pk, size=size):
        pass
    rule_set = switch(account=account, rule_set_id=rule_set.pk, by=by)
    while sweep(account=account):
        pass
    return rule_set


@transaction.atomic
def sweep(*, account: Account, size: int = 10_000) -> bool:
    """Deletes match keys of retired signatures, which nobody reads; true while there are more."""
    retired = Signature.objects.for_account(account).filter(retired_at__isnull=False)
    keys = MatchKey.objects.for_account(account).order_by()
    # One by one: together they would be looked for through the whole index.
    stale: list[int] = []
    for signature in retired.values_list("pk", flat=True):
        stale += keys.filter(signature_id=signature).values_list("pk", flat=True)[: size - len(stale)]
    keys.filter(pk__in=stale).delete()
    return len(stale) == size


def find(*, account: Account, rule_set_id: int) -> RuleSet:
    """A rule set of the account. Raises NotFound `rule_set_not_found`."""
    rule_set: RuleSet | None = RuleSet.objects.for_account(account).filter(pk=rule_set_id).first()
    if rule_set is None:
        raise NotFound("There is no such rule set in this account.", code="rule_set_not_found")
    return rule_set


def _check(account: Account, draft: Draft, region: str) -> dict[str, str]:
    """The types of the account's contact fields. Raises ValidationFailed."""
    fields = ContactField.objects.for_account(account).order_by()
    types = dict(fields.filter(retired_at__isnull=True).values_list("name", "type"))
    errors = [FieldError("rules", code, detail) for code, detail in _faults(draft.rules, types)]
    if draft.policy not in Policy.values:
        errors.append(FieldError("policy", "invalid_choice", f"Choose one of {', '.join(Policy.values)}."))
    if region not in SUPPORTED_REGIONS:
        errors.append(FieldError("phone_region", "invalid_choice", "Write a country as two letters, such as NL."))
    if sum(len(values) for values in draft.blocked.values()) > MAX_BLOCKED:
        errors.append(FieldError("blocked", "too_many", f"Block at most {MAX_BLOCKED:,} values."))
    for name, values in draft.blocked.items():
        if name not in types:
            errors.append(FieldError("blocked", "unknown_field", f"There is no contact field “{name}”."))
            continue
        errors += [
            FieldError("blocked", "invalid_value", f"“{value}” can't be a value of {name}.")
            for value in values
            if not _can_be_compared(types[name], value, region)
        ]
    if errors:
        raise ValidationFailed(errors)
    return types


def _can_be_compared(type_: str, value: str, region: str) -> bool:
    try:
        return bool(normalise.canonical(type_, value, region))
    except ValueError:
        return False


def _faults(rules: Sequence[Sequence[str]], types: Mapping[str, str]) -> list[tuple[str, str]]:
    """What is wrong with the rules: code and detail of each fault."""
    faults = []
    if not 1 <= len(rules) <= MAX_RULES:
        faults.append(("wrong_number", f"Give one to {MAX_RULES} rules."))
    for number, rule in enumerate(rules, start=1):
        if not 1 <= len(rule) <= MAX_FIELDS:
            faults.append(("wrong_number", f"Rule {number}: name one to {MAX_FIELDS} contact fields."))
        if len(set(rule)) < len(rule):
            faults.append(("repeated", f"Rule {number} names a contact field twice; leave one out."))
        if list(rule) in [list(other) for other in rules[: number - 1]]:
            faults.append(("repeated", f"Rule {number} is there already; leave it out."))
        for name in rule:
            if name not in types:
                faults.append(("unknown_field", f"Rule {number}: there is no contact field “{name}” in use."))
            elif types[name] in IDENTIFY_NOBODY:
                faults.append(("wrong_type", f"Rule {number}: {name} identifies nobody; use another field."))
    return faults


def _signature(account: Account, fields: list[str], types: Mapping[str, str], folds: bool, region: str) -> Signature:
    """The live signature of these fields, made when new. Folding and region count where they change a key."""
    folds = folds and any(types[name] == "email" for name in fields)
    live = Signature.objects.for_account(account).filter(
        fields=fields, folds_plus_tags=folds, normaliser=normalise.VERSION, retired_at__isnull=True
    )
    if any(types[name] == "phone" for name in fields):
        live = live.filter(phone_region=region)
    signature: Signature | None = live.first()
    if signature is None:
        signature = Signature.objects.for_account(account).create(
            fields=fields, folds_plus_tags=folds, phone_region=region, normaliser=normalise.VERSION
        )
    return signature


def _retire_signatures(account: Account, current: RuleSet) -> None:
    """Those that are not the current rule set's get no keys any more, and those that they have are swept."""
    live = Signature.objects.for_account(account).filter(retired_at__isnull=True)
    live.exclude(pk__in=current.rules).update(retired_at=timezone.now())


def _record(account: Account, action: str, rule_set: RuleSet, by: Actor, after: dict[str, Any] | None = None) -> None:
    audit.record(account=account, action=action, object_id=rule_set.pk, object_label=str(rule_set), after=after, by=by)
