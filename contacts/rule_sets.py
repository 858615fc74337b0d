"""Reads of rule sets: what they say, what a preview found, which values are commonest."""

from collections.abc import Collection, Iterable
from typing import Any

from accounts.models import Account
from contacts import groups
from contacts.matching import TOO_COMMON
from contacts.models import Contact, ContactField, Preview, PreviewPair, RuleSet, Signature

COMMONEST = 10
"""Values that are shown for each rule."""


def rules_of(rule_set: RuleSet) -> list[Signature]:
    """The signatures of its rules, in order."""
    found = Signature.objects.for_account(rule_set.account_id).in_bulk(rule_set.rules)
    return [found[pk] for pk in rule_set.rules]


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


def common_values(account: Account) -> list[tuple[str, list[str]]]:
    """For each of the current rules, the values that most contacts share."""
    current = RuleSet.objects.for_account(account).get(status=RuleSet.Status.CURRENT)
    result = []
    for signature in rules_of(current):
        found = groups.commonest(account_id=account.pk, signature_id=signature.pk, size=COMMONEST)
        contacts = Contact.objects.for_account(account).in_bulk([contact for _, contact in found])
        lines = [
            f"{_said(signature.fields, contacts[contact].values)}: {group.size} contacts"
            for group, contact in found
            if contact in contacts
        ]
        result.append((str(signature), lines))
    return result


def _said(fields: Iterable[str], values: dict[str, Any]) -> str:
    return " + ".join(str(values.get(name, "")) for name in fields)


def preview_of(rule_set: RuleSet) -> Preview | None:
    """Its preview, with the job that makes it."""
    found: Preview | None = (
        Preview.objects.for_account(rule_set.account_id).select_related("job").filter(rule_set=rule_set).first()
    )
    return found


def preview_lines(rule_set: RuleSet) -> list[tuple[int, str, str]]:
    """Number, rule and findings in words, of each rule that was looked at so far."""
    preview = preview_of(rule_set)
    found = [] if preview is None else preview.job.progress.get("rules", [])
    return [
        (number, str(rule), _in_words(finding))
        for number, (rule, finding) in enumerate(zip(rules_of(rule_set), found, strict=False), start=1)
    ]


def _in_words(finding: dict[str, Any]) -> str:
    if not finding["pairs"]:
        said = "Matches nobody that the rules of now, or those before it, do not match."
    else:
        said = f"{finding['groups']:,} groups of {finding['contacts']:,} contacts, {finding['pairs']:,} pairs."
    if finding["joining"]:
        said += (
            f" Careful: {finding['joining']:,} pairs have two ids of one system. To that system they are two customers."
        )
    common = [size for _, size in finding["common"] if size > TOO_COMMON]
    if common:
        said += f" The commonest value is shared by {common[0]:,} contacts, too many to identify anybody."
    return said


def preview_progress(preview: Preview) -> str:
    """How far it is, in words."""
    progress = preview.job.progress
    if "change" in progress:
        return f"Looking at rule {progress['rule'] + 1} …"
    return f"Building: {progress.get('contacts', 0):,} of {progress.get('total', 0):,} contacts …"


def pairs_of(rule_set: RuleSet) -> Iterable[PreviewPair]:
    """Every pair of its preview, in the order in which they were found."""
    rows = PreviewPair.objects.for_account(rule_set.account_id).filter(preview__rule_set=rule_set)
    found: Iterable[PreviewPair] = rows.select_related("id_field").order_by("pk").iterator()
    return found


def has_pairs(rule_set: RuleSet) -> bool:
    """Whether its preview found any."""
    rows = PreviewPair.objects.for_account(rule_set.account_id)
    return bool(rows.filter(preview__rule_set=rule_set).exists())
