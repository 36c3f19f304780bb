"""Ranking of readings by the words that stand beside each slot in the resolved exemplars."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from radu_core.alignment.places import SURE
from radu_core.alignment.readings import Reading
from radu_core.alignment.text import Place, Text, plain_words
from radu_core.exemplars import SlotRef, parse_template

__all__ = ["ContextModel", "RankedKind", "around", "calibrate", "rank", "shares"]

RankedKind = Literal["guess", "ambiguous", "unsure"]
Neighbour = tuple[str, str, str]  # slot, side, words

_EDGE = "\n"
_SMOOTHING = 0.5  # of the likelihoods that guesses compare
_EVIDENCE = 4.0
_NEGATED = 2.0
_LEAST_KNOWN = 3  # places of a slot
# Intercept and slope of P(right) over the log-odds of the best share, fitted by logistic regression
# on the train part of Schema-Guided Dialogue (benchmarks/alignment.py --fit prints them; for
# "guess", benchmarks/unsaid.py --fit, on HWU64 as well, given that the value is uttered). "Unsure"
# is left under its fit (4.46, 1.43): the dataset has few slips, and these would pass as certain.
# It has few values with two places as well: "ambiguous" is fitted on made ones.
_CALIBRATION: dict[RankedKind, tuple[float, float]] = {
    "guess": (0.81, 0.37),
    "ambiguous": (0.00, 0.64),
    "unsure": (0.97, 1.55),
}
_PART = 0.8  # the most of a reading that takes a part of a name, where the whole may stand
_CONTESTED = 0.8  # the most that such a reading's confidence can be
_CORRECTIONS = re.compile(
    r"\b(?:no|sorry|wait|i mean|actually|rather|scratch that|oops|nein|non)\b"
)
_SPLIT = re.compile(r"[^\W_]+(?:['’][^\W_]+)*|[^\w\s]")


class ContextModel:
    """Counts of (slot, side, neighbouring word) over the templates of a module.

    A reading's fit is the sum over its slots of log P(word | slot, side) − log P(word | side):
    naive Bayes with the words beside a slot as its features. The first is smoothed towards the
    second, the more the more different words stood there (Witten and Bell). So a word never seen
    beside a slot speaks against it, and one that stands beside several says less than its own.
    """

    def __init__(self, templates: Iterable[str]) -> None:
        self._beside: Counter[Neighbour] = Counter()
        self._slots: Counter[tuple[str, str]] = Counter()
        self._words: Counter[tuple[str, str]] = Counter()
        self._sides: Counter[str] = Counter()
        self._kinds: Counter[tuple[str, str]] = Counter()  # how many different words
        self.literal: Counter[str] = Counter()  # how often a word stands outside all slots
        self._different = 1
        self._key: Callable[[str], str] = str
        for template in templates:
            parts = parse_template(template).parts
            for part in parts:
                if isinstance(part, str):
                    self.literal.update(plain_words(part))
            self._count(Counter(_neighbours(parts)))

    def _count(self, beside: Mapping[Neighbour, int]) -> None:
        """Add words that stood beside slots, and how often."""
        for (slot, side, word), count in beside.items():
            self._kinds[slot, side] += (slot, side, word) not in self._beside
            self._beside[slot, side, word] += count
            self._slots[slot, side] += count
            self._words[side, word] += count
            self._sides[side] += count
        self._different = len(self._words) + 1

    def data(self, key: Callable[[str], str] = str) -> list[Any]:
        """What stood beside slots, as JSON; ``read`` takes it back. ``key`` stands for words."""
        return [[slot, side, key(word), n] for (slot, side, word), n in self._beside.items()]

    @classmethod
    def read(cls, data: Sequence[Any], *, key: Callable[[str], str] = str) -> ContextModel:
        """What ``data`` gave, with the same ``key``; what stood outside of slots isn't known."""
        model = cls(())
        model._key = key
        model._count({(slot, side, word): n for slot, side, word, n in data})
        return model

    def knows(self, slot: str) -> bool:
        """Whether enough is known of what stands beside ``slot`` to guess where it stands."""
        return self._slots[slot, "left"] >= _LEAST_KNOWN

    def fit(self, template: str) -> float:
        """How well the slots of ``template`` stand where they usually stand (log-odds)."""
        return sum(self.log_odds(*n) for n in _neighbours(parse_template(template).parts))

    def log_odds(self, slot: str, side: str, word: str) -> float:
        """How much likelier ``word`` stands on that ``side`` of ``slot`` than of any slot."""
        word = self._key(word)
        new = max(1, self._kinds[slot, side])  # as if so many words had been drawn from all slots
        counts = self._beside[slot, side, word]
        lift = counts * self._sides[side] / self._words[side, word] if counts else 0.0
        return math.log((lift + new) / (self._slots[slot, side] + new))

    def likelihood(self, slot: str, side: str, word: str) -> float:
        """The log of P(word | slot, side), additively smoothed.

        The words of one slot are compared.
        """
        return math.log(
            (self._beside[slot, side, word] + _SMOOTHING)
            / (self._slots[slot, side] + _SMOOTHING * self._different)
        )


