"""CSV, TSV and XLSX tables with a column mapping.

Options: ``mapping`` (field → column, slots as ``arguments.<slot>``; an empty column: none),
``delimiter``, ``sheet``, ``encoding``, ``unlabelled``. Columns that are named like a field, or like
a slot, in any case, map themselves. An empty cell is absent, and a row without a function
unlabelled; ``none``, ``out_of_scope`` and the like mean out of scope.

A table that is written comes back exactly: what a cell can't hold (outer spaces, a ``|`` inside one
of several values, an empty list) stands in the column ``exact``, as a JSON object of fields.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from radu_core.errors import FormatError, InputError
from radu_core.exemplars import AnnotatedExemplar
from radu_core.files import canonical_json, write_text
from radu_core.formats.collected import Collected
from radu_core.formats.common import Imported, RowError, check_options, row_json
from radu_core.formats.delimited import Cells, miscount_error, read_cells
from radu_core.formats.lines import TextFile
from radu_core.formats.tidy import ALIASES, known_function, tidy
from radu_core.formats.values import scalar_text
from radu_core.formats.workbook import BadCell, Sheet, write_sheet
from radu_core.instructions import instruct
from radu_core.progress import Progress
from radu_core.schema import OUT_OF_SCOPE, Schema, Slot, as_values
from radu_core.words import join_words

__all__ = ["FIELDS", "guess_mapping", "labels_missing", "preview", "read", "write"]

_LABELS = ("id", "utterance", "function", "split", "context", "mode", "template", "arguments")
_LISTS = ("implied", "tags")
_STATE = ("outcome", "resolved_by", "reason", "exact")  # as the export writes them: all or none
FIELDS = (*_LABELS, *_LISTS, "spans", *_STATE)
_OPTIONS = ("mapping", "delimiter", "sheet", "encoding", "unlabelled")
_DEFAULTS = AnnotatedExemplar(id="x", utterance="x").model_dump(
    mode="json", exclude={"id", "utterance"}
)
Row = tuple[int, dict[str, str] | RowError]
_JSON: dict[type, str] = {dict: "a JSON object", list: "a JSON list"}
J = TypeVar("J", dict[str, Any], list[Any])


@dataclass
class _Table:
    """A table that is open: its columns, each with a name of its own, and its rows as they come.

    ``changes`` and ``notes`` grow while rows are read; ``blank`` counts the blank rows between.
    """

    path: Path
    options: Mapping[str, Any]
    language: str = ""
    columns: list[str] = field(default_factory=list)
    twice: dict[str, str] = field(default_factory=dict)  # a second column's name → the first's
    changes: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    blank: int = 0

    def rows(self) -> Iterator[Row]:
        """The rows after the one that names the columns."""
        cells = self._cells()
        header = next((row for row in cells if row[1]), None)
        if header is None:
            raise FormatError(
                f"{self.path.name} is empty", remedy="Choose a file with at least one row."
            )
        if isinstance(header[1], RowError):
            raise FormatError(
                f"{self.path.name}, line {header[0]}: {header[1].problem}",
                remedy=header[1].remedy,
            )
        self._name_columns(header[1])
        return self._rows_with_names(cells)

    def _cells(self) -> Iterator[Cells]:
        check_options("csv", self.options, _OPTIONS)
        if self.path.suffix.lower() == ".xlsx":
            sheet = Sheet(
                self.path,
                self.options.get("sheet"),
                lambda *change: self.changes.append(change),
                self.notes,
            )
            return sheet.rows()
        file = TextFile(self.path, encoding=self.options.get("encoding"), language=self.language)
        self.notes += file.notes
        return read_cells(file, self.options)

    def _name_columns(self, cells: list[str]) -> None:
        for number, cell in enumerate(cells, start=1):
            name = cell.strip() or f"(column {number})"
            if name in self.columns:
                copies = sum(1 for first in self.twice.values() if first == name)
                self.twice[f"{name} ({copies + 2})"] = name
                name = f"{name} ({copies + 2})"
            self.columns.append(name)

    def _rows_with_names(self, cells: Iterator[Cells]) -> Iterator[Row]:
        width = len(self.columns)
        blank = 0
        for line, row in cells:
            if not row:
                blank += 1
                continue
            self.blank += blank  # those at the end aren't between rows
            blank = 0
            if isinstance(row, RowError):
                yield line, row
                continue
            if len(row) > width and not any(cell.strip() for cell in row[width:]):
                self.changes.append(("empty cells beyond the columns", f"line {line}"))
                yield line, dict(zip(self.columns, row[:width], strict=True))
            elif len(row) != width:
                yield line, miscount_error(row, width)
            else:
                yield line, dict(zip(self.columns, row, strict=True))


def read(
    path: Path,
    *,
    module: str,
    schema: Schema | None,
    options: Mapping[str, Any],
    progress: Progress,
) -> Imported:
    """Read a table whose first row names its columns.

    ``FormatError`` when no column holds the utterance, or when none is mapped to the function while
    one that isn't read names functions of ``schema`` and nothing else.
    """
    table = _Table(path, options, language=module.rsplit("_", 1)[-1])
    rows = table.rows()
    mapping = _mapping(options, table.columns, guess_mapping(table.columns, schema))
    _check_mapping(table, mapping)
    unread = _Unread([c for c in table.columns if c not in mapping.values()], schema)
    collected = Collected(
        schema, path.name, unlabelled=options.get("unlabelled", "keep"), cells=True
    )
    for line, row in rows:
        if isinstance(row, dict):
            unread.add(row)
            collected.add(line, _exemplar(row, mapping, schema))
        else:
            collected.add(line, row)
        if line % 1000 == 0:
            progress("Reading rows", line, 0)
    if "function" not in mapping and "function" not in (options.get("mapping") or {}):
        unread.refuse_labels(path)
    for name, count in unread.counts.items():
        collected.ignore(name, count)
    for kind, example in table.changes:
        collected.count_change(kind, example)
    return collected.finish(
        skipped={"a blank row": table.blank},
        notes=[*table.notes, *labels_missing(table.columns, mapping)],
        empty="names columns, but has no rows",
    )


def labels_missing(columns: Iterable[str], mapping: Mapping[str, str]) -> list[str]:
    """What an import with this mapping says of a table in which no column holds the function."""
    if "function" in mapping or "exact" in mapping:
        return []
    return [
        "No column holds the function: the rows are unlabelled. If one does, "
        f"{instruct('map', 'function')}; there are {', '.join(columns)}."
    ]


class _Unread:
    """Columns that aren't read: how many cells of each have something in them."""

    def __init__(self, columns: list[str], schema: Schema | None) -> None:
        self._schema = schema
        self.counts = dict.fromkeys(columns, 0)
        self._labels = set(columns) if schema is not None else set()

    def add(self, row: Mapping[str, str]) -> None:
        """Count the cells of a row."""
        for name in self.counts:
            if row[name].strip():
                self.counts[name] += 1
                if name in self._labels and known_function(row[name], self._schema) is None:
                    self._labels.discard(name)

    def refuse_labels(self, path: Path) -> None:
        """``FormatError`` if a column that isn't read holds functions and nothing else."""
        names = [name for name in self.counts if name in self._labels and self.counts[name]]
        if names:
            raise FormatError(
                f"{path.name}: no column is read as the function, but one names functions",
                value=join_words(names),
                remedy=f"{instruct('map', 'function', names[0])}, or "
                f"{instruct('no function')} if the rows are to be unlabelled.",
            )


