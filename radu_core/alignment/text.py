"""An utterance prepared once for all the values that are searched for in it."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from radu_core.alignment.dates import DateExpression, find_dates
from radu_core.alignment.durations import Duration, find_durations
from radu_core.alignment.folding import (
    UNSPACED,
    Folded,
    fold,
    grapheme_end,
    is_boundary,
    squeeze,
    squeeze_text,
)
from radu_core.alignment.language import Language
from radu_core.alignment.quantities import Number, find_quantities
from radu_core.alignment.times import TimeExpression, find_times

__all__ = ["HYPHENS", "Place", "Text", "Token", "plain_words", "word_around"]

Place = tuple[int, int]
HYPHENS = ("-", "‐", "‑")
_Expression = TypeVar("_Expression", "Token", Number, DateExpression, TimeExpression)
_WORD = re.compile(r"[^\W\d_](?:\.[^\W\d_])+(?![^\W_])|[^\W_]+(?:['’][^\W\d_]+)*")
# The same where there may be scripts without spaces: "Oslo行き" and "2名" are two words each.
_UNSPACED_WORD = re.compile(
    rf"[{UNSPACED}]+|[^\W\d_{UNSPACED}](?:\.[^\W\d_{UNSPACED}])+(?![^\W_{UNSPACED}])"
    rf"|[^\W_{UNSPACED}]+(?:['’][^\W\d_{UNSPACED}]+)*"
)


# A range or a fraction of two short numbers ("3-4", "4/6") is none: its parts may be two slots'
# values.
_LONGER_NUMBER = re.compile(
    r"(?<![\w.,])[-−]\d[\d.,]*"
    r"|(?<!\d )(?<!\d)\d{1,3}(?:[ \u00a0\u202f']\d{3})+(?!\d)"
    r"|\+?\d+(?:[-/.]\d+){2,}"
    r"|(?<!\d)(?!(?:1\d|20)\d\d[-/](?:1\d|20)\d\d(?!\d))(?:\d{2,}[-/]\d{3,}|\d{3,}[-/]\d{2,})"
)
_BRACKETS = dict(zip("([{（［｛〔【「『《〈«“„", ")]}）］｝〕】」』》〉»”“", strict=True))
_OPENING = " \t\r\n\u00a0\u202f\"'“”„‟‘’‚«»‹›「『（([{¿¡-–—•*"  # before a sentence's first word
_BEGINS = frozenset('\n\r¿¡“„«「『•"')  # what only stands where words begin
_ENDS = ".!?:;…。！？：；"
_ENDING = re.compile(r"(?<=.)['’](?:s|ll|d|re|ve|m)$", re.IGNORECASE)
_SENTENCE_END = re.compile(r"[.!?]\s")
_CONTRACTION = re.compile(
    r"(?:\b(?:i|he|she|we|they|you|it|that|there|who)['’](?:ll|d|re|ve|m)|n['’]t)\b"
)


@dataclass(frozen=True, slots=True)
class Token:
    """A word: its place and itself, squeezed (no case, accents or punctuation)."""

    start: int
    end: int
    word: str


class Text:
    """An utterance, and what its numbers, dates, times and durations say, found when asked for."""

    def __init__(self, utterance: str, language: Language) -> None:
        self.utterance = utterance
        self.language = language

    @cached_property
    def folding(self) -> Folded:
        """Case and canonical folding."""
        return fold(self.utterance)

    @cached_property
    def squeezing(self) -> Folded:
        """Letters and digits only."""
        return squeeze(self.utterance)

    @cached_property
    def tokens(self) -> tuple[Token, ...]:
        """The words, left to right; a possessive 's is no part of its word."""
        tokens = []
        word = _WORD if self.utterance.isascii() else _UNSPACED_WORD
        for match in word.finditer(self.utterance):
            start, end = match.span()
            end = grapheme_end(self.utterance, end - _possessive(match.group()))
            tokens.append(Token(start, end, squeeze_text(self.utterance[start:end])))
        return tuple(self._unbroken(tokens))

    @cached_property
    def token_starts(self) -> tuple[int, ...]:
        """Where the words begin: for finding a neighbour without looking at all of them."""
        return tuple(t.start for t in self.tokens)

    def token_after(self, position: int) -> Token | None:
        """The first word that begins at ``position`` or behind it."""
        index = bisect_left(self.token_starts, position)
        return self.tokens[index] if index < len(self.tokens) else None

    def token_before(self, position: int) -> Token | None:
        """The last word that ends at ``position`` or before it."""
        index = bisect_left(self.token_starts, position) - 1
        return self.tokens[index] if index >= 0 and self.tokens[index].end <= position else None

    @cached_property
    def longer_numbers(self) -> tuple[Place, ...]:
        """Numbers of several parts, and below zero: what their parts are no numbers of."""
        return tuple(m.span() for m in _LONGER_NUMBER.finditer(self.utterance))

    @cached_property
    def quantities(self) -> Sequence[Number]:
        """Numbers, with their currency."""
        return self._unbroken(find_quantities(self.utterance, self.language))

    @cached_property
    def dates(self) -> Sequence[DateExpression]:
        """Dates."""
        return self._unbroken(find_dates(self.utterance, self.language))

    @cached_property
    def times(self) -> Sequence[TimeExpression]:
        """Times of day, without those inside a date."""
        return [
            t
            for t in self._unbroken(find_times(self.utterance, self.language))
            if not any(d.start < t.end and t.start < d.end for d in self.dates if not d.weak)
        ]

    @cached_property
    def durations(self) -> Sequence[Duration]:
        """Lengths of time."""
        return find_durations(self.utterance, self.quantities, self.language)

    @cached_property
    def clock_places(self) -> tuple[Place, ...]:
        """Where dates and times stand: a number in there is no count of anything."""
        sure = [d for d in self.dates if not d.weak] + [t for t in self.times if not t.weak]
        return tuple((e.start, e.end) for e in sure)

    def units(self, name: str) -> list[Place]:
        """Where the sign or word of a currency stands beside a number: the "$" of "$46"."""
        places = []
        for number in self.quantities:
            if number.unit != name:
                continue
            start, end = (
                (number.whole_start, number.start)
                if number.whole_start < number.start
                else (number.end, number.whole_end)
            )
            surface = self.utterance[start:end]
            places.append(
                (
                    start + len(surface) - len(surface.lstrip()),
                    end - len(surface) + len(surface.rstrip()),
                )
            )
        return places

    def whole(self, first: int, last: int) -> Place:
        """The place of tokens ``first`` to ``last``; words joined by a hyphen are taken whole."""
        tokens = self.tokens
        while first and self._has_hyphen(tokens[first - 1], tokens[first]):
            first -= 1
        while last + 1 < len(tokens) and self._has_hyphen(tokens[last], tokens[last + 1]):
            last += 1
        return tokens[first].start, tokens[last].end

    def _has_hyphen(self, left: Token, right: Token) -> bool:
        return self.utterance[left.end : right.start] in HYPHENS

    def begins_sentence(self, position: int) -> bool:
        """Whether what stands at ``position`` begins the text or a sentence."""
        before = self.utterance[:position].rstrip(_OPENING)
        after = self.utterance[len(before) : position]
        return not before or before[-1] in _ENDS or bool(set(after) & _BEGINS)

    def verbatim(self, surface: str) -> list[Place]:
        """Where ``surface`` stands as it is, not inside a word, a number or a grapheme."""
        return self._within_words(_find_all(self.utterance, surface))

    def in_any_case(self, surface: str) -> list[Place]:
        """Where ``surface`` stands but for case, kinds of spaces, quotes and hyphens."""
        return self._within_words(list(self.folding.find_all(fold(surface).text)))

    def loosely(self, surface: str) -> list[Place]:
        """Where the letters and digits of ``surface`` stand, whatever stands between them."""
        needle = squeeze_text(surface)
        if len(needle) < 2:
            return []
        ends = [(s, grapheme_end(self.utterance, e)) for s, e in self.squeezing.find_all(needle)]
        return [
            self._with_bracket(p) for p in self._within_words(ends) if self._one_phrase(p, surface)
        ]

    def _one_phrase(self, place: Place, surface: str) -> bool:
        """Whether a place is one phrase.

        It isn't across the end of a sentence, in a contraction ("he'll" for hell), or with a stop
        word split off ("the rapist" for therapist).
        """
        wording = self.utterance[slice(*place)]
        if _SENTENCE_END.search(wording) and not _SENTENCE_END.search(surface):
            return False
        if _CONTRACTION.search(wording.lower()) and not _CONTRACTION.search(surface.lower()):
            return False
        pieces = wording.lower().split()
        spaced = len(pieces) > len(surface.split())
        return not (spaced and self.language.stop_words & set(pieces))

    def _with_bracket(self, place: Place) -> Place:
        """With the bracket beside it that belongs to one inside: "(555) 123"."""
        start, end = place
        surface = self.utterance[start:end]
        if start and _BRACKETS.get(self.utterance[start - 1]) in _unmatched_brackets(
            surface, closing=True
        ):
            start -= 1
        if self.utterance[end : end + 1] in _unmatched_brackets(surface, closing=False):
            end += 1
        return start, end

    def _unbroken(self, expressions: Sequence[_Expression]) -> list[_Expression]:
        """Those that cut no word and no character in two."""
        text = self.utterance
        return [e for e in expressions if is_boundary(text, e.start) and is_boundary(text, e.end)]

    def _within_words(self, places: list[Place]) -> list[Place]:
        text = self.utterance
        return [(s, e) for s, e in places if is_boundary(text, s) and is_boundary(text, e)]


