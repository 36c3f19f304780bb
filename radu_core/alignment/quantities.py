"""Numbers, amounts of money and durations as they are written: "1.5k", "a couple of", "$1,010"."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise

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
    r"(?P<symbol>[$€£¥₹]\s?)?(?P<digits>\d+(?:[.,]\d+)*)(?P<suffix>st|nd|rd|th|k|m|bn)?(?![^\W_])",
    re.IGNORECASE,
)
# What may stand right before and after the digits of a number: nothing that makes it a part of a
# range, a fraction, a telephone number or a name.
_OPENS = "([{\"'“‘«„¿¡,;:!?)#"
_MINUS = "-−"
_JOINS = "-–/'’.,:"
_COMMA_DECIMAL = frozenset(
    ("da", "de", "el", "es", "fi", "fr", "it", "nl", "no", "pl", "pt", "ro", "ru", "sv", "tr", "ca")
)
_GROUP_BEFORE = re.compile(r"(?<![\w:.,])\d{1,4}\s$")
_AND_A_HALF = re.compile(r"\s+and\s+(?:a|one)\s+half\b", re.IGNORECASE)
_FRACTION = re.compile(r"[\s-]+(?:half|halves|thirds?|quarters?|fifths?|tenths?)\b", re.IGNORECASE)
_NEGATIVE = re.compile(r"\b(?:minus|negative)\s$", re.IGNORECASE)
_PLURAL = frozenset(("tens", "dozens", "hundreds", "thousands", "millions", "billions", "ones"))
_SCALE = re.compile(r"\s(hundred|thousand|million|billion|dozen)\b", re.IGNORECASE)
_UNIT = re.compile(
    r"\s?([$€£¥₹円%])|[\s-]("
    + "|".join(sorted((u for u in _CURRENCIES if u.isalpha() and u != "円"), key=len, reverse=True))
    + r")\b",
    re.IGNORECASE,
)
# What text2num leaves alone. The article alone is no number: see ``candidates``.
_ENGLISH = re.compile(
    r"\b(?:(?P<two>a (?:couple|pair)(?: of)?)|(?P<six>half a dozen)|(?P<twelve>a dozen)"
    r"|(?P<twice>twice)|(?P<hundred>half a hundred)|(?P<thousand>half a thousand)"
    r"|(?P<million>half a million))\b",
    re.IGNORECASE,
)
_ENGLISH_VALUES = {
    "two": 2, "six": 6, "twelve": 12, "twice": 2,
    "hundred": 50, "thousand": 500, "million": 500_000,
}  # fmt: skip
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
    currency or percent sign too. ``unit`` names that unit, or is None. ``weak``: the word "one",
    that may be no count ("the blue one").
    """

    start: int
    end: int
    value: float
    whole_start: int
    whole_end: int
    unit: str | None = None
    ordinal: bool = False
    weak: bool = False


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
    """All numbers of ``text``, left to right, without overlap; with their currency beside them.

    A number that is part of something else (3-4, 24/7, 1 000, "two thirds") is left out: it stands
    for no value by itself.
    """
    found = [*_digits(text, language), *_words(text, language)]
    if language.code == "en":
        found += [
            _plain(m.start(), m.end(), _ENGLISH_VALUES[m.lastgroup or ""], weak=m[0][-1] == "e")
            for m in _ENGLISH.finditer(text)
        ]
    found.sort(key=lambda n: (n.start, -n.end))
    kept: list[Number] = []
    for number in found:
        if not kept or number.start >= kept[-1].end:
            kept.append(number)
    whole = (_with_half(text, _with_unit(text, n)) for n in _not_side_by_side(text, kept))
    return [n for n in whole if n is not None]


def _plain(
    start: int, end: int, value: float, *, ordinal: bool = False, weak: bool = False
) -> Number:
    return Number(start, end, value, start, end, ordinal=ordinal, weak=weak)


