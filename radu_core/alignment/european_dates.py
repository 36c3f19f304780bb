"""Dates of languages that write them with the names of months and weekdays: "am 3. April 2026".

The names come from dateparser (CLDR's, for some 200 languages). It isn't asked to search: it finds
little and counts from today; see docs/decisions/007.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from radu_core.alignment.date_expressions import DateExpression
from radu_core.alignment.folding import lower_case
from radu_core.alignment.language import Language
from radu_core.alignment.quantities import find_quantities
from radu_core.alignment.units import TIME_UNITS
from radu_core.formats.calendar_names import language_data, month_names, weekday_names

__all__ = ["find_named_dates"]

_RELATIVE = {
    "0 day ago": 0,
    "in 1 day": 1,
    "in 2 day": 2,
    "in 3 day": 3,
    "1 day ago": -1,
    "2 day ago": -2,
}
# What says which weekday, before it or behind: the coming one, the one after, or the past one.
_THIS = {
    "de": "diesen dieser diesem",
    "fr": "ce",
    "es": "este",
    "it": "questo questa",
    "nl": "deze aanstaande komende",
    "pt": "esta este nesta neste",
    "ru": "эту этот это эта",
    "ca": "aquest",
}
_NEXT = {
    "de": "nächsten nächster nächstem nächste kommenden kommender kommende",
    "fr": "prochain prochaine qui_vient",
    "es": "próximo proximo siguiente que_viene",
    "it": "prossimo prossima che_viene",
    "nl": "volgende",
    "pt": "próxima próximo proxima proximo que_vem",
    "ru": "следующую следующий следующее следующая",
    "ca": "vinent proper pròxim que_ve",
}
_LAST = {
    "de": "letzten letzter letztem vorigen vergangenen",
    "fr": "dernier dernière passé",
    "es": "pasado último",
    "it": "scorso scorsa",
    "nl": "vorige afgelopen",
    "pt": "passada passado última último",
    "ru": "прошлую прошлый прошлое прошлая",
    "ca": "passat",
}
_EVERY = {
    "de": "jeden jeder jedem",
    "fr": "chaque",
    "es": "cada",
    "it": "ogni",
    "nl": "elke iedere",
    "pt": "cada toda todo",
    "ru": "каждую каждый каждое",
    "ca": "cada",
}
_RUSSIAN_ORDINALS = (
    "первого второго третьего четвертого пятого шестого седьмого восьмого девятого десятого "
    "одиннадцатого двенадцатого тринадцатого четырнадцатого пятнадцатого шестнадцатого "
    "семнадцатого восемнадцатого девятнадцатого двадцатого"
)
_RUSSIAN_DAYS = {
    **{word: day for day, word in enumerate(_RUSSIAN_ORDINALS.split(), 1)},
    **{f"двадцать {word}": day for day, word in enumerate(_RUSSIAN_ORDINALS.split()[:9], 21)},
    "четвёртого": 4,
    "двадцать четвёртого": 24,
    "тридцатого": 30,
    "тридцать первого": 31,
}
_FIRST = {
    "de": "ersten erster erste",
    "fr": "premier",
    "es": "primero",
    "it": "primo",
    "pt": "primeiro",
    "nl": "eerste",
    "ru": "первого первое",
    "ca": "primer",
}
# "In three days": what stands before the number.
_IN = {
    "de": "in",
    "fr": "dans",
    "es": "dentro de|en",
    "it": "tra|fra",
    "nl": "over",
    "pt": "daqui a|dentro de|em",
    "ru": "через",
    "ca": "d['’]aquí a",
}
_UNIT = re.compile(r"\s([^\W\d_]+)")
_NIGHTS = re.compile(r"n|ноч", re.IGNORECASE)
_DAY_SECONDS = 86_400
_JOINT = re.compile(r"\s?(?:(?:de|del|di|do)\s|d['’])?", re.IGNORECASE)
# Forms that the data lacks (cases, spoken short forms).
_MORE_DAYS = {
    "de": {"sonnabend": 5},
    "pt": {"segunda": 0, "terça": 1, "quarta": 2, "quinta": 3, "sexta": 4},
    "ru": {"среду": 2, "субботу": 5, "пятницу": 4},
}
# Short names of days that are ordinals too ("a segunda vez"): sure where nothing follows to count.
_SHORT = frozenset(_MORE_DAYS["pt"])
_SHORT_ENDS = re.compile(
    r"\s*(?:$|[,.;!?)]|(?:às|à|de|da|que|e|ou|para|por|até|com|no|na|em|próxima|passada)\b)",
    re.IGNORECASE,
)
_NO_DAY = frozenset(("endemà", "sendemà", "endemà passat"))  # the day after some day
_AFTER_TOMORROW = {"es": "pasado mañana", "pt": "depois de amanhã", "it": "dopodomani"}
_AMBIGUOUS_DAYS = {"es": "mañana", "de": "morgen", "nl": "morgen"}  # "morning" too
_MORNING = {
    "es": re.compile(r"(?:por|de|en|a|esta|la)\s+(?:la\s+)?$", re.IGNORECASE),
    "de": re.compile(
        r"(?:am|guten|jeden|diesen|heute|montag|dienstag|mittwoch|donnerstag|freitag"
        r"|samstag|sonntag)\s$",
        re.IGNORECASE,
    ),
    "nl": re.compile(r"(?:goede|elke)\s$", re.IGNORECASE),
}


@dataclass(frozen=True)
class _Names:
    """One language's patterns; what stands for a month, weekday, day of the month or day."""

    months: dict[str, int]
    weekdays: dict[str, int]
    days: dict[str, int]
    ordinals: dict[str, int]
    calendar: re.Pattern[str]
    weekday: re.Pattern[str]
    today: re.Pattern[str] | None


