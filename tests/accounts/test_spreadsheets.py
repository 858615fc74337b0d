"""CSV for spreadsheets."""

import csv
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts import spreadsheets

GUARDED = re.compile(r"""^'(?='*[\t\r\n])|(?<![^;|\t\r\n])((?:[^\S\t\r\n]|")*)'(?='*[=+\-@\uff1d\uff0b\uff0d\uff20])""")


def told(text: str) -> str:
    """The value of a cell, as its reader has it again."""
    return GUARDED.sub(r"\1", text)


@pytest.mark.parametrize(
    "text", ["=1+1", "+316", "-5", "@x", "\tx", "\rx", "\nx", "\uff1d1", "\uff0b1", "\uff0d1", "\uff20x", "'=1"]
)
def test_no_cell_begins_a_formula(text: str) -> None:
    assert spreadsheets.cell(text) == f"'{text}"
    assert spreadsheets.cell([text, "b"]) == f"'{text}; b"


@pytest.mark.parametrize(
    ("text", "guarded"),
    [
        ("a;=1", "a;'=1"),
        ('a; "=1', "a; \"'=1"),
        ("a\n=1", "a\n'=1"),
        ("a\r\n@x", "a\r\n'@x"),
        ("a\t\uff1d1", "a\t'\uff1d1"),
        ("\t =1", "'\t '=1"),
        (" =1", " '=1"),
        ("a|-1|b", "a|'-1|b"),
        ("a;b", "a;b"),
        ("jan@example.com, +31 6", "jan@example.com, +31 6"),
        ("Street 1\r\nEde", "Street 1\r\nEde"),
    ],
)
def test_no_part_of_a_cell_begins_one_where_others_split_it(text: str, guarded: str) -> None:
    assert spreadsheets.cell(text) == guarded
    assert told(guarded) == text
    assert spreadsheets.cell(["x", text]) == spreadsheets.cell(f"x; {text}")


@given(text=st.text(alphabet="=+-@\uff1d;|\t\r\n '\"ax,", max_size=12))
def test_a_guarded_value_can_be_had_again_and_holds_no_formula(text: str) -> None:
    guarded = spreadsheets.cell(text)
    assert told(guarded) == text
    for delimiter in ",;\t|":
        line = next(iter(spreadsheets.lines([["first", text]])))
        for row in csv.reader(io.StringIO(line, newline=""), delimiter=delimiter):
            assert not [cell for cell in row if cell.strip().startswith(("=", "+", "-", "@", "\uff1d"))], line


def test_cells_are_text() -> None:
    assert [spreadsheets.cell(value) for value in (None, True, False, 7, ["a", "b"], "x=1")] == [
        *("", "true", "false", "7", "a; b", "x=1")
    ]


def test_lines_are_quoted_where_they_must_be() -> None:
    assert list(spreadsheets.lines([["a", 'b "c"'], ["d,e", -1]])) == ['a,"b ""c"""\r\n', '"d,e",\'-1\r\n']
