"""Changing the rules with open eyes: a draft is built beside the current rules, shown what it would newly match over
the whole base, and published only as it was shown.

Nothing that anybody else sees is written on the way: match keys of new signatures, and the preview itself.
"""

from collections.abc import Iterable, Sequence
from heapq import nlargest
from typing import Any
from uuid import UUID

from django.db import transaction
from django_tasks import task

from accounts.actor import Actor
from accounts.errors import Conflict
from accounts.models import Account
from accounts.services import audit
from contacts import groups
from contacts.groups import Group, NewPair
from contacts.matching import TOO_COMMON, Rule
from contacts.models import Change, Contact, Job, MatchKey, Preview, PreviewPair, ReviewItem, RuleSet
from contacts.services import jobs, rules, store
from contacts.services.rules import Draft
from contacts.services.store import Book
from contacts.sql import rows, sent
from contacts.sql import run as run_sql

KEYS = 50_000
"""Shared keys that are looked at in one go."""
PAIRS = 50_000
"""Pairs that are looked at in one go: how many keys have them depends on how many share a key."""
ITEMS = 1000
"""Review items that are opened in one go: as long as that takes, the account's writers wait."""
COMMON = 10
"""Commonest keys that are kept for each rule."""
MAX_CHANGED = 5000
"""Contacts that may have changed between a preview and its publication."""
NEW_PAIRS = 20
"""Pairs that a preview did not show and that a publication accepts, unless the partner says another number."""

Findings = list[dict[str, Any]]
"""For each rule: `groups` that it would newly match, their `contacts` and `pairs`, how many of those are `joining` two
ids of one system, and the `common` keys with the number of contacts that hold them."""


@transaction.atomic
def begin(*, account: Account, draft: Draft, by: Actor) -> RuleSet:
    """Makes the next rule set of an account, and has it built and previewed. Raises what `rules.begin` raises."""
    rule_set = rules.begin(account=account, draft=draft, by=by)
    job = jobs.begin(account=account, task=run, by=by)
    Preview.objects.for_account(account).create(rule_set=rule_set, job=job)
    return rule_set


@transaction.atomic
def again(*, account: Account, rule_set_id: int, by: Actor) -> None:
    """Has the preview of a rule set that waits for publication made anew.

    Raises NotFound `rule_set_not_found`, Conflict `preview_under_way`, `rule_set_not_ready`.
    """
    store.lock(account.pk)
    preview = _preview(account, rule_set_id)
    if preview.job.state not in Job.ENDED:
        raise Conflict("The preview is being made already. Wait for it.", code="preview_under_way")
    PreviewPair.objects.for_account(account).filter(preview=preview).delete()
    preview.job = jobs.begin(account=account, task=run, by=by)
    Preview.objects.for_account(account).save_fields(preview, "job")


@transaction.atomic
def discard(*, account: Account, rule_set_id: int, by: Actor) -> RuleSet:
    """Gives a rule set up that is not current yet, and its preview with it. Raises what `rules.cancel` raises."""
    rule_set = rules.cancel(account=account, rule_set_id=rule_set_id, by=by)
    preview = Preview.objects.for_account(account).select_related("job").filter(rule_set=rule_set).first()
    if preview is not None:
        PreviewPair.objects.for_account(account).filter(preview=preview).delete()
        if preview.job.state not in Job.ENDED:
            jobs.cancel(job=preview.job, by=by)
    jobs.begin(account=account, task=tidy_up, by=by)
    return rule_set


@transaction.atomic
def publish(*, account: Account, rule_set_id: int, limit: int = NEW_PAIRS, by: Actor) -> int:
    """Makes a rule set current as its preview showed it; the number of pairs that came since and were accepted.

    Only contacts that changed since the preview are looked at again, under the lock. Raises NotFound
    `rule_set_not_found`, Conflict `rule_set_not_ready`, `preview_under_way`, and `preview_outdated` when too much has
    changed: more pairs than the `limit`, or a pair of a kind that the preview did not show (of a rule that had none,
    or the first that joins two ids of one system).
    """
    book = store.lock(account.pk)
    preview = _preview(account, rule_set_id)
    if preview.job.state != Job.State.COMPLETED:
        raise Conflict("The preview is not complete. Wait for it, or make it anew.", code="preview_under_way")
    came = _came_since(book, preview)
    _check(preview, came, limit)
    previewed = {"rules": _counts(findings_of(preview=preview)), "pairs_since": len(came)}
    rules.switch(account=account, rule_set_id=rule_set_id, previewed=previewed, by=by)
    _keep(preview, came)
    jobs.begin(account=account, task=tidy_up, by=by)
    return len(came)


