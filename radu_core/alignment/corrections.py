"""Which shift explains why a file's spans and templates contradict its values, and the right ones.

One file is counted one way: the shift that explains most rows goes first, and what it doesn't
explain is tried with the next. No row is changed unless its corrected spans are right.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from radu_core.alignment.align import Aligner
from radu_core.alignment.places import SURE
from radu_core.alignment.shifts import SHIFTS, TEMPLATE_SHIFTS, Shift, TemplateShift
from radu_core.alignment.text import Place, Text
from radu_core.errors import AlignmentError
from radu_core.exemplars import (
    AnnotatedExemplar,
    Span,
    check_spans,
    make_template,
    match_template,
    parse_template,
)
from radu_core.schema import Function, as_values

__all__ = ["Correction", "corrections"]

_SAMPLE = 2_000  # rows that the shifts are chosen by
_MOST = 5  # shifts that one file is taken to have
_WAYS = 5  # in which a template fits: with more it is no evidence
_ALL: tuple[Shift | TemplateShift, ...] = (*SHIFTS, *TEMPLATE_SHIFTS)
_Corrected = Mapping[int, AnnotatedExemplar]  # by the shift's number


@dataclass(frozen=True)
class Correction:
    """A row as it was given and as it is right, and the shift between them."""

    before: AnnotatedExemplar
    after: AnnotatedExemplar
    shift: Shift | TemplateShift


def corrections(aligner: Aligner, rows: Sequence[AnnotatedExemplar]) -> list[Correction | None]:
    """How each of these rows, invalid by its spans or template, is corrected.

    None where no shift explains it, or where shifts that the file has not shown elsewhere disagree
    about it.
    """
    sample = [dict(_corrections(aligner, row, range(len(_ALL)))) for row in rows[:_SAMPLE]]
    order = _likeliest(sample)
    return [_correction(aligner, row, order) for row in rows]


def _likeliest(sample: Sequence[_Corrected]) -> list[int]:
    """The shifts of the file: first the one that explains most rows, then most of the others."""
    order: list[int] = []
    rest = list(sample)
    while len(order) < _MOST:
        counts = Counter(n for row in rest if not order or _agree(row) for n in row)
        if not counts:
            break
        order.append(min(counts, key=lambda n: (-counts[n], n)))
        rest = [row for row in rest if order[-1] not in row]
    return order


def _agree(row: _Corrected) -> bool:
    return len({(r.spans, r.template) for r in row.values()}) == 1


def _correction(
    aligner: Aligner, row: AnnotatedExemplar, order: Sequence[int]
) -> Correction | None:
    for after in dict(_corrections(aligner, row, order[:1])).values():
        return Correction(row, after, _ALL[order[0]])
    every = dict(_corrections(aligner, row, range(len(_ALL)))) if len(order) > 1 else {}
    for number in order[1:]:
        if number in every and _agree(every):
            return Correction(row, every[number], _ALL[number])
    return None


def _corrections(
    aligner: Aligner, row: AnnotatedExemplar, numbers: Sequence[int]
) -> Iterator[tuple[int, AnnotatedExemplar]]:
    """(a shift's number, the row corrected by it) for those of the shifts that make it right."""
    function = aligner.schema.function(row.function) if row.function else None
    if function is None:
        return
    right = _places(aligner, row, function)
    variants = list(_given_spans(row))
    verdicts: dict[tuple[object, object], bool] = {}  # several shifts may lead to the same place
    for number in numbers:
        shift = _ALL[number]
        variants_moved = (
            _move(row, shift, variants, right)
            if isinstance(shift, Shift)
            else _rewritten(row, shift)
        )
        for after in variants_moved:
            key = (after.spans, after.template)
            if key not in verdicts:
                verdicts[key] = _is_right(aligner, after)
            if verdicts[key]:
                yield number, after
                break


def _is_right(aligner: Aligner, row: AnnotatedExemplar) -> bool:
    """Whether alignment accepts a corrected row, whoever has decided about it before."""
    bare = row.model_copy(update={"outcome": None, "resolved_by": None})
    return aligner.align(bare).outcome == "resolved"


def _given_spans(row: AnnotatedExemplar) -> Iterator[tuple[Span, ...]]:
    """The spans that the row gives, or those of each way in which its template fits."""
    if row.spans is not None:
        yield row.spans
    elif row.template is not None:
        try:
            ways = match_template(row.utterance, parse_template(row.template))
        except AlignmentError:
            return
        for way in ways[:_WAYS]:
            values_left = {slot: as_values(value) for slot, value in row.arguments.items()}
            if all(values_left.get(slot) for slot, _, _ in way):
                yield tuple(
                    Span(slot=slot, start=start, end=end, value=values_left[slot].pop(0))
                    for slot, start, end in way
                )


def _places(
    aligner: Aligner, row: AnnotatedExemplar, function: Function
) -> dict[tuple[str, str], set[Place]]:
    """Where alignment would place each value: what a shift must lead to."""
    text = Text(row.utterance, aligner.language)
    spots = {}
    for slot, value in row.arguments.items():
        for one in as_values(value):
            places = aligner.finder.find(text, one, function, function.slot(slot))
            spots[slot, repr(one)] = {
                *(
                    c.place
                    for c in (*places.best, *places.others)
                    if c.score >= SURE or not c.doubt
                ),
                *text.in_any_case(str(one)),
            }
    return spots


def _move(
    row: AnnotatedExemplar,
    shift: Shift,
    variants: Sequence[Sequence[Span]],
    right: Mapping[tuple[str, str], set[Place]],
) -> Iterator[AnnotatedExemplar]:
    """The row with its spans moved, where each comes to stand on its value."""
    for spans in variants:
        places = [shift.apply(row.utterance, s.start, s.end) for s in spans]
        spans_moved = [
            span.model_copy(update={"start": place[0], "end": place[1]})
            for span, place in zip(spans, places, strict=True)
            if place is not None
            and (
                place == (span.start, span.end)
                or place in right.get((span.slot, repr(span.value)), ())
            )
        ]
        if len(spans_moved) < len(spans) or not _apart(row.utterance, spans_moved):
            continue
        template = make_template(row.utterance, spans_moved)
        update = {
            "spans": None if row.spans is None else check_spans(row.utterance, spans_moved),
            "template": None if row.template is None else template,
        }
        yield row.model_copy(update=update)


def _apart(utterance: str, spans: Sequence[Span]) -> bool:
    try:
        check_spans(utterance, spans)
    except AlignmentError:
        return False
    return True


def _rewritten(row: AnnotatedExemplar, shift: TemplateShift) -> Iterator[AnnotatedExemplar]:
    """The row with its template's literal text changed, where it fits then."""
    if row.template is None or row.spans is not None:
        return
    try:
        template = shift.change(parse_template(row.template), row.utterance)
    except AlignmentError:
        return
    if match_template(row.utterance, template):
        yield row.model_copy(update={"template": str(template)})
