"""What a language says of lengths of time beside number and unit: "eine Woche", "une demi-heure".

And what only says when: "in einer Woche", "há uma semana". A reading stands here only if the words
mean nothing else in their language.
"""

from __future__ import annotations

import re
from functools import lru_cache

from radu_core.alignment.folding import lower_case
from radu_core.alignment.units import TIME_UNITS

__all__ = ["half_behind", "half_inside", "only_says_when", "worded_lengths", "written_lengths"]

_UNSPACED_CODES = ("zh", "ja", "ko")
# The words for "a", where no number word of the language reads them before a unit.
_ARTICLES = {"en": "an|a", "de": "eine|einen|ein"}
# Whole lengths in seconds. "A half" and "one" of an hour, and one hour with a half.
_WORDED: dict[str, tuple[tuple[str, float], ...]] = {
    "en": (
        (r"(?:a )?half[ -]hour|half an hour", 1_800),
        (r"half a day", 43_200),
        (r"half a minute", 30),
        (r"(?:a |one )?quarter of an hour|(?:a )?quarter[ -]hour", 900),
        (r"three[ -]quarters of an hour|three[ -]quarter hour", 2_700),
        (r"an hour and a quarter", 4_500),
    ),
    "de": (
        (r"(?:eine )?halbe stunde", 1_800),
        (r"(?:eine )?viertelstunde", 900),
        (r"(?:eine )?dreiviertelstunde", 2_700),
    ),
    "fr": (
        (r"(?:une )?demie?[- ]heure", 1_800),
        (r"(?:un )?quart d['’]heure", 900),
        (r"trois quarts d['’]heure", 2_700),
    ),
    "es": (
        (r"media hora", 1_800),
        (r"hora y media", 5_400),
        (r"tres cuartos de hora", 2_700),
        (r"(?:un )?cuarto de hora", 900),
    ),
    "it": (
        (r"(?:una )?mezz(?:['’]|a )ora", 1_800),
        (r"un['’]ora e mezz[ao]", 5_400),
        (r"tre quarti d['’]ora", 2_700),
        (r"un quarto d['’]ora", 900),
        (r"un['’]ora", 3_600),
    ),
    "nl": (
        (r"(?:een )?half ?uur(?:tje)?", 1_800),
        (r"drie kwartier", 2_700),
        (r"(?:een )?kwartier", 900),
    ),
    "pt": (
        (r"meia hora", 1_800),
        (r"hora e meia", 5_400),
        (r"três quartos de hora", 2_700),
        (r"(?:um )?quarto de hora", 900),
    ),
    "ca": (
        (r"mitja hora", 1_800),
        (r"hora i mitja", 5_400),
        (r"tres quarts d['’]hora", 2_700),
        (r"(?:un )?quart d['’]hora", 900),
    ),
    "ru": (
        (r"полчаса", 1_800),
        (r"четверть часа", 900),
        (r"(?<=на )неделю", 604_800),
        (r"(?<=на )сутки", 86_400),
    ),
    "zh": (
        (r"半个?小时|半個?小時|半个钟头|半個鐘頭", 1_800),
        (r"一刻钟|一刻鐘", 900),
        (r"[两兩]刻钟|[两兩]刻鐘", 1_800),
        (r"三刻钟|三刻鐘", 2_700),
    ),
    "ja": ((r"半時間", 1_800),),
    "ko": ((r"반\s?시간", 1_800),),
}
# Behind a number and its unit: "deux heures et demie".
_HALF_BEHIND = {
    "en": r" and a half\b",
    "fr": r" et demie?\b",
    "es": r" y medi[ao]\b",
    "it": r" e mezz[ao]\b",
    "pt": r" e mei[ao]\b",
    "ca": r" i mitj[ao]?\b",
    "ja": r"半(?!\w*年)",
    "ko": r"\s?반(?!\w*年)",
}
# Between a number and its unit: 两个半小时.
_HALF_INSIDE = {
    "zh": re.compile(r"[个個]半(?=小时|小時|钟头|鐘頭)"),
    "ru": re.compile(r" с половиной(?= )", re.IGNORECASE),
    "nl": re.compile(r" en een hal(?:f|ve)(?= )", re.IGNORECASE),
}
# A number with a half in one word, for its unit.
_NUMBER_WITH_HALF = {
    "de": {
        "anderthalb": 1.5,
        "eineinhalb": 1.5,
        "zweieinhalb": 2.5,
        "dreieinhalb": 3.5,
        "viereinhalb": 4.5,
    },
    "nl": {"anderhalve": 1.5, "anderhalf": 1.5, "tweeënhalf": 2.5, "tweeënhalve": 2.5},
    "ru": {"полтора": 1.5, "полторы": 1.5, "полутора": 1.5},
}
# What says that a length of time is a point in time, before it and behind it; or an hour of the day
# ("à une heure et demie"), or only how often ("$100 a week").
_WHEN_BEFORE = {
    "en": r"in|within|after|last|next|per|every|once|twice|times|\d+|dollars|euros|pounds|bucks",
    "de": r"in|vor|nach|seit|ab|binnen|um|gegen|pro|jede",
    "fr": r"dans|il y a|après|avant|d['’]ici|vers|à|dès|par|chaque",
    "es": r"en|hace|dentro de|tras|a las?|las?|por|cada",
    "it": r"tra|fra|entro|dopo|alle|all['’]|dalle|ogni|alla",
    "nl": r"over|binnen|na|om|tegen|vanaf|per|elke",
    "pt": r"em|há|daqui a|dentro de|após|às?|pelas|por|cada",
    "ca": r"d['’]aquí a|fa|dins d['’]|en|a les?|a la|per|cada",
    "ru": r"через|спустя|после|в|к|каждую|каждый",
    "zh": r"[每过過上下这這]",
    "ja": r"[毎每翌来先今]",
    "ko": r"매|지난 ?|다음 ?",
}
_WHEN_BEHIND = {
    "en": r"ago|later|earlier|before|after|from|notice|in advance",
    "de": r"später|früher|vorher|danach|zuvor|im voraus",
    "fr": r"plus tard|avant|après|auparavant|à l['’]avance",
    "es": r"después|antes|atrás|más tarde|de antelación",
    "it": r"fa|dopo|prima|più tardi|di anticipo",
    "nl": r"geleden|later|eerder|van tevoren",
    "pt": r"atrás|depois|antes|mais tarde|de antecedência",
    "ca": r"després|abans|enrere|més tard",
    "ru": r"назад|спустя|до|после",
    "zh": r"[之以]?[后後前内內]",
    "ja": r"[後前]|以内|ぶり|先",
    "ko": r" ?(?:후|뒤|전|내|이내)",
}
_NEAR = 16  # characters before a length that are looked at


