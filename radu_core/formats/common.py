"""What every importer shares: lines read safely, rows checked against the schema, rejections."""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from radu_core.calls import flat_arguments
from radu_core.errors import AlignmentError, FormatError, InputError, shorten
from radu_core.exemplars import (
    AnnotatedExemplar,
    check_spans,
    match_template,
    parse_template,
)
from radu_core.files import content_hash, parse_json
from radu_core.numbers import NUMBER_REMEDY, number_problem
from radu_core.schema import Scalar, Schema, Slot, argument_problems

__all__ = [
    "LONGEST_LINE",
    "Collected",
    "Imported",
    "Rejection",
    "RowError",
    "as_type",
    "check_options",
    "decoded",
    "derived_id",
    "load_json",
    "raw_lines",
    "read_lines",
    "to_exemplar",
]

_TRUE = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
LONGEST_LINE = 1_000_000  # bytes; a line beyond it is rejected without being held in memory


@dataclass(frozen=True)
class Rejection:
    """A row that can't be taken: where it is, what is wrong with which field, and the remedy.

    ``line`` counts from 1 in ``source``: lines of a file, tools of a list, turns of a dialogue.
    """

    line: int
    field: str
    value: str
    problem: str
    remedy: str
    source: str = ""


@dataclass(frozen=True)
class Imported:
    """What a file gave: ``rows`` = exemplars + rejections + the sum of ``skipped``.

    ``left_out`` counts values, by reason, that accepted rows lost.
    """

    schema: Schema | None
    exemplars: tuple[AnnotatedExemplar, ...]
    rejections: tuple[Rejection, ...]
    rows: int
    skipped: Mapping[str, int] = field(default_factory=dict)
    left_out: Mapping[str, int] = field(default_factory=dict)


class RowError(Exception):
    """A row is wrong in one field; becomes a ``Rejection`` where its line is known."""

    def __init__(self, field: str, value: object, problem: str, remedy: str) -> None:
        super().__init__(problem)
        self.field = field
        self.value = value
        self.problem = problem
        self.remedy = remedy

    def at(self, line: int, source: str) -> Rejection:
        """The rejection of the row at ``line`` (from 1)."""
        return Rejection(line, self.field, shorten(self.value), self.problem, self.remedy, source)


class Collected:
    """Rows of one file as they come in; a second row with an id that is taken is rejected."""

    def __init__(self, schema: Schema | None, source: str) -> None:
        self._schema = schema
        self._source = source
        self._places: dict[str, str] = {}
        self._exemplars: list[AnnotatedExemplar] = []
        self._rejections: list[Rejection] = []
        self.rows = 0

    def add(self, line: int, row: Mapping[str, Any] | RowError, *, source: str = "") -> None:
        """Take a row, or the error that reading it gave; ``source`` where it isn't the file's."""
        self.rows += 1
        try:
            if isinstance(row, RowError):
                raise row
            exemplar = to_exemplar(row, self._schema)
            if exemplar.id in self._places:
                raise RowError(
                    "id",
                    exemplar.id,
                    f"the same as in {self._places[exemplar.id]}",
                    "Give each row an id of its own, or remove the repetition.",
                )
            self._places[exemplar.id] = source or f"line {line}"
            self._exemplars.append(exemplar)
        except RowError as error:
            self._rejections.append(error.at(line, source or self._source))

    def done(
        self,
        schema: Schema | None = None,
        *,
        skipped: Mapping[str, int] | None = None,
        left_out: Mapping[str, int] | None = None,
    ) -> Imported:
        """Everything collected; ``FormatError`` if there was no row at all."""
        skipped = dict(sorted((skipped or {}).items()))
        rows = self.rows + sum(skipped.values())
        if rows == 0:
            raise FormatError(
                f"{self._source} is empty", remedy="Choose a file with at least one row."
            )
        lost = {reason: count for reason, count in sorted((left_out or {}).items()) if count}
        return Imported(
            schema, tuple(self._exemplars), tuple(self._rejections), rows, skipped, lost
        )


def check_options(format: str, options: Mapping[str, Any], known: Sequence[str]) -> None:
    """``InputError`` if there is an option that the format doesn't have."""
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise InputError(
            f"{format} has no such option",
            value=unknown[0],
            remedy=f"It has {', '.join(known)}." if known else "It takes none.",
        )


