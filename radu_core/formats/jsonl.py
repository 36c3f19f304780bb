"""AnnotatedExemplars, one JSON object a line. Written and read again, they are the same."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from radu_core.exemplars import AnnotatedExemplar
from radu_core.files import parse_json, write_text
from radu_core.formats.common import Collected, Imported, RowError, check_options, read_lines
from radu_core.numbers import NumberError
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
    """Read a JSONL file. Takes no options."""
    check_options("jsonl", options, ())
    collected = Collected(schema, path.name)
    for number, text in read_lines(path):
        collected.add(number, text if isinstance(text, RowError) else _decode(text))
        if number % 1000 == 0:
            progress("Reading rows", number, 0)
    return collected.done()


def _decode(text: str) -> Mapping[str, Any] | RowError:
    try:
        row = parse_json(text)
    except NumberError as error:
        return RowError(error.where, text, error.problem, "Correct this value.")
    except ValueError as error:
        return RowError("line", text, f"isn't JSON ({error})", "One JSON object a line.")
    if not isinstance(row, dict):
        return RowError("line", text, "isn't a JSON object", "One JSON object a line.")
    return row


def write(path: Path, schema: Schema, exemplars: Iterable[AnnotatedExemplar]) -> int:
    """Write exemplars with spans, outcome, resolved_by and reason; fields at defaults left out."""
    rows = list(exemplars)
    write_text(path, _lines(rows))
    return len(rows)


def _lines(rows: Iterable[AnnotatedExemplar]) -> Iterator[str]:
    for row in rows:
        data = row.model_dump(mode="json", exclude_defaults=True)
        data = {"id": row.id, "utterance": row.utterance, "function": row.function, **data}
        yield json.dumps({**data, "split": row.split}, ensure_ascii=False) + "\n"
