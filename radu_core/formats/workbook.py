"""Sheets of XLSX workbooks, cell by cell, as a reader sees them: dates, times, percentages."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from radu_core.errors import FormatError, RaduError
from radu_core.extras import as_missing_package
from radu_core.files import open_atomic
from radu_core.formats.delimited import Cells
from radu_core.instructions import instruct
from radu_core.numbers import LARGEST_INTEGER
from radu_core.words import quantity

__all__ = ["BadCell", "Sheet", "sheet_names", "write_sheet"]

_LONGEST_CELL = 32_767  # characters
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_ZEROS = re.compile(r"0{2,}")
_FILLED = "a merged cell filled down"
Changed = Callable[[str, str], None]


class BadCell(str):
    """A cell without a value that can be read: ``problem`` says which, and ``remedy`` what to do.

    It spoils its row only where its column is read.
    """

    problem: str
    remedy: str


@dataclass(frozen=True)
class _Block:
    """Merged cells, from 1, both ends included; ``name`` as ``B3:B5``."""

    name: str
    first_row: int
    last_row: int
    first_column: int
    last_column: int


@dataclass
class Sheet:
    """One sheet of a workbook. ``notes`` name the sheets that aren't read.

    ``FormatError`` when the file isn't a workbook, or has no sheet of the name that is asked for.
    """

    path: Path
    name: Any = None
    changed: Changed = lambda kind, example: None
    notes: list[str] = field(default_factory=list)

    def rows(self) -> Iterator[Cells]:
        """Rows, each with its number and at least as many cells as the first."""
        book, sheet = self._open()
        try:
            yield from self._rows(book, sheet)
        except FormatError:
            raise
        except Exception as error:  # openpyxl raises whatever zip and xml raise
            raise _not_xlsx(self.path, error) from error
        finally:
            book.close()

    def _open(self) -> tuple[Any, Any]:
        try:
            book, names = _load(self.path)
            name = names[0] if self.name is None else str(self.name)
        except Exception as error:
            raise _not_xlsx(self.path, error) from error
        if name not in names:
            book.close()
            raise FormatError(
                "No such sheet", value=self.name, remedy=f"There are {', '.join(names)}."
            )
        others = [_sheet_text(book[n]) for n in names if n != name]
        if others:
            self.notes.append(
                f"Read the sheet {name!r}; not read: {', '.join(others)}. "
                f"To read another one, {instruct('sheet')}."
            )
        return book, book[name]

    def _rows(self, book: Any, sheet: Any) -> Iterator[Cells]:
        blocks, empty = _scan_cells(book, sheet)
        rows: dict[str, str] = {}
        width = 0
        for number, row in enumerate(sheet.iter_rows(), start=1):
            cells = [_text(cell) for cell in row]
            for column in empty.get(number, ()):
                cells += [""] * (column - len(cells))
                cells[column - 1] = _bad(
                    f"{_letters(column)}{number} is a formula that was never computed",
                    "Open the workbook in a spreadsheet program, save it, and load it again.",
                )
            for block in blocks:
                if block.first_row <= number <= block.last_row:
                    self._fill(block, number, cells, rows, header=not width)
            while cells and not cells[-1] and not isinstance(cells[-1], BadCell):
                cells.pop()
            if any(cell.strip() or isinstance(cell, BadCell) for cell in cells):
                width = width or len(cells)
                yield number, cells + [""] * (width - len(cells))
            else:
                yield number, []

    def _fill(
        self, block: _Block, number: int, cells: list[str], values: dict[str, str], *, header: bool
    ) -> None:
        """Give a cell of merged ones their value, where they are one below the other."""
        first = block.first_column
        cells += [""] * (block.last_column - len(cells))
        if number == block.first_row:
            values[block.name] = cells[first - 1]
        value = values.get(block.name, "")
        if not value or header:
            return
        if block.last_column > first:
            for column in range(first, block.last_column + 1):
                cells[column - 1] = _bad(
                    f"{block.name} is merged over several columns",
                    "Split the cell, and write its value where it belongs.",
                )
        elif number > block.first_row:
            cells[first - 1] = value
            self.changed(_FILLED, f"{_letters(first)}{number}: as {block.name}, {value!r}")


def sheet_names(path: Path) -> list[str]:
    """The names of a workbook's sheets; ``FormatError`` if it is none."""
    try:
        book, names = _load(path)
        book.close()
    except Exception as error:
        raise _not_xlsx(path, error) from error
    return names


def _load(path: Path) -> tuple[Any, list[str]]:
    """A workbook that is open, and the names of its sheets that have cells."""
    from openpyxl import load_workbook  # slow to import

    book = load_workbook(path, read_only=True, data_only=True)
    return book, [sheet.title for sheet in book.worksheets]


def _sheet_text(sheet: Any) -> str:
    rows = sheet.max_row
    return f"{sheet.title!r}" + (f" ({quantity(rows, 'row')})" if rows else "")


def _not_xlsx(path: Path, error: Exception) -> RaduError:
    if missing := as_missing_package(error):
        return missing
    return FormatError(
        f"{path.name} isn't an XLSX workbook ({type(error).__name__})", remedy="Save it again."
    )