@transaction.atomic
def open_items(*, account: Account, rule_set_id: int, by: Actor) -> None:
    """Has review items opened for what the preview of the current rules showed: nobody is merged without a person.

    Raises NotFound `rule_set_not_found`, Conflict `rule_set_not_current`.
    """
    rule_set = rules.find(account=account, rule_set_id=rule_set_id)
    if rule_set.status != RuleSet.Status.CURRENT:
        raise Conflict(f"{rule_set} is {rule_set.get_status_display().lower()}.", code="rule_set_not_current")
    jobs.begin(account=account, task=open_items_in_the_background, by=by)
    audit.record(
        account=account,
        action="rule_set.sent_to_review",
        object_id=rule_set.pk,
        object_label=str(rule_set),
        by=by,
    )


@task()
def open_items_in_the_background(*, job_id: str, number: int) -> None:
    """An attempt at opening review items, by a worker."""
    jobs.attempt(job_id=UUID(job_id), number=number, work=_open_items)


@task()
def run(*, job_id: str, number: int) -> None:
    """An attempt at building and previewing a rule set, by a worker."""
    jobs.attempt(job_id=UUID(job_id), number=number, work=_work)


@task()
def tidy_up(*, job_id: str, number: int) -> None:
    """An attempt at deleting what nobody reads any more, match keys and pairs of earlier previews, by a worker."""
    jobs.attempt(job_id=UUID(job_id), number=number, work=_tidy_up)


def findings_of(*, preview: Preview) -> Findings:
    """What a preview has found so far."""
    found: Findings = preview.job.progress.get("rules", [])
    return found


def _preview(account: Account, rule_set_id: int) -> Preview:
    """The preview of a rule set that may be published one day. Raises NotFound, Conflict."""
    rule_set = rules.find(account=account, rule_set_id=rule_set_id)
    preview: Preview | None = (
        Preview.objects.for_account(account).select_related("job", "rule_set").filter(rule_set=rule_set).first()
    )
    if preview is None or rule_set.status not in {RuleSet.Status.BUILDING, RuleSet.Status.READY}:
        raise Conflict(f"{rule_set} is {rule_set.get_status_display().lower()}.", code="rule_set_not_ready")
    return preview


def _work(job: Job) -> None:
    preview: Preview = Preview.objects.for_account(job.account_id).select_related("rule_set__account").get(job=job)
    account = preview.rule_set.account
    progress = job.progress
    while "change" not in progress:
        with transaction.atomic():
            book = store.lock(account.pk)
            if rules.build(account=account, rule_set_id=preview.rule_set_id, size=rules.CHUNK):
                # What changes from here on is looked at again when the rules are published.
                progress = progress | {"change": book.last_change, "rule": 0, "after": None, "rules": []}
            else:
                progress = _built(account, progress)
            jobs.step(job=job, progress=progress)
    with transaction.atomic():
        book = store.lock(account.pk)
    while progress["rule"] < len(book.coming):
        progress = _look(job, preview, book, progress)


def _built(account: Account, progress: dict[str, Any]) -> dict[str, Any]:
    """The progress after another chunk of contacts. They are counted once, and not at all when no key is missing."""
    if "total" not in progress:
        progress = {"contacts": 0, "total": Contact.objects.for_account(account).count()}
    return progress | {"contacts": min(progress["contacts"] + rules.CHUNK, progress["total"])}


