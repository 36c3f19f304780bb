"""Times of day in words, in seven languages beside English: "halb acht", "sept heures et demie".

One grammar: what leads to a time, what comes before the hour, the hour, what marks it as one, what
comes behind it, and the part of the day. Each language fills in its words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from radu_core.alignment.folding import lower_case
from radu_core.alignment.language import Language
from radu_core.alignment.time_expressions import Half, TimeExpression, possible_minutes

__all__ = ["find_spoken_times"]


@dataclass(frozen=True)
class _Clock:
    """The words of one language.

    ``hours`` are the words for 1 to 12, in order, with other forms after a slash. ``at`` says that
    a time follows, ``lead`` that it may; ``clock``, behind an hour, that it is one (``sure``) or a
    length of time too.
    ``before`` and ``behind`` are minutes to add; those of ``small`` are read only where something
    else says that it is a time ("zehn nach acht").
    """

    hours: str
    at: str
    lead: str
    clock: str
    sure: bool = False
    before: dict[str, int] = field(default_factory=dict)
    small: dict[str, int] = field(default_factory=dict)
    behind: dict[str, int] = field(default_factory=dict)
    am: str = ""
    pm: str = ""
    night: str = ""
    named: dict[str, int] = field(default_factory=dict)
    one: str = ""  # after which of the words of ``lead`` the word for 1 is an hour
    cases: str = ""  # the hours after a word of ``before``, where they have another form


def _beside(words: dict[str, int], after: str, to: str, half: str = "") -> dict[str, int]:
    """Minutes after and to an hour, and around the half hour before it: "fünf vor halb"."""
    minutes_by_phrase = {f"{w} {after}": n for w, n in words.items()} | {
        f"{w} {to}": -n for w, n in words.items()
    }
    if half:
        minutes_by_phrase |= {
            f"{phrase} {half}": minutes - 30 for phrase, minutes in minutes_by_phrase.items()
        }
    return minutes_by_phrase


def _behind(words: dict[str, int], plus: str, minus: str) -> dict[str, int]:
    return {f"{plus} {w}": n for w, n in words.items()} | {
        f"{minus} {w}": -n for w, n in words.items()
    }


_CLOCKS = {
    "de": _Clock(
        hours="eins/ein zwei drei vier fünf sechs sieben acht neun zehn elf zwölf",
        at="um",
        lead="gegen|ab|bis|vor|nach",
        clock="uhr",
        sure=True,
        before={
            "halb": -30,
            "viertel nach": 15,
            "viertel vor": -15,
            "dreiviertel": -15,
            "drei viertel": -15,
        },
        small=_beside({"fünf": 5, "zehn": 10, "zwanzig": 20}, "nach", "vor", "halb"),
        behind={
            "fünf": 5,
            "zehn": 10,
            "fünfzehn": 15,
            "zwanzig": 20,
            "dreißig": 30,
            "fünfundvierzig": 45,
        },
        am="morgens|früh|vormittags|am morgen|am vormittag",
        pm="nachmittags|abends|mittags|am nachmittag|am abend",
        night="nachts|in der nacht",
        named={"mitternacht": 0},
    ),
    "fr": _Clock(
        hours="une deux trois quatre cinq six sept huit neuf dix onze douze",
        at="à",
        lead="vers|dès|avant|après",
        clock="heures|heure|h",
        behind={
            **_behind({"cinq": 5, "dix": 10, "vingt": 20}, "et", "moins"),
            "et demie": 30,
            "et demi": 30,
            "et quart": 15,
            "moins le quart": -15,
            "moins quart": -15,
            "trente": 30,
            "quinze": 15,
            "vingt": 20,
        },
        am="du matin",
        pm="de l['’]après-midi|du soir",
        named={"midi": 720, "minuit": 0, "midi et demi": 750},
    ),
    "es": _Clock(
        hours="una dos tres cuatro cinco seis siete ocho nueve diez once doce",
        at="las|la",
        lead="(?!)",
        one="la",
        clock="en punto|horas|hrs?|h",
        behind={
            **_behind(
                {"cinco": 5, "diez": 10, "veinte": 20, "cuarto": 15, "veinticinco": 25},
                "y",
                "menos",
            ),
            "y media": 30,
            "y quince": 15,
            "y treinta": 30,
            "treinta": 30,
        },
        am="de la mañana|de la madrugada|a\\.? ?m\\.?",
        pm="de la tarde|p\\.? ?m\\.?",
        night="de la noche",
        named={"mediodía": 720, "medianoche": 0},
    ),
    "it": _Clock(
        hours="una due tre quattro cinque sei sette otto nove dieci undici dodici",
        at="alle|ore|all['’]",
        lead="dalle|le",
        one="all['’]",
        clock="in punto|ore",
        behind={
            **_behind({"cinque": 5, "dieci": 10, "venti": 20, "un quarto": 15}, "e", "meno"),
            "e mezza": 30,
            "e mezzo": 30,
            "e quarto": 15,
            "e trenta": 30,
            "e quindici": 15,
        },
        am="di mattina|del mattino|della mattina",
        pm="di pomeriggio|del pomeriggio|di sera|della sera",
        night="di notte",
        named={"mezzogiorno": 720, "mezzanotte": 0, "mezzogiorno e mezzo": 750},
    ),
    "nl": _Clock(
        hours="een/één twee drie vier vijf zes zeven acht negen tien elf twaalf",
        at="om",
        lead="tegen|vanaf|tot",
        clock="uur",
        before={"half": -30, "kwart over": 15, "kwart voor": -15},
        small=_beside({"vijf": 5, "tien": 10, "twintig": 20}, "over", "voor", "half"),
        behind={"dertig": 30, "vijftien": 15, "kwart": 15},
        am="['’]s ochtends|['’]s morgens",
        pm="['’]s middags|['’]s avonds",
        night="['’]s nachts",
        named={"middernacht": 0},
    ),
    "pt": _Clock(
        hours="uma duas três quatro cinco seis sete oito nove dez onze doze",
        at="às|à",
        lead="as|das|pelas",
        one="à",
        clock="em ponto|horas|hora|h",
        before={"quinze para as": -15, "um quarto para as": -15},
        small={"dez para as": -10, "cinco para as": -5, "vinte para as": -20},
        behind={
            "e meia": 30,
            "e quinze": 15,
            "e um quarto": 15,
            "menos um quarto": -15,
            "e dez": 10,
            "e vinte": 20,
            "e trinta": 30,
        },
        am="da manhã|da madrugada",
        pm="da tarde",
        night="da noite",
        named={"meio-dia": 720, "meia-noite": 0, "meio dia": 720, "meia noite": 0},
    ),
    "ru": _Clock(
        hours="час два три четыре пять шесть семь восемь девять десять одиннадцать двенадцать",
        at="в|во",
        lead="к|после",
        clock="часов|часа|час",
        before={"половине": -30, "половина": -30, "четверть": -45, "без четверти": -15},
        small={"без пяти": -5, "без десяти": -10, "без двадцати": -20},
        behind={"тридцать": 30, "пятнадцать": 15},
        am="утра",
        pm="дня|вечера",
        night="ночи",
        named={"полдень": 720, "полночь": 0},
        cases="первого второго третьего четвертого/четвёртого пятого шестого седьмого восьмого "
        "девятого десятого одиннадцатого двенадцатого",
    ),
}


def find_spoken_times(text: str, language: Language) -> Iterator[TimeExpression]:
    """The times said in words, or in digits with a word that says so; they may overlap."""
    clock = _CLOCKS.get(language.code)
    if clock is None:
        return
    pattern, names_by_group = _grammar(language.code)
    for match in pattern.finditer(text):
        if expression := _read(text, match, clock, language):
            yield expression
    for match in names_by_group.finditer(text):
        minutes = frozenset({clock.named[lower_case(match.group())]})
        yield TimeExpression(match.start(), match.end(), minutes)


def _read(
    text: str, match: re.Match[str], clock: _Clock, language: Language
) -> TimeExpression | None:
    before, behind = _lower(match["before"]), _lower(match["behind"])
    hour = _hour(lower_case(match["hour"]), clock)
    minute = clock.before.get(before, clock.small.get(before, 0)) + clock.behind.get(behind, 0)
    figures = match["figures"] or match["more"]
    if hour is None or (before and (behind or figures)):
        return None
    minute += int(figures or 0)
    half = _half(match["part"], clock)
    said_to_be = bool(match["lead"] or match["clock"] or match["part"])
    strong = bool(
        match["part"]
        or before in clock.before
        or (said_to_be and (before or behind or figures))
        or (match["clock"] and (clock.sure or match["lead"]))
    )
    if not strong and not said_to_be:
        return None
    one = match["hour"].lower() in clock.hours.split()[0].split("/")
    one = one and not (clock.one and re.fullmatch(clock.one, match["lead"] or "", re.IGNORECASE))
    if not strong and (one or (match["lead"] and not _ends(text, match.end(), language))):
        return None
    return TimeExpression(
        match.start("core"),
        match.end("core"),
        possible_minutes(hour, minute, half, full=match["hour"].startswith("0")),
        weak=not strong,
        at=not strong and bool(match["at"]),
    )


def _lower(words: str | None) -> str:
    return " ".join(lower_case(words or "").split())


def _hour(words: str, clock: _Clock) -> int | None:
    if words.isdecimal():
        return int(words) if int(words) <= 24 else None
    for table in (clock.hours, clock.cases):
        for number, forms in enumerate(table.split(), 1):
            if words in forms.split("/"):
                return number
    return None


def _half(part: str | None, clock: _Clock) -> Half:
    if not part:
        return ""
    halves: tuple[tuple[str, Half], ...] = ((clock.am, "am"), (clock.pm, "pm"))
    for words, half in halves:
        if words and re.fullmatch(words, part, re.IGNORECASE):
            return half
    return "night"


def _ends(text: str, end: int, language: Language) -> bool:
    """Whether a bare hour may end there: not before what it would count ("a las 8 personas")."""
    follows = re.match(r"\s*(?:$|[,.;!?)]|([^\W\d_]+))", text[end:])
    if follows is None:
        return False
    return follows[1] is None or follows[1].lower() in language.stop_words


@lru_cache(maxsize=16)
def _grammar(code: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    clock = _CLOCKS[code]
    words = [w for table in (clock.hours, clock.cases) for f in table.split() for w in f.split("/")]
    before = _either(clock.before | clock.small)
    parts = "|".join(p for p in (clock.am, clock.pm, clock.night) if p)
    lead_gap = r"(?<=['’])|\s"  # all'una
    pattern = (
        rf"(?:\b(?P<lead>(?P<at>{clock.at})|{clock.lead})(?:{lead_gap}))?(?P<core>(?:\b(?P<before>{before})\s)?"
        rf"(?<![\d.,:/$€£\-])\b(?P<hour>\d{{1,2}}|{'|'.join(sorted(words, key=len, reverse=True))})"
        rf"(?:[.:h](?P<figures>[0-5]\d))?(?![^\Wh]|/|[.,:]\d|h\w)"  # "18h" continues
        rf"(?:\s?(?P<clock>{clock.clock})(?!\w))?"
        rf"(?:\s(?P<behind>{_either(clock.behind)})(?!\w)|\s?(?<!\d\s)(?P<more>[0-5]\d)(?![\w.,:/]))?"
        rf"(?:,?\s(?P<part>{parts}))?)(?!\w)"
    )
    return re.compile(pattern, re.IGNORECASE), re.compile(
        rf"(?<!\w)(?:{_either(clock.named)})(?!\w)", re.IGNORECASE
    )


def _either(words: dict[str, int]) -> str:
    return "|".join(re.escape(w) for w in sorted(words, key=len, reverse=True)) or "(?!)"
