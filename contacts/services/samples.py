"""The first rows of an import's file, and what would become of them, foreseen by the real engine. Writes nothing."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from accounts.errors import DomainError, ValidationFailed
from contacts import columns, rows
from contacts.models import Import
from contacts.overlay import Record
from contacts.rows import Unreadable
from contacts.services import sources, sync
from contacts.services.sources import Row
from contacts.services.sync import Result

SHOWN = 20
"""Rows of a sample."""
LOOKED_AT = 100
"""Rows that are read to find as many that are not blank."""
LONG = 80
"""Characters of a value that are shown."""
AT_A_CELL = {
    "invalid_phone": "No phone number: kept as it is, identifies nobody.",
    "blocked_value": "Stands for nobody: kept as it is, identifies nobody.",
}
DOUBTS = {
    "possible_duplicate": "Rule {rule} finds another contact that may be the same. Review will ask.",
    "id_conflict": "Rule {rule} finds a contact that has another id of this system: a separate one. Review will ask.",
    "ambiguous": "Rule {rule} finds several contacts: a separate one. Review will ask.",
    "value_too_common": "{count} contacts share what rule {rule} looks at: it identifies nobody.",
}
"""What a warning of the engine means for who reads a preview."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The beginning of a file as it is read with a delimiter and an encoding. `problem`: why it can't be read on."""

    header: Sequence[str]
    rows: Sequence[Row]
    delimiter: str
    encoding: str
    problem: Unreadable | None = None

    def values(self, column: int) -> list[str]:
        """A few values of a column, as examples."""
        found = (row[column].strip() for _, row in self.rows if column < len(row))
        return [_short(value) for value in itertools.islice(filter(None, found), 3)]


@dataclass(slots=True)
class Cell:
    """A value of a row, what is wrong with it, and what else there is to say."""

    text: str
    problem: str = ""
    note: str = ""


@dataclass(slots=True)
class Foreseen:
    """What would become of one row. `outcome`: created, linked, updated, unchanged or rejected. `rule`: the number of
    the rule that would link it. `reasons`: why it would be rejected, beside what stands at its cells."""

    number: int
    cells: Sequence[Cell]
    outcome: str
    rule: int | None = None
    reasons: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)


def look(*, source: Import) -> Sample:
    """The first rows of the file, read as the import says; what it leaves open is found out."""
    found: list[Row] = []
    header: Sequence[str] = ()
    delimiter, encoding, problem = source.delimiter, source.encoding, None
    is_csv = source.format == Import.Format.CSV
    try:
        if is_csv:
            delimiter, encoding = rows.csv_form(sources.content_of(source), delimiter, encoding)
        for number, row in itertools.islice(sources.rows_of(source), LOOKED_AT):
            if is_csv and number == 1:
                header = [title.strip() for title in row]
            elif row and len(found) < SHOWN:
                found.append((number, row))
    except Unreadable as refusal:
        problem = refusal
    return Sample(header, found, delimiter, encoding, problem)


def guess(*, source: Import, header: Sequence[str]) -> list[str]:
    """For each column what it seems to hold: a contact field, external_id, or empty."""
    return columns.guessed(header, sources.names_of(source.account_id, sources.context_of(source)))


def foresee(*, source: Import, sample: Sample) -> list[Foreseen]:
    """What would become of the sample's rows now, by the import's mapping. Raises what `sync.foresee` raises."""
    context, mapped = sources.context_of(source), source.mapped or {}
    read = list(sources.records_of(source, sample.rows, len(sample.header), mapped, context))
    records = [record for _, record in read if isinstance(record, Record)]
    results = iter(sync.foresee(account_id=source.account_id, id_field_id=source.id_field_id, records=records))
    shown = dict(sample.rows)
    return [
        _foreseen(number, shown[number], Result(error=each) if isinstance(each, DomainError) else next(results), mapped)
        for number, each in read
    ]


def _foreseen(number: int, row: bytes | Sequence[str], result: Result, mapped: Mapping[str, int]) -> Foreseen:
    cells = _cells(row, mapped)
    matched_by = result.matched_by or {}
    told = Foreseen(number, list(cells.values()), result.outcome or "rejected", matched_by.get("rule"))
    if isinstance(result.error, ValidationFailed):
        for each in result.error.errors:
            name = each.field.removeprefix("/").removeprefix("values/")
            if name in cells:
                cells[name].problem = each.detail
            else:
                told.reasons.append(f"{name}: {each.detail}" if name else each.detail)
    elif result.error is not None:
        told.reasons.append(result.error.detail)
    for warning in result.warnings:
        if (note := AT_A_CELL.get(warning["code"])) is None:
            told.doubts.append(DOUBTS[warning["code"]].format(**warning))
        elif warning["field"] in cells:
            cells[warning["field"]].note = note
    told.doubts = list(dict.fromkeys(told.doubts))
    return told


def _cells(row: bytes | Sequence[str], mapped: Mapping[str, int]) -> dict[str, Cell]:
    """Those of the columns that go somewhere, in the order of the columns; or the line."""
    if isinstance(row, bytes):
        return {"line": Cell(_short(row.decode(errors="replace")))}
    in_order = sorted(mapped.items(), key=lambda item: item[1])
    return {name: Cell(_short(row[column]) if column < len(row) else "") for name, column in in_order}


def _short(text: str) -> str:
    return text if len(text) <= LONG else f"{text[:LONG]}…"
