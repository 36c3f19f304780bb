"""Cells of workbooks as a reader sees them, merged cells, formulas and sheets."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from conftest import MODULE

from radu_core.errors import FormatError
from radu_core.formats import Imported, read
from radu_core.schema import parse_schema

ALARM = parse_schema(
    {
        "module": MODULE,
        "functions": [
            {
                "name": "set",
                "slots": [
                    {"name": "day", "type": "date"},
                    {"name": "at", "type": "time"},
                    {"name": "when"},
                    {"name": "loud", "type": "boolean"},
                    {"name": "level", "type": "number"},
                    {"name": "count", "type": "integer"},
                ],
            },
            {"name": "stop"},
        ],
    }
)
Book = Callable[[Any], None]


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., Imported]:
    def made(rows: list[list[Any]], change: Book = lambda book: None, **options: Any) -> Imported:
        book = openpyxl.Workbook()
        assert book.active is not None
        for row in rows:
            book.active.append(row)
        change(book)
        book.save(tmp_path / "t.xlsx")
        return read("csv", tmp_path / "t.xlsx", module=MODULE, schema=ALARM, options=options)

    return made


def test_a_number_of_more_digits_than_a_workbook_keeps_is_refused(
    load: Callable[..., Imported],
) -> None:
    header = ["Text", "Intent", "WHEN"]
    cells = [12345678901234567890, "12345678901234567890"]
    found = load([header, *(["wake me", "SET", cell] for cell in cells)])
    (rejection,) = found.rejections
    assert (rejection.line, rejection.field) == (2, "WHEN")
    assert rejection.problem == "C2 is a number of more digits than a workbook keeps"
    assert [e.arguments["when"] for e in found.exemplars] == [cells[1]]


@pytest.mark.parametrize(
    ("slot", "cell", "format", "value"),
    [
        ("day", date(2026, 3, 9), "yyyy-mm-dd", "2026-03-09"),
        ("day", datetime(2026, 3, 9), "d.m.yyyy", "2026-03-09"),
        ("at", time(8), "h:mm", "08:00"),
        ("at", time(8, 5, 30), "h:mm:ss", "08:05:30"),
        ("at", 0.8541666666, "h:mm AM/PM", "20:30"),
        ("at", timedelta(minutes=30), "[h]:mm", "00:30"),
        ("when", datetime(2026, 3, 9, 8, 30), "yyyy-mm-dd h:mm", "2026-03-09 08:30"),
        ("when", date(2026, 3, 9), "yyyy-mm-dd", "2026-03-09"),
        ("when", 0.15, "0%", "15%"),
        ("when", 2139, "00000", "02139"),
        ("when", 2.0, "0.0", "2"),
        ("when", True, "General", "true"),
        ("when", 0.1 + 0.2, "General", "0.3"),
        ("loud", False, "General", False),
        ("loud", 1, "General", True),
        ("level", 0.155, "0%", 0.155),
        ("level", 2.0, "0.0", 2),
        ("count", 2.0, "0.0", 2),
    ],
)
def test_a_cell_is_what_its_slot_takes(
    load: Callable[..., Imported], slot: str, cell: Any, format: str, value: Any
) -> None:
    def formatted(book: Any) -> None:
        book.active["C2"].number_format = format

    found = load([["Text", "Intent", slot.upper()], ["wake me", "SET", cell]], formatted)
    assert found.rejections == ()
    assert repr(found.exemplars[0].arguments) == repr({slot: value})


def test_merged_labels_are_filled_down_and_counted(load: Callable[..., Imported]) -> None:
    rows = [["text", "intent", "when"], ["a", "set", "x"], ["b", None, "y"], ["c", "stop", None]]
    found = load(rows, lambda book: book.active.merge_cells("B2:B3"))
    assert [e.function for e in found.exemplars] == ["set", "set", "stop"]
    tally = found.normalised["a merged cell filled down"]
    assert (tally.count, tally.example) == (1, "B3: as B2:B3, 'set'")


def test_cells_merged_over_columns_reject_their_row(load: Callable[..., Imported]) -> None:
    rows = [["text", "intent", "when", "note"], ["a", "set", "x", "n"], ["b", "set", "y", "n"]]
    found = load(rows, lambda book: book.active.merge_cells("B2:C2"))
    assert [e.utterance for e in found.exemplars] == ["b"]
    assert found.rejections[0].problem == "B2:C2 is merged over several columns"


def test_formulas_without_a_value_and_errors_reject_their_row(
    load: Callable[..., Imported],
) -> None:
    def errors(book: Any) -> None:
        book.active["C3"] = "#N/A"
        book.active["D3"].data_type = book.active["C3"].data_type = "e"

    rows = [
        ["text", "intent", "when", "note"],
        ["=A9", "set", "x", "=1+1"],
        ["b", "set", None, "#REF!"],
        ["c", "set", None, "=2"],
    ]
    found = load(rows, errors)
    assert [e.utterance for e in found.exemplars] == ["c"]
    assert [(r.line, r.field, r.problem) for r in found.rejections] == [
        (2, "text", "A2 is a formula that was never computed"),
        (3, "when", "C3 holds the error #N/A"),
    ]
    assert found.ignored["note"] == 1  # the errors are no values


def test_sheets_that_arent_read_are_named(load: Callable[..., Imported]) -> None:
    def more(book: Any) -> None:
        book.active.title = "Data"
        book.create_sheet("More").append(["text"])
        book["More"].append(["from the second"])

    rows = [["text", "intent"], ["a", "stop"]]
    found = load(rows, more)
    assert found.notes[0].startswith("Read the sheet 'Data'; not read: 'More' (2 rows).")
    other = load(rows, more, sheet="More", mapping={"function": ""})
    assert [e.utterance for e in other.exemplars] == ["from the second"]
    with pytest.raises(FormatError, match=r"No such sheet: 'x'. There are Data, More"):
        load(rows, more, sheet="x")


def test_an_empty_workbook_and_one_with_names_only(load: Callable[..., Imported]) -> None:
    with pytest.raises(FormatError, match=r"t.xlsx is empty"):
        load([])
    with pytest.raises(FormatError, match="names columns, but has no rows"):
        load([["text", "intent"]])


def test_a_formula_without_a_value_in_the_last_cell_rejects_its_row_too(
    load: Callable[..., Imported],
) -> None:
    found = load([["text", "intent", "when"], ["a", "set", "=1+1"]])
    assert [(r.line, r.problem) for r in found.rejections] == [
        (2, "C2 is a formula that was never computed")
    ]
