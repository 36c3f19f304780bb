"""Rows of one file as they come in: read tolerantly, checked against the schema, told apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from radu_core.errors import AlignmentError, FormatError, InputError, shorten
from radu_core.exemplars import (
    AnnotatedExemplar,
    check_spans,
    match_template,
    parse_template,
)
from radu_core.files import canonical_json, content_hash
from radu_core.formats.common import Given, Imported, Notice, Rejection, RowError, Tally
from radu_core.formats.tidy import tidy
from radu_core.numbers import NUMBER_REMEDY
from radu_core.schema import Schema, argument_problems

__all__ = ["REPEATED", "Collected", "derived_id", "replace_rows", "to_exemplar"]

REPEATED = "the same row as one before it"


class Collected:
    """Rows of one file as they come in.

    A row that equals one before it is skipped; another row with an id that is taken is
    rejected. ``unlabelled`` says what a row without a function is: "keep" (unlabelled) or
    "out-of-scope".
    """

    def __init__(
        self, schema: Schema | None, source: str, *, unlabelled: str = "keep", cells: bool = False
    ) -> None:
        if unlabelled not in ("keep", "out-of-scope"):
            raise InputError(
                "No such way to read rows without a function",
                value=unlabelled,
                remedy="Use keep or out-of-scope.",
            )
        self._schema = schema
        self._source = source
        self._as_scope = unlabelled == "out-of-scope"
        self._cells = cells
        self._places: dict[str, tuple[str, AnnotatedExemplar]] = {}
        self._texts: dict[tuple[str, str | None], tuple[str, AnnotatedExemplar]] = {}
        self._exemplars: list[AnnotatedExemplar] = []
        self._rejections: list[Rejection] = []
        self._given: list[Given] = []
        self._misplaced: dict[int, Given] = {}
        self._notices: list[Notice] = []
        self._changes: Counter[str] = Counter()
        self._examples: dict[str, str] = {}
        self._ignored: Counter[str] = Counter()
        self._repeated = 0
        self.rows = 0

    def add(self, line: int, row: Mapping[str, Any] | RowError, *, source: str = "") -> None:
        """Take a row, or the error that reading it gave; ``source`` where it isn't the file's."""
        self.rows += 1
        own_id = False
        try:
            if isinstance(row, RowError):
                raise row
            fields = tidy(row, self._schema, cells=self._cells, unlabelled_as_scope=self._as_scope)
            own_id = fields.fields.get("id") not in (None, "")
            exemplar = to_exemplar(fields.fields, self._schema)
            record = self._take(Given(line, source, exemplar, own_id))
        except RowError as error:
            if error.exemplar is not None:
                file_row = Given(line, source, error.exemplar, own_id)
                self._misplaced[len(self._rejections)] = file_row
            self._rejections.append(error.at(line, source or self._source))
            return
        if record:
            for change in fields.changes:
                self.count_change(change.kind, f"{_place(line, source)}, {change.what}")
            self._ignored.update(fields.ignored)

    def count_change(self, kind: str, example: str) -> None:
        """Count something that was read otherwise than it is written."""
        self._changes[kind] += 1
        self._examples.setdefault(kind, example)

    def ignore(self, name: str, count: int = 1) -> None:
        """Count values that aren't read, by the name of their column or key."""
        self._ignored[name] += count

    def take_again(self, row: Given) -> None:
        """Take a row that was read before, as it is now: it may say the same as another one."""
        try:
            self._take(row)
        except RowError as error:
            self._rejections.append(error.at(row.line, row.source or self._source))

    def _take(self, row: Given) -> bool:
        """Whether the row was taken, or equals one before it."""
        exemplar: AnnotatedExemplar | None = row.exemplar
        if row.exemplar.id in self._places:
            exemplar = self._repeat(row.line, row.source, row.exemplar, own_id=row.own_id)
        if exemplar is None:
            return False
        place = _place(row.line, row.source)
        self._places[exemplar.id] = (place, exemplar)
        self._exemplars.append(exemplar)
        self._given.append(row)
        if exemplar.unlabelled or exemplar.mode == "negative":
            return True
        first = self._texts.setdefault((exemplar.utterance, exemplar.context), (place, exemplar))
        if first[1] is not exemplar and _labels(first[1]) != _labels(exemplar):
            here, there = _label_text(exemplar), _label_text(first[1])
            detail = f"{here} here, {there} in {first[0]}"
            self._notices.append(
                Notice(row.line, "conflict", exemplar.utterance, detail, row.source)
            )
        return True

    def _repeat(
        self, line: int, source: str, exemplar: AnnotatedExemplar, *, own_id: bool
    ) -> AnnotatedExemplar | None:
        """What becomes of a row whose id is taken: None for one that equals the one before."""
        place, before = self._places[exemplar.id]
        if exemplar == before:
            self._repeated += 1
            detail = f"the same as {place}"
            self._notices.append(Notice(line, "repeated", exemplar.utterance, detail, source))
            return None
        if own_id:
            raise RowError(
                "id",
                exemplar.id,
                f"the same as in {place}",
                "Give each row an id of its own, or remove the repetition.",
            )
        other = content_hash(exemplar.model_dump(mode="json"))[:16]
        renamed = exemplar.model_copy(update={"id": other})
        if other in self._places:
            return self._repeat(line, source, renamed, own_id=False)
        differs = [
            name
            for name in AnnotatedExemplar.model_fields
            if getattr(before, name) != getattr(exemplar, name)
        ]
        detail = f"the same text and labels as {place}, but another {', '.join(differs)}"
        self._notices.append(Notice(line, "conflict", exemplar.utterance, detail, source))
        return renamed

    def in_place_of(self, imported: Imported, wrong: Collection[int]) -> Imported:
        """The import with what was taken again; ``wrong`` are rejections that it is without."""
        skipped = dict(imported.skipped)
        if self._repeated:
            skipped[REPEATED] = skipped.get(REPEATED, 0) + self._repeated
        rejections_left = [r for n, r in enumerate(imported.rejections) if n not in wrong]
        repeated = [n for n in imported.notices if n.kind == "repeated"]
        return replace(
            imported,
            exemplars=tuple(self._exemplars),
            rejections=(*rejections_left, *self._rejections),
            skipped=skipped,
            notices=(*repeated, *self._notices),
            given=tuple(self._given),
            misplaced={},
        )

    def finish(
        self,
        schema: Schema | None = None,
        *,
        skipped: Mapping[str, int] | None = None,
        left_out: Mapping[str, int] | None = None,
        notes: Iterable[str] = (),
        empty: str = "is empty",
    ) -> Imported:
        """Everything collected; ``FormatError``, which says ``empty``, if there was no row."""
        others = {reason: count for reason, count in sorted((skipped or {}).items()) if count}
        rows = self.rows + sum(others.values())
        if rows == 0:
            raise FormatError(
                f"{self._source} {empty}", remedy="Choose a file with at least one row."
            )
        if self._repeated:
            others[REPEATED] = self._repeated
        return Imported(
            schema,
            tuple(self._exemplars),
            tuple(self._rejections),
            rows,
            skipped=others,
            left_out={reason: count for reason, count in sorted((left_out or {}).items()) if count},
            ignored=dict(sorted(self._ignored.items())),
            normalised={
                kind: Tally(count, self._examples[kind])
                for kind, count in sorted(self._changes.items())
            },
            notices=tuple(self._notices),
            notes=tuple(notes),
            source=self._source,
            given=tuple(self._given),
            misplaced=self._misplaced,
        )


