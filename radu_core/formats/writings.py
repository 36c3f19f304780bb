"""What a date or a time of day means that a person wrote: "9.3.2026", "9 March 2026", "11:30 am".

A writing may mean several ("3/9/2026" in English): all of them are given, and nobody chooses.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from datetime import date
from functools import lru_cache

from radu_core.formats.calendar_names import month_names, weekday_names

__all__ = ["possible_dates", "possible_times"]

_YEAR_FIRST = re.compile(
    r"(\d{4})\s?[-/.年년]\s?(\d{1,2})\s?[-/.月월]\s?(\d{1,2})\s?(?:\.|日|일|号|號)?"
)
_YEAR_LAST = re.compile(r"(\d{1,2})\s?([-/.])\s?(\d{1,2})\s?\2\s?(\d{4})\.?(?:\s?г\.?)?")
# The languages in which the day doesn't surely stand first, and those that write it so with
# slashes. Elsewhere "3/9/2026" may come from a program that writes as Americans do.
_EITHER_ORDER = frozenset(("en", "zh", "ja", "ko"))
_WITH_SLASHES = "ar ca el es eu fr gl ga he hi id it ms pt ro ta th vi"
_SLASHES = frozenset(_WITH_SLASHES.split())
_DAY = r"(?P<day>\d{1,2})\s?(?:st|nd|rd|th|er|º|°|ª|-?го|-?е|\.)?"
_OF = r"[\s,\-/]+(?:(?:of|de|del|di|do)\s|d['’])?"
_YEAR = r"[\s,\-/]+(?:(?:of|de|del)\s)?(?P<year>\d{4})(?:\s?(?:г\.?|года))?"
_ARTICLE = r"(?:(?:the|den|der|am|le|el|il|de|dia|día)\s)?"
_NAMED_TIMES = {
    **dict.fromkeys(("noon", "midday", "midi", "mediodía", "mezzogiorno", "meio-dia"), "12:00"),
    **dict.fromkeys(("полдень", "正午"), "12:00"),
    **dict.fromkeys(("midnight", "minuit", "medianoche", "mezzanotte", "meia-noite"), "00:00"),
    **dict.fromkeys(("mitternacht", "middernacht", "полночь"), "00:00"),
}
_CLOCK = re.compile(
    r"(?:(?P<lead>um|à|a las?|alle|ore|om|às|at|в)\s)?(?P<hour>\d{1,2})"
    r"(?:\s?[:.h]\s?(?P<minute>[0-5]\d)(?::(?P<second>[0-5]\d)(?:\.0+)?)?)?"
    r"\s?(?P<word>uhr|uur|o['’]?\s?clock|heures?|horas?|hrs?|h|ч)?\.?"
    r"(?:\s?(?P<half>[ap])\.?\s?m\.?)?"
)
_EAST_ASIAN = re.compile(
    r"(?:(?P<am>上午|早上|午前|오전)|(?P<pm>下午|晚上|午後|오후))?\s?(?P<hour>\d{1,2})\s?[時时點点시]"
    r"\s?(?:(?P<minute>[0-5]?\d)\s?[分분]|(?P<thirty>半|반))?(?:鐘|钟|整)?"
)
_HOURS_OF_24 = frozenset(("h", "hr", "hrs", "ч"))  # "8h" is in the morning


def possible_dates(text: str, code: str) -> tuple[str, ...]:
    """The dates that ``text`` can mean in a language, as ISO ``YYYY-MM-DD``.

    Day, month and year must all be there, the year with four figures.
    """
    plain = _plain(text)
    if match := _YEAR_FIRST.fullmatch(plain):
        year, month, day = map(int, match.groups())
        return _dates([(year, month, day)])
    if match := _YEAR_LAST.fullmatch(plain):
        first, second, year = int(match[1]), int(match[3]), int(match[4])
        orders = [(year, second, first)]
        if code in _EITHER_ORDER or (match[2] == "/" and code not in _SLASHES):
            orders.append((year, first, second))
        return _dates(orders)
    return tuple(dict.fromkeys(_named_dates(plain, code)))


def _named_dates(plain: str, code: str) -> Iterator[str]:
    for language in dict.fromkeys((code, "en")):  # names of months are often in English
        pattern, months, weekdays = _names(language)
        match = pattern.fullmatch(plain)
        if match is None:
            continue
        groups = match.groupdict()
        day, month, year = (groups[k] or groups[f"{k}2"] for k in ("day", "month", "year"))
        for iso_date in _dates([(int(year), months[month], int(day))]):
            weekday = weekdays.get(groups["weekday"] or "")
            if weekday in (None, date.fromisoformat(iso_date).weekday()):
                yield iso_date


@lru_cache(maxsize=32)
def _names(code: str) -> tuple[re.Pattern[str], dict[str, int], dict[str, int]]:
    months, weekdays = month_names(code), weekday_names(code)
    weekday = rf"(?:(?P<weekday>{_either(weekdays)})\.?[\s,]+)?{_ARTICLE}"
    month = rf"(?P<month>{_either(months)})\.?"
    first = rf"{_DAY}{_OF}{month}{_YEAR}"
    second = re.sub(r"\(\?P<(\w+)>", r"(?P<\g<1>2>", rf"{month}\s{_DAY}{_YEAR}")
    return re.compile(rf"{weekday}(?:{first}|{second})"), months, weekdays


def _either(words: Iterable[str]) -> str:
    return "|".join(sorted(map(re.escape, words), key=len, reverse=True)) or "(?!)"


def _dates(parts: Iterable[tuple[int, int, int]]) -> tuple[str, ...]:
    dates = []
    for year, month, day in parts:
        try:
            dates.append(date(year, month, day).isoformat())
        except ValueError:
            continue
    return tuple(dict.fromkeys(dates))


def possible_times(text: str) -> tuple[str, ...]:
    """The times of day that ``text`` can mean, as ``HH:MM[:SS]``.

    With minutes and no half of the day it is on the clock of 24 hours; an hour alone up to 12 may
    be in either half.
    """
    plain = _plain(text)
    if plain in _NAMED_TIMES:
        return (_NAMED_TIMES[plain],)
    if match := _CLOCK.fullmatch(plain):
        groups = match.groupdict()
        if not (groups["minute"] or groups["word"] or groups["half"] or groups["lead"]):
            return ()  # a number
        second = f":{groups['second']}" if groups["second"] not in (None, "00") else ""
        either = groups["minute"] is None and groups["word"] not in _HOURS_OF_24
        return _times(
            int(groups["hour"]), int(groups["minute"] or 0), second, groups["half"], either
        )
    if match := _EAST_ASIAN.fullmatch(plain):
        minute = 30 if match["thirty"] else int(match["minute"] or 0)
        half = "a" if match["am"] else "p" if match["pm"] else None
        return _times(int(match["hour"]), minute, "", half, match["minute"] is None)
    return ()


def _times(hour: int, minute: int, second: str, half: str | None, either: bool) -> tuple[str, ...]:
    if half:
        if hour > 12 and (half == "a" or hour > 23):
            return ()
        hours = [hour % 12 + (12 if half == "p" else 0)] if 0 < hour <= 12 else [hour] * (hour > 12)
    elif either and 0 < hour <= 12:
        hours = [hour % 12, hour % 12 + 12] if hour == 12 else [hour, hour + 12]
    else:
        hours = [hour]
    return tuple(f"{h:02d}:{minute:02d}{second}" for h in hours if h < 24)


def _plain(text: str) -> str:
    """In small letters of usual width, with single spaces."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())
