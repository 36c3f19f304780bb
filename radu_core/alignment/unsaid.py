"""Whether a value that isn't in the text is uttered in other words, and where, or is implied.

Naive Bayes over the words beside a place finds the most likely place *if* the value is uttered at
all. A logistic regression over what the module knows of the slot and how well the best place fits
tells whether it is; ``benchmarks/unsaid.py`` fits its constants.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from radu_core.alignment.names import akin, with_possessive
from radu_core.alignment.ranking import ContextModel, around, shares
from radu_core.alignment.text import Place, Text, plain_words

__all__ = ["Guess", "features", "guesses", "said_probability"]

_COMMON = 1.1  # what a word that stands in templates as itself costs a guess, per log count
_PHRASE = 6.0  # what it adds that the words are a phrase of the slot
_NEAR = 60  # characters that two words beside a place lie in
_BESIDE = 0.5  # the words and word pairs beside a place say partly the same
_LONGEST_GUESS = 4  # words
_LONGEST_TEXT = 150  # words; in longer ones nothing is guessed
_MOST = 3
_MOST_FIT = 8.0


@dataclass(frozen=True)
class Guess:
    """A place where a value may be uttered in other words.

    ``share`` (0–1) is among all places, if it is uttered; ``fit`` the log-odds of the words beside
    it, as in ``ContextModel.fit``; ``common`` how often its words stand outside slots (mean log
    count); ``phrase`` whether they are one of the slot; ``akin`` whether they look like the value.
    """

    place: Place
    share: float
    fit: float
    common: float
    phrase: bool
    akin: bool


def guesses(
    context: ContextModel,
    text: Text,
    slot: str,
    value: str,
    occupied: Sequence[Place],
    *,
    phrases: frozenset[tuple[str, ...]] = frozenset(),
) -> list[Guess]:
    """The three places where a value of ``slot`` most likely stands if it is uttered, best first.

    Judged by the words beside a place, as those beside the slot elsewhere, by how rarely the
    place's own words stand outside slots, and whether they are one of the slot's ``phrases``.
    """
    tokens = text.tokens
    if len(tokens) > _LONGEST_TEXT or not (phrases or context.knows(slot)):
        return []
    scores: dict[Place, float] = {}
    details: dict[Place, tuple[float, float, bool, bool]] = {}
    own = plain_words(value)
    for size in range(1, _LONGEST_GUESS + 1):
        for i in range(len(tokens) - size + 1):
            window = tokens[i : i + size]
            place = with_possessive(text, text.whole(i, i + size - 1), value)
            words = [t.word for t in window]
            if {words[0], words[-1]} & text.language.stop_words:
                continue
            if any(s < place[1] and place[0] < e for s, e in occupied):
                continue
            near = slice(max(0, place[0] - _NEAR), place[0]), slice(place[1], place[1] + _NEAR)
            beside = around(text.utterance[near[0]], text.utterance[near[1]])
            common = sum(math.log1p(context.literal[w]) for w in words if w not in own)
            phrase = tuple(words) in phrases
            score = sum(_BESIDE * context.likelihood(slot, *b) for b in beside)
            score += _PHRASE * phrase - _COMMON * common
            if score > scores.get(place, -math.inf):
                scores[place] = score
                fit = sum(context.log_odds(slot, *b) for b in beside)
                details[place] = (fit, common / size, phrase, akin(words, own))
    if not scores:
        return []
    ranking = sorted(
        zip(scores, shares(list(scores.values())), strict=True), key=lambda g: (-g[1], g[0])
    )
    return [Guess(place, share, *details[place]) for place, share in ranking[:_MOST]]


# Weights of P(said), in the order of ``features``, fitted by ``benchmarks/unsaid.py --fit`` on as
# many uttered values as implied ones, except the intercept (fitted: 1.03): of values that aren't in
# the text, nearly three are taken to be implied for each one that is uttered.
_SAID = (0.0, 0.37, -0.61, 4.49, 1.24)
# Where no place can be guessed (a number, a date, a slot that nothing is known of). By judgement.
_SAID_UNKNOWN = 0.35
# The most that a place can get whose words nothing ties to the value: no phrase of its slot, and
# not like it in spelling.
_UNTIED = 0.8


def features(best: Guess) -> tuple[float, ...]:
    """What P(said) is judged by, from the best place.

    1, then the fit of the place, how common its words are, and whether they are a phrase of the
    slot or look like the value.
    """
    fit = max(-_MOST_FIT, min(_MOST_FIT, best.fit))
    return (1.0, fit, best.common, float(best.phrase), float(best.akin))


def said_probability(best: Guess | None) -> float:
    """The probability that a value with the best place ``best`` is uttered, not implied (0–1)."""
    if best is None:
        return _SAID_UNKNOWN
    score = sum(w * x for w, x in zip(_SAID, features(best), strict=True))
    probability = 1 / (1 + math.exp(-score))
    return probability if best.phrase or best.akin else min(probability, _UNTIED)
