"""The outcome of one exemplar: resolved, ambiguous, unlocated or invalid, always with a reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from radu_core.alignment.candidates import candidates
from radu_core.alignment.folding import fold
from radu_core.alignment.ranking import ContextModel
from radu_core.alignment.readings import Placement, Reading, enumerate_readings
from radu_core.errors import AlignmentError, shorten
from radu_core.exemplars import (
    AnnotatedExemplar,
    Outcome,
    ResolvedBy,
    Span,
    check_spans,
    escape,
    make_template,
    match_template,
    parse_template,
)
from radu_core.schema import Function, Scalar, Schema, argument_problems, as_values

__all__ = ["Alignment", "align", "conflict"]


@dataclass(frozen=True)
class Alignment:
    """What aligning one exemplar gave. ``spans`` and ``template`` are set when resolved.

    ``readings`` are what an annotator chooses from, best first; ``unlocated`` names the slots
    with a value that isn't in the text.
    """

    outcome: Outcome
    reason: str
    resolved_by: ResolvedBy | None = None
    spans: tuple[Span, ...] | None = None
    template: str | None = None
    readings: tuple[Reading, ...] = ()
    unlocated: tuple[str, ...] = ()


def align(
    schema: Schema, exemplar: AnnotatedExemplar, *, context: ContextModel | None = None
) -> Alignment:
    """Find where the arguments of ``exemplar`` stand in its utterance. Never raises.

    Given spans are checked first, then a given template; otherwise all values are placed jointly.
    ``context`` ranks the readings where several remain.
    """
    contradiction = conflict(schema, exemplar)
    if contradiction:
        return Alignment("invalid", contradiction)
    if exemplar.function is None or exemplar.mode == "negative":
        return _without_values(exemplar)
    try:
        if exemplar.spans is not None:
            return _given_spans(exemplar, exemplar.spans)
        if exemplar.template is not None:
            return _given_template(exemplar, exemplar.template)
    except AlignmentError as error:
        return Alignment("invalid", str(error))
    function = schema.function(exemplar.function)
    assert function is not None  # conflict has seen to it
    return _located(schema, function, exemplar, context)


def conflict(schema: Schema, exemplar: AnnotatedExemplar) -> str:
    """How the labels contradict the schema, in a sentence; empty when they don't."""
    if exemplar.function is None:
        return "An out-of-scope utterance has no arguments." if exemplar.arguments else ""
    function = schema.function(exemplar.function)
    if function is None:
        return f"The schema has no function {exemplar.function!r}."
    problems = argument_problems(function, exemplar.arguments)
    problems += [
        f"slot {slot!r} is marked as implied, but has no argument"
        for slot in exemplar.implied
        if slot not in exemplar.arguments
    ]
    return "; ".join(problems) + "." if problems else ""


def _without_values(exemplar: AnnotatedExemplar) -> Alignment:
    if exemplar.spans:
        return Alignment("invalid", "Out-of-scope and negative exemplars have no spans.")
    return Alignment("resolved", "No values to place.", "unique", (), escape(exemplar.utterance))


def _to_place(exemplar: AnnotatedExemplar) -> list[tuple[str, Scalar]]:
    return [
        (slot, scalar)
        for slot, value in exemplar.arguments.items()
        if slot not in exemplar.implied
        for scalar in as_values(value)
    ]


def _given_spans(exemplar: AnnotatedExemplar, spans: Sequence[Span]) -> Alignment:
    ordered = check_spans(exemplar.utterance, spans)
    wanted = Counter((slot, repr(value)) for slot, value in _to_place(exemplar))
    given = Counter((span.slot, repr(span.value)) for span in ordered)
    for slot, value in sorted(given - wanted):
        return Alignment("invalid", f"A span says {slot}={value}, but the arguments don't.")
    for slot, value in sorted(wanted - given):
        return Alignment("invalid", f"The arguments say {slot}={value}, but no span does.")
    template = make_template(exemplar.utterance, ordered)
    if exemplar.template is not None and exemplar.template != template:
        return Alignment(
            "invalid",
            f"The given template {exemplar.template!r} isn't what the spans give.",
        )
    return Alignment("resolved", "Spans were given.", "spans", ordered, template)


