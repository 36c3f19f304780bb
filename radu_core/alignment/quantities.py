"""Numbers, amounts of money and durations as they are written: "1.5k", "a couple of", "$1,010"."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from text_to_num import find_numbers

from radu_core.alignment.language import Language

__all__ = [
    "Duration",
    "Number",
    "currency",
    "find_durations",
    "find_quantities",
    "iso_seconds",
    "time_unit",
]

_CURRENCIES = {
    "$": "dollar",
    "€": "euro",
    "£": "pound",
    "¥": "yen",
    "₹": "rupee",
    "円": "yen",
    **dict.fromkeys(("dollar", "dollars", "buck", "bucks", "usd"), "dollar"),
    **dict.fromkeys(("euro", "euros", "eur"), "euro"),
    **dict.fromkeys(("pound", "pounds", "quid", "gbp"), "pound"),
    **dict.fromkeys(("yen", "jpy"), "yen"),
    **dict.fromkeys(("rupee", "rupees", "inr"), "rupee"),
    **dict.fromkeys(("cent", "cents"), "cent"),
    **dict.fromkeys(("franc", "francs", "chf"), "franc"),
    **dict.fromkeys(("crown", "crowns"), "crown"),
    **dict.fromkeys(("peso", "pesos"), "peso"),
    **dict.fromkeys(("%", "percent"), "percent"),
}
_SCALES = {
    "hundred": 100,
    "k": 1_000,
    "thousand": 1_000,
    "m": 1_000_000,
    "mio": 1_000_000,
    "million": 1_000_000,
    "bn": 1_000_000_000,
    "billion": 1_000_000_000,
    "dozen": 12,
}
_UNITS = {
    **dict.fromkeys(("second", "seconds", "sec", "secs"), 1),
    **dict.fromkeys(("minute", "minutes", "min", "mins"), 60),
    **dict.fromkeys(("hour", "hours", "hr", "hrs", "h"), 3_600),
    **dict.fromkeys(("day", "days", "night", "nights"), 86_400),
    **dict.fromkeys(("week", "weeks"), 604_800),
    "fortnight": 1_209_600,
}
_DIGITS = re.compile(
    r"(?<![\w.,:])(?P<symbol>[$€£¥₹]\s?)?"
    r"(?P<digits>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:[.,]\d+)?)"
    r"(?P<suffix>st|nd|rd|th|k|m|bn)?(?![^\W_])",
    re.IGNORECASE,
)
_SCALE = re.compile(r"\s(hundred|thousand|million|billion|dozen)\b", re.IGNORECASE)
_UNIT = re.compile(
    r"\s?([$€£¥₹円%])|[\s-]("
    + "|".join(sorted((u for u in _CURRENCIES if u.isalpha() and u != "円"), key=len, reverse=True))
    + r")\b",
    re.IGNORECASE,
)
# What text2num leaves alone. The article alone is no number: see ``candidates``.
_ENGLISH = re.compile(
    r"\b(?P<two>a (?:couple|pair) of|a (?:couple|pair))\b|\b(?P<six>half a dozen)\b"
    r"|\b(?P<twelve>a dozen)\b|\b(?P<one>once)\b|\b(?P<twice>twice)\b",
    re.IGNORECASE,
)
_ENGLISH_VALUES = {"two": 2, "six": 6, "twelve": 12, "one": 1, "twice": 2}
_WORDS = re.compile(r"[^\W\d_]+(?:[-'’][^\W\d_]+)*|\d+|[^\w\s]")
_ISO = re.compile(
    r"P(?:(?P<w>\d+)W)?(?:(?P<d>\d+)D)?(?:T(?:(?P<h>\d+)H)?(?:(?P<m>\d+)M)?(?:(?P<s>\d+)S)?)?"
)
_HALF = re.compile(r"\bhalf an? (hour|day|minute)\b", re.IGNORECASE)
_WHOLE = re.compile(
    r"\b(?:an?|one) (?P<unit>hour|minute|second|day|night|week|fortnight)\b"
    r"(?P<half> and a half)?",
    re.IGNORECASE,
)
_UNIT_WORD = re.compile(
    r"[\s-]?(?P<unit>" + "|".join(sorted(_UNITS, key=len, reverse=True)) + r")\b"
)


@dataclass(frozen=True)
class Number:
    """A number in a text. [start, end) holds the number alone, [whole_start, whole_end) its
    currency or percent sign too. ``unit`` names that unit, or is None.
    """

    start: int
    end: int
    value: float
    whole_start: int
    whole_end: int
    unit: str | None = None
    ordinal: bool = False


@dataclass(frozen=True)
class Duration:
    """A length of time in a text, in seconds."""

    start: int
    end: int
    seconds: float


class _Word:
    """A token as text2num wants it."""

    __slots__ = ("_text", "end", "start")

    def __init__(self, text: str, start: int, end: int) -> None:
        self._text = text
        self.start = start
        self.end = end

    def text(self) -> str:
        return self._text

    def nt_separated(self, _previous: object) -> bool:
        return False

    def not_a_number_part(self) -> bool:
        return False


def find_quantities(text: str, language: Language) -> list[Number]:
    """All numbers of ``text``, left to right, without overlap; with their currency beside them."""
    found = [*_digits(text), *_words(text, language)]
    if language.code == "en":
        found += [
            _plain(m.start(), m.end(), _ENGLISH_VALUES[m.lastgroup or ""])
            for m in _ENGLISH.finditer(text)
        ]
    found.sort(key=lambda n: (n.start, -n.end))
    kept: list[Number] = []
    for number in found:
        if not kept or number.start >= kept[-1].end:
            kept.append(_with_unit(text, number))
    return kept


def _plain(start: int, end: int, value: float, *, ordinal: bool = False) -> Number:
    return Number(start, end, value, start, end, ordinal=ordinal)


def _digits(text: str) -> Iterator[Number]:
    for match in _DIGITS.finditer(text):
        digits, suffix = match["digits"], (match["suffix"] or "").lower()
        decimal = re.fullmatch(r"\d+,\d{1,2}", digits)
        value = float(digits.replace(",", "." if decimal else ""))
        end = match.end()
        if suffix in ("st", "nd", "rd", "th"):
            yield _plain(match.start("digits"), end, value, ordinal=True)
            continue
        value *= _SCALES.get(suffix, 1)
        scale = _SCALE.match(text, end)
        if scale and not suffix:
            value *= _SCALES[scale[1].lower()]
            end = scale.end()
        symbol = match["symbol"]
        unit = _CURRENCIES[symbol.strip()] if symbol else None
        yield Number(match.start("digits"), end, value, match.start(), end, unit)


def _words(text: str, language: Language) -> Iterator[Number]:
    if language.numbers is None:
        return
    words = [_Word(m.group(), m.start(), m.end()) for m in _WORDS.finditer(text)]
    for found in find_numbers(words, language.numbers, 0.0):
        first, last = words[found.start], words[found.end - 1]
        if any(w.text().isdigit() for w in words[found.start : found.end]):
            continue
        start = first.start
        if found.start and words[found.start - 1].text().lower() in ("a", "an"):
            before = words[found.start - 1]
            if language.code == "en" and first.text().lower() in _SCALES:
                start = before.start
        if found.start and words[found.start - 1].text().isdigit() and first.text() in _SCALES:
            continue
        end = last.end
        value = float(found.value)
        dozen = text[end : end + 6].lower() == " dozen"
        if dozen:
            value, end = value * 12, end + 6
        yield _plain(start, end, value, ordinal=found.is_ordinal)


def _with_unit(text: str, number: Number) -> Number:
    if number.ordinal:
        return number
    match = _UNIT.match(text, number.end)
    if match is None:
        return number
    unit = _CURRENCIES[(match[1] or match[2]).lower()]
    return replace(number, whole_end=match.end(), unit=number.unit or unit)


def currency(word: str) -> str | None:
    """The currency that a sign or a word names, or None."""
    return _CURRENCIES.get(word.lower())


def time_unit(word: str) -> int | None:
    """The seconds of a unit of time, or None."""
    return _UNITS.get(word.lower())


def find_durations(text: str, numbers: Sequence[Number]) -> list[Duration]:
    """All lengths of time: "90 minutes", "an hour and a half", "2 hours and 30 minutes"."""
    pieces = []
    for number in numbers:
        unit = _UNIT_WORD.match(text.lower(), number.end)
        if unit and not number.ordinal:
            pieces.append(Duration(number.start, unit.end(), number.value * _UNITS[unit["unit"]]))
    for match in _HALF.finditer(text):
        pieces.append(Duration(match.start(), match.end(), _UNITS[match[1].lower()] / 2))
    for match in _WHOLE.finditer(text):
        seconds = _UNITS[match["unit"].lower()]
        pieces.append(Duration(match.start(), match.end(), seconds * (1.5 if match["half"] else 1)))
    pieces.sort(key=lambda d: (d.start, -d.end))
    return _joined(text, pieces)


def _joined(text: str, pieces: Sequence[Duration]) -> list[Duration]:
    found: list[Duration] = []
    for piece in pieces:
        if found and piece.start < found[-1].end:
            continue
        between = text[found[-1].end : piece.start].strip().lower() if found else None
        if found and between in ("", "and", ",") and piece.seconds < found[-1].seconds:
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