def worded_lengths(text: str, code: str) -> list[tuple[int, int, float]]:
    """Start, end and seconds of the lengths that aren't number and unit."""
    return [
        (m.start(), m.end(), s)
        for pattern, s in _word_patterns(code)
        for m in pattern.finditer(text)
    ]


def written_lengths(text: str, code: str) -> list[tuple[int, int, float]]:
    """The lengths of time that are written in words: "anderthalb Stunden", "eine Woche".

    A number in one word with its half, or an article, and a unit; an article's are one unit.
    """
    pattern = _number_pattern(code)
    if pattern is None:
        return []
    halves = _NUMBER_WITH_HALF.get(code, {})
    return [
        (
            m.start(),
            m.end(),
            halves.get(lower_case(m["number"]), 1.0) * TIME_UNITS[lower_case(m["unit"])],
        )
        for m in pattern.finditer(text)
    ]


def half_behind(text: str, end: int, code: str) -> int:
    """Where the half ends that belongs to the number and unit before ``end``; ``end`` if none."""
    match = _half(code).match(text, end) if code in _HALF_BEHIND else None
    return match.end() if match else end


def half_inside(text: str, end: int, code: str) -> int:
    """Where the half between a number, which ends at ``end``, and its unit ends; or ``end``."""
    match = _HALF_INSIDE[code].match(text, end) if code in _HALF_INSIDE else None
    return match.end() if match else end


def only_says_when(text: str, start: int, end: int, code: str) -> bool:
    """Whether a length of time only says when: "in a week", "a week ago", "vor einer Woche"."""
    if code not in _WHEN_BEFORE:
        return False
    before, behind = _when(code)
    near = text[max(0, start - _NEAR) : start]
    return bool(before.search(near) or behind.match(text, end))


@lru_cache(maxsize=32)
def _word_patterns(code: str) -> tuple[tuple[re.Pattern[str], float], ...]:
    edge = "" if code in _UNSPACED_CODES else r"\b"
    return tuple(
        (re.compile(rf"{edge}(?:{pattern}){edge}", re.IGNORECASE), seconds)
        for pattern, seconds in _WORDED.get(code, ())
    )


@lru_cache(maxsize=32)
def _number_pattern(code: str) -> re.Pattern[str] | None:
    words = [*_NUMBER_WITH_HALF.get(code, {}), *_ARTICLES.get(code, "").split("|")]
    either = "|".join(sorted(filter(None, words), key=len, reverse=True))
    units = "|".join(sorted(TIME_UNITS, key=len, reverse=True))
    if not either:
        return None
    return re.compile(rf"\b(?P<number>{either})\s(?P<unit>{units})\b", re.IGNORECASE)


@lru_cache(maxsize=32)
def _half(code: str) -> re.Pattern[str]:
    return re.compile(_HALF_BEHIND[code], re.IGNORECASE)


@lru_cache(maxsize=32)
def _when(code: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    before, behind = _WHEN_BEFORE[code], _WHEN_BEHIND[code]
    if code in _UNSPACED_CODES:
        return re.compile(rf"(?:{before})\Z"), re.compile(behind)
    return (
        re.compile(rf"\b(?:{before})(?:\s|(?<=['’]))\Z", re.IGNORECASE),
        re.compile(rf"\s(?:{behind})\b", re.IGNORECASE),
    )
