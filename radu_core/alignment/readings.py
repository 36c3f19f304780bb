"""Joint assignment: every way to place all values at once, without overlap."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from radu_core.alignment.places import SURE, Candidate, Found
from radu_core.exemplars import Span, escape, slot_mark
from radu_core.schema import Scalar

__all__ = ["MOST_READINGS", "Placement", "Reading", "Readings", "enumerate_readings"]

MOST_READINGS = 32
_MOST_STEPS = 5_000
_LIKE = frozenset(("partial", "initials", "inside"))


@dataclass(frozen=True)
class Placement:
    """A value of a slot and the places it could take."""

    slot: str
    value: Scalar
    found: Found

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """The best places."""
        return self.found.best


@dataclass(frozen=True)
class Reading:
    """One way to read the utterance: a template, its spans, and how likely it is the right one.

    ``evidence`` is the least sure of the candidates it is made of (0–1); ``confidence`` (0–1) is
    calibrated once a module's knowledge has ranked the readings, and equals ``evidence`` before.
    ``implied`` are the slots whose value it takes as meant and not written; ``partial`` says that
    a place of it is only like the value: a part of a name, or its initials.
    """

    template: str
    spans: tuple[Span, ...]
    evidence: float
    confidence: float
    implied: tuple[str, ...] = ()
    partial: bool = False


@dataclass(frozen=True)
class Readings:
    """All different readings, best first; ``complete`` is False when there were too many."""

    readings: tuple[Reading, ...]
    complete: bool


def enumerate_readings(utterance: str, placements: Sequence[Placement]) -> Readings:
    """Place every value so that no two overlap. Readings with equal templates are one reading.

    Depth-first over the values with the fewest places first, equal values of a slot in order of
    appearance only. Bounded at 32 readings and 5,000 steps, so that an adversarial utterance
    answers at once with ``complete=False``. Where the best places of all values clash, the others
    are tried.
    """
    readings = _enumerate(utterance, placements, [p.found.best for p in placements])
    if readings.readings or not readings.complete or not any(p.found.others for p in placements):
        return readings
    return _enumerate(utterance, placements, [(*p.found.best, *p.found.others) for p in placements])


def _enumerate(
    utterance: str, placements: Sequence[Placement], places: Sequence[tuple[Candidate, ...]]
) -> Readings:
    if len(placements) == 1:
        only = placements[0]
        readings = _one_by_one(utterance, only, places[0][:MOST_READINGS])
        return Readings(readings, len(places[0]) <= MOST_READINGS)
    if all(len(p) == 1 for p in places):
        choices = [(placement, p[0]) for placement, p in zip(placements, places, strict=True)]
        clash = _clash([c for _, c in choices])
        return Readings(() if clash else (_reading(utterance, choices),), True)
    if _too_many_for(places):
        return Readings((), True)
    order = sorted(
        range(len(placements)),
        key=lambda i: (len(places[i]), placements[i].slot, str(placements[i].value)),
    )
    search = _Search(utterance, [placements[i] for i in order], [places[i] for i in order])
    search.run(0, [])
    ranking = sorted(search.found.values(), key=_order)
    return Readings(tuple(ranking[:MOST_READINGS]), not search.exhausted)


def _clash(candidates: Sequence[Candidate]) -> bool:
    sorted_places = sorted((c.start, c.end) for c in candidates)
    return any(a[1] > b[0] for a, b in pairwise(sorted_places))


def _one_by_one(
    utterance: str, placement: Placement, places: Sequence[Candidate]
) -> tuple[Reading, ...]:
    readings: dict[str, Reading] = {}
    for candidate in places:
        reading = _reading(utterance, [(placement, candidate)])
        readings.setdefault(reading.template, reading)
    return (
        tuple(sorted(readings.values(), key=_order))
        if len(readings) > 1
        else tuple(readings.values())
    )


def _order(reading: Reading) -> tuple[float, str]:
    return -reading.evidence, reading.template


def _too_many_for(places: Sequence[tuple[Candidate, ...]]) -> bool:
    """Whether more values want the same places than there are places."""
    counts = Counter(places)
    return any(count > len(value) for value, count in counts.items())


def _reading(utterance: str, pairs: Sequence[tuple[Placement, Candidate]]) -> Reading:
    sorted_pairs = sorted(pairs, key=lambda c: c[1].start) if len(pairs) > 1 else pairs
    pieces = []
    spans = []
    position = 0
    evidence = 1.0
    for placement, candidate in sorted_pairs:
        pieces.append(escape(utterance[position : candidate.start]))
        pieces.append(slot_mark(placement.slot))
        position = candidate.end
        evidence = min(evidence, candidate.score)
        spans.append(
            Span(
                slot=placement.slot,
                start=candidate.start,
                end=candidate.end,
                value=placement.value,
            )
        )
    pieces.append(escape(utterance[position:]))
    like = any(c.kind in _LIKE and c.score < SURE for _, c in pairs)
    return Reading("".join(pieces), tuple(spans), evidence, evidence, partial=like)


class _Search:
    def __init__(
        self,
        utterance: str,
        placements: Sequence[Placement],
        places: Sequence[tuple[Candidate, ...]],
    ) -> None:
        self.utterance = utterance
        self.placements = placements
        self.places = places
        self.found: dict[str, Reading] = {}
        self.steps = 0
        self.exhausted = False

    def run(self, depth: int, candidates: list[Candidate]) -> None:
        self.steps += 1
        if self.steps > _MOST_STEPS or len(self.found) > MOST_READINGS:
            self.exhausted = True
            return
        if depth == len(self.placements):
            self._add(candidates)
            return
        after = self._start_after(depth, candidates)
        for candidate in self.places[depth]:
            if candidate.start < after:
                continue
            if all(candidate.end <= c.start or candidate.start >= c.end for c in candidates):
                self.run(depth + 1, [*candidates, candidate])
                if self.exhausted:
                    return

    def _start_after(self, depth: int, candidates: Sequence[Candidate]) -> int:
        """Equal values of a slot are told apart by nothing: take them in order of appearance."""
        if depth == 0:
            return 0
        mine, before = self.placements[depth], self.placements[depth - 1]
        same = mine.slot == before.slot and repr(mine.value) == repr(before.value)
        return candidates[-1].end if same else 0

    def _add(self, candidates: Sequence[Candidate]) -> None:
        reading = _reading(self.utterance, list(zip(self.placements, candidates, strict=True)))
        other = self.found.get(reading.template)
        if other is None or reading.evidence > other.evidence:
            self.found[reading.template] = reading
