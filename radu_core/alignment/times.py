"""Times of day as they are said: "half past 12 in the afternoon", "evening 4:30", "noon"."""

from __future__ import annotations

import re
from dataclasses import dataclass

from radu_core.alignment.language import Language

__all__ = ["TimeExpression", "find_times"]

_DAY = 24 * 60
_HOUR_WORDS = "one two three four five six seven eight nine ten eleven twelve"
_HOURS = {word: number for number, word in enumerate(_HOUR_WORDS.split(), 1)}
_MINUTES = {"half": 30, "quarter": 15, "five": 5, "ten": 10, "twenty": 20}
_H = r"(?:2[0-4]|[01]?\d|" + "|".join(sorted(_HOURS, key=len, reverse=True)) + r")"
_PART = (
    r"(?:in the (?:early |late )?(?P<part>morning|afternoon|evening|night)|at (?P<at>night|noon))"
)
_BEFORE = r"(?:\b(?P<before>morning|afternoon|evening|night)(?:\sat)?\s)"
_HALF_DAY = r"(?:\s?(?P<half>[ap])(?:m\b|\.\s?m\b\.?))"
_CLOCK = r"(?:\s?o[\"'’`]?\s?clock\b)"

_DIGITAL = re.compile(
    rf"{_BEFORE}?(?<![\d:.,/-])(?P<hour>\d{{1,2}})[:h](?P<minute>[0-5]\d)(?::[0-5]\d)?(?![\d:])"
    rf"{_HALF_DAY}?(?:\s{_PART})?",
    re.IGNORECASE,
)
_SPOKEN = re.compile(
    rf"{_BEFORE}?\b(?P<minutes>half|quarter|five|ten|twenty|\d{{1,2}})(?:\sminutes)?\s"
    rf"(?P<way>past|after|to|before|till|of)\s(?P<hour>{_H})\b(?!:\d){_CLOCK}?{_HALF_DAY}?"
    rf"(?:\s{_PART})?",
    re.IGNORECASE,
)
_WHOLE = re.compile(
    rf"{_BEFORE}?(?<![\d:.,/$€£-])\b(?P<hour>{_H})(?![\d:/]|[.,]\d){_CLOCK}?{_HALF_DAY}?(?:\s{_PART})?",
    re.IGNORECASE,
)
_NAMED = re.compile(r"\b(?P<name>noon|midday|midnight)\b", re.IGNORECASE)
_BARE = re.compile(r"(?:\b(?:at|by|around|about|from|to|till|until|before|after|past)|@)\s$", re.I)
_COUNTED = re.compile(r"[\s-](?:of us\b|[a-z]{3,}s\b|people|person)", re.IGNORECASE)


@dataclass(frozen=True)
class TimeExpression:
    """A time in a text: the minutes since midnight it can mean. ``weak``: a bare hour, "at 8"."""

    start: int
    end: int
    minutes: frozenset[int]
    weak: bool = False


def find_times(text: str, language: Language) -> list[TimeExpression]:
    """All times of ``text``, left to right. Digits are understood in every language."""
    found = [_digital(m) for m in _DIGITAL.finditer(text)]
    if language.code == "en":
        found += [_spoken(m) for m in _SPOKEN.finditer(text)]
        found += [e for m in _WHOLE.finditer(text) if (e := _whole(m, text))]
        found += [
            TimeExpression(m.start(), m.end(), frozenset({0 if m["name"] == "midnight" else 720}))
            for m in _NAMED.finditer(text)
        ]
    found.sort(key=lambda e: (e.weak, e.start - e.end, e.start))
    kept: list[TimeExpression] = []
    for expression in found:
        if all(expression.end <= k.start or expression.start >= k.end for k in kept):
            kept.append(expression)
    return sorted((e for e in kept if e.minutes), key=lambda e: e.start)


def _digital(match: re.Match[str]) -> TimeExpression:
    hour, minute = int(match["hour"]), int(match["minute"])
    return TimeExpression(match.start(), match.end(), _meant(hour, minute, match))


def _spoken(match: re.Match[str]) -> TimeExpression:
    word = match["minutes"].lower()
    minutes = _MINUTES[word] if word in _MINUTES else int(word)
    sign = 1 if match["way"].lower() in ("past", "after") else -1
    return TimeExpression(
        match.start(), match.end(), _meant(_hour(match["hour"]), sign * minutes, match)
    )


def _whole(match: re.Match[str], text: str) -> TimeExpression | None:
    after_hour = text[match.end("hour") : match.end()]
    marked = bool(match["before"] or after_hour)
    weak = not marked
    if weak and (
        not _BARE.search(text, max(0, match.start() - 8), match.start())
        or _COUNTED.match(text, match.end())
    ):
        return None
    return TimeExpression(match.start(), match.end(), _meant(_hour(match["hour"]), 0, match), weak)


def _hour(word: str) -> int:
    return _HOURS[word.lower()] if word.lower() in _HOURS else int(word)


def _meant(hour: int, minute: int, match: re.Match[str]) -> frozenset[int]:
    """The minutes since midnight that hour, minute and the half of the day can mean."""
    if hour > 24:
        return frozenset()
    first = (hour % 24) * 60 + minute
    both = {first % _DAY} | ({(first + 720) % _DAY} if hour <= 12 else set())
    half = (match["half"] or "").lower()
    part = (match["before"] or match["part"] or match["at"] or "").lower()
    if half == "a" or (part == "morning" and not half):
        return frozenset(m for m in both if m < 720)
    if half == "p" or part in ("afternoon", "evening", "noon"):
        return frozenset(m for m in both if m >= 720)
    if part == "night":
        return frozenset(m for m in both if m >= 18 * 60 or m < 6 * 60)
    return frozenset(both)
