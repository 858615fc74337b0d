"""CSV for spreadsheets."""

import pytest

from accounts import spreadsheets


@pytest.mark.parametrize("text", ["=1+1", "+316", "-5", "@x", "\tx", "\rx"])
def test_no_cell_begins_a_formula(text: str) -> None:
    assert spreadsheets.cell(text) == f"'{text}"
    assert spreadsheets.cell([text, "b"]) == f"'{text}; b"


def test_cells_are_text() -> None:
    assert [spreadsheets.cell(value) for value in (None, True, False, 7, ["a", "b"], "x=1")] == [
        *("", "true", "false", "7", "a; b", "x=1")
    ]


def test_lines_are_quoted_where_they_must_be() -> None:
    assert list(spreadsheets.lines([["a", 'b "c"'], ["d,e", -1]])) == ['a,"b ""c"""\r\n', '"d,e",\'-1\r\n']
