"""Learning from a module's exemplars: the words around slots, other names of values.

A bounded sample is aligned with nothing known; what came out resolved teaches the words around each
slot, and what is missing teaches aliases (``aliases``).
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from itertools import islice

from radu_core.alignment.aliases import Missing, Seen, learn_names
from radu_core.alignment.align import Aligner, Alignment
from radu_core.alignment.checks import has_clean_edges
from radu_core.alignment.folding import squeeze_text
from radu_core.alignment.knowledge import Knowledge
from radu_core.alignment.quantities import currency
from radu_core.alignment.ranking import ContextModel
from radu_core.alignment.shifts import could_stand
from radu_core.alignment.text import Place, plain_words
from radu_core.exemplars import AnnotatedExemplar, Span
from radu_core.schema import Schema, as_values

__all__ = ["SAMPLE", "learn"]

SAMPLE = 20_000  # exemplars learnt from at most, so that memory stays flat
_SIGN = re.compile(r"[$€£¥₹₩円元원%％]")
_NORMALISED = 0.5  # values in other words for each one as itself
_OTHER_CASE = 0.1  # values in another case for each one in the utterance's case
_GENERIC = 3  # a word of so many values, or so often outside slots, tells no value by itself


def learn(
    schema: Schema,
    exemplars: Iterable[AnnotatedExemplar],
    *,
    reference: date | None = None,
    most: int = SAMPLE,
) -> Knowledge:
    """What the first ``most`` exemplars teach; spans and templates that are given count too."""
    aligner = Aligner(schema, reference=reference)
    looks = [_look(aligner, e) for e in islice(exemplars, most)]
    context = ContextModel(s.template for s in looks if s.template)
    aliases, phrases = learn_names(looks, aligner.language)
    edges: Counter[tuple[str, str]] = Counter()
    for one in looks:
        edges.update(one.edges)
    return Knowledge(
        context,
        aliases,
        _generic(looks, context),
        phrases,
        _slots_with_units(edges),
        _any_case(edges),
    )


def _look(aligner: Aligner, exemplar: AnnotatedExemplar) -> Seen:
    result = aligner.align(exemplar)
    resolved = result.outcome == "resolved"
    missing: list[Missing] = []
    if not resolved:
        missing = [
            Missing(a.slot, squeeze_text(a.value), plain_words(a.value))
            for a in result.arguments
            if a.state in ("missing", "unsure") and isinstance(a.value, str) and _is_name(a.value)
        ]
    return Seen(
        exemplar.utterance,
        exemplar.function,
        result.template if resolved and exemplar.function else None,
        _places(result),
        tuple((s.slot, (s.start, s.end)) for s in result.spans or ()),
        tuple(missing),
        tuple(
            (slot, v)
            for slot, value in exemplar.arguments.items()
            for v in as_values(value)
            if isinstance(v, str)
        ),
        tuple(_marked_names(exemplar)),
        tuple(_edges(exemplar, result)),
    )


def _is_name(value: str) -> bool:
    return not any(c.isdigit() for c in value)


def _places(result: Alignment) -> tuple[Place, ...]:
    if result.spans is not None:
        return tuple((s.start, s.end) for s in result.spans)
    return tuple(
        (c.start, c.end)
        for a in result.arguments
        if a.state in ("placed", "repeated")
        for c in a.candidates
    )


def _marked_names(exemplar: AnnotatedExemplar) -> Iterator[tuple[str, tuple[str, ...]]]:
    """(squeezed name, the words that a labeller's span gives it), where they differ.

    Not where the value itself stands elsewhere: the span may have been counted in other offsets, or
    continue after the name, and two rows with "Oslo please" would teach that this is Oslo.
    """
    text = exemplar.utterance
    for span in exemplar.spans or ():
        if isinstance(span.value, str) and _is_name(span.value):
            surface = text[span.start : span.end]
            words = plain_words(surface)
            if (
                words
                and "".join(words) != squeeze_text(span.value)
                and has_clean_edges(text, span.start, span.end)
                and _may_name(text, surface, span.value)
                and not could_stand(text, span.start, span.end, span.value)
            ):
                yield squeeze_text(span.value), words


def _may_name(utterance: str, phrase: str, value: str) -> bool:
    """Whether ``phrase`` may be another name of ``value``.

    The value stands nowhere, or within it and what stands beside it belongs to the name ("New York
    City"), as capitals and commas show.
    """
    if value.casefold() not in utterance.casefold():
        return True
    before, middle, after = phrase.partition(value)
    return bool(middle) and not any(
        m.strip() and m.islower() and "," not in m for m in (before, after)
    )


def _edges(exemplar: AnnotatedExemplar, result: Alignment) -> Iterator[tuple[str, str]]:
    """(slot, what one place says of the slot's edges, or of the case of its values).

    "marked wide" and "marked narrow" where people gave the span, otherwise "wide" where more than
    figures stands for a value that isn't written as itself ("5 pm" for 17:00), and "narrow" where
    the value itself stands.
    """
    is_given = exemplar.spans is not None or exemplar.template is not None
    for span in result.spans or ():
        value, surface = str(span.value), exemplar.utterance[span.start : span.end]
        if not any(c.isdigit() for c in value):
            if surface.casefold() == value.casefold():
                yield span.slot, "as said" if surface == value else "another case"
            continue
        if surface == value:
            wider = is_given and _goes_on(exemplar.utterance, span)
            yield span.slot, "marked narrow" if wider else "narrow"
        elif is_given and value in surface:
            yield span.slot, "marked wide"
        elif not is_given and _has_unit(surface, clock=":" in value):
            yield span.slot, "wide"


def _has_unit(phrase: str, *, clock: bool) -> bool:
    """Whether a currency or, on a clock, "am" or a part of the day is part of what was said."""
    words = [word for word in plain_words(phrase) if word.isalpha()]
    return bool(_SIGN.search(phrase) or (words if clock else any(map(currency, words))))


def _goes_on(utterance: str, span: Span) -> bool:
    """Whether a unit stands right beside a span, outside it."""
    before, after = utterance[: span.start].rstrip(), utterance[span.end :].split(maxsplit=1)
    unit = after and (
        currency(after[0]) or after[0].casefold().startswith(("am", "pm", "a.", "p."))
    )
    return bool(currency(before[-1:]) or unit)


def _any_case(edges: Counter[tuple[str, str]]) -> frozenset[str]:
    """The slots whose values have a case of their own, not the utterance's."""
    return frozenset(
        slot
        for slot in {slot for slot, _ in edges}
        if edges[slot, "another case"] >= max(2, _OTHER_CASE * edges[slot, "as said"])
    )


def _slots_with_units(edges: Counter[tuple[str, str]]) -> frozenset[str]:
    """The slots whose spans take in units.

    What people marked decides; otherwise whether values are normalised (a third or more of them in
    other words) and not as they are uttered.
    """
    slots = set()
    for slot in {slot for slot, _ in edges}:
        marks = edges[slot, "marked wide"], edges[slot, "marked narrow"]
        if marks[0] != marks[1]:
            wide = marks[0] > marks[1]
        else:
            wide = edges[slot, "wide"] >= max(3, _NORMALISED * edges[slot, "narrow"])
        if wide:
            slots.add(slot)
    return frozenset(slots)


def _generic(sightings: Sequence[Seen], context: ContextModel) -> dict[str, frozenset[str]]:
    """By slot, the words of several of its values, and those that stand outside slots as often."""
    names: dict[tuple[str, str], set[str]] = defaultdict(set)
    for one in sightings:
        for slot, value in one.names:
            for word in plain_words(value):
                names[slot, word].add(value)
    values_by_slot: dict[str, set[str]] = defaultdict(set)
    for (slot, word), values in names.items():
        if max(len(values), context.literal[word]) >= _GENERIC:
            values_by_slot[slot].add(word)
    return {slot: frozenset(words) for slot, words in sorted(values_by_slot.items())}
