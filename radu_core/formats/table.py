"""CSV, TSV and XLSX tables with a column mapping.

Options: ``mapping`` (field → column, slots as ``arguments.<slot>``; an empty column: none),
``delimiter``, ``sheet``. Columns that are named like a field, or like a slot, map themselves. An
empty cell is absent; ``none``, ``out_of_scope`` or an empty cell as function mean out of scope.

A table that is written comes back exactly: what a cell can't hold (outer spaces, a ``|`` inside one
of several values, an empty list) stands in the column ``exact``, as a JSON object of fields.
"""

from __future__ import annotations

import csv
import json
import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from radu_core.errors import FormatError, InputError
from radu_core.exemplars import AnnotatedExemplar
from radu_core.files import canonical_json, open_atomic, parse_json, write_text
from radu_core.formats.common import (
    Collected,
    Imported,
    RowError,
    as_type,
    check_options,
    decoded,
    raw_lines,
)
from radu_core.progress import Progress
from radu_core.schema import Schema, Slot, Value, as_values

__all__ = ["FIELDS", "guess_mapping", "preview", "read", "write"]

_LABELS = ("id", "utterance", "function", "split", "context", "mode", "template", "arguments")
_LISTS = ("implied", "tags")
_STATE = ("outcome", "resolved_by", "reason", "exact")  # as the export writes them: all or none
FIELDS = (*_LABELS, *_LISTS, "spans", *_STATE)
_ALIASES = {
    "utterance": ("text", "query", "sentence", "message", "example"),
    "function": ("intent", "skill", "label"),
    "template": ("exemplar",),
}
_NO_FUNCTION = ("", "none", "null", "out_of_scope", "oos")
_LONGEST_CELL = 32_767  # characters, in a workbook
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_DEFAULTS = AnnotatedExemplar(id="x", utterance="x").model_dump(
    mode="json", exclude={"id", "utterance"}
)
Cells = tuple[int, list[str] | RowError]
Row = tuple[int, dict[str, str] | RowError]
_JSON: dict[type, str] = {dict: "a JSON object", list: "a JSON list"}
J = TypeVar("J", dict[str, Any], list[Any])


def read(
    path: Path,
    *,
    module: str,
    schema: Schema | None,
    options: Mapping[str, Any],
    progress: Progress,
) -> Imported:
    """Read a table whose first row names its columns."""
    columns, rows = _rows(path, options)
    mapping = _mapping(options, guess_mapping(columns, schema))
    unknown = sorted(c for c in mapping.values() if c not in columns)
    if unknown:
        raise FormatError(
            f"{path.name} has no column of that name",
            value=", ".join(unknown),
            remedy=f"Its columns are {', '.join(columns)}.",
        )
    if "utterance" not in mapping:
        raise FormatError(
            f"{path.name}: no column holds the utterance",
            remedy=f"Map one of {', '.join(columns)} to 'utterance'.",
        )
    collected = Collected(schema, path.name)
    for line, row in rows:
        collected.add(line, row if isinstance(row, RowError) else _exemplar(row, mapping, schema))
        if line % 1000 == 0:
            progress("Reading rows", line, 0)
    return collected.done()


def _mapping(options: Mapping[str, Any], guessed: Mapping[str, str]) -> dict[str, str]:
    said = options.get("mapping") or {}
    if not isinstance(said, Mapping) or not all(isinstance(c, str) for c in said.values()):
        raise InputError(
            "A mapping names a column for each field", value=said, remedy="Say --map FIELD=COLUMN."
        )
    unknown = sorted(f for f in said if f not in FIELDS and not f.startswith("arguments."))
    if unknown:
        raise InputError(
            "No such field",
            value=unknown[0],
            remedy=f"Map one of {', '.join(FIELDS)}, or arguments.SLOT.",
        )
    return {field: column for field, column in {**guessed, **said}.items() if column}


def guess_mapping(columns: Iterable[str], schema: Schema | None) -> dict[str, str]:
    """Field → column, for columns named like a field, its usual aliases, or a slot.

    Where both fit, ``id`` to ``arguments`` are fields and other names slots, unless the slot has an
    ``arguments.<slot>`` column. The columns of state map themselves only if all are there.
    """
    names = [c.strip() for c in columns]
    slots = {s.name for f in schema.functions for s in f.slots} if schema else set()
    slots -= {
        *_LABELS,
        *(n.removeprefix("arguments.") for n in names if n.startswith("arguments.")),
    }
    fields = FIELDS if set(_STATE) <= set(names) else (*_LABELS, *_LISTS, "spans")
    mapping: dict[str, str] = {}
    for name in names:
        slot = re.sub(r"^(arguments|slot)\.", "", name)
        if slot != name or name in slots:
            mapping.setdefault(f"arguments.{slot}", name)
        elif name.casefold() in fields:
            mapping.setdefault(name.casefold(), name)
    for field, aliases in _ALIASES.items():
        for name in names:
            if name.casefold() in aliases and name not in mapping.values():
                mapping.setdefault(field, name)
    return mapping


