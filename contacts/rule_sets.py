"""Reads of rule sets: what they say, what a preview found, which values are commonest."""

from collections.abc import Collection, Iterable
from typing import Any

from accounts.models import Account
from contacts import groups
from contacts.catalogue import BUILT_IN_FIELDS
from contacts.matching import TOO_COMMON
from contacts.models import ContactField, Job, Policy, Preview, PreviewPair, RuleSet, Signature

COMMONEST = 10
"""Values that are shown for each rule."""
SHARED_BY_MANY = frozenset(name for name, _, type_ in BUILT_IN_FIELDS if type_ not in {"email", "phone"})
"""Built-in contact fields that identify nobody by themselves."""
TO_LATER_WRITES = {
    Policy.CREATE: "a later write with it is linked to none of them, but gets a contact of its own and a review item.",
    Policy.REJECT: "a later write with it is linked to none of them, but refused with 409.",
}


def coming(account: Account) -> RuleSet | None:
    """The rule set that is being built or waits for publication."""
    waiting = (RuleSet.Status.BUILDING, RuleSet.Status.READY)
    rows = RuleSet.objects.for_account(account).select_related("account")
    found: RuleSet | None = rows.filter(status__in=waiting).first()
    return found


def fields_for_rules(account: Account, but: Collection[str]) -> dict[str, str]:
    """The contact fields that a rule may name, with what people call them. `but`: types that identify nobody."""
    rows = ContactField.objects.for_account(account).filter(retired_at__isnull=True).exclude(type__in=but)
    return {name: f"{label} ({name})" for name, label in rows.values_list("name", "label")}


Common = list[tuple[str, list[str]]]
"""Rules, each with the values that most contacts share, and how many those are."""


def common_values(account: Account) -> Common:
    """Of the current rules."""
    current = RuleSet.objects.for_account(account).get(status=RuleSet.Status.CURRENT)
    return _told(
        account.pk,
        [
            (signature, groups.commonest(account_id=account.pk, signature_id=signature.pk, size=COMMONEST))
            for signature in current.signatures
        ],
    )


def tells_values(rule_set: RuleSet) -> bool:
    """Whether its preview is there to decide by, so that the commonest values are told."""
    preview = preview_of(rule_set)
    return (
        rule_set.status == RuleSet.Status.READY
        and preview is not None
        and preview.job.state == Job.State.COMPLETED
        and any(finding["common"] for finding in preview.job.progress["rules"])
    )


def values_in_preview(rule_set: RuleSet) -> Common:
    """Of the rules that a preview looked at; those that are asked now are told before a draft."""
    preview = preview_of(rule_set)
    found = [] if preview is None else preview.job.progress.get("rules", [])
    of_rules = zip(rule_set.signatures, found, strict=False)
    return _told(
        rule_set.account_id,
        [(signature, [groups.Group(*each) for each in finding["common"]]) for signature, finding in of_rules],
    )


def _told(account_id: int, found: Iterable[tuple[Signature, list[groups.Group]]]) -> Common:
    """In words: the values of a contact that holds each key, of the fields of its rule alone."""
    found = list(found)
    keys = [(signature.pk, group.key) for signature, some in found for group in some]
    values = groups.examples(account_id=account_id, keys=keys)
    return [
        (
            str(signature),
            [
                f"{_said(signature.fields, values[signature.pk, group.key])}: {_how_many(group.size)}"
                for group in some
                if (signature.pk, group.key) in values
            ],
        )
        for signature, some in found
    ]


def _said(fields: Iterable[str], values: dict[str, Any]) -> str:
    return " + ".join(str(values.get(name, "")) for name in fields)


def _how_many(size: int) -> str:
    return _some(size, "contact") + (", too many to identify anybody" if size > TOO_COMMON else "")


def _some(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def preview_of(rule_set: RuleSet) -> Preview | None:
    """Its preview, if it has one; asked for once for each row."""
    found: Preview | None = getattr(rule_set, "preview", None)
    return found


def preview_lines(rule_set: RuleSet) -> list[tuple[int, str, str]]:
    """Number, rule and findings in words, of each rule that was looked at so far."""
    preview = preview_of(rule_set)
    found = [] if preview is None else preview.job.progress.get("rules", [])
    return [
        (number, str(rule), _in_words(rule, finding, Policy(rule_set.policy)))
        for number, (rule, finding) in enumerate(zip(rule_set.signatures, found, strict=False), start=1)
    ]


def _in_words(rule: Signature, finding: dict[str, Any], policy: Policy) -> str:
    if not finding["pairs"]:
        said = "Matches nobody that the rules of now, or those before it, do not match."
    else:
        groups_of = f"{_some(finding['groups'], 'group')} of {_some(finding['contacts'], 'contact')}"
        said = f"{groups_of}, {_some(finding['pairs'], 'pair')}."
    if finding["joining"]:
        said += (
            f"\nCareful: the contacts of {_some(finding['joining'], 'pair')} have two ids of one system. "
            "To that system they are two customers."
        )
    common = [size for _, size in finding["common"] if size > TOO_COMMON]
    if common:
        said += (
            f"\nToo common: one value is shared by {common[0]:,} contacts, too many to identify anybody: "
            f"{TO_LATER_WRITES[policy]}"
        )
    if len(rule.fields) == 1 and rule.fields[0] in SHARED_BY_MANY:
        said += (
            f"\nCareful: different people have the same {rule.fields[0]}. With this field alone a later write links "
            "one to another, and their values mix. Add a field that tells them apart."
        )
    return said


def preview_progress(preview: Preview) -> str:
    """How far it is, in words."""
    progress = preview.job.progress
    if "change" in progress:
        return f"Looking at rule {progress['rule'] + 1} …"
    if "total" not in progress:
        return "Waiting to begin …"
    return f"Building: {progress['contacts']:,} of {_some(progress['total'], 'contact')} …"


def pairs_of(rule_set: RuleSet) -> Iterable[PreviewPair]:
    """Every pair of its preview, in the order in which they were found."""
    rows = PreviewPair.objects.for_account(rule_set.account_id).filter(preview__rule_set=rule_set)
    found: Iterable[PreviewPair] = rows.select_related("id_field").order_by("pk").iterator()
    return found


def has_pairs(rule_set: RuleSet) -> bool:
    """Whether its preview found any."""
    rows = PreviewPair.objects.for_account(rule_set.account_id)
    return bool(rows.filter(preview__rule_set=rule_set).exists())