def load_json(path: Path) -> Any:
    """The JSON value of a file that the user gave; ``FormatError`` if it isn't JSON."""
    try:
        return parse_json(path.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise FormatError(
            f"{path.name} isn't JSON ({error})", remedy="Correct it, or choose another file."
        ) from error


def raw_lines(path: Path) -> Iterator[tuple[int, bytes | RowError]]:
    """(line number, the line with its end, or what is wrong with it), without a byte order mark.

    Memory stays bounded: a line over 1 MB is read away and rejected.
    """
    with path.open("rb") as file:
        number = 0
        while raw := file.readline(LONGEST_LINE + 1):
            number += 1
            if len(raw) > LONGEST_LINE and not raw.endswith(b"\n"):
                size = len(raw) + _skip_line(file)
                problem = "longer than 1 MB"
                yield number, RowError("line", f"{size} bytes", problem, "Split or remove it.")
            else:
                yield number, raw.removeprefix(codecs.BOM_UTF8) if number == 1 else raw


def decoded(raw: bytes) -> str | RowError:
    """The text of a line; bytes that aren't UTF-8 reject the line."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        return RowError(
            "line",
            raw[max(0, error.start - 10) : error.start + 10],
            f"byte {error.start + 1} isn't UTF-8",
            "Save the file as UTF-8.",
        )


def read_lines(path: Path) -> Iterator[tuple[int, str | RowError]]:
    """(line number, text or what is wrong with it); blank lines are passed over.

    A byte order mark and CRLF are understood; a line that is too long or isn't UTF-8 is rejected
    alone.
    """
    for number, raw in raw_lines(path):
        text = raw if isinstance(raw, RowError) else decoded(raw)
        if isinstance(text, RowError):
            yield number, text
        elif text.strip():
            yield number, text.rstrip("\r\n")


def _skip_line(file: Any) -> int:
    size = 0
    while piece := file.readline(LONGEST_LINE):
        size += len(piece)
        if piece.endswith(b"\n"):
            break
    return size


def to_exemplar(row: Mapping[str, Any], schema: Schema | None) -> AnnotatedExemplar:
    """A row as an exemplar, checked; ``RowError`` names the field, the value and the remedy."""
    data = dict(row)
    if "exemplar" in data:  # what labellers call the template
        data.setdefault("template", data.pop("exemplar"))
        data.pop("exemplar", None)
    _flatten(data, schema)
    if data.get("id") is None or data.get("id") == "":
        data["id"] = derived_id(data)
    try:
        exemplar = AnnotatedExemplar.model_validate(data)
    except ValidationError as error:
        raise _field_error(error, data) from error
    if not exemplar.utterance.strip():
        raise RowError("utterance", exemplar.utterance, "empty", "Remove the row.")
    if any("\ud800" <= c <= "\udfff" for c in exemplar.utterance):
        raise RowError(
            "utterance", exemplar.utterance, "has half a surrogate pair", "Save it as UTF-8."
        )
    if schema is not None:
        _check_labels(exemplar, schema)
    _check_spans(exemplar)
    _check_template(exemplar)
    return exemplar


def _flatten(row: dict[str, Any], schema: Schema | None) -> None:
    """Arguments that come nested, as the function's caller has them, by slot."""
    name, arguments = row.get("function"), row.get("arguments")
    function = schema.function(name) if schema and isinstance(name, str) else None
    if function is not None and isinstance(arguments, Mapping):
        row["arguments"] = flat_arguments(function, arguments)


def derived_id(row: Mapping[str, Any]) -> str:
    """The id of a row without one: from its content, so that importing again finds it again."""
    fields = [row.get(k) for k in ("utterance", "function", "arguments", "context")]
    return content_hash(fields)[:16]


def as_type(text: str, slot: Slot) -> Scalar:
    """A text as the slot's type; what doesn't fit stays text, and is rejected by the check."""
    for possible in slot.possible_values:
        if str(possible) == text:
            return possible
    for possible in slot.possible_values:
        if str(possible).casefold() == text.casefold():
            return possible
    if slot.type == "boolean":
        return _TRUE.get(text.casefold(), text)
    kinds: tuple[type[int] | type[float], ...] = {"integer": (int,), "number": (int, float)}.get(
        slot.type, ()
    )
    for kind in kinds:
        with suppress(ValueError):
            number = kind(text)
            return text if number_problem(number) else number  # "nan", "1e999"
    return text


def _field_error(error: ValidationError, data: Mapping[str, Any]) -> RowError:
    first = error.errors()[0]
    name = ".".join(str(p) for p in first["loc"] if p not in ("bool", "int", "float", "str"))
    if first["type"] == "missing":
        return RowError(name, None, "missing", f"Add {name!r} to the row.")
    if first["type"] == "extra_forbidden":
        return RowError(name, data.get(name), "not a field of an exemplar", "Remove or rename it.")
    if first["type"] == "number":
        return RowError(name, first["input"], first["msg"], NUMBER_REMEDY)
    if name.startswith("arguments."):
        problem = "isn't a text, a number, true, false, or a list of these"
        return RowError(name, first["input"], problem, "Correct this value.")
    return RowError(name, first["input"], first["msg"].lower(), "Correct this field.")


def _check_labels(exemplar: AnnotatedExemplar, schema: Schema) -> None:
    if exemplar.function is None:
        if exemplar.arguments:
            raise RowError(
                "arguments",
                exemplar.arguments,
                "an out-of-scope row has no arguments",
                "Give it a function or remove them.",
            )
        return
    function = schema.function(exemplar.function)
    if function is None:
        names = ", ".join(f.name for f in schema.functions)
        raise RowError(
            "function", exemplar.function, "not in the schema", f"Use one of {names}, or null."
        )
    problems = argument_problems(function, exemplar.arguments)
    if problems:
        raise RowError(
            "arguments", exemplar.arguments, "; ".join(problems), "Correct the value or the schema."
        )
    for slot in exemplar.implied:
        if slot not in exemplar.arguments:
            raise RowError("implied", slot, "has no argument", "Add the argument or remove it.")


def _check_spans(exemplar: AnnotatedExemplar) -> None:
    if exemplar.spans is None:
        return
    try:
        check_spans(exemplar.utterance, exemplar.spans)
    except AlignmentError as error:
        shown = [s.model_dump() for s in exemplar.spans]
        raise RowError("spans", shown, error.what, error.remedy) from error


def _check_template(exemplar: AnnotatedExemplar) -> None:
    if exemplar.template is None:
        return
    try:
        template = parse_template(exemplar.template)
    except AlignmentError as error:
        raise RowError("template", exemplar.template, error.what, error.remedy) from error
    if not match_template(exemplar.utterance, template):
        raise RowError(
            "template",
            exemplar.template,
            "doesn't fit the utterance",
            "Its literal text must equal the utterance's, with <slot> for each value.",
        )