def preview(path: Path, *, options: Mapping[str, Any], rows: int = 5) -> list[dict[str, str]]:
    """The first rows of a table, for choosing the mapping."""
    _, found = _rows(path, options)
    shown = []
    for _, row in found:
        if isinstance(row, dict):
            shown.append(row)
        if len(shown) == rows:
            break
    return shown


def _rows(path: Path, options: Mapping[str, Any]) -> tuple[list[str], Iterator[Row]]:
    check_options("csv", options, ("mapping", "delimiter", "sheet"))
    suffix = path.suffix.lower()
    cells = _sheet(path, options.get("sheet")) if suffix == ".xlsx" else _csv(path, options)
    header = next(cells, None)
    if header is None:
        raise FormatError(f"{path.name} is empty", remedy="Choose a file with at least one row.")
    if isinstance(header[1], RowError):
        raise FormatError(
            f"{path.name}, line {header[0]}: {header[1].problem}", remedy=header[1].remedy
        )
    columns = [c.strip() for c in header[1]]
    twice = sorted({c for c in columns if c and columns.count(c) > 1})
    if twice:
        raise FormatError(
            f"{path.name} has two columns of the same name", value=twice[0], remedy="Rename one."
        )
    return columns, _named(columns, cells)


def _named(columns: list[str], cells: Iterator[Cells]) -> Iterator[Row]:
    for line, row in cells:
        if isinstance(row, RowError):
            yield line, row
        elif len(row) != len(columns):
            yield line, _miscounted(row, len(columns))
        else:
            yield line, dict(zip(columns, row, strict=True))


def _miscounted(row: list[str], columns: int, where: str = "") -> RowError:
    return RowError(
        "line",
        row,
        f"has {len(row)} cells{where} for {columns} columns",
        "Give it a cell for each column; quote a cell that holds the delimiter, and close it.",
    )


def _csv(path: Path, options: Mapping[str, Any]) -> Iterator[Cells]:
    """Rows of a CSV, each with the line that it begins on; blank rows are passed over."""
    delimiter = _delimiter(options) or ("\t" if path.suffix.lower() == ".tsv" else None)
    lines = _Lines(path)
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
            elif any(cell.strip() for cell in row):
                width = width or len(row)
                damaged = len(row) != width and lines.go_back()  # by a quote, most likely
                yield lines.first, _miscounted(row, width, " on several lines") if damaged else row


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

    def __init__(self, path: Path) -> None:
        self._lines = raw_lines(path)
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
        text = decoded(raw)
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
        return max(",;\t", key=lambda delimiter: text.count(delimiter.encode()))


def _sheet(path: Path, sheet: Any) -> Iterator[Cells]:
    """Rows of a workbook's sheet, each with as many cells as the first."""
    from openpyxl import load_workbook

    try:
        book = load_workbook(path, read_only=True, data_only=True)
        name = book.sheetnames[0] if sheet is None else str(sheet)
        rows = book[name].iter_rows(values_only=True) if name in book.sheetnames else None
    except Exception as error:  # openpyxl raises whatever zip and xml raise
        raise _not_xlsx(path, error) from error
    if rows is None:
        raise FormatError(
            "No such sheet", value=sheet, remedy=f"There are {', '.join(book.sheetnames)}."
        )
    width = number = 0
    while True:
        try:
            row = next(rows, None)
        except Exception as error:
            raise _not_xlsx(path, error) from error
        if row is None:
            return
        number += 1
        cells = [_cell(value) for value in row]
        while cells and not cells[-1]:
            cells.pop()
        if any(cell.strip() for cell in cells):
            width = width or len(cells)
            yield number, cells + [""] * (width - len(cells))


def _not_xlsx(path: Path, error: Exception) -> FormatError:
    return FormatError(
        f"{path.name} isn't an XLSX workbook ({type(error).__name__})", remedy="Save it again."
    )


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _exemplar(
    row: Mapping[str, str], mapping: Mapping[str, str], schema: Schema | None
) -> dict[str, Any] | RowError:
    """A row's cells as the fields of an exemplar; a cell that should be JSON and isn't: why."""
    cells = {field: row[column] for field, column in mapping.items()}
    try:
        exact = _json("exact", cells.pop("exact", ""), dict)
        given = {f: t for f, t in cells.items() if f.split(".")[0] not in exact}
        return {**_fields(given, schema, exact.get("function")), **exact}
    except RowError as error:
        error.field = mapping.get(error.field, error.field)
        return error


