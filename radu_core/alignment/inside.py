"""Values that stand inside a longer word: a question, but for figures beside letters ("72F")."""

from __future__ import annotations

import re

from radu_core.alignment.folding import cuts_grapheme
from radu_core.alignment.places import NOWHERE, SCORES, SURE, Candidate, Found
from radu_core.alignment.text import Place, word_around

__all__ = ["find_inside"]

_NEAR = 4  # characters around figures that may be the rest of a score
_SCORE = re.compile(r"(?<![\d:])\d{1,3}:(?![0-5]\d(?!\d))\d{1,3}(?![\d:])")  # no clock time
_SHORTEST_INSIDE = 3  # characters of a value inside a word, figures apart


def find_inside(utterance: str, surface: str) -> Found:
    """Where a value stands inside a longer word: no place of it, but one to ask about.

    Figures that stand there once, beside letters or in a score ("72F", "2:1"), are doubted only.
    """
    glued = _attached_figures(utterance, surface)
    if glued is not None:
        doubt = f"is part of {word_around(utterance, surface)!r}"
        return Found((Candidate(*glued, "doubted", SURE, doubt),))
    if len(surface) < _SHORTEST_INSIDE and not surface.isdecimal():
        return NOWHERE
    places = [(m.start(), m.end()) for m in re.finditer(re.escape(surface), utterance)]
    whole = [
        (s, e)
        for s, e in places
        if not (cuts_grapheme(utterance, s) or cuts_grapheme(utterance, e))
        and not (utterance[s].isdigit() and utterance[s - 1 : s].isdigit())
        and not (utterance[e - 1].isdigit() and utterance[e : e + 1].isdigit())
    ]
    doubt = f"is part of {word_around(utterance, surface)!r}"
    return Found(tuple(Candidate(*p, "inside", SCORES["inside"], doubt) for p in whole))


def _attached_figures(utterance: str, surface: str) -> Place | None:
    """The only place of figures that are glued to letters on one side, or part of a score."""
    if not surface.isdecimal() or utterance.count(surface) != 1:
        return None
    start = utterance.index(surface)
    end = start + len(surface)
    score = _SCORE.search(utterance, max(0, start - _NEAR), end + _NEAR)
    if score and score.start() <= start and end <= score.end():
        return start, end
    before, after = utterance[start - 1 : start] if start else "", utterance[end : end + 1]
    letters = before.isalpha() != after.isalpha()
    figures = any(c.isdigit() or c in ".,:" for c in (before, after) if c)
    return (start, end) if letters and not figures else None