def rank(
    readings: Sequence[Reading], context: ContextModel, text: Text, *, complete: bool
) -> tuple[Reading, ...]:
    """The readings best first, each with the calibrated probability that it is the right one."""
    if not readings:
        return ()
    fits = [
        context.fit(r.template)
        + _EVIDENCE * math.log(max(r.evidence, 1e-6))
        - _NEGATED * sum(_is_negated(text, s.start) for s in r.spans)
        for r in readings
    ]
    if len(readings) == 1:
        only = readings[0]
        sure = calibrate("unsure", [only.evidence], complete=complete)[0]
        if only.partial:
            sure = min(sure, _PART)
        return (replace(only, confidence=only.evidence if only.evidence >= SURE else sure),)
    order = sorted(
        zip(shares(fits), readings, strict=True), key=lambda pair: (-pair[0], pair[1].template)
    )
    confidences = calibrate("ambiguous", [share for share, _ in order], complete=complete)
    if _is_contested(text, readings):
        confidences = [min(c, _CONTESTED) for c in confidences]
    return tuple(
        replace(reading, confidence=confidence)
        for (_, reading), confidence in zip(order, confidences, strict=True)
    )


def _is_contested(text: Text, readings: Sequence[Reading]) -> bool:
    """Whether the words beside a value's places can't say which place is meant.

    The value stands in two writings ("Month", "month"), or once more behind a correction ("no: a
    van").
    """
    places: dict[tuple[str, str], set[Place]] = defaultdict(set)
    for reading in readings:
        for span in reading.spans:
            places[span.slot, repr(span.value)].add((span.start, span.end))
    for own in places.values():
        sorted_places = sorted(own)
        if len({text.utterance[s:e] for s, e in sorted_places}) > 1:
            return True
        between = text.utterance[sorted_places[0][1] : sorted_places[-1][0]].casefold()
        if _CORRECTIONS.search(between):
            return True
    return False


def _is_negated(text: Text, start: int) -> bool:
    """Whether one of the three words before a place takes it back: "not today, tomorrow"."""
    before = [t for t in text.tokens if t.end <= start][-3:]
    words = [text.utterance[t.start : t.end].lower() for t in before]
    if before and set(text.utterance[before[0].start : start]) & set(".!?;"):
        return False
    return bool(text.language.negations & set(words))


def shares(fits: Sequence[float]) -> list[float]:
    top = max(fits)
    weights = [math.exp(f - top) for f in fits]
    total = sum(weights)
    return [w / total for w in weights]


def calibrate(kind: RankedKind, shares: Sequence[float], *, complete: bool = True) -> list[float]:
    """Probabilities from shares of the likelihood, best first.

    Logistic for the first, the rest of its share among the others. They say that every value stands
    where the reading has it; its edges may differ by a word. Where the list isn't complete, half of
    it is what isn't listed.
    """
    intercept, slope = _CALIBRATION[kind]
    best = min(max(shares[0], 1e-4), 1 - 1e-4)
    first = 1 / (1 + math.exp(-intercept - slope * math.log(best / (1 - best))))
    others = sum(shares[1:])
    rest = [(1 - first) * share / others if others else 0.0 for share in shares[1:]]
    return [p * (1.0 if complete else 0.5) for p in (first, *rest)]


def _neighbours(parts: Sequence[str | SlotRef]) -> list[tuple[str, str, str]]:
    """The words around every slot, as (slot, side, words).

    The word and the two words on each side. Where nothing but space lies between two slots, each is
    the other's neighbour.
    """
    parts_with_words = [p for p in parts if isinstance(p, SlotRef) or p.strip()]
    neighbours = []
    for index, part in enumerate(parts_with_words):
        if isinstance(part, SlotRef):
            before = parts_with_words[index - 1] if index else ""
            after = parts_with_words[index + 1] if index + 1 < len(parts_with_words) else ""
            neighbours += [(part.name, side, words) for side, words in around(before, after)]
    return neighbours


def around(before: str | SlotRef, after: str | SlotRef) -> list[tuple[str, str]]:
    words_before = _words(before)
    right = _words(after)
    return [
        ("left", words_before[-1] if words_before else _EDGE),
        ("right", right[0] if right else _EDGE),
        ("left 2", " ".join(words_before[-2:])),
        ("right 2", " ".join(right[:2])),
    ]


def _words(part: str | SlotRef) -> list[str]:
    return [f"<{part.name}>"] if isinstance(part, SlotRef) else _SPLIT.findall(part.casefold())