def find_named_dates(text: str, language: Language) -> Iterator[DateExpression]:
    """All dates with a month or a weekday, and "tomorrow"; they may overlap."""
    code = language.code
    names = _names(code)
    if names is None:
        return
    for match in names.calendar.finditer(text):
        yield from _calendar(match, names)
        if match["day"] is None:
            yield from _day_in_words(match, names, language)
    if code not in _NEXT:  # unknown what says which week: nothing is read into a weekday
        return
    for match in names.weekday.finditer(text):
        yield from _weekday(match, names, code)
    yield from _in_some_days(text, language)
    for match in names.today.finditer(text) if names.today else ():
        word = lower_case(match.group())
        doubt = word == _AMBIGUOUS_DAYS.get(code) and _MORNING[code].search(text[: match.start()])
        if not doubt:
            yield DateExpression(match.start(), match.end(), relative=f"day+{names.days[word]}")


def _calendar(match: re.Match[str], names: _Names) -> Iterator[DateExpression]:
    month = names.months[lower_case(match["month"]).rstrip(".")]
    day_text, year = match["day"], match["year"]
    if day_text is None:
        if year:
            start = match.start("month")
            yield DateExpression(start, match.end(), year=int(year), month=month, weak=True)
        return
    digits = re.match(r"\d+", day_text)
    day = int(digits.group()) if digits else names.ordinals[lower_case(day_text)]
    weekday = names.weekdays.get(lower_case(match["weekday"] or ""))
    if 1 <= day <= 31:
        yield DateExpression(
            match.start(),
            match.end(),
            year=int(year) if year else None,
            month=month,
            day=day,
            weekday=weekday,
        )


def _day_in_words(
    match: re.Match[str], names: _Names, language: Language
) -> Iterator[DateExpression]:
    """The month with the number word before it: "am fünften März", "el cinco de marzo"."""
    text, month = match.string, match.start("month")
    for number in find_quantities(text[: match.start("month")].rstrip(), language):
        joint = text[number.end : month]
        if 1 <= number.value <= 31 and _JOINT.fullmatch(joint) and number.value % 1 == 0:
            yield DateExpression(
                number.start,
                match.end(),
                year=int(match["year"]) if match["year"] else None,
                month=names.months[lower_case(match["month"]).rstrip(".")],
                day=int(number.value),
            )


