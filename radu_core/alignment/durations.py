"""Lengths of time as they are written: "90 minutes", "an hour and a half", "1h30", PT10M."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from radu_core.alignment.duration_words import (
    half_behind,
    half_inside,
    worded_lengths,
    written_lengths,
)
from radu_core.alignment.folding import lower_case
from radu_core.alignment.language import Language
from radu_core.alignment.numerals import counted_noun
from radu_core.alignment.quantities import Number
from radu_core.alignment.units import TIME_UNITS

__all__ = ["Duration", "find_durations", "iso_seconds"]

_ISO = re.compile(
    r"P(?:(?P<w>\d+)W)?(?:(?P<d>\d+)D)?(?:T(?:(?P<h>\d+)H)?(?:(?P<m>\d+)M)?(?:(?P<s>\d+)S)?)?"
)
_ISO_WORD = re.compile(r"\bPT?\d\w*")
_UNIT_WORD = re.compile(
    r"[\s-]?(?P<unit>" + "|".join(sorted(TIME_UNITS, key=len, reverse=True)) + r")\b\.?(?!\w)",
    re.IGNORECASE,
)
_HOURS_MINUTES = re.compile(
    r"(?<![\w.,:])(?P<h>\d{1,2})\s?h(?:ours?|rs?)?\s?(?P<m>[0-5]\d)(?:\s?(?:minutes?|mins?|m))?(?![\w:])",
    re.IGNORECASE,
)
_AND = frozenset(("", "and", ",", "und", "et", "y", "e", "en", "i", "и"))
_SECONDS = {
    "seconds": 1,
    "minutes": 60,
    "hours": 3_600,
    "days": 86_400,
    "nights": 86_400,
    "weeks": 604_800,
}
_POINTS = frozenset("時点點时시月월")  # counters of the clock and the calendar


@dataclass(frozen=True)
class Duration:
    """A length of time in a text, in seconds."""

    start: int
    end: int
    seconds: float


def find_durations(text: str, numbers: Sequence[Number], language: Language) -> list[Duration]:
    """All lengths of time: "90 minutes", "an hour and a half", "2 hours and 30 minutes"."""
    pieces = [*_numbers_with_units(text, numbers, language), *_in_words(text, language.code)]
    for match in _HOURS_MINUTES.finditer(text):
        seconds = int(match["h"]) * 3_600 + int(match["m"]) * 60
        pieces.append(Duration(match.start(), match.end(), seconds))
    for match in _ISO_WORD.finditer(text):
        if iso := iso_seconds(match.group()):
            pieces.append(Duration(match.start(), match.end(), iso))
    pieces.sort(key=lambda d: (d.start, -d.end))
    return _join(text, pieces)


def _numbers_with_units(
    text: str, numbers: Sequence[Number], language: Language
) -> Iterator[Duration]:
    code = language.code
    for number in numbers:
        if number.ordinal:
            continue
        inside = half_inside(text, number.end, code)
        if unit := _UNIT_WORD.match(text, inside):
            seconds = TIME_UNITS[lower_case(unit["unit"])]
            end = half_behind(text, unit.end("unit"), code)
            halves = (inside > number.end) + (end > unit.end("unit"))
            yield Duration(number.start, end, (number.value + halves / 2) * seconds)
            continue
        noun = counted_noun(text, inside, code)
        if noun is None or noun[0] not in _SECONDS:
            continue
        phrase = text[number.start : noun[1]]
        # A point in time (6時, 5일) is no length; 十分 is "enough" too.
        in_date = text[: number.start].rstrip().endswith(("月", "월"))
        if text[inside : noun[1]].strip() in _POINTS or phrase == "十分" or in_date:
            continue
        end = half_behind(text, noun[1], code) if noun[0] == "hours" else noun[1]
        halves = (inside > number.end) + (end > noun[1])
        yield Duration(number.start, end, (number.value + halves / 2) * _SECONDS[noun[0]])


def _in_words(text: str, code: str) -> Iterator[Duration]:
    for start, end, seconds in worded_lengths(text, code):
        yield Duration(start, end, seconds)
    for start, end, seconds in written_lengths(text, code):
        with_half = half_behind(text, end, code)
        yield Duration(start, with_half, seconds * (1.5 if with_half > end else 1))


def _join(text: str, pieces: Sequence[Duration]) -> list[Duration]:
    durations: list[Duration] = []
    for piece in pieces:
        if durations and piece.start < durations[-1].end:
            continue
        between = text[durations[-1].end : piece.start].strip().lower() if durations else None
        if durations and between in _AND and piece.seconds < durations[-1].seconds:
            last = durations.pop()
            durations.append(Duration(last.start, piece.end, last.seconds + piece.seconds))
        else:
            durations.append(piece)
    return durations


@lru_cache(maxsize=4096)
def iso_seconds(value: str) -> float | None:
    """The seconds of an ISO 8601 duration (``PT1H30M``), or None if it isn't one."""
    match = _ISO.fullmatch(value)
    if match is None or len(value) < 3 or value.endswith("T"):
        return None
    factors = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
    return float(sum(int(match[k] or 0) * factor for k, factor in factors.items()))
