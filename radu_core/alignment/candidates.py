"""Where a value could stand in an utterance: each place with its kind and score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from radu_core.alignment.folding import Folded, fold, is_boundary
from radu_core.schema import ListRecognizer, Scalar, Schema, Slot, recognize

__all__ = ["Candidate", "CandidateKind", "candidates", "surface_of"]

CandidateKind = Literal["exact", "folded", "expression"]
_SCORES: dict[CandidateKind, float] = {"exact": 1.0, "folded": 0.9, "expression": 0.8}
_ACRONYM_LENGTH = 3


@dataclass(frozen=True)
class Candidate:
    """One place: half-open code point offsets, how it was found, and how sure that is (0–1)."""

    start: int
    end: int
    kind: CandidateKind
    score: float


def surface_of(value: Scalar) -> str:
    """A value as one would write it: numbers without a needless fraction."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def candidates(
    utterance: str, folded: Folded, value: Scalar, *, slot: Slot | None, schema: Schema
) -> list[Candidate]:
    """All places of ``value`` in ``utterance``, left to right; a boolean has none of its own.

    A short all-capital value that is written as such ("US") isn't looked for in other cases
    ("us"). ``folded`` is ``fold(utterance)``.
    """
    if isinstance(value, bool):
        return []
    surface = surface_of(value)
    places: dict[tuple[int, int], CandidateKind] = {}
    for start, end in folded.find_all(fold(surface).text):
        if is_boundary(utterance, start) and is_boundary(utterance, end):
            places[start, end] = "exact" if utterance[start:end] == surface else "folded"
    if surface.isupper() and len(surface) <= _ACRONYM_LENGTH and "exact" in places.values():
        places = {place: kind for place, kind in places.items() if kind == "exact"}
    for start, end in _expressions(utterance, surface, slot, schema):
        places.setdefault((start, end), "expression")
    return [Candidate(s, e, kind, _SCORES[kind]) for (s, e), kind in sorted(places.items())]


def _expressions(
    utterance: str, surface: str, slot: Slot | None, schema: Schema
) -> list[tuple[int, int]]:
    recognizer = schema.recognizer(slot.recognizer) if slot else None
    if not isinstance(recognizer, ListRecognizer):
        return []
    return [(m.start, m.end) for m in recognize(recognizer, utterance) if m.value == surface]
