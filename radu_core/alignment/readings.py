"""Joint assignment: every way to place all values at once, without overlap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from radu_core.alignment.candidates import Candidate
from radu_core.exemplars import Span, make_template
from radu_core.schema import Scalar

__all__ = ["Placement", "Reading", "Readings", "enumerate_readings"]

_MAX_READINGS = 32
_MAX_STEPS = 20_000


@dataclass(frozen=True)
class Placement:
    """A value of a slot and the places it could take."""

    slot: str
    value: Scalar
    candidates: tuple[Candidate, ...]


@dataclass(frozen=True)
class Reading:
    """One way to read the utterance: a template, its spans, and its fit (higher is better)."""

    template: str
    spans: tuple[Span, ...]
    score: float


@dataclass(frozen=True)
class Readings:
    """All different readings, best first; ``complete`` is False when there were too many."""

    readings: tuple[Reading, ...]
    complete: bool


def enumerate_readings(utterance: str, placements: Sequence[Placement]) -> Readings:
    """Place every value so that no two overlap. Readings with equal templates are one reading.

    Depth-first over the values with the fewest places first; bounded at 32 readings and 20,000
    steps, so that an adversarial utterance answers at once with ``complete=False``.
    """
    ordered = sorted(placements, key=lambda p: (len(p.candidates), p.slot, str(p.value)))
    search = _Search(utterance, ordered)
    search.run(0, [])
    ranked = sorted(search.found.values(), key=lambda r: (-r.score, r.template))
    return Readings(tuple(ranked), not search.exhausted)


class _Search:
    def __init__(self, utterance: str, placements: Sequence[Placement]) -> None:
        self.utterance = utterance
        self.placements = placements
        self.found: dict[str, Reading] = {}
        self.steps = 0
        self.exhausted = False

    def run(self, depth: int, chosen: list[Candidate]) -> None:
        self.steps += 1
        if self.steps > _MAX_STEPS or len(self.found) > _MAX_READINGS:
            self.exhausted = True
            return
        if depth == len(self.placements):
            self._add(chosen)
            return
        for candidate in self.placements[depth].candidates:
            if all(candidate.end <= c.start or candidate.start >= c.end for c in chosen):
                self.run(depth + 1, [*chosen, candidate])
                if self.exhausted:
                    return

    def _add(self, chosen: Sequence[Candidate]) -> None:
        spans = sorted(
            (
                Span(slot=p.slot, start=c.start, end=c.end, value=p.value)
                for p, c in zip(self.placements, chosen, strict=True)
            ),
            key=lambda s: s.start,
        )
        template = make_template(self.utterance, spans)
        score = sum(c.score for c in chosen) / max(1, len(chosen))
        known = self.found.get(template)
        if known is None or score > known.score:
            self.found[template] = Reading(template, tuple(spans), score)
