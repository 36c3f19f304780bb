"""Times of day as they are uttered: "half past 12 in the afternoon", "evening 4:30", "noon".

English is here, with what is written in digits in any language; other languages are in
``european_times`` and ``east_asian_times``.
"""

from __future__ import annotations

import re

from radu_core.alignment.east_asian_dates import CODES
from radu_core.alignment.east_asian_times import find_east_asian_times
from radu_core.alignment.european_times import find_spoken_times
from radu_core.alignment.folding import lower_case
from radu_core.alignment.language import Language
from radu_core.alignment.time_expressions import Half, TimeExpression, possible_minutes

__all__ = ["TimeExpression", "find_times"]

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
    rf"{_BEFORE}?(?<![\d:.,/+-])(?P<hour>\d{{1,2}})(?:[:h：]|\.(?=\d\d\s?[ap]\.?m))"
    rf"(?P<minute>[0-5０-５]\d)(?::[0-5]\d(?:\.\d+(?=Z|[+-]\d\d:))?)?(?![\d:]){_HALF_DAY}?(?:\s{_PART})?",
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
_NOON = 12
_NAMED = re.compile(r"\b(?P<name>noon|midday|midnight)\b", re.IGNORECASE)
_AFTER_HOUR = r"fifteen|thirty|forty[- ]?five|(?:oh|o)[- ]five|[0-5]\d"
_IN_WORDS = re.compile(
    rf"\b(?:at|by|around|until|till|before|after)\s(?P<whole>{_BEFORE}?(?P<hour>{_H})\s"
    rf"(?P<minute>{_AFTER_HOUR})\b(?![:.,]\d){_HALF_DAY}?(?:\s{_PART})?)",
    re.IGNORECASE,
)
_MINUTE_WORDS = {"fifteen": 15, "thirty": 30, "fortyfive": 45, "ohfive": 5, "ofive": 5}
_BARE = re.compile(r"(?:\b(?:at|by|around|from|to|till|until|before|after)|@)\s$", re.I)
# What may follow a bare hour: "at eight on Friday", not "at eight places".
_ENDS = re.compile(
    r"\s*(?:$|[,.;!?)]|(?:on|for|in|to|with|please|tonight|today|tomorrow|this|next|and|or|then|but|"
    r"instead|if|thanks|thank|should|would|is|works)\b)",
    re.IGNORECASE,
)


def find_times(text: str, language: Language) -> list[TimeExpression]:
    """All times of ``text``, left to right. Digits are understood in every language."""
    expressions = [_digital(m) for m in _DIGITAL.finditer(text)]
    if language.code == "en":
        expressions += [e for m in _SPOKEN.finditer(text) if (e := _spoken(m))]
        expressions += [_in_words(m) for m in _IN_WORDS.finditer(text)]
        expressions += [e for m in _WHOLE.finditer(text) if (e := _whole(m, text))]
        expressions += [
            TimeExpression(
                m.start(), m.end(), frozenset({0 if lower_case(m["name"]) == "midnight" else 720})
            )
            for m in _NAMED.finditer(text)
        ]
    elif language.code in CODES:
        expressions += find_east_asian_times(text, language.code)
    else:
        expressions += find_spoken_times(text, language)
    expressions.sort(key=lambda e: (e.weak, e.start - e.end, e.start))
    times: list[TimeExpression] = []
    for expression in expressions:
        if all(expression.end <= k.start or expression.start >= k.end for k in times):
            times.append(expression)
    return sorted((e for e in times if e.minutes), key=lambda e: e.start)


def _digital(match: re.Match[str]) -> TimeExpression:
    hour, minute = int(match["hour"]), int(match["minute"])
    return TimeExpression(match.start(), match.end(), _possible_minutes(hour, minute, match))


def _spoken(match: re.Match[str]) -> TimeExpression | None:
    """ "Half past 3"; of figures only what is marked as a time, as "5 to 6" may count people."""
    word, way = lower_case(match["minutes"]), lower_case(match["way"])
    minutes = _MINUTES[word] if word in _MINUTES else int(word)
    phrase = lower_case(match.group())
    is_time = any(match[g] for g in ("before", "half", "part", "at")) or "clock" in phrase
    if not is_time and word not in ("half", "quarter") and " minutes" not in phrase:
        return None
    if minutes >= 60 or (word == "half" and way not in ("past", "after")):
        return None
    sign = 1 if way in ("past", "after") else -1
    return TimeExpression(
        match.start(), match.end(), _possible_minutes(_hour(match["hour"]), sign * minutes, match)
    )


def _in_words(match: re.Match[str]) -> TimeExpression:
    word = lower_case(match["minute"]).replace("-", "").replace(" ", "")
    minute = _MINUTE_WORDS[word] if word in _MINUTE_WORDS else int(word)
    return TimeExpression(
        *match.span("whole"), _possible_minutes(_hour(match["hour"]), minute, match)
    )


def _whole(match: re.Match[str], text: str) -> TimeExpression | None:
    after_hour = text[match.end("hour") : match.end()]
    weak = not (match["before"] or after_hour)
    if weak and (
        match["hour"].lower() == "one"
        or not _BARE.search(text, max(0, match.start() - 8), match.start())
        or not _ENDS.match(text, match.end())
    ):
        return None
    if match["at"] and lower_case(match["at"]) == "noon" and _hour(match["hour"]) != _NOON:
        return None  # "a table for 2 at noon"
    at = bool(re.search(r"(?:\bat\s|@\s?)$", text[: match.start()][-4:], re.IGNORECASE))
    minutes = _possible_minutes(_hour(match["hour"]), 0, match)
    return TimeExpression(match.start(), match.end(), minutes, weak, at)


def _hour(word: str) -> int:
    plain = lower_case(word)
    return _HOURS[plain] if plain in _HOURS else int(word)


def _possible_minutes(hour: int, minute: int, match: re.Match[str]) -> frozenset[int]:
    """The minutes since midnight that hour, minute and the half of the day can mean."""
    half = lower_case(match["half"] or "")
    part = lower_case(match["before"] or match["part"] or match["at"] or "")
    text: Half = ""
    if half == "a" or (part == "morning" and not half):
        text = "am"
    elif half == "p" or part in ("afternoon", "evening", "noon"):
        text = "pm"
    elif part == "night":
        text = "night"
    # 08:00 is in the morning
    return possible_minutes(hour, minute, text, full=match["hour"].startswith("0"))
