"""AnnotatedExemplars, one JSON object a line. Written and read again, they are the same.

Options: ``encoding``, ``unlabelled``. A JSON list of objects is read as well, and so are
conversations (``chat``).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from radu_core.errors import FormatError
from radu_core.exemplars import AnnotatedExemplar
from radu_core.files import RepeatedKeyError, parse_json, write_text
from radu_core.formats import chat
from radu_core.formats.collected import Collected
from radu_core.formats.common import Imported, RowError, check_options, row_json
from radu_core.formats.lines import TextFile
from radu_core.instructions import instruct
from radu_core.progress import Progress
from radu_core.schema import Schema

__all__ = ["read", "write"]


def read(
    path: Path,
    *,
    module: str,
    schema: Schema | None,
    options: Mapping[str, Any],
    progress: Progress,
) -> Imported:
    """Read a JSONL file, or a file that is one JSON list of rows."""
    check_options("jsonl", options, ("encoding", "unlabelled"))
    file = TextFile(path, encoding=options.get("encoding"), language=module.rsplit("_", 1)[-1])
    collected = Collected(schema, path.name, unlabelled=options.get("unlabelled", "keep"))
    blank = pending = 0
    items = _list_items(file)
    for number, row in _decode_lines(file) if items is None else enumerate(items, start=1):
        if row is None:
            pending += 1
            continue
        blank, pending = blank + pending, 0  # those at the end aren't between rows
        _add(collected, number, row if items is None else _as_object(row))
        if number % 1000 == 0:
            progress("Reading rows", number, 0)
    notes = [] if items is None else ["Read as one JSON list; lines count its items."]
    return collected.finish(skipped={"a blank line": blank}, notes=[*file.notes, *notes])


def _add(collected: Collected, number: int, row: Mapping[str, Any] | RowError) -> None:
    if isinstance(row, RowError) or not chat.is_chat(row):
        collected.add(number, row)
        return
    for chat_row in chat.rows(row):
        if isinstance(chat_row, str):
            collected.ignore(chat_row)
        else:
            collected.add(number, chat_row)


def _list_items(file: TextFile) -> list[Any] | None:
    """The items of a file that is one JSON list; None if it has an object a line.

    ``FormatError`` for one JSON value over several lines that isn't a list.
    """
    if file.first not in ("[", "{") or (file.first == "{" and _has_rows(file)):
        return None
    try:
        whole = parse_json(file.text())
    except (ValueError, FormatError) as error:
        if isinstance(error, RepeatedKeyError) and file.first == "[":
            raise FormatError(
                f"{file.path.name}: {error}", remedy="Keep one of the two."
            ) from error
        return None  # each line says what is wrong with it
    if isinstance(whole, list):
        return whole
    raise FormatError(
        f"{file.path.name} is one JSON object over several lines",
        value=list(whole)[:5],
        remedy="Write one object a line, or a list of objects: [{…}, {…}]. For a schema or a "
        f"list of tools, {instruct('new module')}.",
    )


def _has_rows(file: TextFile) -> bool:
    """Whether the first line is an object, or can't be read for another reason."""
    first = next(
        (text for _, text in file.lines() if isinstance(text, RowError) or text.strip()), ""
    )
    return isinstance(first, RowError) or isinstance(_decode(first), dict)


def _decode_lines(file: TextFile) -> Iterator[tuple[int, Mapping[str, Any] | RowError | None]]:
    """(line, a row or what is wrong with it); None for a blank line."""
    for number, text in file.lines():
        if isinstance(text, RowError):
            yield number, text
        else:
            yield number, _decode(text) if text.strip() else None


def _decode(text: str) -> Mapping[str, Any] | RowError:
    try:
        row = row_json(text, "", "JSON", "One JSON object a line.")
    except RowError as error:
        return error
    return _as_object(row)


def _as_object(row: Any) -> Mapping[str, Any] | RowError:
    if not isinstance(row, dict):
        return RowError("line", row, "isn't a JSON object", "One JSON object a line.")
    return row


def write(path: Path, schema: Schema, exemplars: Iterable[AnnotatedExemplar]) -> int:
    """Write exemplars with spans, outcome, resolved_by and reason; fields at defaults left out.

    ``"function": null`` is out of scope; an unlabelled exemplar has no function at all.
    """
    rows = list(exemplars)
    write_text(path, _lines(rows))
    return len(rows)


def _lines(rows: Iterable[AnnotatedExemplar]) -> Iterator[str]:
    for row in rows:
        data = row.model_dump(mode="json", exclude_defaults=True)
        function = {} if row.unlabelled else {"function": row.function}
        data = {"id": row.id, "utterance": row.utterance, **function, **data}
        yield json.dumps({**data, "split": row.split}, ensure_ascii=False) + "\n"