def _fields(
    cells: Mapping[str, str], schema: Schema | None, function: str | None
) -> dict[str, Any]:
    """Cells as fields; ``function`` is the exact one, where there is one."""
    data = {f: t if f in ("utterance", "template") else t.strip() for f, t in cells.items()}
    data = {f: t for f, t in data.items() if t.strip() or f == "utterance"}
    fields: dict[str, Any] = {f: t for f, t in data.items() if not f.startswith("arguments")}
    fields["function"] = function or _function(fields.get("function", ""), schema)
    fields["arguments"] = _arguments(data, _slots(schema, fields["function"]))
    fields |= {name: _several(name, fields[name]) for name in _LISTS if name in fields}
    if "spans" in fields:
        fields["spans"] = _json("spans", fields["spans"], list)
    return fields


def _function(name: str, schema: Schema | None) -> str | None:
    known = schema is not None and schema.function(name) is not None
    return None if name.casefold() in _NO_FUNCTION and not known else name


def _slots(schema: Schema | None, function: str | None) -> dict[str, Slot]:
    found = schema.function(function) if schema and function else None
    return {slot.name: slot for slot in found.slots} if found else {}


def _arguments(data: Mapping[str, str], slots: Mapping[str, Slot]) -> dict[str, Value]:
    arguments: dict[str, Value] = dict(_json("arguments", data.get("arguments", ""), dict))
    for field, text in data.items():
        if field.startswith("arguments."):
            name = field.removeprefix("arguments.")
            arguments[name] = _typed(field, text, slots.get(name))
    return arguments


def _typed(field: str, text: str, slot: Slot | None) -> Value:
    """A cell as the slot's type; what doesn't fit stays text, and is rejected by the check."""
    if slot is None:
        return text
    if slot.multi_value:
        return [as_type(v, slot) if isinstance(v, str) else v for v in _several(field, text)]
    return as_type(text, slot)


def _several(field: str, text: str) -> list[Any]:
    """A cell with several values: ``a|b``, or a JSON list."""
    if text.startswith("["):
        return _json(field, text, list)
    return [part.strip() for part in text.split("|")]


def _json(field: str, text: str, kind: type[J]) -> J:
    """The JSON of a cell; an empty ``kind`` of an empty one."""
    try:
        value = parse_json(text) if text.strip() else kind()
    except ValueError:
        value = None
    if not isinstance(value, kind):
        raise RowError(
            field, text, f"isn't {_JSON[kind]}", f"Write {_JSON[kind]}, or leave it out."
        )
    return value


def write(path: Path, schema: Schema, exemplars: Iterable[AnnotatedExemplar]) -> int:
    """Write a table: one column a field, one a slot; several values are joined by ``|``."""
    rows = list(exemplars)
    slots = dict.fromkeys(s.name for f in schema.functions for s in f.slots)
    slots |= dict.fromkeys(name for row in rows for name in row.arguments)
    fields = [f for f in FIELDS if f not in ("arguments", *_STATE)]
    named = [s for s in slots if s == s.strip()]  # the others' values stand in ``exact``
    header = [*fields, *(f"arguments.{s}" for s in named), *_STATE]
    suffix = path.suffix.lower()
    lossy = "\r" if suffix == ".xlsx" else ""  # XML makes it a line feed
    lines = [_cells(row, header, schema, lossy) for row in rows]
    if suffix == ".xlsx":
        _write_sheet(path, [header, *lines])
    else:
        delimiter = "\t" if suffix == ".tsv" else ","
        write_text(path, (_line(cells, delimiter) for cells in [header, *lines]))
    return len(rows)


def _line(cells: list[str], delimiter: str) -> str:
    """A row of a CSV. ``csv.writer`` leaves a carriage return unquoted, and it can't be read."""
    special = f'"{delimiter}\r\n'
    quoted = (
        '"' + c.replace('"', '""') + '"' if any(s in c for s in special) else c for c in cells
    )
    return delimiter.join(quoted) + "\n"


def _cells(row: AnnotatedExemplar, header: list[str], schema: Schema, lossy: str) -> list[str]:
    """A cell for each column; fields that don't read back from their cells go to ``exact``."""
    data = row.model_dump(mode="json")
    cells = {f: _text(data[f]) for f in header if f in data and f != "spans"}
    values = {f"arguments.{name}": _text(value) for name, value in row.arguments.items()}
    cells |= {f: text for f, text in values.items() if f in header}
    cells["spans"] = "" if row.spans is None else json.dumps(data["spans"], ensure_ascii=False)
    found = _exemplar(cells, {name: name for name in cells}, schema)
    back = {**_DEFAULTS, **(found if isinstance(found, dict) else {})}
    lost = {f for f, v in data.items() if canonical_json(v) != canonical_json(back.get(f))}
    lost |= {f.split(".")[0] for f, text in cells.items() if lossy and lossy in text}
    if lost:
        cells["exact"] = json.dumps({f: v for f, v in data.items() if f in lost})
    return [cells.get(name, "") for name in header]


def _text(value: Any) -> str:
    return "" if value is None else "|".join(str(v) for v in as_values(value))


def _write_sheet(path: Path, lines: list[list[str]]) -> None:
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
