"""What the file of an import says: its rows, which column goes where, records. For the import and for its preview."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from accounts.errors import DomainError, ValidationFailed
from contacts import payload, queries, rows
from contacts.columns import EXTERNAL_ID, assigned
from contacts.models import ContactField, Import
from contacts.overlay import Mode, Record
from contacts.payload import Context
from contacts.services import files

Row = tuple[int, Any]
"""Its number, and cells or a line."""
Read = tuple[int, Record | DomainError]


def context_of(source: Import) -> Context:
    """What its records are checked against."""
    return Context(source.id_field.name, *queries.field_names(source.account_id))


def content_of(source: Import, consumed: Counter[str] | None = None) -> Iterator[bytes]:
    """The content of the file, unpacked; counts what has been read of it as it was sent."""

    def parts() -> Iterator[bytes]:
        for part in files.parts(file=source.file) if source.file else ():
            for start in range(0, len(part), rows.PIECE):
                piece = part[start : start + rows.PIECE]
                if consumed is not None:
                    consumed["bytes"] += len(piece)
                yield piece

    return rows.unpacked(parts()) if source.is_compressed else parts()


def rows_of(source: Import, consumed: Counter[str] | None = None) -> Iterator[Row]:
    """The rows of the file. Raises Unreadable."""
    content = content_of(source, consumed)
    if source.format == Import.Format.NDJSON:
        return rows.ndjson_rows(content)
    return rows.csv_rows(content, source.delimiter, source.encoding)


def columns_of(source: Import, header: Sequence[str], context: Context) -> tuple[dict[str, int], list[str]]:
    """Contact field, or external_id → the number of its column; and the columns that are left out. Raises Unreadable
    as `assigned` does."""
    if source.mapped is not None:
        taken = set(source.mapped.values())
        return dict(source.mapped), [title for number, title in enumerate(header) if number not in taken]
    return assigned(header, source.columns, names_of(source.account_id, context))


def names_of(account_id: int, context: Context) -> dict[str, str]:
    """What a column may be called, folded → contact field, or external_id."""
    fields = ContactField.objects.for_account(account_id).filter(retired_at__isnull=True)
    names = {EXTERNAL_ID: EXTERNAL_ID, context.id_field.casefold(): EXTERNAL_ID}
    for name, label in fields.values_list("name", "label"):
        names |= {label.casefold(): name}
    for name in fields.values_list("name", flat=True):
        names |= {name.casefold(): name}
    return names


def records_of(
    source: Import, found: Iterable[Row], width: int, columns: Mapping[str, int], context: Context
) -> Iterator[Read]:
    """Records, or why there is none; blank rows are left out. `width`: how many cells the header has."""
    mode = Mode(source.mode)
    for number, row in found:
        if not row:
            continue
        try:
            if source.format == Import.Format.NDJSON:
                yield number, payload.read_upsert(row, context, mode)
            else:
                yield number, payload.read_cells(_cells(row, columns, width), context, mode)
        except DomainError as refusal:
            yield number, refusal


def _cells(row: Sequence[str], columns: Mapping[str, int], width: int) -> dict[str, str]:
    """A row's cells by contact field; those that are missing at its end are empty. Raises ValidationFailed for a row
    with more cells than the header, for nobody knows then what is what."""
    if len(row) > width:
        detail = f"The row has {len(row)} cells, the header {width}. Does a value need quotes?"
        raise ValidationFailed.of("", "too_many_cells", detail)
    return {name: row[column] if column < len(row) else "" for name, column in columns.items()}
