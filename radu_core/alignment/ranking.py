"""Ranking of readings by the words that stand beside each slot in the resolved exemplars."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from radu_core.alignment.readings import Reading
from radu_core.exemplars import SlotRef, parse_template

__all__ = ["ContextModel", "rank"]

_EDGE = "\n"
_SMOOTHING = 0.5
_EVIDENCE = 4.0


class ContextModel:
    """Counts of (slot, side, neighbouring word) over the templates of a module.

    A reading's fit is the sum over its slots of log P(word | slot, side) − log P(word | side),
    additively smoothed: naive Bayes with the words beside a slot as its features.
    """

    def __init__(self, templates: Iterable[str]) -> None:
        self._beside: Counter[tuple[str, str, str]] = Counter()
        self._slots: Counter[tuple[str, str]] = Counter()
        self._words: Counter[tuple[str, str]] = Counter()
        for template in templates:
            for slot, side, word in _neighbours(template):
                self._beside[slot, side, word] += 1
                self._slots[slot, side] += 1
                self._words[side, word] += 1

    def fit(self, template: str) -> float:
        """How well the slots of ``template`` stand where they usually stand (log-odds)."""
        return sum(self._log_odds(*n) for n in _neighbours(template))

    def _log_odds(self, slot: str, side: str, word: str) -> float:
        words = len(self._words) + 1
        given = (self._beside[slot, side, word] + _SMOOTHING) / (
            self._slots[slot, side] + _SMOOTHING * words
        )
        prior = (self._words[side, word] + _SMOOTHING) / (
            sum(n for (s, _), n in self._slots.items() if s) + _SMOOTHING * words
        )
        return math.log(given) - math.log(prior)


def rank(
    readings: Sequence[Reading], context: ContextModel, *, complete: bool
) -> tuple[Reading, ...]:
    """The readings best first, each with the calibrated probability that it is the right one."""
    if not readings:
        return ()
    fits = [context.fit(r.template) + _EVIDENCE * math.log(max(r.evidence, 1e-6)) for r in readings]
    top = max(fits)
    weights = [math.exp(min(0.0, f - top)) for f in fits]
    total = sum(weights)
    scored = [
        replace(r, confidence=_calibrated(w / total, r.evidence, complete))
        for r, w in zip(readings, weights, strict=True)
    ]
    return tuple(sorted(scored, key=lambda r: (-r.confidence, r.template)))


def _calibrated(share: float, evidence: float, complete: bool) -> float:
    return share * evidence * (1.0 if complete else 0.5)


def _neighbours(template: str) -> list[tuple[str, str, str]]:
    parts = parse_template(template).parts
    found = []
    for index, part in enumerate(parts):
        if not isinstance(part, SlotRef):
            continue
        found.append((part.name, "left", _word(parts[index - 1] if index else None, -1)))
        after = parts[index + 1] if index + 1 < len(parts) else None
        found.append((part.name, "right", _word(after, 0)))
    return found


def _word(part: str | SlotRef | None, which: int) -> str:
    if part is None:
        return _EDGE
    if isinstance(part, SlotRef):
        return f"<{part.name}>"
    words = part.casefold().split()
    return words[which] if words else " "