def replace_rows(imported: Imported, rows: Iterable[Given], wrong: Collection[int]) -> Imported:
    """The import with these rows in the place of its own, and without the rejections ``wrong``.

    They are told apart again: one that now equals another is counted as repeated, and one
    whose id is taken is rejected.
    """
    again = Collected(None, imported.source)
    for row in rows:
        again.take_again(row)
    return again.in_place_of(imported, wrong)


def _place(line: int, source: str) -> str:
    return f"{source}, {line}" if source else f"line {line}"


def _labels(exemplar: AnnotatedExemplar) -> tuple[str | None, str]:
    """What must be the same for the same text; 1 and true aren't."""
    return exemplar.function, canonical_json(exemplar.arguments)


def _label_text(exemplar: AnnotatedExemplar) -> str:
    arguments = ", ".join(f"{slot}={value!r}" for slot, value in exemplar.arguments.items())
    return f"{exemplar.function or 'out of scope'}({shorten(arguments)[1:-1]})"


def to_exemplar(row: Mapping[str, Any], schema: Schema | None) -> AnnotatedExemplar:
    """A row's fields as an exemplar, checked; ``RowError`` names the field, value and remedy."""
    data = dict(row)
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


def derived_id(row: Mapping[str, Any]) -> str:
    """The id of a row without one: from its content, so that importing again finds it again."""
    fields = [row.get(k) for k in ("utterance", "function", "arguments", "context")]
    return content_hash(fields)[:16]


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
        spans = [s.model_dump() for s in exemplar.spans]
        raise RowError("spans", spans, error.what, error.remedy, exemplar) from error


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
            exemplar,
        )