def _in_some_days(text: str, language: Language) -> Iterator[DateExpression]:
    before = re.compile(rf"\b(?:{_IN[language.code]})\s$", re.IGNORECASE)
    if not re.search(rf"\b(?:{_IN[language.code]})\s", text, re.IGNORECASE):
        return
    for number in find_quantities(text, language):
        prefix = before.search(text[: number.start])
        unit = _UNIT.match(text, number.end)
        if prefix is None or unit is None or number.ordinal or number.value % 1:
            continue
        seconds = TIME_UNITS.get(lower_case(unit[1]), 0)
        if seconds >= _DAY_SECONDS and not _NIGHTS.match(unit[1]):
            days = int(number.value) * seconds // _DAY_SECONDS
            yield DateExpression(prefix.start(), unit.end(), relative=f"day+{days}")


def _weekday(match: re.Match[str], names: _Names, code: str) -> Iterator[DateExpression]:
    around = {lower_case(w) for w in (match["before"], match["after"]) if w}
    if around & _words(_EVERY, code):
        return
    relative = "coming"
    if around & _words(_NEXT, code):
        relative = "next"
    elif around & _words(_LAST, code):
        relative = "week+-1"
    word = lower_case(match["weekday"])
    yield DateExpression(
        match.start(),
        match.end(),
        weekday=names.weekdays[word],
        relative=relative,
        weak=word in _SHORT and not _SHORT_ENDS.match(match.string, match.end()),
    )


def _words(table: dict[str, str], code: str) -> frozenset[str]:
    return frozenset(word.replace("_", " ") for word in table.get(code, "").split())


def _either(words: Iterable[str]) -> str:
    return "|".join(sorted((re.escape(w) for w in words), key=lambda w: (-len(w), w)))


@lru_cache(maxsize=32)
def _names(code: str) -> _Names | None:
    """The names of a language; None where dateparser has none, or months aren't names there."""
    info = language_data(code)
    if info is None:
        return None
    months = month_names(code)
    weekdays = _whole(weekday_names(code)) | _MORE_DAYS.get(code, {})
    if not months or not weekdays or any(w[0].isdigit() for w in months):
        return None
    days = {
        phrase.lower(): offset
        for key, offset in _RELATIVE.items()
        for phrase in info.get("relative-type", {}).get(key, ())
        if phrase not in _NO_DAY
    }
    if phrase := _AFTER_TOMORROW.get(code):
        days[phrase] = 2
    ordinals = dict.fromkeys(_FIRST.get(code, "").split(), 1)
    if code == "ru":
        ordinals |= _RUSSIAN_DAYS
    return _Names(
        months,
        weekdays,
        days,
        ordinals,
        _calendar_pattern(months, weekdays, ordinals),
        _weekday_pattern(code, weekdays),
        re.compile(rf"\b(?:{_either(days)})\b", re.IGNORECASE) if days else None,
    )


def _whole(names: dict[str, int]) -> dict[str, int]:
    """Without abbreviations: many are words of their own (Swedish "fred" is peace)."""
    return {
        w: n
        for w, n in names.items()
        if not any(n == m and other != w and other.startswith(w) for other, m in names.items())
    }


def _calendar_pattern(
    months: dict[str, int], weekdays: dict[str, int], ordinals: dict[str, int]
) -> re.Pattern[str]:
    weekday = rf"(?:(?P<weekday>{_either(weekdays)})(?:,|\s|,\s)(?:(?:den|le|el|de|dia)\s)?)?"
    figures = r"(?<![\d.,:/-])\d{1,2}(?:\.|er|º|°|ª|-го|-е)?(?![\d:,])"
    day = rf"(?P<day>{figures}|\b(?:{_either(ordinals) or '(?!)'})\b)"
    month = rf"(?P<month>{_either(months)})\b\.?"
    year = r"(?:,?\s(?:de\s|del\s)?(?P<year>(?:19|20)\d\d)\b(?:\s(?:года|г\.))?)?"
    return re.compile(rf"(?:\b{weekday}{day}{_JOINT.pattern})?(?<!\w){month}{year}", re.IGNORECASE)


def _weekday_pattern(code: str, weekdays: dict[str, int]) -> re.Pattern[str]:
    around = _either(w for t in (_THIS, _NEXT, _LAST, _EVERY) for w in _words(t, code))
    before = rf"(?:(?P<before>{around})\s)?" if around else "(?P<before>(?!))?"
    after = rf"(?:\s(?P<after>{around})\b)?" if around else "(?P<after>(?!))?"
    return re.compile(rf"\b{before}(?P<weekday>{_either(weekdays)})\b{after}", re.IGNORECASE)