def _tidy_up(job: Job) -> None:
    account = Account.objects.get(pk=job.account_id)
    over = PreviewPair.objects.for_account(account).filter(preview__rule_set__status=RuleSet.Status.SUPERSEDED)
    over.delete()
    while rules.sweep(account=account):
        jobs.beat(job=job)


def _open_items(job: Job) -> None:
    """Chunk by chunk. A pair that has an item keeps it, whatever was decided; one that no key holds together any more
    gets none."""
    after = job.progress.get("after", 0)
    while True:
        with transaction.atomic():
            book = store.lock(job.account_id)
            pairs = list(
                PreviewPair.objects.for_account(job.account_id)
                .filter(preview__rule_set_id=book.rule_set_id, pk__gt=after)
                .order_by("pk")[:ITEMS]
            )
            if not pairs:
                return
            signatures = {rule.number: rule.signature.id for rule in book.rules.asked}
            contacts = {contact for pair in pairs for contact in (pair.contact_id, pair.other_id)}
            held = MatchKey.objects.for_account(job.account_id).filter(
                contact_id__in=contacts, signature_id__in=signatures.values()
            )
            keys = {(contact, of): key for contact, of, key in held.values_list("contact_id", "signature_id", "key")}
            ReviewItem.objects.for_account(job.account_id).bulk_create(
                (
                    _item(book, pair)
                    for pair in pairs
                    if keys.get((pair.contact_id, signatures[pair.rule]), pair.contact_id)
                    == keys.get((pair.other_id, signatures[pair.rule]), pair.other_id)
                ),
                ignore_conflicts=True,
            )
            after = pairs[-1].pk
            jobs.step(job=job, progress={"after": after})


def _item(book: Book, pair: PreviewPair) -> ReviewItem:
    kind = ReviewItem.Kind.POSSIBLE_DUPLICATE if pair.id_field_id is None else ReviewItem.Kind.ID_CONFLICT
    return ReviewItem(
        kind=kind, contact_id=pair.contact_id, other_id=pair.other_id, rule_set_id=book.rule_set_id, rule=pair.rule
    )


def _look(job: Job, preview: Preview, book: Book, progress: dict[str, Any]) -> dict[str, Any]:
    """Takes the next keys of a rule that several contacts hold; the progress after it. Of a rule that is asked now
    there is nothing to look for."""
    number = progress["rule"]
    rule, after = book.coming[number], progress["after"]
    findings = list(progress["rules"])
    if len(findings) == number:
        findings.append({"groups": 0, "contacts": 0, "pairs": 0, "joining": 0, "common": []})
    found: list[Group] = []
    if not any(groups.is_part_of(rule, each) for each in _known(book, rule)):
        found = groups.groups(account_id=book.account_id, signature_id=rule.signature.id, after=after, size=KEYS)
    some = _first_of(found)
    pairs = _new_pairs(book, rule, some)
    findings[number] = _added(findings[number], some, pairs)
    ended = len(found) < KEYS and len(some) == len(found)
    progress = progress | {
        "rules": findings,
        "rule": number + ended,
        "after": None if ended else some[-1].key,
    }
    with transaction.atomic():
        _keep(preview, [(rule, pair) for pair in pairs])
        jobs.step(job=job, progress=progress)
    return progress


def _first_of(found: Sequence[Group]) -> Sequence[Group]:
    """As many as have no more than PAIRS pairs, one at least."""
    pairs = 0
    for number, group in enumerate(found):
        pairs += 0 if group.size > TOO_COMMON else group.size * (group.size - 1) // 2
        if pairs > PAIRS and number:
            return found[:number]
    return found


def _known(book: Book, rule: Rule) -> list[Rule]:
    """The rules whose matches are not new: those of now, and those that are asked before it."""
    return [*book.rules.asked, *(each for each in book.coming if each.number < rule.number)]


def _new_pairs(book: Book, rule: Rule, found: Iterable[Group]) -> list[NewPair]:
    """What the rule would newly match."""
    keys = [group.key for group in found if group.size <= TOO_COMMON]
    return groups.new_pairs(account_id=book.account_id, rule=rule, known=_known(book, rule), keys=keys)


