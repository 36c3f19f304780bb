"""Values with two places, made from Schema-Guided Dialogue turns: it has few of its own.

Half of a service's turns teach (by the templates of their gold spans); from the other half cases
are made whose right reading is known:

*copied*: another slot of the turn gets the same value ("movies in San Diego about San Diego");
*told*: before or after the turn stands one of another domain that has the same value in one of its
slots ("I need a bus to Portland. Is there a museum in Portland?").

Where what was made is resolved, or gold isn't among its readings, it is left out.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from sgd_turns import REFERENCE, Turn, by_module

from radu_core.alignment import Aligner, ContextModel, Knowledge
from radu_core.exemplars import AnnotatedExemplar, Span, make_template
from radu_core.schema import Schema

__all__ = ["SIZES", "Made", "first_readings"]

SIZES = (10, 50, 200, None)  # turns that teach: a small module knows little
_MOST = 40  # of each kind and service
_SEED = 7
_Case = tuple[str, dict[str, str], dict[str, tuple[int, int]]]


@dataclass(frozen=True)
class Made:
    """The first reading of a made case: how sure, and whether it is the right one."""

    kind: str
    size: int | None
    confidence: float
    right: bool


def first_readings(
    directory: Path, part: str, sizes: Sequence[int | None] = SIZES
) -> Iterator[Made]:
    """First readings for every size of module that teaches."""
    modules = by_module(directory, part)
    for name, (schema, turns) in modules.items():
        draw = random.Random(f"{name} {_SEED}")
        own = list({t.utterance: t for t in turns if _is_plain(t)}.values())
        draw.shuffle(own)
        half = len(own) // 2
        others = [
            t
            for other, (_, more) in modules.items()
            if _domain(other) != _domain(name)
            for t in more
        ]
        cases = [*_some(schema, _copy_values(own[:half], draw), "copied")]
        cases += _some(schema, _other_values(own[:half], others, draw), "told") if others else ()
        templates = [make_template(t.utterance, _spans(t.said, t.gold)) for t in own[half:]]
        for size in sizes:
            knowledge = Knowledge(ContextModel(templates[:size]))
            aligner = Aligner(schema, reference=REFERENCE, knowledge=knowledge)
            for kind, (utterance, words_by_slot, gold) in cases:
                best = aligner.align(_exemplar(name, utterance, words_by_slot)).readings[0]
                yield Made(kind, size, best.confidence, _places(best.spans) == gold)


def _some(schema: Schema, cases: Iterator[_Case], kind: str) -> Iterator[tuple[str, _Case]]:
    aligner = Aligner(schema, reference=REFERENCE)
    count = 0
    for utterance, words_by_slot, gold in cases:
        alignment = aligner.align(_exemplar(schema.functions[0].name, utterance, words_by_slot))
        readings = [_places(r.spans) for r in alignment.readings]
        if alignment.outcome == "ambiguous" and alignment.complete and gold in readings:
            count += 1
            yield kind, (utterance, words_by_slot, gold)
        if count == _MOST:
            return


def _copy_values(turns: Sequence[Turn], draw: random.Random) -> Iterator[_Case]:
    for turn in turns:
        if len(turn.gold) > 1:
            source, target = draw.sample(sorted(turn.gold), 2)
            start, end = turn.gold[target]
            value = turn.said[source]
            longer = len(value) - (end - start)
            gold = {
                slot: (a + longer, b + longer) if a > start else (a, b)
                for slot, (a, b) in turn.gold.items()
            }
            gold[target] = (start, start + len(value))
            words_by_slot = {slot: turn.said[slot] for slot in turn.gold} | {target: value}
            yield turn.utterance[:start] + value + turn.utterance[end:], words_by_slot, gold


def _other_values(
    turns: Sequence[Turn], others: Sequence[Turn], draw: random.Random
) -> Iterator[_Case]:
    for turn in turns:
        value = turn.said[draw.choice(sorted(turn.gold))]
        other = draw.choice(others)
        start, end = other.gold[draw.choice(sorted(other.gold))]
        utterance_changed = other.utterance[:start] + value + other.utterance[end:]
        words_by_slot = {slot: turn.said[slot] for slot in turn.gold}
        if draw.random() < 0.5:
            before = len(utterance_changed) + 1
            gold = {slot: (a + before, b + before) for slot, (a, b) in turn.gold.items()}
            yield f"{utterance_changed} {turn.utterance}", words_by_slot, gold
        else:
            yield f"{turn.utterance} {utterance_changed}", words_by_slot, turn.gold


def _is_plain(turn: Turn) -> bool:
    """Whether its spans are what was said, without overlap."""
    places = sorted(turn.gold.values())
    return all(
        turn.utterance[start:end] == turn.said[slot] for slot, (start, end) in turn.gold.items()
    ) and all(a[1] <= b[0] for a, b in pairwise(places))


def _spans(arguments: dict[str, str], gold: dict[str, tuple[int, int]]) -> tuple[Span, ...]:
    spans = [Span(slot=s, start=a, end=b, value=arguments[s]) for s, (a, b) in gold.items()]
    return tuple(sorted(spans, key=lambda s: s.start))


def _places(spans: Sequence[Span]) -> dict[str, tuple[int, int]]:
    return {s.slot: (s.start, s.end) for s in spans}


def _exemplar(function: str, utterance: str, arguments: dict[str, str]) -> AnnotatedExemplar:
    return AnnotatedExemplar(
        id="x", utterance=utterance, function=function, arguments=dict(arguments)
    )


def _domain(service: str) -> str:
    return service.partition("_")[0]
