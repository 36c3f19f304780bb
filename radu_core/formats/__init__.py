"""Reading and writing labelled utterances and schemas, one file a format."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from radu_core.errors import FormatError, InputError
from radu_core.exemplars import AnnotatedExemplar
from radu_core.files import readable
from radu_core.formats import jsonl, openai, sgd, sgd_export, table, traces
from radu_core.formats.common import Imported, Notice, Rejection, Tally, load_json
from radu_core.progress import Progress, silent
from radu_core.schema import Schema
from radu_core.words import join_words

__all__ = [
    "FORMATS",
    "FormatInfo",
    "Imported",
    "Notice",
    "Rejection",
    "Tally",
    "export_names",
    "format_info",
    "guess_format",
    "load_json",
    "read",
    "write",
]

Reader = Callable[..., Imported]
Writer = Callable[[Path, Schema, Iterable[AnnotatedExemplar]], int]


@dataclass(frozen=True)
class FormatInfo:
    """A format: its file endings, and what it carries.

    ``function_names`` says how it writes names, where it doesn't take every one; ``lost`` counts
    what of a schema it doesn't hold.
    """

    name: str
    endings: tuple[str, ...]
    help: str
    reader: Reader
    writer: Writer | None
    carries_schema: bool = False
    carries_exemplars: bool = True
    function_names: Callable[[Schema], dict[str, str]] | None = None
    lost: Callable[[Schema], dict[str, int]] | None = None

    @property
    def directory(self) -> bool:
        """Whether it is a directory rather than a file."""
        return not self.endings


FORMATS: dict[str, FormatInfo] = {
    f.name: f
    for f in (
        FormatInfo(
            "jsonl",
            (".jsonl",),
            "AnnotatedExemplars, one JSON object a line",
            jsonl.read,
            jsonl.write,
        ),
        FormatInfo(
            "csv",
            (".csv", ".tsv", ".xlsx"),
            "A table with a column mapping (CSV, TSV, XLSX)",
            table.read,
            table.write,
        ),
        FormatInfo(
            "openai",
            (".json",),
            "Tools JSON: functions and slots, no utterances",
            openai.read,
            openai.write,
            carries_schema=True,
            carries_exemplars=False,
            function_names=openai.function_names,
        ),
        FormatInfo(
            "sgd",
            (),
            "The Schema-Guided Dialogue dataset: a directory with schema.json",
            sgd.read,
            sgd_export.write,
            carries_schema=True,
            lost=sgd_export.losses,
        ),
        FormatInfo(
            "traces",
            (".traces",),
            "What a server kept of utterances it answered: those to look at, unlabelled",
            traces.read,
            None,
        ),
    )
}


def guess_format(path: Path) -> str:
    """The format of a file by its name, or by its first line if that is a trace.

    ``FormatError`` if none fits, ``NotFoundError`` where there is none.
    """
    with readable(path):
        path.stat()
    if path.is_dir():
        sgd.check_directory(path)
        return "sgd"
    if path.is_file() and traces.are_traces(path):
        return "traces"
    for info in FORMATS.values():
        if path.suffix.lower() in info.endings:
            return info.name
    endings = [ending for info in FORMATS.values() for ending in info.endings]
    raise FormatError(
        "Can't tell the format by the file's name",
        value=path.name,
        remedy=f"Rename it to end in {join_words(endings, 'or')}.",
    )


def read(
    format: str,
    path: Path,
    *,
    module: str,
    schema: Schema | None,
    options: Mapping[str, Any] | None = None,
    progress: Progress = silent,
) -> Imported:
    """Read a file or directory. Rows read = accepted + rejected + skipped, each with its reason.

    Rows are checked against ``schema``, the module's; None is for a module that has none yet: then
    a format that carries a schema checks against its own.
    """
    reader = format_info(format).reader
    with readable(path):
        path.stat()
        return reader(
            path, module=module, schema=schema, options=dict(options or {}), progress=progress
        )


def write(
    format: str, path: Path, *, schema: Schema, exemplars: Iterable[AnnotatedExemplar]
) -> int:
    """Write a module's exemplars (or its schema) in a format; returns the rows written."""
    writer = format_info(format).writer
    if writer is None:
        writers = [name for name, info in FORMATS.items() if info.writer is not None]
        raise InputError(
            "That format can't be written",
            value=format,
            remedy=f"Use {join_words(writers, 'or')}.",
        )
    return writer(path, schema, exemplars)


def export_names(format: str, schema: Schema) -> dict[str, str]:
    """Function → its name in that format, for those whose name has to be another there."""
    names = format_info(format).function_names
    return {a: b for a, b in names(schema).items() if a != b} if names else {}


def format_info(format: str) -> FormatInfo:
    """The format of that name; ``InputError`` names those there are."""
    if format not in FORMATS:
        raise InputError(
            "No such format", value=format, remedy=f"Use {join_words([*FORMATS], 'or')}."
        )
    return FORMATS[format]
