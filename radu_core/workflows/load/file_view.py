"""A file before it is imported: its columns and first rows, and what of them would be read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from radu_core.files import readable
from radu_core.formats import FormatInfo, format_info, guess_format, table
from radu_core.formats.lines import ENCODINGS, TextFile
from radu_core.formats.tidy import known_function
from radu_core.formats.workbook import sheet_names
from radu_core.schema import Schema
from radu_core.workflows.frame.workspace import Workspace

__all__ = ["ENCODINGS", "UNLABELLED", "FileView", "fields", "format_of", "view_file"]

UNLABELLED = {
    "keep": "Unlabelled: for a person to label",
    "out-of-scope": "Out of scope",
}
_ROWS = 50  # looked at for what a column holds
_SHOWN = 5


@dataclass(frozen=True)
class FileView:
    """What of a file is known without importing it.

    ``likely`` is the encoding it likely has, where it isn't in the one it would be read in.
    ``columns``, the ``first`` rows and the guessed ``mapping`` (field → column) are a table's, and
    ``sheets`` a workbook's.
    """

    likely: str | None = None
    sheets: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    first: tuple[Mapping[str, str], ...] = ()
    mapping: Mapping[str, str] | None = None


def format_of(paths: Sequence[Path]) -> FormatInfo:
    """The format that the files' names and beginnings suggest."""
    return format_info(guess_format(paths[0]))


def view_file(
    workspace: Workspace,
    module: str,
    path: Path,
    *,
    format: str,
    options: Mapping[str, Any] | None = None,
) -> FileView:
    """Look at the beginning of a file; ``options`` are those it would be imported with."""
    options_given = {
        k: v for k, v in (options or {}).items() if k in ("encoding", "sheet", "delimiter")
    }
    with readable(path):
        if path.is_dir():
            return FileView()
        if path.suffix.lower() == ".xlsx":
            return _view_table(
                workspace.store.schema(module), path, options_given, sheet_names(path)
            )
        language = module.rsplit("_", 1)[-1]
        file = TextFile(path, encoding=options_given.get("encoding"), language=language)
        likely = file.likely if file.encoding == "utf-8" and not file.is_utf_8 else None
        if format != "csv":
            return FileView(likely=likely)
        return _view_table(workspace.store.schema(module), path, options_given, (), likely=likely)


def _view_table(
    schema: Schema,
    path: Path,
    options: Mapping[str, Any],
    sheets: list[str] | tuple[str, ...],
    *,
    likely: str | None = None,
) -> FileView:
    columns, rows = table.preview(path, options=options, rows=_ROWS)
    mapping = table.guess_mapping(columns, schema)
    if "function" not in mapping:
        mapping |= _labels(columns, rows, schema, reserved=set(mapping.values()))
    return FileView(likely, tuple(sheets), tuple(columns), tuple(rows[:_SHOWN]), mapping)


def _labels(
    columns: list[str], rows: list[dict[str, str]], schema: Schema, *, reserved: set[str]
) -> dict[str, str]:
    """The one column that holds names of functions and nothing else, as the function's."""
    labels = []
    for name in columns:
        texts = [row[name] for row in rows if row[name].strip()]
        if name not in reserved and texts and all(known_function(s, schema) for s in texts):
            labels.append(name)
    return {"function": labels[0]} if len(labels) == 1 else {}


def fields(workspace: Workspace, module: str) -> list[str]:
    """What a column may hold: the fields of an exemplar and ``arguments.<slot>``."""
    schema = workspace.store.schema(module)
    slots = sorted({f"arguments.{s.name}" for f in schema.functions for s in f.slots})
    return [*table.FIELDS, *slots]