def _unmatched_brackets(phrase: str, *, closing: bool) -> list[str]:
    """The closing brackets that ``phrase`` holds alone, or those that it lacks."""
    open_brackets: list[str] = []
    unopened: list[str] = []
    for character in phrase:
        if character in _BRACKETS:
            open_brackets.append(_BRACKETS[character])
        elif character in _BRACKETS.values():
            if open_brackets and open_brackets[-1] == character:
                open_brackets.pop()
            else:
                unopened.append(character)
    return unopened if closing else open_brackets


def _find_all(text: str, needle: str) -> list[Place]:
    places = []
    at = text.find(needle) if needle else -1
    while at != -1:
        places.append((at, at + len(needle)))
        at = text.find(needle, at + 1)
    return places


def word_around(utterance: str, value: str) -> str:
    """The first word of ``utterance``, up to its spaces, that ``value`` is a part of, or ""."""
    at = utterance.find(value) if value.strip() else -1
    if at < 0:
        return ""
    start = max((i + 1 for i in range(at) if utterance[i].isspace()), default=0)
    end = at + len(value)
    while end < len(utterance) and not utterance[end].isspace():
        end += 1
    return utterance[start:end]


def plain_words(text: str) -> tuple[str, ...]:
    """The words of ``text``, squeezed; "check_in" and "numberOfDays" are several."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])|[_\-]", " ", text)
    pattern = _WORD if spaced.isascii() else _UNSPACED_WORD
    words = (m.group() for m in pattern.finditer(spaced))
    return tuple(w for word in words if (w := squeeze_text(word[: len(word) - _possessive(word)])))


def _possessive(word: str) -> int:
    """The length of a possessive 's (or another contraction: he'll) at the end of ``word``."""
    ending = _ENDING.search(word)
    return len(word) - ending.start() if ending else 0