def _given_template(exemplar: AnnotatedExemplar, text: str) -> Alignment:
    template = parse_template(text)
    wanted = _to_place(exemplar)
    if Counter(template.slots) != Counter(slot for slot, _ in wanted):
        return Alignment(
            "invalid",
            f"The given template has the slots {sorted(template.slots)}, the arguments "
            f"{sorted(slot for slot, _ in wanted)}; mark what isn't written as implied.",
        )
    ways = match_template(exemplar.utterance, template)
    if not ways:
        return Alignment(
            "invalid", f"The given template {shorten(text)} doesn't fit the utterance."
        )
    readings = [_as_reading(exemplar.utterance, way, wanted) for way in ways]
    verbatim = [r for r in readings if _verbatim(exemplar.utterance, r)]
    readings = verbatim or readings
    if len(readings) == 1:
        spans = readings[0].spans
        return Alignment("resolved", "A template was given.", "template", spans, str(template))
    return Alignment(
        "ambiguous",
        f"The given template fits the utterance in {len(readings)} ways.",
        readings=tuple(readings),
    )


def _as_reading(
    utterance: str,
    way: tuple[tuple[str, int, int], ...],
    wanted: Sequence[tuple[str, Scalar]],
) -> Reading:
    left = list(wanted)
    spans = []
    for slot, start, end in way:
        own = [pair for pair in left if pair[0] == slot]
        surface = fold(utterance[start:end]).text
        pair = next((p for p in own if fold(str(p[1])).text == surface), own[0])
        left.remove(pair)
        spans.append(Span(slot=slot, start=start, end=end, value=pair[1]))
    return Reading(make_template(utterance, spans), tuple(spans), 1.0)


def _verbatim(utterance: str, reading: Reading) -> bool:
    return all(
        fold(utterance[s.start : s.end]).text == fold(str(s.value)).text for s in reading.spans
    )


def _located(
    schema: Schema,
    function: Function,
    exemplar: AnnotatedExemplar,
    context: ContextModel | None,
) -> Alignment:
    utterance = exemplar.utterance
    folded = fold(utterance)
    placements = [
        Placement(
            slot,
            value,
            tuple(candidates(utterance, folded, value, slot=function.slot(slot), schema=schema)),
        )
        for slot, value in _to_place(exemplar)
    ]
    missing = [p for p in placements if not p.candidates]
    found = enumerate_readings(utterance, [p for p in placements if p.candidates])
    readings = context.rank(found.readings) if context else found.readings
    if missing:
        slots = tuple(dict.fromkeys(p.slot for p in missing))
        return Alignment("unlocated", _missing_reason(missing), readings=readings, unlocated=slots)
    if not readings:
        crowded = ", ".join(f"{p.slot}={p.value!r}" for p in placements)
        reason = f"The values {crowded} can't all be placed without overlapping."
        return Alignment("unlocated", reason, unlocated=tuple(p.slot for p in placements))
    if len(readings) == 1 and found.complete:
        only = readings[0]
        return Alignment(
            "resolved",
            "One reading only.",
            "unique",
            only.spans,
            only.template,
            readings,
        )
    return Alignment("ambiguous", _ambiguous_reason(placements, found.complete), readings=readings)


def _missing_reason(missing: Sequence[Placement]) -> str:
    lines = [
        f"{p.slot} is {p.value!r}, which is usually implied rather than written"
        if isinstance(p.value, bool)
        else f"no {p.value!r} in the text for {p.slot}"
        for p in missing
    ]
    return "; ".join(lines) + "."


def _ambiguous_reason(placements: Sequence[Placement], complete: bool) -> str:
    lines = []
    for value in dict.fromkeys(str(p.value) for p in placements):
        same = [p for p in placements if str(p.value) == value]
        places = len({(c.start, c.end) for p in same for c in p.candidates})
        if places > 1 or len(same) > 1:
            times = "twice" if places == 2 else f"{places} times"
            slots = " and ".join(dict.fromkeys(p.slot for p in same))
            lines.append(f"{value!r} occurs {times}, for {slots}")
    reason = "; ".join(lines) or "The values can be placed in more than one way"
    return reason + ("." if complete else "; there are more readings than are listed.")