def _scan_cells(book: Any, sheet: Any) -> tuple[list[_Block], dict[int, list[int]]]:
    """Merged cells, and by row the columns (from 1) of formulas without a value.

    Reading row by row, openpyxl tells neither. The sheet's XML is parsed for them only where a
    scan of its bytes finds any.
    """
    with book._archive.open(sheet._worksheet_path) as file:  # there is no public way to it
        if not _has_any(file, (b"<f", b"mergeCell ", b"mergeCell\t", b":f>", b":f ")):
            return [], {}
    with book._archive.open(sheet._worksheet_path) as file:
        return _scan(file)


def _has_any(file: Any, signs: tuple[bytes, ...]) -> bool:
    tail = b""
    while piece := file.read(1 << 20):
        whole = tail + piece
        if any(sign in whole for sign in signs):
            return True
        tail = whole[-16:]
    return False


def _scan(file: Any) -> tuple[list[_Block], dict[int, list[int]]]:
    from openpyxl.utils.cell import (
        column_index_from_string,
        coordinate_from_string,
        range_boundaries,
    )
    from openpyxl.xml.functions import iterparse

    blocks: list[_Block] = []
    empty: dict[int, list[int]] = {}
    for _, element in iterparse(file, ["end"]):
        tag = str(element.tag).rpartition("}")[2]
        if tag == "mergeCell":
            name = element.get("ref", "")
            left, top, right, bottom = range_boundaries(name)
            blocks.append(_Block(name, top or 1, bottom or 1, left or 1, right or 1))
        elif tag == "c":
            parts = {str(part.tag).rpartition("}")[2]: part.text for part in element}
            if "f" in parts and not parts.get("v") and element.get("t") != "str":
                letters, row = coordinate_from_string(element.get("r"))
                empty.setdefault(row, []).append(column_index_from_string(letters))
        if tag in ("c", "row", "mergeCell"):
            element.clear()
    return blocks, empty


def _letters(column: int) -> str:
    from openpyxl.utils.cell import get_column_letter

    return str(get_column_letter(column))


def _bad(problem: str, remedy: str, text: str = "") -> BadCell:
    cell = BadCell(text)
    cell.problem, cell.remedy = problem, remedy
    return cell


def _text(cell: Any) -> str:
    """A cell as it is shown, but for colours and rounding."""
    value = cell.value
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        if isinstance(value, float) and abs(value) > LARGEST_INTEGER:
            return _bad(
                f"{cell.coordinate} is a number of more digits than a workbook keeps",
                "Format the column as text, and type the number again.",
                str(value),
            )
        return _number(value, str(cell.number_format or ""))
    if isinstance(value, datetime | date | time | timedelta):
        return _moment(value)
    text = str(value)
    if cell.data_type == "e":
        return _bad(f"{cell.coordinate} holds the error {text}", "Correct the formula.", text)
    return text


def _number(value: float, format_: str) -> str:
    if "%" in format_ and "\\%" not in format_ and '"%"' not in format_:
        return f"{value * 100:.12g}%"
    if _ZEROS.fullmatch(format_) and float(value).is_integer() and value >= 0:
        return str(int(value)).zfill(len(format_))  # a code such as 02139
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value) if isinstance(value, int) else f"{value:.15g}"


def _moment(value: datetime | date | time | timedelta) -> str:
    """A date as ``YYYY-MM-DD``, a time as ``HH:MM[:SS]``, both with a space between."""
    if isinstance(value, timedelta):
        seconds = round(value.total_seconds())
        minutes, rest = divmod(abs(seconds), 60)
        sign = "-" if seconds < 0 else ""
        return f"{sign}{minutes // 60:02d}:{minutes % 60:02d}" + (f":{rest:02d}" if rest else "")
    if isinstance(value, time):
        value = datetime.combine(date(2000, 1, 1), value)
        return _clock(value + timedelta(milliseconds=500))
    if not isinstance(value, datetime):
        return value.isoformat()
    moment = value + timedelta(milliseconds=500)
    clock = _clock(moment)
    return moment.date().isoformat() + ("" if clock == "00:00" else f" {clock}")


def _clock(moment: datetime) -> str:
    return f"{moment:%H:%M:%S}" if moment.second else f"{moment:%H:%M}"


def write_sheet(path: Path, lines: list[list[str]]) -> None:
    from openpyxl import Workbook

    for number, line in enumerate(lines, start=1):
        _check_cells(number, line)
    book = Workbook(write_only=True)
    sheet = book.create_sheet("exemplars")
    for line in lines:
        sheet.append([_text_cell(sheet, text) for text in line])
    with open_atomic(path, "wb") as file:
        book.save(file)


def _check_cells(number: int, line: list[str]) -> None:
    """``FormatError`` if XML has no such character, or Excel cuts a cell."""
    problem = ""
    if any(_NOT_XML.search(text) for text in line):
        problem = "it has a control character"
    elif any(len(text) > _LONGEST_CELL for text in line):
        problem = f"it has a cell of over {_LONGEST_CELL} characters"
    if problem:
        raise FormatError(
            f"A workbook can't hold row {number}: {problem}",
            value=line[0],
            remedy="Write CSV or JSONL instead.",
        )


def _text_cell(sheet: Any, text: str) -> Any:
    """A cell that is text whatever it looks like: ``=A1`` is no formula, ``#N/A`` no error."""
    from openpyxl.cell import WriteOnlyCell

    cell = WriteOnlyCell(sheet, text)
    cell.data_type = "s"
    cell.quotePrefix = text.startswith("=")
    return cell
