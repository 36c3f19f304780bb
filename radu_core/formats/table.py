"""CSV, TSV and XLSX tables with a column mapping.

Options: ``mapping`` (field → column; slots as ``arguments.<slot>``), ``delimiter``, ``sheet``.
Columns that are named like a field, or like a slot, map themselves. An empty cell is absent;
``none``, ``out_of_scope`` or an empty cell as function mean out of scope.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from radu_core.errors import FormatError
from radu_core.exemplars import AnnotatedExemplar
from radu_core.files import disk_errors, parse_json, write_text
from radu_core.formats.common import Collected, Imported, RowError, read_lines
from radu_core.progress import Progress
from radu_core.schema import Scalar, Schema, Slot, Value, as_values

__all__ = ["FIELDS", "guess_mapping", "preview", "read", "write"]

FIELDS = ("id", "utterance", "function", "split", "context", "mode", "template", "arguments")
_ALIASES = {
    "utterance": ("text", "query", "sentence", "message", "example"),
    "function": ("intent", "skill", "label"),
    "template": ("exemplar",),
}
_NO_FUNCTION = ("", "none", "null", "out_of_scope", "oos")
_TRUE = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
Row = tuple[int, dict[str, str] | RowError]


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
    mapping = {**guess_mapping(columns, schema), **dict(options.get("mapping") or {})}
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


def guess_mapping(columns: Iterable[str], schema: Schema | None) -> dict[str, str]:
    """Field → column, for columns named like a field, its usual aliases, or a slot."""
    slots = {s.name for f in schema.functions for s in f.slots} if schema else set()
    mapping: dict[str, str] = {}
    for column in columns:
        name = column.strip().casefold()
        for field in FIELDS:
            if name == field or name in _ALIASES.get(field, ()):
                mapping.setdefault(field, column)
        slot = re.sub(r"^(arguments|slot)\.", "", column.strip())
        if slot != column.strip() or (slot in slots and slot not in FIELDS):
            mapping.setdefault(f"arguments.{slot}", column)
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
    suffix = path.suffix.lower()
    cells = _sheet(path, options.get("sheet")) if suffix == ".xlsx" else _csv(path, options)
    header = next(cells, None)
    if header is None:
        raise FormatError(f"{path.name} is empty", remedy="Choose a file with at least one row.")
    if isinstance(header[1], RowError):
        raise FormatError(f"{path.name}, line 1: {header[1].problem}", remedy=header[1].remedy)
    columns = [c.strip() for c in header[1]]
    twice = sorted({c for c in columns if c and columns.count(c) > 1})
    if twice:
        raise FormatError(
            f"{path.name} has two columns of the same name", value=twice[0], remedy="Rename one."
        )
    return columns, _named(columns, cells)


def _named(columns: list[str], cells: Iterator[tuple[int, list[str] | RowError]]) -> Iterator[Row]:
    for line, row in cells:
        if isinstance(row, RowError):
            yield line, row
        elif len(row) > len(columns):
            yield (
                line,
                RowError(
                    "line",
                    row,
                    f"has {len(row)} cells for {len(columns)} columns",
                    "Quote the cells.",
                ),
            )
        elif any(cell.strip() for cell in row):
            yield line, dict(zip(columns, row + [""] * (len(columns) - len(row)), strict=True))


def _csv(path: Path, options: Mapping[str, Any]) -> Iterator[tuple[int, list[str] | RowError]]:
    """Rows of a CSV; a quoted cell may go over several lines."""
    delimiter = options.get("delimiter") or ("\t" if path.suffix.lower() == ".tsv" else None)
    held, start = "", 0
    for number, text in read_lines(path):
        if isinstance(text, RowError):
            yield number, text
            continue
        if delimiter is None:
            delimiter = max(",;\t", key=text.count)
        start = start or number
        held = f"{held}\n{text}" if held else text
        if held.count('"') % 2:  # inside a quoted cell
            continue
        yield start, next(csv.reader(io.StringIO(held), delimiter=delimiter), [])
        held, start = "", 0
    if held:
        yield start, RowError("line", held, "a quote isn't closed", "Close or double the quote.")


def _sheet(path: Path, sheet: str | None) -> Iterator[tuple[int, list[str] | RowError]]:
    from openpyxl import load_workbook

    try:
        book = load_workbook(path, read_only=True, data_only=True)
    except Exception as error:  # openpyxl raises whatever zip and xml raise
        raise FormatError(
            f"{path.name} isn't an XLSX workbook ({type(error).__name__})", remedy="Save it again."
        ) from error
    if sheet is not None and sheet not in book.sheetnames:
        raise FormatError(
            "No such sheet", value=sheet, remedy=f"There are {', '.join(book.sheetnames)}."
        )
    page = book[sheet or book.sheetnames[0]]
    for number, row in enumerate(page.iter_rows(values_only=True), start=1):
        yield number, [_cell(value) for value in row]


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _exemplar(
    row: Mapping[str, str], mapping: Mapping[str, str], schema: Schema | None
) -> dict[str, Any] | RowError:
    data: dict[str, Any] = {}
    arguments: dict[str, Value] = {}
    for field, column in mapping.items():
        text = row[column]
        if field in ("utterance",):
            data[field] = text
        elif not text.strip():
            continue
        elif field == "arguments":
            try:
                arguments.update(parse_json(text))
            except (TypeError, ValueError):
                return RowError(column, text, "isn't a JSON object", 'Write {"slot": "value"}.')
        elif not field.startswith("arguments."):
            data[field] = text.strip() if field != "template" else text
    name = str(data.get("function") or "")
    data["function"] = None if name.casefold() in _NO_FUNCTION else name
    for field, column in mapping.items():
        text = row[column].strip()
        if field.startswith("arguments.") and text:
            slot_name = field.removeprefix("arguments.")
            arguments[slot_name] = _typed(text, _slot(schema, data["function"], slot_name))
    data["arguments"] = arguments
    return data


def _slot(schema: Schema | None, function: str | None, name: str) -> Slot | None:
    found = schema.function(function) if schema and function else None
    return found.slot(name) if found else None


def _typed(text: str, slot: Slot | None) -> Value:
    """A cell as the slot's type; what doesn't fit stays text, and is rejected by the check."""
    if slot is None:
        return text
    if slot.multi_value:
        parts = json.loads(text) if text.startswith("[") else text.split("|")
        return [_scalar(str(p).strip(), slot) for p in parts]
    return _scalar(text, slot)


def _scalar(text: str, slot: Slot) -> Scalar:
    for possible in slot.possible_values:
        if str(possible).casefold() == text.casefold():
            return possible
    try:
        if slot.type == "integer":
            return int(text)
        if slot.type == "number":
            return float(text)
    except ValueError:
        return text
    return _TRUE.get(text.casefold(), text) if slot.type == "boolean" else text


def write(path: Path, schema: Schema, exemplars: Iterable[AnnotatedExemplar]) -> int:
    """Write a table: one column a field, one a slot; several values are joined by ``|``."""
    rows = list(exemplars)
    slots = list(dict.fromkeys(s.name for f in schema.functions for s in f.slots))
    fields = [f for f in FIELDS if f != "arguments"]
    header = [*fields, *(f"arguments.{s}" for s in slots), "outcome", "reason"]
    lines = [_cells(row, fields, slots) for row in rows]
    if path.suffix.lower() == ".xlsx":
        _write_sheet(path, header, lines)
    else:
        delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
        out = io.StringIO()
        csv.writer(out, delimiter=delimiter, lineterminator="\n").writerows([header, *lines])
        write_text(path, out.getvalue())
    return len(rows)


def _cells(row: AnnotatedExemplar, fields: list[str], slots: list[str]) -> list[str]:
    data = row.model_dump(mode="json")
    values = [
        "|".join(str(v) for v in as_values(row.arguments[s])) if s in row.arguments else ""
        for s in slots
    ]
    return [*(str(data[f] or "") for f in fields), *values, row.outcome or "", row.reason]


def _write_sheet(path: Path, header: list[str], lines: list[list[str]]) -> None:
    from openpyxl import Workbook
    from openpyxl.utils.exceptions import IllegalCharacterError

    book = Workbook(write_only=True)
    sheet = book.create_sheet("exemplars")
    for number, line in enumerate([header, *lines], start=1):
        try:
            sheet.append(line)
        except IllegalCharacterError as error:
            raise FormatError(
                f"A workbook can't hold row {number}: it has a control character",
                value=line[0],
                remedy="Write CSV or JSONL instead.",
            ) from error
    temporary = path.with_name(f".{path.name}")
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        book.save(temporary)
        temporary.replace(path)
