"""Slots for nothing: the values seen in training and those that the schema lists, found in a text.

What makes it more than a list of words, each measured in ``benchmarks/baselines.py``: a surface
that mostly stands for nothing in the training utterances is dropped ("a" for 1); slots of one name
share their values across functions; where a surface fits several slots, the words beside it decide;
a number is known by its shape ("9 pm" by "7 pm"), as far as values were what the text said.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from radu_core.alignment import ContextModel
from radu_core.evaluation.filling import fill
from radu_core.exemplars import AnnotatedExemplar, Span, make_template
from radu_core.inference.recognized import fill_recognized
from radu_core.pieces import cut
from radu_core.schema import Arguments, Function, Scalar, Schema, fits_type

__all__ = ["Gazetteer"]

_DIGITS = re.compile(r"\d+")
_TRUSTED = 0.5  # of a surface's places in training, the share that has to be values
_FitsSlot = tuple[str, Scalar | None]  # slot and value; None: what the text says
# (function, slot) → (surface, value) → how often. Of all functions together it is None.
_Seen = dict[tuple[str | None, str], Counter[tuple[str, Scalar]]]


@dataclass(frozen=True)
class _Place:
    """A stretch of an utterance that a known surface covers, itself or by its ``shape``."""

    start: int
    end: int
    surface: str
    shape: str


class Gazetteer:
    """Learns from exemplars whose values are placed; finds a function's arguments in a text."""

    def __init__(self, schema: Schema, train: Sequence[AnnotatedExemplar]) -> None:
        self._schema = schema
        self._context = ContextModel(e.template for e in train if e.template)
        surfaces = _count_surfaces(train)
        self._known = {f.name: _surfaces_of(f, surfaces) for f in schema.functions}
        self._longest = max((_length(s) for k in self._known.values() for s in k), default=0)
        self._trust(train)

    def arguments(self, function: str, utterance: str) -> Arguments:
        """The arguments that are found for ``function`` in ``utterance``."""
        schema_function = self._schema.function(function)
        if schema_function is None:
            return {}
        arguments = fill_recognized(self._schema, schema_function, utterance, self._context)
        surfaces = self._known[function]
        occupied: list[_Place] = []
        places = sorted(self._places(surfaces, utterance), key=lambda p: (p.start - p.end, p.start))
        for place in places:
            if any(place.start < t.end and t.start < place.end for t in occupied):
                continue
            piece = utterance[place.start : place.end]
            options = self._rank(surfaces[place.shape], utterance, place)
            if any(
                fill(schema_function, arguments, slot, piece if v is None else v)
                for slot, v in options
            ):
                occupied.append(place)
        return arguments

    def _rank(self, options: Counter[_FitsSlot], utterance: str, place: _Place) -> list[_FitsSlot]:
        """What a surface can stand for, best first.

        The slot is ranked by the words beside it; of its values the commonest comes first.
        """
        fits = {
            slot: self._fit(utterance, slot, place) if len({s for s, _ in options}) > 1 else 0.0
            for slot, _ in options
        }
        return sorted(options, key=lambda o: (-fits[o[0]], -options[o], o[0], repr(o[1])))

    def _fit(self, utterance: str, slot: str, place: _Place) -> float:
        span = Span(slot=slot, start=place.start, end=place.end, value="")
        return self._context.fit(make_template(utterance, [span]))

    def _places(self, surfaces: Mapping[str, object], utterance: str) -> Iterator[_Place]:
        """Every stretch of whole pieces that is a known surface."""
        pieces = cut(utterance)
        for first, (start, _) in enumerate(pieces):
            for _, end in pieces[first : first + self._longest]:
                surface = utterance[start:end].casefold()
                shape = surface if surface in surfaces else _shape(surface)
                if shape in surfaces:
                    yield _Place(start, end, surface, shape)

    def _trust(self, train: Sequence[AnnotatedExemplar]) -> None:
        """Drop the surfaces that stand for nothing more often than for a value."""
        values: dict[str, Counter[str]] = defaultdict(Counter)
        places: dict[str, Counter[str]] = defaultdict(Counter)
        for exemplar in train:
            name = exemplar.function
            if name not in self._known or exemplar.spans is None:
                continue
            spans = exemplar.spans
            span_texts = [exemplar.utterance[s.start : s.end].casefold() for s in spans]
            values[name].update(span_texts)
            values[name].update(_shape(s) for s in span_texts if _shape(s) in self._known[name])
            for place in self._places(self._known[name], exemplar.utterance):
                inside = any(
                    s.start <= place.start
                    and place.end <= s.end
                    and (s.start, s.end) != (place.start, place.end)
                    for s in spans
                )
                places[name][place.surface] += not inside
                if (shape := _shape(place.surface)) in self._known[name]:
                    places[name][shape] += not inside
        for name, surfaces in self._known.items():
            for surface in [*surfaces]:
                if values[name][surface] < _TRUSTED * places[name][surface]:
                    del surfaces[surface]


def _count_surfaces(train: Sequence[AnnotatedExemplar]) -> _Seen:
    """Of each slot how often which surface stood for which value."""
    surfaces: _Seen = defaultdict(Counter)
    for exemplar in train:
        for span in exemplar.spans or () if exemplar.function is not None else ():
            surface = exemplar.utterance[span.start : span.end].casefold()
            surfaces[exemplar.function, span.slot][surface, span.value] += 1
            surfaces[None, span.slot][surface, span.value] += 1
    return surfaces


def _surfaces_of(function: Function, observations: _Seen) -> dict[str, Counter[_FitsSlot]]:
    """Surface → what it may stand for in ``function``, and how often it did.

    The function's own labels count before those of a slot of the same name elsewhere, and these
    before what the schema lists.
    """
    counts: dict[str, Counter[_FitsSlot]] = defaultdict(Counter)
    for slot in function.slots:
        if slot.recognizer is not None:
            continue
        own = observations.get((function.name, slot.name), Counter())
        for (surface, value), count in own.items():
            counts[surface][slot.name, value] += 1000 * count
            if _DIGITS.search(surface) and str(value).casefold() == surface:
                counts[_shape(surface)][slot.name, None] += 1000 * count
        for (surface, value), count in observations.get((None, slot.name), Counter()).items():
            if fits_type(value, slot):
                counts[surface][slot.name, value] += count
        for value in slot.possible_values:
            if not isinstance(value, bool):
                counts[str(value).casefold()][slot.name, value] += 0
    return dict(counts)


def _shape(surface: str) -> str:
    """The same for texts that differ in their numbers only; no text of an utterance equals it."""
    return _DIGITS.sub("\0", surface)


def _length(surface: str) -> int:
    return len(cut(surface))
