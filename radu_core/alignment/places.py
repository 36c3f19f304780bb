"""Places where a value may stand: their kinds, and how far each kind is trusted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from radu_core.alignment.text import Place

__all__ = [
    "DOUBTFUL",
    "INFERRED",
    "NOWHERE",
    "SCORES",
    "SURE",
    "Candidate",
    "CandidateKind",
    "Found",
    "candidate",
    "found_at",
]

CandidateKind = Literal[
    "exact",
    "folded",
    "expression",
    "number",
    "date",
    "time",
    "duration",
    "boolean",
    "loose",
    "inflected",
    "undated",
    "hour",
    "alias",
    "initials",
    "partial",
    "misspelt",
    "ordinal",
    "article",
    "doubted",
    "inside",
]

# How far a kind is trusted. On the train part of Schema-Guided Dialogue lone places of every kind
# that occurs there were wrong in under 0.3 % of the cases, "loose" in 1 of 61 (benchmarks/
# alignment.py --kinds); the others are by judgement. What is under SURE is asked about even as the
# only reading.
SCORES: dict[CandidateKind, float] = {
    "exact": 1.0,
    "folded": 0.99,
    "expression": 0.98,
    "number": 0.98,
    "date": 0.99,
    "time": 0.99,
    "duration": 0.97,
    "boolean": 0.95,
    "loose": 0.97,
    "inflected": 0.93,
    "undated": 0.95,
    "hour": 0.93,
    "alias": 0.9,
    "initials": 0.85,
    "partial": 0.9,
    "misspelt": 0.85,
    "ordinal": 0.6,
    "article": 0.5,
    "doubted": 0.9,
    "inside": 0.2,
}
SURE = 0.9
# Kinds that say the value in other words, or whose type speaks against them: named in the reason,
# and counted apart.
INFERRED: frozenset[CandidateKind] = frozenset(
    ("alias", "partial", "inflected", "loose", "undated", "hour", "article", "duration", "doubted")
)


class Candidate(NamedTuple):
    """One place: half-open code point offsets, how it was found, and how sure that is (0–1).

    ``doubt`` is what the value's type says against the place, as the end of a sentence about it
    ("is followed by 'stars'"), or "".
    """

    start: int
    end: int
    kind: CandidateKind
    score: float
    doubt: str = ""

    @property
    def place(self) -> Place:
        """Return ``(start, end)``, half-open."""
        return self.start, self.end

    def overlaps(self, place: Place) -> bool:
        """Whether a character of ``place`` belongs to it."""
        return self.start < place[1] and place[0] < self.end


class Found(NamedTuple):
    """The places of one value: the best ones, and others to fall back on where those clash."""

    best: tuple[Candidate, ...]
    others: tuple[Candidate, ...] = ()


NOWHERE = Found(())
DOUBTFUL = 0.6


def candidate(place: Place, kind: CandidateKind) -> Candidate:
    return Candidate(place[0], place[1], kind, SCORES[kind])


def found_at(
    places: Sequence[Place] | Iterator[Place],
    kind: CandidateKind,
    *,
    others: tuple[Candidate, ...] = (),
) -> Found:
    return Found(tuple(candidate(p, kind) for p in sorted(set(places))), others)
