"""Dates as they are uttered: "3rd of March", "Saturday this week", "the day after tomorrow".

An expression doesn't give a date but restricts it, and is asked whether a given date fits. What
counts from today needs a reference date; without one it fits any date, and says so. English has a
grammar of its own here (docs/decisions/007); other languages have theirs in ``european_dates`` and
``east_asian_dates``, and dates in figures are in ``written_dates``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import pairwise

from radu_core.alignment.date_expressions import DateExpression
from radu_core.alignment.east_asian_dates import CODES, find_east_asian_dates
from radu_core.alignment.european_dates import find_named_dates
from radu_core.alignment.folding import lower_case
from radu_core.alignment.language import Language
from radu_core.alignment.written_dates import find_written_dates

__all__ = ["DateExpression", "find_dates"]

_MONTHS = "january february march april may june july august september october november december"
_MONTH = {
    **{name: number for number, name in enumerate(_MONTHS.split(), 1)},
    **{name[:3]: number for number, name in enumerate(_MONTHS.split(), 1)},
    "sept": 9,
}
_DAYS = "monday tuesday wednesday thursday friday saturday sunday"
_WEEKDAY = {
    **{name: number for number, name in enumerate(_DAYS.split())},
    **{name[:3]: number for number, name in enumerate(_DAYS.split())},
    "tues": 1,
    "thur": 3,
    "thurs": 3,
}
_ORDINALS = (
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth "
    "fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth twentieth twenty-first "
    "twenty-second twenty-third twenty-fourth twenty-fifth twenty-sixth twenty-seventh "
    "twenty-eighth twenty-ninth thirtieth thirty-first"
)
_ORDINAL_WORDS = _ORDINALS.split()
_DAY_WORD = {word: number for number, word in enumerate(_ORDINAL_WORDS, 1)}
_COUNT_WORDS = "one two three four five six seven eight nine ten eleven twelve"
_COUNT = {"a": 1, **{word: number for number, word in enumerate(_COUNT_WORDS.split(), 1)}}
_HOLIDAYS = {
    "new year's eve": (12, 31),
    "new year's day": (1, 1),
    "valentine's day": (2, 14),
    "halloween": (10, 31),
    "christmas eve": (12, 24),
    "christmas day": (12, 25),
    "christmas": (12, 25),
    "boxing day": (12, 26),
}


def _either(words: Iterable[str]) -> str:
    """A regular expression for any of ``words``, longest first."""
    return "|".join(sorted(map(re.escape, words), key=len, reverse=True))


_SHORT_M = [m for m in _MONTH if len(m) <= 4 and m != "may"]
_M = rf"(?:(?:{_either(_MONTHS.split())})\b|(?:{_either(_SHORT_M)})\b\.?)"
_W = rf"(?:(?:{_either(_DAYS.split())})\b|(?:{_either(w for w in _WEEKDAY if len(w) < 6)})\b\.?)"
_FULL_DAY = rf"(?:{_either(_DAYS.split())})"
_SPACED = [w.replace("-", " ") for w in _ORDINAL_WORDS]
_ORD = rf"(?:\d{{1,2}}(?:st|nd|rd|th)|{_either({*_ORDINAL_WORDS, *_SPACED})})\b"
_NUM = r"\d{1,2}(?![\d:.,]\d|\d)"
_YEAR = r"(?:(?:,?\s|-)(?P<year>(?:19|20)\d\d)\b)?"
_PREFIX = rf"(?:(?P<weekday>{_W}),?\s(?:the\s)?)?"

_DIGIT = re.compile(r"\d")
_NEAR = 30  # characters before a date that are looked at
_LISTED = re.compile(r"\s*(?:,|and|or|to|till|until|through|-|–)\s*(?:the\s)?", re.IGNORECASE)
_COUNTED_FROM = re.compile(
    r"\b(?:the\s(?:day|week|month|weekend|night)\s(?:after|before|following)|(?<!for\s)(?:\w+)\s"
    r"(?:minutes?|hours?|days?|weeks?|fortnights?|months?|years?)\s"
    r"(?:after|before|from|following|prior to))\s(?:the\s)?$",
    re.IGNORECASE,
)
# What may stand around a day of the month: "on the 3rd for two", not "the 3rd floor".
_FOLLOWERS = (
    "at on in for to till until through from of and or with by if is was will would work works "
    "please thank thanks then so i i'm we my the a it that this around about after before as but "
    "where when instead also too there evening morning afternoon night noon quarter half today "
    "tomorrow only preferably next departing leaving going flying arriving returning"
)
_FOLLOWS = re.compile(rf"\s*(?:$|[^\w\s'’]|\d|(?:{'|'.join(_FOLLOWERS.split())})\b)", re.IGNORECASE)
_LEADS = re.compile(
    r"(?:^|[^\w\s]\s*|\b(?:on|by|for|till|until|to|from|before|after|through|and|or|between|is|be|"
    r"starting|date|in|of|about|around|make it|day)\s)$",
    re.IGNORECASE,
)
_PRONOUN = re.compile(r"\b(?:i|you|we|they|he|she|it|people|guests)\s$", re.IGNORECASE)
_NAME_BEFORE = re.compile(r"(?<=[\w,] )(?!On |This |Next |By |From |Until |And |Or )[A-Z]\w+\s$")

# "The second Monday of March", "Black Friday", "a week on Friday"; "Monday week".
_NTH = re.compile(
    r"\b(?:first|second|third|fourth|last|black|good|ruby|fat|ash|easter|cyber|weeks?\son)\s$", re.I
)
_WEEK_LATER = re.compile(r"\s(?:week|fortnight)\b", re.IGNORECASE)
_OUTSIDE = re.compile(r"\b(?:except|but not|isn['’]t|happy|thanks for|not)\s(?:on\s)?$", re.I)

_Reading = Callable[[re.Match[str]], "DateExpression"]


def find_dates(text: str, language: Language) -> list[DateExpression]:
    """All dates of ``text``, left to right, the longest where several begin together."""
    expressions = [*find_written_dates(text, language.code)] if _DIGIT.search(text) else []
    if language.code != "en":
        if language.code in CODES:
            expressions += find_east_asian_dates(text, language.code)
        else:
            expressions += find_named_dates(text, language)
        return _without_overlap(expressions)
    expressions += [read(match) for pattern, read in _GRAMMAR for match in pattern.finditer(text)]
    apart = _without_overlap(expressions)
    return [_doubt(text, e) for e in _shared_month(text, apart) if not _is_shifted(text, e)]


def _without_overlap(dates_found: list[DateExpression]) -> list[DateExpression]:
    """The first of those that overlap, unless it is weak and the other reaches further."""
    dates_found.sort(key=lambda e: (e.start, -e.end, e.weak))
    expressions: list[DateExpression] = []
    for expression in dates_found:
        if not expressions or expression.start >= expressions[-1].end:
            expressions.append(expression)
        elif expression.end > expressions[-1].end and expressions[-1].weak:
            expressions[-1] = expression
    return expressions


def _shared_month(text: str, expressions: Sequence[DateExpression]) -> list[DateExpression]:
    """With the month that "the 3rd" of "the 3rd and 5th of April" shares."""
    dates = list(expressions)
    for i, (first, second) in enumerate(pairwise(expressions)):
        bare = first.day and first.month is None and first.relative is None
        if bare and second.month and _LISTED.fullmatch(text, first.end, second.start):
            dates[i] = replace(first, month=second.month, year=second.year, weak=False)
    return dates


def _is_shifted(text: str, expression: DateExpression) -> bool:
    """Whether the date is only counted from: "the day after Friday", "a week from March 3"."""
    near = max(0, expression.start - _NEAR)
    return bool(_COUNTED_FROM.search(text, near, expression.start))


def _doubt(text: str, expression: DateExpression) -> DateExpression:
    """How doubtful a date is: weak where the same words may be none.

    Such as "the 3rd floor", "you may 5 times", "March 3 people", "Ruby Tuesday", "today's special",
    "Christmas present".
    """
    if expression.weak:
        return expression
    before = text[max(0, expression.start - _NEAR) : expression.start]
    surface = text[expression.start : expression.end]
    doubt = text[expression.end : expression.end + 2].lower() in ("'s", "’s")
    if expression.day and expression.relative is None and not expression.year:
        ordinal = bool(re.search(r"\d(?:st|nd|rd|th)\b", surface, re.I))
        if expression.month is None:
            bare = not surface.lower().startswith("the ")
            doubt = doubt or not _FOLLOWS.match(text, expression.end)
            doubt = doubt or bool(bare and not _LEADS.search(before))
        elif not ordinal and surface[0].isalpha():
            doubt = doubt or not _FOLLOWS.match(text, expression.end)
            doubt = doubt or bool(surface.startswith("may") and _PRONOUN.search(before))
    if expression.weekday is not None and expression.day is None:
        doubt = doubt or bool(_NAME_BEFORE.search(before) and surface[0].isupper())
        doubt = doubt or bool(_NTH.search(before) or _WEEK_LATER.match(text, expression.end))
    if surface.lower() in _HOLIDAYS:
        doubt = doubt or not _FOLLOWS.match(text, expression.end)
    if _OUTSIDE.search(before):
        doubt = True
    if surface == "Day After Tomorrow" or "yesterday" in surface.lower():
        doubt = True
    return replace(expression, weak=True) if doubt else expression


def _number(word: str) -> int:
    digits = re.match(r"\d+", word)
    return int(digits.group()) if digits else _DAY_WORD[lower_case(word).replace(" ", "-")]


def _weekday(word: str | None) -> int | None:
    return _WEEKDAY[lower_case(word).rstrip(".")] if word else None


def _calendar(match: re.Match[str]) -> DateExpression:
    groups = match.groupdict()
    month = groups.get("month")
    return DateExpression(
        match.start(),
        match.end(),
        year=int(groups["year"]) if groups.get("year") else None,
        month=_MONTH[lower_case(month).rstrip(".")] if month else None,
        day=_number(groups["day"]) if groups.get("day") else None,
        weekday=_weekday(groups.get("weekday")),
        weak=not groups.get("day"),  # "March 2026" is no day
    )


def _day_only(match: re.Match[str]) -> DateExpression:
    which = lower_case(match["which"] or "")
    relative = {"this": "month+0", "next": "month+1"}.get(which)
    # "First" and "second" describe much else.
    weak = match["day"].lower() in ("first", "second", "third") and not match["month_word"]
    return DateExpression(
        match.start("body") if match["month_word"] else match.start(),
        match.end(),
        day=_number(match["day"]),
        weekday=_weekday(match["weekday"]),
        relative=relative,
        weak=weak,
    )


def _week_day(match: re.Match[str]) -> DateExpression:
    before, after = lower_case(match["before"] or ""), lower_case(match["after"] or "")
    relative = "next" if before == "next" else "coming"
    if after:
        relative = {"this week": "week+0", "next week": "week+1", "after next": "week+2"}[after]
    if before in ("last", "past"):
        relative = "week+-1"
    return DateExpression(
        match.start(), match.end(), weekday=_weekday(match["weekday"]), relative=relative
    )


def _from_today(match: re.Match[str]) -> DateExpression:
    words = " ".join(match.group().lower().split())
    offset = (
        2
        if "after tomorrow" in words
        else -2
        if "before yesterday" in words
        else 1
        if "tomorrow" in words
        else -1
        if "yesterday" in words
        else 0
    )
    return DateExpression(match.start(), match.end(), relative=f"day+{offset}")


def _days_ahead(match: re.Match[str]) -> DateExpression:
    word = lower_case(match["count"])
    count = _COUNT[word] if word in _COUNT else int(word)
    days = count * (7 if lower_case(match["unit"]).startswith("week") else 1)
    return DateExpression(match.start(), match.end(), relative=f"day+{days}")


def _period(match: re.Match[str]) -> DateExpression:
    kind = lower_case(match["unit"])
    number = 0 if lower_case(match["which"]) == "this" else 1
    return DateExpression(match.start(), match.end(), relative=f"{kind}+{number}", weak=True)


def _holiday(match: re.Match[str]) -> DateExpression:
    month, day = _HOLIDAYS[lower_case(match.group()).replace("’", "'")]
    return DateExpression(match.start(), match.end(), month=month, day=day)


def _compile(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


# A bare "the 12th" is a date with its article, "3rd of March" is one without.
_GRAMMAR: tuple[tuple[re.Pattern[str], _Reading], ...] = (
    (
        _compile(
            rf"(?<![\d:.,/-])\b{_PREFIX}(?P<day>{_ORD}|{_NUM})(?:\sof\s|\s|-)(?P<month>{_M}){_YEAR}"
        ),
        _calendar,
    ),
    (
        _compile(
            rf"\b{_PREFIX}(?P<month>{_M})\s(?:the\s)?(?P<day>{_ORD}|{_NUM}(?!\s?(?:am|pm|o)\b)){_YEAR}"
        ),
        _calendar,
    ),
    (_compile(rf"\b(?P<month>{_M})\s(?P<year>(?:19|20)\d\d)\b"), _calendar),
    (
        _compile(
            rf"\b(?:(?P<weekday>{_W}),?\s)?(?:the\s)?(?P<body>(?P<day>{_ORD})"
            r"(?P<month_word>\sof\s(?P<which>this|next|the|that)\smonth)?)(?!\s(?:of\s)?(?:"
            + _M
            + r"))"
        ),
        _day_only,
    ),
    (
        _compile(
            rf"\b(?:(?P<before>this coming|this|next|coming|upcoming|last|past)\s)?"
            rf"(?P<weekday>{_FULL_DAY})(?:\s(?P<after>this week|next week|after next))?\b"
        ),
        _week_day,
    ),
    (
        _compile(
            r"\b(?:(?:later\s|earlier\s)?today|tonight|"
            r"this (?:morning|afternoon|evening)(?!\s(?:at\s)?\d)|"
            r"day after tomorrow|tomorrow|day before yesterday|yesterday)\b"
        ),
        _from_today,
    ),
    (
        _compile(rf"\bin (?P<count>\d+|{_either(_COUNT)}) (?P<unit>days?|weeks?)(?:['’]? time)?\b"),
        _days_ahead,
    ),
    (
        _compile(
            rf"\b(?P<count>\d+|{_either(_COUNT)}) (?P<unit>days?|weeks?) from (?:now|today)\b"
        ),
        _days_ahead,
    ),
    (_compile(r"\b(?P<which>this|next) (?P<unit>weekend|week|month)\b"), _period),
    (_compile(rf"\b(?:{_either(_HOLIDAYS).replace(chr(39), '[' + chr(39) + '’]')})\b"), _holiday),
)
