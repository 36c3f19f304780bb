"""Folding that remembers where every folded character came from, and where a value may end."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import regex

from radu_core.pieces import UNSPACED

__all__ = [
    "JOINED_UNIT",
    "UNSPACED",
    "Folded",
    "can_squeeze",
    "cuts_grapheme",
    "fold",
    "grapheme_end",
    "is_boundary",
    "is_unspaced",
    "lower_case",
    "squeeze",
    "squeeze_text",
]

_IS_UNSPACED = re.compile(f"[{UNSPACED}]")
# Units that are written right behind their digits: a number may end, and a unit begin, before them.
JOINED_UNIT = (
    r"(?:h|hrs?|hours?|min|mins|minutes?|s|secs?|ms|am|pm|days?|km|cm|mm|kg|mg|ml|mi|lbs?|oz|ft|gb|mb"
    r"|tb|mph|kmh|pax|ppl|x)(?![^\W_])"
)
_JOINED_UNIT = re.compile(JOINED_UNIT, re.IGNORECASE)
# An ISO date-time, whose date and time are values of their own: "2026-03-09T18:30Z".
_DATE_BEFORE = re.compile(r"\d{4}-?\d\d-?\d\dT?\Z")
_TIME_BEHIND = re.compile(r"T?\d\d:?\d\d(?!\d)")
_ZONE = re.compile(r"\+\d\d:?\d\d(?!\d)")
_ZULU = re.compile(r"Z(?![^\W_])")
_SAME = {
    "’": "'",
    "‘": "'",
    "ʼ": "'",
    "“": '"',
    "”": '"',
    "‐": "-",
    "‑": "-",
    "–": "-",
}
_ODD_CASE = {0x17F: "s", 0x130: "i", 0x131: "i"}
_JOINER = "\u200d"
_GRAPHEME = regex.compile(r"\X")


@dataclass(frozen=True)
class Folded:
    """A folded text; ``origin[i]`` is the original code point that folded character i came from.

    ``origin`` has one entry more than ``text``: the length of the original.
    """

    text: str
    origin: Sequence[int]

    def find_all(self, needle: str) -> Iterator[tuple[int, int]]:
        """Half-open ranges in the *original* whose folded text is ``needle``, left to right.

        A match that would begin or end inside the folding of one code point is no match.
        """
        at = self.text.find(needle)
        while needle and at != -1:
            end = at + len(needle)
            if self._edge(at) and self._edge(end):
                yield self.origin[at], self.origin[end - 1] + 1
            at = self.text.find(needle, at + 1)

    def _edge(self, index: int) -> bool:
        return index == 0 or self.origin[index] != self.origin[index - 1]


def fold(text: str) -> Folded:
    """Fold case, canonical decomposition, curly quotes and hyphens, one code point at a time."""
    if text.isascii():
        return Folded(text.lower(), range(len(text) + 1))
    return _fold_each(text, _fold_one)


def squeeze(text: str) -> Folded:
    """Letters and digits only, without case, width, accents, punctuation or space; ``&`` is "and".

    "Mad Max: Fury-Road" and "mad max fury road" squeeze to the same text.
    """
    if text.isascii() and "&" not in text:
        indices = [i for i, c in enumerate(text) if c.isalnum()]
        return Folded("".join(text[i] for i in indices).lower(), (*indices, len(text)))
    return _fold_each(text, _squeeze_one)


def can_squeeze(text: str) -> bool:
    """Whether squeezing leaves nothing out that tells: no sign or emoji, only punctuation."""
    return not any(c in "#@*%" or unicodedata.category(c)[0] == "S" for c in text)


def squeeze_text(text: str) -> str:
    """The text of ``squeeze``, without the places."""
    if text.isascii() and "&" not in text:
        return text.lower() if text.isalnum() else "".join(filter(str.isalnum, text.lower()))
    return "".join(map(_squeeze_one, text))


def _fold_each(text: str, one: Callable[[str], str]) -> Folded:
    pieces: list[str] = []
    origin: list[int] = []
    for index, character in enumerate(text):
        piece = one(character)
        pieces.append(piece)
        origin.extend([index] * len(piece))
    return Folded("".join(pieces), (*origin, len(text)))


@lru_cache(maxsize=4096)
def _fold_one(character: str) -> str:
    if character.isspace():
        return " "
    return unicodedata.normalize("NFD", _SAME.get(character, character).casefold())


@lru_cache(maxsize=4096)
def _squeeze_one(character: str) -> str:
    if character == "&":
        return "and"
    plain = unicodedata.normalize("NFKD", character.casefold())
    return "".join(c for c in plain if c.isalnum())


def is_boundary(text: str, position: int) -> bool:
    """Whether a value may begin or end at ``position``: never inside a word, number or grapheme."""
    if position <= 0 or position >= len(text):
        return True
    before, after = text[position - 1], text[position]
    if before.isascii() and after.isascii():
        if before.isalnum() and (after.isalnum() or after in "+#"):
            # C isn't C++; 10min is two
            return (before.isdigit() or before == "T") and _joins_number(text, position)
        return not _inside_number(text, position)
    if _extends(after) or before == _JOINER or _splits_flag(text, position):
        return False
    if not (_is_word(text, position - 1) and after.isalnum()):
        return True
    return is_unspaced(before) or is_unspaced(after) or _joins_number(text, position)


def lower_case(word: str) -> str:
    """``word`` in lower case, where re.IGNORECASE has matched it: ſ is s, and İ and ı are i."""
    return word.translate(_ODD_CASE).lower()


def grapheme_end(text: str, position: int) -> int:
    """``position``, moved behind the combining marks that belong to the character before it."""
    while 0 < position < len(text) and _extends(text[position]):
        position += 1
    return position


def cuts_grapheme(text: str, position: int) -> bool:
    """Whether ``position`` lies within what a reader sees as one character (Unicode's UAX 29)."""
    if text.isascii():
        return text[max(0, position - 1) : position + 1] == "\r\n"
    return position not in _grapheme_edges(text)


@lru_cache(maxsize=64)
def _grapheme_edges(text: str) -> frozenset[int]:
    return frozenset({0, *(match.end() for match in _GRAPHEME.finditer(text))})


def _inside_number(text: str, position: int) -> bool:
    """Whether ``position`` lies beside the mark in 7:30, 4.5 or 1,200."""
    mark = position if text[position] in ".,:" else position - 1
    if text[mark] not in ".,:" or not 0 < mark < len(text) - 1:
        return False
    if not (text[mark - 1].isdecimal() and text[mark + 1].isdecimal()):
        return False
    return text[mark] != "," or text[mark + 1 : mark + 4].isdecimal()


def _splits_flag(text: str, position: int) -> bool:
    """Whether ``position`` lies within a flag: two regional indicators, counted in pairs."""
    start = position
    while start and "\U0001f1e6" <= text[start - 1] <= "\U0001f1ff":
        start -= 1
    inside = "\U0001f1e6" <= text[position] <= "\U0001f1ff"
    return inside and (position - start) % 2 == 1


def _is_word(text: str, position: int) -> bool:
    while position > 0 and _extends(text[position]):
        position -= 1
    return text[position].isalnum()


@lru_cache(maxsize=4096)
def _extends(character: str) -> bool:
    return (
        character == _JOINER
        or unicodedata.category(character) in ("Mn", "Me", "Mc")
        or "\U0001f3fb" <= character <= "\U0001f3ff"
    )


def _joins_number(text: str, position: int) -> bool:
    """Whether ``position`` lies between digits and what is written right behind them ("10min").

    Or between the date and the time of an ISO date-time.
    """
    before, after = text[position - 1], text[position]
    if before == "T" and after.isdigit():
        return _is_date_time(text, position - 1)
    if after == "+" and before.isdigit():
        return bool(_ZONE.match(text, position))
    if not before.isdigit() or not after.isalpha():
        return False
    if after == "Z":
        return bool(_ZULU.match(text, position)) and "T" in text[max(0, position - 16) : position]
    if after == "T":
        return _is_date_time(text, position)
    return bool(_JOINED_UNIT.match(text, position)) and _starts_with_digit(text, position)


def _is_date_time(text: str, mark: int) -> bool:
    date = _DATE_BEFORE.search(text, max(0, mark - 10), mark)
    return bool(date and _TIME_BEHIND.match(text, mark))


def _starts_with_digit(text: str, position: int) -> bool:
    """Whether the word before ``position`` is digits alone: "10min", not "b10min"."""
    while position and text[position - 1].isdigit():
        position -= 1
    return position == 0 or not text[position - 1].isalpha() or is_unspaced(text[position - 1])


def is_unspaced(character: str) -> bool:
    """Whether the script of ``character`` sets no spaces between words."""
    return _IS_UNSPACED.match(character) is not None
