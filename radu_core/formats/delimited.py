"""The lines of a CSV or TSV, cell by cell: a damaged row is rejected alone."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

from radu_core.errors import InputError
from radu_core.formats.common import RowError
from radu_core.formats.lines import TextFile
from radu_core.words import quantity

__all__ = ["Cells", "miscount_error", "read_cells"]

Cells = tuple[int, list[str] | RowError]  # a blank row has no cells


def read_cells(file: TextFile, options: Mapping[str, Any]) -> Iterator[Cells]:
    """Rows of a CSV, each with the line that it begins on."""
    delimiter = _delimiter(options) or ("\t" if file.path.suffix.lower() == ".tsv" else None)
    lines = _Lines(file)
    reader = csv.reader(lines, delimiter=delimiter or lines.guess_delimiter(), strict=True)
    width = 0
    while True:
        lines.begin()
        try:
            row = next(reader)
        except StopIteration:
            return
        except RowError as error:
            yield lines.first, error
        except csv.Error as error:
            yield lines.first, _not_csv(str(error), lines.text, several=lines.go_back())
        else:
            if lines.problem is not None:
                yield lines.problem
            elif not any(cell.strip() for cell in row):
                yield lines.first, []
            else:
                width = width or len(row)
                damaged = len(row) != width and lines.go_back()  # by a quote, most likely
                yield (
                    lines.first,
                    miscount_error(row, width, " on several lines") if damaged else row,
                )


def miscount_error(row: list[str], columns: int, where: str = "") -> RowError:
    """What is wrong with a row that has other than a cell for each column."""
    return RowError(
        "line",
        row,
        f"has {quantity(len(row), 'cell')}{where} for {quantity(columns, 'column')}",
        "Give it a cell for each column; quote a cell that holds the delimiter, and close it.",
    )


def _delimiter(options: Mapping[str, Any]) -> str | None:
    delimiter = options.get("delimiter")
    if delimiter is None or delimiter == "\\t":
        return delimiter and "\t"
    if not isinstance(delimiter, str) or len(delimiter) != 1 or delimiter in '"\r\n':
        raise InputError(
            "A delimiter is one character", value=delimiter, remedy="Use , ; | or \\t, for example."
        )
    return delimiter


def _not_csv(problem: str, text: str, *, several: bool) -> RowError:
    """Why the row that begins with the line ``text`` can't be read."""
    remedy = "Put quotes around the cell, and double the quotes inside it."
    if several or "end of data" in problem:
        problem = "a quote is opened here and isn't closed, or one inside the cell isn't doubled"
    elif "field limit" in problem:
        problem, remedy = f"a cell is longer than {csv.field_size_limit()}", "Shorten it."
    return RowError("line", text.rstrip("\r\n"), f"isn't CSV: {problem}", remedy)


class _Lines:
    """A file's lines as ``csv.reader`` takes them. It takes several only inside a quoted cell.

    A row that turns out to be damaged is rejected alone: ``go_back`` gives its other lines to be
    read again, so that a quote that is never closed doesn't take the following rows with it.
    """

    def __init__(self, file: TextFile) -> None:
        self._file = file
        self._lines = file.raw_lines()
        self._again: deque[tuple[int, bytes | RowError]] = deque()
        self._taken: list[tuple[int, bytes | RowError]] = []
        self.problem: Cells | None = None
        self.text = ""  # the row's first line

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        number, raw = self._again.popleft() if self._again else next(self._lines)
        self._taken.append((number, raw))
        if isinstance(raw, RowError):
            raise raw if len(self._taken) == 1 else csv.Error("unexpected end of data")
        text = self._file.decode(raw)
        if isinstance(text, RowError):  # read on: the row ends where it would have
            self.problem = self.problem or (number, text)
            text = raw.decode("utf-8", errors="replace")
        self.text = self.text or text
        return text

    def begin(self) -> None:
        """A new row begins."""
        self._taken = []
        self.problem = None
        self.text = ""

    @property
    def first(self) -> int:
        """The line (from 1) on which the row begins."""
        return self._taken[0][0]

    def go_back(self) -> bool:
        """Give the row's lines after its first again; whether there are any."""
        again = self._taken[1:]
        self._again.extendleft(reversed(again))
        return bool(again)

    def guess_delimiter(self) -> str:
        """The one that the first line, the names of the columns, has most of."""
        text = b""
        while not text.strip() and (line := next(self._lines, None)):
            self._again.append(line)
            text = line[1] if isinstance(line[1], bytes) else b"?"
        return max(",;\t|", key=lambda delimiter: text.count(delimiter.encode()))
