"""Slots that a recognizer fills: its matches in the utterance, each given to the likeliest slot."""

from __future__ import annotations

from collections.abc import Sequence

from radu_core.alignment import ContextModel
from radu_core.exemplars import Span, make_template
from radu_core.schema import Arguments, Function, Recognition, Scalar, Schema, Slot, recognize

__all__ = ["arguments_of", "fill_recognized", "find_recognized"]


def fill_recognized(
    schema: Schema, function: Function, utterance: str, context: ContextModel
) -> Arguments:
    """Arguments of the slots of ``function`` that have a recognizer (see ``find_recognized``)."""
    return arguments_of(function, find_recognized(schema, function, utterance, context))


def find_recognized(
    schema: Schema, function: Function, utterance: str, context: ContextModel
) -> list[Span]:
    """Where the values of the slots of ``function`` stand that have a recognizer, in order.

    Slots that share a recognizer (origin and destination are both cities) compete for its
    matches: the pair of match and slot whose neighbouring words fit best is taken first. A
    single-value slot takes one match, a match goes to one slot.
    """
    pairs = [
        (slot, match) for slot in function.slots for match in _matches(schema, slot, utterance)
    ]
    pairs.sort(key=lambda p: (-_fit(utterance, p[0], p[1], context), p[1].start, p[0].name))
    recognitions: list[tuple[Slot, Recognition]] = []
    for slot, match in pairs:
        overlaps = any(match.start < m.end and m.start < match.end for _, m in recognitions)
        full = not slot.multi_value and any(s.name == slot.name for s, _ in recognitions)
        if not overlaps and not full:
            recognitions.append((slot, match))
    recognitions.sort(key=lambda p: p[1].start)
    return [
        Span(slot=s.name, start=m.start, end=m.end, value=_cast(m.value, s))
        for s, m in recognitions
    ]


def arguments_of(function: Function, spans: Sequence[Span]) -> Arguments:
    """The values of spans, by slot."""
    arguments: Arguments = {}
    for slot in function.slots:
        values = [s.value for s in spans if s.slot == slot.name]
        if values:
            arguments[slot.name] = list(dict.fromkeys(values)) if slot.multi_value else values[0]
    return arguments


def _matches(schema: Schema, slot: Slot, utterance: str) -> list[Recognition]:
    recognizer = schema.recognizer(slot.recognizer)
    return [] if recognizer is None else recognize(recognizer, utterance)


def _fit(utterance: str, slot: Slot, match: Recognition, context: ContextModel) -> float:
    span = Span(slot=slot.name, start=match.start, end=match.end, value=match.value)
    return context.fit(make_template(utterance, [span]))


def _cast(value: str, slot: Slot) -> Scalar:
    try:
        if slot.type == "integer":
            return int(value)
        return float(value) if slot.type == "number" else value
    except ValueError:
        return value
