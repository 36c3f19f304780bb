"""Spans and templates of a file that contradict its values: what explains them, and correcting."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from radu_core.alignment import Aligner, conflict, learn
from radu_core.alignment.corrections import Correction, corrections
from radu_core.alignment.shifts import Shift
from radu_core.exemplars import AnnotatedExemplar
from radu_core.formats import Imported
from radu_core.formats.collected import replace_rows
from radu_core.formats.common import Given
from radu_core.progress import Progress, silent
from radu_core.schema import Schema

__all__ = ["SpanFix", "SpanReport", "review_spans"]


@dataclass(frozen=True)
class SpanFix:
    """One row whose spans or template a shift explains: as given, and as it is right."""

    id: str
    utterance: str
    shift: str
    before: str
    after: str


@dataclass(frozen=True)
class SpanReport:
    """The rows of a file whose spans or template contradict their values.

    ``shifts`` counts, by what was done differently there ("the spans count UTF-16 units"), the rows
    that it explains; ``fixes`` lists them, and ``fixed`` says whether they were corrected. No shift
    explains the ``left``, or their id is another's: those that are stored become invalid.
    """

    contradicting: int
    shifts: Mapping[str, int]
    fixes: tuple[SpanFix, ...]
    fixed: bool
    left: int


def review_spans(
    schema: Schema,
    imported: Imported,
    *,
    stored: Iterable[AnnotatedExemplar] = (),
    fix: bool = False,
    progress: Progress = silent,
) -> tuple[Imported, SpanReport | None]:
    """Check the spans and templates that a file gave; the report is None where all are right.

    With ``fix``, rows that a shift explains are taken as corrected, also those that were rejected
    for it. ``stored`` are the module's exemplars: what they call a value is a writing of it. A row
    that stays wrong loses a resolution that the file gave it, so that alignment judges it.
    """
    progress("Checking spans", 0, 0)
    wrong = _contradicting(Aligner(schema), dict(enumerate(imported.exemplars)))
    if not wrong and not imported.misplaced:
        return imported, None
    ids = {e.id for e in imported.exemplars}
    others = (e for e in stored if e.id not in ids)  # the file again is no further evidence
    aligner = Aligner(schema, knowledge=learn(schema, chain(imported.exemplars, others)))
    wrong = _contradicting(aligner, wrong)
    rows = [*wrong.values(), *(row.exemplar for row in imported.misplaced.values())]
    if not rows:
        return imported, None
    progress("Looking for what explains the spans", 0, 0)
    corrections_found = corrections(aligner, rows)
    corrected_file = _with_corrections(
        imported, wrong, corrections_found if fix else [None] * len(rows)
    )
    refused_rows = {(r.line, r.source) for r in corrected_file.rejections}
    places = [imported.given[n] for n in wrong] + list(imported.misplaced.values())
    explanations = [
        c
        for c, row in zip(corrections_found, places, strict=True)
        if c and not (fix and (row.line, row.source or imported.source) in refused_rows)
    ]
    report = SpanReport(
        contradicting=len(rows),
        shifts=dict(Counter(_what(c) for c in explanations).most_common()),
        fixes=tuple(map(_fix, explanations)),
        fixed=fix and bool(explanations),
        left=len(rows) - len(explanations),
    )
    return corrected_file, report


def _contradicting(
    aligner: Aligner, rows: Mapping[int, AnnotatedExemplar]
) -> dict[int, AnnotatedExemplar]:
    """Those whose labels are right by the schema, but not their spans or template."""
    return {
        number: row
        for number, row in rows.items()
        if (row.spans or row.template)
        and aligner.align(row).outcome == "invalid"
        and not conflict(aligner.schema, row)
    }


def _with_corrections(
    imported: Imported,
    wrong: Mapping[int, AnnotatedExemplar],
    corrected: Sequence[Correction | None],
) -> Imported:
    """The file with the corrected rows in place of the ``wrong`` and of the misplaced ones.

    They are told apart again: a corrected row may say the same as another, or have its id.
    """
    rows = list(imported.given)
    for (number, row), correction in zip(wrong.items(), corrected, strict=False):
        right = correction.after if correction else _without_outcome(row)
        rows[number] = _correct(rows[number], right)
    accepted = set()
    misplaced = zip(imported.misplaced.items(), corrected[len(wrong) :], strict=True)
    for (number, given_row), correction in misplaced:
        if correction is not None:
            rows.append(_correct(given_row, correction.after))
            accepted.add(number)
    return replace_rows(imported, rows, accepted)


def _correct(row: Given, right: AnnotatedExemplar) -> Given:
    """The row as it is right, with the id that it was read with: it may be another's by now."""
    return replace(row, exemplar=right.model_copy(update={"id": row.exemplar.id}))


def _without_outcome(row: AnnotatedExemplar) -> AnnotatedExemplar:
    if row.outcome != "resolved":
        return row
    return row.model_copy(update={"outcome": None, "resolved_by": None, "reason": ""})


def _what(correction: Correction) -> str:
    subject = "spans"
    if _by_template(correction.before):
        is_shift = isinstance(correction.shift, Shift)
        subject = "slots of the templates" if is_shift else "templates"
    return f"the {subject} {correction.shift.what}"


def _by_template(row: AnnotatedExemplar) -> bool:
    return row.spans is None


def _fix(correction: Correction) -> SpanFix:
    before, after = correction.before, correction.after
    return SpanFix(
        before.id, before.utterance, correction.shift.name, _spans_text(before), _spans_text(after)
    )


def _spans_text(row: AnnotatedExemplar) -> str:
    """Where the spans stand and what they hold; or the template."""
    if _by_template(row):
        return str(row.template)
    return ", ".join(
        f"{s.slot} {s.start}–{s.end} {row.utterance[s.start : s.end]!r}" for s in row.spans or ()
    )