def _added(finding: dict[str, Any], found: Iterable[Group], pairs: Sequence[NewPair]) -> dict[str, Any]:
    commonest = nlargest(COMMON, found, key=lambda group: group.size)
    common = [*finding["common"], *([group.key, group.size] for group in commonest)]
    return {
        "groups": finding["groups"] + len({pair.key for pair in pairs}),
        "contacts": finding["contacts"] + len({contact for pair in pairs for contact in (pair.contact, pair.other)}),
        "pairs": finding["pairs"] + len(pairs),
        "joining": finding["joining"] + sum(pair.id_field_id is not None for pair in pairs),
        "common": sorted(common, key=lambda each: (-each[1], each[0]))[:COMMON],
    }


def _keep(preview: Preview, pairs: Iterable[tuple[Rule, NewPair]]) -> None:
    """Adds pairs to those that the preview shows."""
    run_sql(
        f"""
        INSERT INTO contacts_previewpair (account_id, preview_id, rule, contact_id, other_id, id_field_id)
        SELECT %s, %s, sent.rule, sent.contact, sent.other, sent.id_field
        FROM {sent(rule="smallint", contact="uuid", other="uuid", id_field="bigint")} WHERE true
        ON CONFLICT (account_id, preview_id, contact_id, other_id) DO NOTHING
        """,
        [
            *(preview.account_id, preview.pk),
            rows(
                {"rule": rule.number, "contact": pair.contact, "other": pair.other, "id_field": pair.id_field_id}
                for rule, pair in pairs
            ),
        ],
    )


def _came_since(book: Book, preview: Preview) -> list[tuple[Rule, NewPair]]:
    """The pairs that the contacts which changed since the preview would newly make. Raises Conflict."""
    changes = Change.objects.for_account(book.account_id).filter(number__gt=preview.job.progress["change"])
    # Without an order: one by number would make every change of a contact another row.
    changed = set(changes.order_by().values_list("contact_id", flat=True).distinct()[: MAX_CHANGED + 1])
    if len(changed) > MAX_CHANGED:
        raise _outdated(f"More than {MAX_CHANGED:,} contacts have changed since.")
    shown = PreviewPair.objects.for_account(book.account_id).filter(preview=preview)
    came, seen = [], set[tuple[UUID, UUID]]()
    for rule in book.coming:
        of = {"account_id": book.account_id, "signature_id": rule.signature.id}
        pairs = _new_pairs(book, rule, groups.keys_of(contact_ids=changed, **of))
        seen |= set(shown.filter(contact_id__in={pair.contact for pair in pairs}).values_list("contact_id", "other_id"))
        both = {(UUID(pair.contact), UUID(pair.other)): pair for pair in pairs}
        came += [(rule, pair) for ids, pair in both.items() if ids not in seen]
        seen |= both.keys()
    return came


def _check(preview: Preview, came: Sequence[tuple[Rule, NewPair]], limit: int) -> None:
    """Raises Conflict `preview_outdated` when what came since is not what the preview showed."""
    findings = findings_of(preview=preview)
    joins = any(finding["joining"] for finding in findings)
    for rule, pair in came:
        named = _named(pair)
        if pair.id_field_id is not None and not joins:
            raise _outdated(f"{named} would join two ids of one system; the preview showed no such pair.")
        if not findings[rule.number - 1]["pairs"]:
            raise _outdated(f"Rule {rule.number} would match {named}; the preview showed no pair of that rule.")
    if len(came) > limit:
        first = ", ".join(_named(pair) for _, pair in came[:3])
        pairs = "1 pair" if len(came) == 1 else f"{len(came)} pairs"
        raise _outdated(f"{pairs} came since, and you accept {limit}: {first} …")


def _named(pair: NewPair) -> str:
    return f"{UUID(pair.contact)} and {UUID(pair.other)}"


def _outdated(why: str) -> Conflict:
    return Conflict(f"The preview is out of date. {why} Make it anew, and look again.", code="preview_outdated")


def _counts(findings: Findings) -> Findings:
    """The findings without keys."""
    return [{name: count for name, count in finding.items() if name != "common"} for finding in findings]