def _check_mapping(table: _Table, mapping: Mapping[str, str]) -> None:
    name = table.path.name
    unknown = sorted(c for c in mapping.values() if c not in table.columns)
    if unknown:
        raise FormatError(
            f"{name} has no column of that name",
            value=", ".join(unknown),
            remedy=f"Its columns are {', '.join(table.columns)}.",
        )
    twice = sorted({first for first in table.twice.values() if first in mapping.values()})
    if twice:
        raise FormatError(
            f"{name} has two columns of the same name", value=twice[0], remedy="Rename one."
        )
    if "utterance" not in mapping:
        raise FormatError(
            f"{name}: no column holds the utterance",
            remedy=f"Its columns are {', '.join(table.columns)}: {instruct('map', 'utterance')}.",
        )


def _mapping(
    options: Mapping[str, Any], columns: Iterable[str], guessed: Mapping[str, str]
) -> dict[str, str]:
    explicit = options.get("mapping") or {}
    if not isinstance(explicit, Mapping) or not all(isinstance(c, str) for c in explicit.values()):
        raise InputError(
            "A mapping names a column for each field",
            value=explicit,
            remedy=f"{instruct('map', 'FIELD')}.",
        )
    unknown = sorted(f for f in explicit if f not in FIELDS and not f.startswith("arguments."))
    if unknown:
        raise InputError(
            "No such field",
            value=unknown[0],
            remedy=f"Map one of {', '.join(FIELDS)}, or arguments.SLOT.",
        )
    alike = {c.casefold(): c for c in reversed(list(columns))}
    exact = set(alike.values())
    explicit = {f: c if c in exact else alike.get(c.casefold(), c) for f, c in explicit.items()}
    mapped_columns = set(
        explicit.values()
    )  # a column that is mapped isn't guessed for another field
    guesses = {f: c for f, c in guessed.items() if c not in mapped_columns}
    return {field: column for field, column in {**guesses, **explicit}.items() if column}


