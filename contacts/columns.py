"""Pure: which column of a CSV goes into which contact field."""

from collections.abc import Mapping, Sequence

from contacts.rows import Unreadable

EXTERNAL_ID = "external_id"


def assigned(
    header: Sequence[str], given: Mapping[str, str], names: Mapping[str, str]
) -> tuple[dict[str, int], list[str]]:
    """Contact field, or external_id, → the number of its column, from 0; and the columns that are left out.

    `given`: contact field → the column that the caller named. `names`: what else a column may be called, folded →
    contact field. Raises Unreadable `unknown_column`, `duplicate_column` or `no_external_id`.
    """
    titles = [title.strip() for title in header]
    result: dict[str, int] = {}
    for field, title in given.items():
        if title not in titles:
            raise Unreadable(f"Row 1 has no column “{title[:100]}” for {field}.", code="unknown_column")
        if titles.count(title) > 1:
            raise Unreadable(f"Row 1 has several columns “{title[:100]}”.", code="duplicate_column")
        result[field] = titles.index(title)
    left_out = []
    taken = set(result.values())
    for number, title in enumerate(titles):
        field = names.get(title.casefold(), "")
        if number in taken or field in given:
            continue
        if not field:
            left_out.append(title)
        elif field in result:
            raise Unreadable(f"Row 1 has several columns for {field}; name the right one.", code="duplicate_column")
        else:
            result[field] = number
    if EXTERNAL_ID not in result:
        detail = "Row 1 has no column external_id. Name the one with the ids of your system: column.external_id=…"
        raise Unreadable(detail, code="no_external_id")
    return result, left_out
