"""Before a second system is linked: what its customer numbers and addresses would meet. Reads only, keeps nothing."""

import csv
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from accounts.errors import ValidationFailed
from accounts.models import Account
from contacts import columns, queries, rows
from contacts.columns import EXTERNAL_ID, folded
from contacts.models import ExternalId, IdField
from contacts.overlay import Mode, Record
from contacts.payload import Context, read_cells
from contacts.services import sync
from contacts.services.sync import Result

MAX_LINES = 5000
TOLD = 20
"""Unreadable lines that are named; all are counted."""
CHUNK = 1000
"""Numbers that are looked up in one query."""
EMAIL = "email"


@dataclass(frozen=True, slots=True)
class Collisions:
    """What a sample would meet, if its system were linked through an id field of its own.

    `equal`: id fields that hold some of the numbers, with how many. `linked`: rule number → how many records it would
    link. `created`: how many are found by no rule; `id_conflicts`, `ambiguous`: how many find an occupied contact, or
    several; `again`: how many have a number that came before. `rejects`: by the account's rules conflicts are refused,
    instead of made contacts of their own. `unreadable`: line number and reason, of the first TOLD.
    """

    records: int
    equal: Sequence[tuple[IdField, int]]
    linked: Sequence[tuple[int, int]]
    created: int
    id_conflicts: int
    ambiguous: int
    again: int
    rejects: bool
    unreadable: Sequence[tuple[int, str]]
    unreadable_count: int


def check(*, account: Account, sample: str) -> Collisions:
    """What would become of a sample: lines of number, e-mail, with or without a header. Nothing is written.

    Raises ValidationFailed at `sample` when there is nothing to check or more than MAX_LINES, Conflict
    `contacts_changing`.
    """
    context = Context("", *queries.field_names(account.pk))
    records: list[Record] = []
    unreadable: list[tuple[int, str]] = []
    for number, cells in _lines(sample):
        try:
            records.append(_record(cells, context))
        except ValidationFailed as refusal:
            unreadable.append((number, refusal.detail))
    if not records:
        detail = f"None of it can be read. {_first(unreadable)}" if unreadable else "Paste some lines: number, e-mail."
        raise ValidationFailed.of("sample", "required", detail)
    results = sync.foresee(account_id=account.pk, id_field_id=None, records=records)
    fates = Counter(_fate(result) for result in results)
    return Collisions(
        records=len(records),
        equal=list(_equal(account, {record.external_id for record in records})),
        linked=sorted((fate, count) for fate, count in fates.items() if isinstance(fate, int)),
        created=fates["created"],
        id_conflicts=fates["id_conflict"],
        ambiguous=fates["ambiguous"],
        again=fates["again"],
        rejects=any(result.error for result in results),
        unreadable=unreadable[:TOLD],
        unreadable_count=len(unreadable),
    )


def _fate(result: Result) -> int | str:
    """The number of the rule that links a record, or what else becomes of it."""
    if result.outcome == "linked" and result.matched_by:
        rule: int = result.matched_by["rule"]
        return rule
    if result.outcome in {"updated", "unchanged"}:
        return "again"
    codes = {warning["code"] for warning in result.warnings} | ({result.error.code} if result.error else set())
    if "id_conflict" in codes:
        return "id_conflict"
    return "ambiguous" if codes & {"ambiguous", "ambiguous_match", "value_too_common"} else "created"


def _first(unreadable: Sequence[tuple[int, str]]) -> str:
    number, reason = unreadable[0]
    return f"Line {number}: {reason}"


def _lines(sample: str) -> Iterator[tuple[int, list[str]]]:
    """Line numbers and cells, without blank lines and a header. Raises ValidationFailed."""
    lines = sample.removeprefix("\ufeff").splitlines()
    if sum(bool(line.strip()) for line in lines) > MAX_LINES + 1:
        raise ValidationFailed.of("sample", "too_many", f"Send at most {MAX_LINES:,} lines; a sample is enough.")
    is_first = True
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        # Each line by its own: what is pasted comes from here and there, and a header may be written otherwise.
        delimiter = max(rows.DELIMITERS, key=line.count)
        try:
            cells = [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter))]
        except csv.Error:
            cells = [line]
        if not (is_first and _is_header(cells)):
            yield number, cells
        is_first = False


def _is_header(cells: Sequence[str]) -> bool:
    """Whether the first line names columns: it has no address, and one of its cells is such a name."""
    names = {folded(word) for words in columns.SYNONYMS.values() for word in words.split(",")}
    names |= {folded(EXTERNAL_ID), folded("E-mail"), folded("Number"), folded("Nummer")}
    return not any("@" in cell for cell in cells) and any(folded(cell) in names for cell in cells)


def _record(cells: Sequence[str], context: Context) -> Record:
    """Raises ValidationFailed."""
    if len(cells) > 2:
        raise ValidationFailed.of("", "too_many_cells", "Write a number and an e-mail address, nothing more.")
    email = {EMAIL: cells[1]} if len(cells) > 1 else {}
    return read_cells({EXTERNAL_ID: cells[0], **email}, context, Mode.MERGE)


def _equal(account: Account, numbers: Collection[str]) -> Iterator[tuple[IdField, int]]:
    """The id fields that hold some of the numbers, and how many."""
    wanted = sorted(numbers)
    chunks = [wanted[start : start + CHUNK] for start in range(0, len(wanted), CHUNK)]
    held = ExternalId.objects.for_account(account)
    for field in IdField.objects.for_account(account).select_related("source_system"):
        if count := sum(held.filter(id_field=field, value__in=chunk).count() for chunk in chunks):
            yield field, count