def guess_mapping(columns: Iterable[str], schema: Schema | None) -> dict[str, str]:
    """Field → column, for columns named like a field, its usual aliases, or a slot, in any case.

    Where both fit, ``id`` to ``arguments`` are fields and other names slots, unless the slot has an
    ``arguments.<slot>`` column. The columns of state map themselves only if all are there.
    """
    names = [c.strip() for c in columns]
    slots = {s.name for f in schema.functions for s in f.slots} if schema else set()
    folded = {name.casefold(): name for name in sorted(slots, reverse=True)}
    prefixed = {_without_prefix(n) for n in names if _without_prefix(n) != n}
    reserved = {*_LABELS, *prefixed}
    fields = FIELDS if set(_STATE) <= set(names) else (*_LABELS, *_LISTS, "spans")
    mapping: dict[str, str] = {}
    for name in names:
        slot = _without_prefix(name)
        own = slot if slot in slots else folded.get(slot.casefold(), "")
        if slot != name:
            mapping.setdefault(f"arguments.{own or slot}", name)
        elif own and own not in reserved and name.casefold() not in _LABELS:
            mapping.setdefault(f"arguments.{own}", name)
        elif name.casefold() in fields:
            mapping.setdefault(name.casefold(), name)
    for field_, aliases in ALIASES.items():
        for name in names:
            if name.casefold() in aliases and name not in mapping.values():
                mapping.setdefault(field_, name)
    return mapping


def _without_prefix(name: str) -> str:
    return re.sub(r"^(arguments|slot)\.", "", name, flags=re.IGNORECASE)


def preview(
    path: Path, *, options: Mapping[str, Any], rows: int = 5
) -> tuple[list[str], list[dict[str, str]]]:
    """The columns of a table and its first rows, for choosing the mapping."""
    table = _Table(path, options)
    rows_read: list[dict[str, str]] = []
    for _, row in table.rows():
        if isinstance(row, dict):
            rows_read.append(row)
        if len(rows_read) == rows:
            break
    return table.columns, rows_read


def _exemplar(
    row: Mapping[str, str], mapping: Mapping[str, str], schema: Schema | None
) -> dict[str, Any] | RowError:
    """A row's cells as the fields of an exemplar; what is wrong with a cell, if anything is."""
    cells = {field: row[column] for field, column in mapping.items()}
    for field_, cell in cells.items():
        if isinstance(cell, BadCell):
            return RowError(mapping[field_], str(cell) or None, cell.problem, cell.remedy)
    try:
        exact = _json("exact", cells.pop("exact", ""), dict)
        texts = {f: t for f, t in cells.items() if f.split(".")[0] not in exact}
        return {**_fields(texts, schema, exact.get("function")), **exact}
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
    fields["arguments"] = _arguments(data, _slots(schema, function or fields.get("function")))
    fields |= {name: _several(name, fields[name]) for name in _LISTS if name in fields}
    if "spans" in fields:
        fields["spans"] = _json("spans", fields["spans"], list)
    return fields


def _slots(schema: Schema | None, function: str | None) -> dict[str, Slot]:
    function_name = known_function(function, schema) if schema and function else None
    schema_function = schema.function(function_name) if schema and function_name else None
    return {slot.name: slot for slot in schema_function.slots} if schema_function else {}


