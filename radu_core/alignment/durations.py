"""Lengths of time as they are written: "90 minutes", "an hour and a half", "1h30", PT10M."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

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
_HALF = re.compile(r"\bhalf an? (hour|day|minute)\b", re.IGNORECASE)
_WHOLE = re.compile(
    r"\b(?:an?|one) (?P<unit>hour|minute|second|day|night|week|fortnight)\b"
    r"(?P<half> and a half)?",
    re.IGNORECASE,
)
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
# What isn't number and unit. "A half" and "one" of an hour, and one hour with a half.
_WORDED: dict[str, tuple[tuple[str, float], ...]] = {
    "de": (
        (r"(?:eine )?halbe stunde", 1_800),
        (r"(?:eine )?viertelstunde", 900),
        (r"(?:eine )?dreiviertelstunde", 2_700),
        (r"(?:anderthalb|eineinhalb) stunden", 5_400),
    ),
    "fr": (
        (r"(?:une )?demi[- ]heure", 1_800),
        (r"une heure et demie", 5_400),
        (r"(?:un )?quart d['’]heure", 900),
    ),
    "es": (
        (r"media hora", 1_800),
        (r"(?:una )?hora y media", 5_400),
        (r"(?:un )?cuarto de hora", 900),
    ),
    "it": (
        (r"(?:una )?mezz['’]ora", 1_800),
        (r"un['’]ora e mezza", 5_400),
        (r"un quarto d['’]ora", 900),
        (r"un['’]ora", 3_600),
    ),
    "nl": (
        (r"(?:een )?half uur", 1_800),
        (r"anderhalf uur", 5_400),
        (r"(?:een )?kwartier", 900),
    ),
    "pt": (
        (r"meia hora", 1_800),
        (r"(?:uma )?hora e meia", 5_400),
    ),
    "ru": (
        (r"полчаса", 1_800),
        (r"полтора часа", 5_400),
        (r"четверть часа", 900),
    ),
    "zh": (
        (r"半个?小时|半個?小時|半个钟头", 1_800),
        (r"[一1]个半小时|[一1]個半小時", 5_400),
        (r"[两2]个半小时|[兩2]個半小時", 9_000),
        (r"一刻钟|一刻鐘", 900),
    ),
    "ja": ((r"半時間", 1_800),),
    "ko": ((r"반\s?시간", 1_800),),
}
_HALF_BEHIND = {"ja": "半", "ko": "반"}


@dataclass(frozen=True)
class Duration:
    """A length of time in a text, in seconds."""

    start: int
    end: int
    seconds: float


def find_durations(text: str, numbers: Sequence[Number], language: Language) -> list[Duration]:
    """All lengths of time: "90 minutes", "an hour and a half", "2 hours and 30 minutes"."""
    pieces = [*_counted(text, numbers, language), *_in_words(text, language)]
    for match in _HOURS_MINUTES.finditer(text):
        seconds = int(match["h"]) * 3_600 + int(match["m"]) * 60
        pieces.append(Duration(match.start(), match.end(), seconds))
    for match in _ISO_WORD.finditer(text):
        if iso := iso_seconds(match.group()):
            pieces.append(Duration(match.start(), match.end(), iso))
    pieces.sort(key=lambda d: (d.start, -d.end))
    return _joined(text, pieces)


def _counted(text: str, numbers: Sequence[Number], language: Language) -> Iterator[Duration]:
    for number in numbers:
        if number.ordinal:
            continue
        if unit := _UNIT_WORD.match(text, number.end):
            seconds = TIME_UNITS[lower_case(unit["unit"])]
            yield Duration(number.start, unit.end("unit"), number.value * seconds)
        elif (noun := counted_noun(text, number.end, language.code)) and noun[0] in _SECONDS:
            said = text[number.start : noun[1]]
            # A point in time (6時, 5일) is no length; 十分 is "enough" too.
            in_date = text[: number.start].rstrip().endswith(("月", "월"))
            if said[-1] in "時点點时시月월" or said == "十分" or in_date:
                continue
            seconds = _SECONDS[noun[0]]
            value, end = number.value, noun[1]
            half = _HALF_BEHIND.get(language.code, "")
            behind = re.compile(rf"\s?{half}(?!\w*年)").match(text, end) if half else None
            if behind and noun[0] == "hours":
                value, end = value + 0.5, behind.end()
            yield Duration(number.start, end, value * seconds)


def _in_words(text: str, language: Language) -> Iterator[Duration]:
    if language.code == "en":
        for match in _HALF.finditer(text):
            yield Duration(match.start(), match.end(), TIME_UNITS[lower_case(match[1])] / 2)
        for match in _WHOLE.finditer(text):
            seconds = TIME_UNITS[lower_case(match["unit"])] * (1.5 if match["half"] else 1)
            yield Duration(match.start(), match.end(), seconds)
        return
    for pattern, seconds in _worded(language.code):
        for match in pattern.finditer(text):
            yield Duration(match.start(), match.end(), seconds)


@lru_cache(maxsize=32)
def _worded(code: str) -> tuple[tuple[re.Pattern[str], float], ...]:
    edge = "" if code in ("zh", "ja", "ko") else r"\b"
    return tuple(
        (re.compile(rf"{edge}(?:{pattern}){edge}", re.IGNORECASE), seconds)
        for pattern, seconds in _WORDED.get(code, ())
    )


def _joined(text: str, pieces: Sequence[Duration]) -> list[Duration]:
    found: list[Duration] = []
    for piece in pieces:
        if found and piece.start < found[-1].end:
            continue
        between = text[found[-1].end : piece.start].strip().lower() if found else None
        if found and between in _AND and piece.seconds < found[-1].seconds:
            last = found.pop()
            piece = Duration(last.start, piece.end, last.seconds + piece.seconds)
        found.append(piece)
    return found


@lru_cache(maxsize=4096)
def iso_seconds(value: str) -> float | None:
    """The seconds of an ISO 8601 duration (``PT1H30M``), or None if it isn't one."""
    match = _ISO.fullmatch(value)
    if match is None or len(value) < 3 or value.endswith("T"):
        return None
    factors = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
    return float(sum(int(match[k] or 0) * factor for k, factor in factors.items()))