def _digits(text: str, language: Language) -> Iterator[Number]:
    for match in _DIGITS.finditer(text):
        value = _value(match["digits"], language)
        if value is None or not _stands_alone(text, match):
            continue
        suffix = (match["suffix"] or "").lower()
        start, end = match.start("digits"), match.end()
        if suffix in ("st", "nd", "rd", "th"):
            yield _plain(start, end, value, ordinal=True)
            continue
        value *= _SCALES.get(suffix, 1)
        scale = _SCALE.match(text, end)
        if scale and not suffix:
            value *= _SCALES[scale[1].lower()]
            end = scale.end()
        first = match.start()
        if first and text[first - 1] in _MINUS:
            value, first, start = -value, first - 1, first - 1
        elif minus := _NEGATIVE.search(text, max(0, first - 9), first):
            value, first, start = -value, minus.start(), minus.start()
        symbol = match["symbol"]
        yield Number(start, end, value, first, end, _CURRENCIES[symbol.strip()] if symbol else None)


def _value(digits: str, language: Language) -> float | None:
    """The value of digits with their separators, as the language sets them; None if unclear."""
    if len(digits) > 1 and digits[0] == "0" and digits[1].isdigit():
        return None  # 007 is a name
    decimal, thousands = (",", ".") if language.code in _COMMA_DECIMAL else (".", ",")
    if re.fullmatch(
        rf"\d{{1,3}}(?:{re.escape(thousands)}\d{{3}})+(?:{re.escape(decimal)}\d+)?", digits
    ):
        return float(digits.replace(thousands, "").replace(decimal, "."))
    if re.fullmatch(rf"\d+(?:{re.escape(decimal)}\d+)?", digits):
        return float(digits.replace(decimal, "."))
    if re.fullmatch(rf"\d+{re.escape(thousands)}\d\d?", digits):  # 48,60 in English
        return float(digits.replace(thousands, "."))
    return None


def _stands_alone(text: str, match: re.Match[str]) -> bool:
    start, end = match.span()
    if start and text[start - 1] in _MINUS:
        start -= 1
        if start and not text[start - 1].isspace():
            return False
    before = text[start - 1] if start else " "
    if before.isascii() and not before.isspace() and before not in _OPENS:
        return False
    if before in ",;:!?)" and start > 1 and text[start - 2].isdigit():
        return False
    after, beyond = text[end : end + 1], text[end + 1 : end + 2]
    if after == "/" or after == "+" or (after and after in _JOINS and beyond.isdigit()):
        return False
    return not (
        (after.isspace() and beyond.isdigit())
        or _GROUP_BEFORE.search(text[max(0, start - 8) : start])
    )


def _words(text: str, language: Language) -> Iterator[Number]:
    if language.numbers is None:
        return
    words = [_Word(m.group(), m.start(), m.end()) for m in _WORDS.finditer(text)]
    for found in find_numbers(words, language.numbers, 0.0):
        first, last = words[found.start], words[found.end - 1]
        said = [w.text().lower() for w in words[found.start : found.end]]
        ahead = words[found.start - 1] if found.start else None
        if any(w.isdigit() for w in said) or (ahead is not None and ahead.text().isdigit()):
            continue
        if _PLURAL & set(said):
            continue
        start, end, value = first.start, last.end, float(found.value)
        if ahead is not None and ahead.text().lower() in ("a", "an") and said[0] in _SCALES:
            start = ahead.start
        if text[end : end + 6].lower() == " dozen":
            value, end = value * 12, end + 6
        if minus := _NEGATIVE.search(text, max(0, start - 9), start):
            value, start = -value, minus.start()
        yield _plain(start, end, value, ordinal=found.is_ordinal, weak=value == 1)


def _not_side_by_side(text: str, numbers: Sequence[Number]) -> list[Number]:
    """Without those that follow one another at once: "one fifty", "four 4"."""
    apart = [True] * len(numbers)
    for i, (left, right) in enumerate(pairwise(numbers)):
        touching = text[left.end : right.start].isspace() and not (left.ordinal or right.ordinal)
        if touching and not (left.unit or right.unit):
            apart[i] = apart[i + 1] = False
    return [n for n, keep in zip(numbers, apart, strict=True) if keep]


def _with_half(text: str, number: Number) -> Number | None:
    """With "and a half" behind it; None if it counts parts ("two thirds")."""
    if number.ordinal:
        return number
    if _FRACTION.match(text, number.end):
        return None
    half = _AND_A_HALF.match(text, number.end)
    if half is None:
        return number
    return replace(number, value=number.value + 0.5, end=half.end(), whole_end=half.end())


def _with_unit(text: str, number: Number) -> Number:
    if number.ordinal:
        return number
    match = _UNIT.match(text, number.end)
    if match is None or text[match.end() : match.end() + 4] == " of ":  # 5 pounds of flour
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