def _arguments(data: Mapping[str, str], slots: Mapping[str, Slot]) -> dict[str, Any]:
    """Values as texts; they become what their slots take when the row is tidied."""
    arguments: dict[str, Any] = dict(_json("arguments", data.get("arguments", ""), dict))
    for field_, text in data.items():
        if field_.startswith("arguments."):
            name = field_.removeprefix("arguments.")
            several = name in slots and slots[name].multi_value
            value = _several(field_, text) if several else text
            if (
                name in arguments
                and arguments[name] != value
                and scalar_text(arguments[name]) != text
            ):
                both = [arguments[name], value]
                raise RowError(field_, both, "has two values", "Give the slot one value.")
            arguments[name] = value
    return arguments


def _several(field: str, text: str) -> list[Any]:
    """A cell with several values: ``a|b``, or a JSON list."""
    if text.startswith("["):
        return _json(field, text, list)
    return [part.strip() for part in text.split("|")]


def _json(field: str, text: str, kind: type[J]) -> J:
    """The JSON of a cell; an empty ``kind`` of an empty one."""
    what, remedy = _JSON[kind], f"Write {_JSON[kind]}, or leave it out."
    value = row_json(text, field, what, remedy) if text.strip() else kind()
    if not isinstance(value, kind):
        raise RowError(field, text, f"isn't {what}", remedy)
    return value


def write(path: Path, schema: Schema, exemplars: Iterable[AnnotatedExemplar]) -> int:
    """Write a table: one column a field, one a slot; several values are joined by ``|``."""
    rows = list(exemplars)
    slots = dict.fromkeys(s.name for f in schema.functions for s in f.slots)
    slots |= dict.fromkeys(name for row in rows for name in row.arguments)
    fields = [f for f in FIELDS if f not in ("arguments", *_STATE)]
    slot_names = [s for s in slots if s == s.strip()]  # the others' values stand in ``exact``
    header = [*fields, *(f"arguments.{s}" for s in slot_names), *_STATE]
    suffix = path.suffix.lower()
    lossy = "\r" if suffix == ".xlsx" else ""  # XML makes it a line feed
    lines = [_cells(row, header, schema, lossy) for row in rows]
    if suffix == ".xlsx":
        write_sheet(path, [header, *lines])
    else:
        delimiter = "\t" if suffix == ".tsv" else ","
        write_text(path, (_line(cells, delimiter) for cells in [header, *lines]))
    return len(rows)


def _line(cells: list[str], delimiter: str) -> str:
    """A row of a CSV. ``csv.writer`` leaves a carriage return unquoted, and it can't be read."""
    special = f'"{delimiter}\r\n'
    quoted_cells = (
        '"' + c.replace('"', '""') + '"' if any(s in c for s in special) else c for c in cells
    )
    return delimiter.join(quoted_cells) + "\n"


def _cells(row: AnnotatedExemplar, header: list[str], schema: Schema, lossy: str) -> list[str]:
    """A cell for each column; fields that don't read back from their cells go to ``exact``."""
    data = row.model_dump(mode="json")
    cells = {f: _text(data[f]) for f in header if f in data and f != "spans"}
    values = {f"arguments.{name}": _text(value) for name, value in row.arguments.items()}
    cells |= {f: text for f, text in values.items() if f in header}
    cells["spans"] = "" if row.spans is None else json.dumps(data["spans"], ensure_ascii=False)
    if row.out_of_scope:
        cells["function"] = OUT_OF_SCOPE
    back = {**_DEFAULTS, **_read_back(cells, schema)}
    lost_fields = {f for f, v in data.items() if canonical_json(v) != canonical_json(back.get(f))}
    lost_fields |= {f.split(".")[0] for f, text in cells.items() if lossy and lossy in text}
    if lost_fields:
        cells["exact"] = json.dumps({f: v for f, v in data.items() if f in lost_fields})
    return [cells.get(name, "") for name in header]


def _read_back(cells: Mapping[str, str], schema: Schema) -> dict[str, Any]:
    """The fields that cells are read as; none where they can't be read."""
    fields = _exemplar(cells, {name: name for name in cells}, schema)
    try:
        return {} if isinstance(fields, RowError) else tidy(fields, schema, cells=True).fields
    except RowError:
        return {}


def _text(value: Any) -> str:
    return "" if value is None else "|".join(str(v) for v in as_values(value))
