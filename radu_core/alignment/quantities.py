"""Numbers, amounts of money and durations as they are written: "1.5k", "a couple of", "$1,010"."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise

from text_to_num import find_numbers

from radu_core.alignment.folding import JOINED_UNIT, UNSPACED, lower_case, squeeze_text
from radu_core.alignment.language import Language
from radu_core.alignment.number_words import find_number_words
from radu_core.alignment.numerals import SCALES, find_numerals, is_ordinal
from radu_core.alignment.units import (
    CURRENCIES,
    CURRENCY_CODES,
    PREFIXES,
    SIGNS,
    TIME_UNITS,
    UNSPACED_UNITS,
)
from radu_core.numbers import GROUP_SPACES, read_figures

__all__ = [
    "Number",
    "currency",
    "find_quantities",
    "time_unit",
]

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
_SIGNS = "".join(s for s in SIGNS if s not in "%％٪")
# Searched backwards from each number: forwards, every position of a text could begin one.
_SYMBOL_BEFORE = re.compile(
    rf"(?:(?:us|r)\$|[{_SIGNS}]|\b(?:{'|'.join(CURRENCY_CODES)}))\s?\Z", re.IGNORECASE
)
_LONGEST_SYMBOL = 4
_SUFFIX = r"(?P<suffix>st|nd|rd|th|k|m|bn)?"
_JOINED = rf"(?={JOINED_UNIT})"  # 10min
_GROUPED = rf"(?<!\d)\d{{1,3}}(?:[{GROUP_SPACES}]\d{{3}})+(?!\d)"
_DIGITS = re.compile(
    rf"(?P<digits>(?:{_GROUPED}|\d+)(?:[.,]\d+)*)(?:{_SUFFIX}(?![^\W_])|{_JOINED})", re.IGNORECASE
)
_ANY_DIGITS = re.compile(  # the same where there may be other digits, and scripts without spaces
    rf"(?P<digits>(?:{_GROUPED}|\d+)(?:[.,٫٬．，]\d+)*)(?:{_SUFFIX}(?![^\W_{UNSPACED}])|{_JOINED})",
    re.IGNORECASE,
)
_DIGIT = re.compile(r"\d")
_UNSPACED_SCALE = re.compile(r"([百千万萬億亿백천만억])(?:\s?(\d+)([百千백천]))?")
# What may stand right before and after the digits of a number: nothing that makes it a part of a
# range, a fraction, a telephone number or a name.
_OPENS = "([{\"'“‘«„¿¡,;:!?)#"
_MINUS = "-−"
_JOINS = "-–/'’.,:~〜～、・．，：／"
_GROUP_BEFORE = re.compile(r"(?<![\w:.,])\d{1,4}\s$")
_AND_A_HALF = re.compile(r"\s+and\s+(?:a|one)\s+half\b", re.IGNORECASE)
_FRACTION = re.compile(r"[\s-]+(?:half|halves|thirds?|quarters?|fifths?|tenths?)\b", re.IGNORECASE)
_NEGATIVE = re.compile(r"\b(?:minus|negative)\s$", re.IGNORECASE)
_PLURAL = frozenset(("tens", "dozens", "hundreds", "thousands", "millions", "billions", "ones"))
_SCALE = re.compile(r"\s(hundred|thousand|million|billion|dozen)\b", re.IGNORECASE)


def _either(words: Iterable[str]) -> str:
    return "|".join(sorted(words, key=len, reverse=True))


_UNIT_WORDS = CURRENCIES.keys() - SIGNS.keys() - PREFIXES.keys() - UNSPACED_UNITS.keys()
_UNIT = re.compile(
    rf"\s?([{''.join(SIGNS)}])|\s?({_either(UNSPACED_UNITS)})|[\s-]({_either(_UNIT_WORDS)})\b",
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
    "two": 2,
    "six": 6,
    "twelve": 12,
    "twice": 2,
    "hundred": 50,
    "thousand": 500,
    "million": 500_000,
}
_PLAIN_UNITS = {squeeze_text(word): seconds for word, seconds in TIME_UNITS.items()}  # nachte
_WORDS = re.compile(r"[^\W\d_]+(?:[-'’][^\W\d_]+)*|\d+|[^\w\s]")


@dataclass(frozen=True)
class Number:
    """A number in a text.

    [start, end) holds the number alone, [whole_start, whole_end) its currency or percent sign too.
    ``unit`` names that unit, or is None. ``weak``: the word "one", that may be no count ("the blue
    one").
    """

    start: int
    end: int
    value: float
    whole_start: int
    whole_end: int
    unit: str | None = None
    ordinal: bool = False
    weak: bool = False

    def says(self, amount: float) -> bool:
        """Whether it is that amount; 15 % is 15 and 0.15."""
        return self.value == amount or self.is_share(amount)

    def is_share(self, amount: float) -> bool:
        """Whether it is that share of one, said in per cent. "100 %" isn't 1: that may count."""
        if self.unit != "percent" or amount % 1 == 0:
            return False
        return math.isclose(self.value / 100, amount, rel_tol=1e-9)


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
    numbers = [*_digits(text, language), *_words(text, language)]
    numbers += [
        _plain(n.start, n.end, n.value, ordinal=n.ordinal, weak=n.value == 1)
        for n in find_numerals(text, language.code)
    ]
    if language.code == "en":
        numbers += [
            _plain(m.start(), m.end(), _ENGLISH_VALUES[m.lastgroup or ""], weak=m[0][-1] == "e")
            for m in _ENGLISH.finditer(text)
        ]
    numbers.sort(key=lambda n: (n.start, -n.end))
    numbers_apart: list[Number] = []
    for number in numbers:
        if not numbers_apart or number.start >= numbers_apart[-1].end:
            numbers_apart.append(number)
    whole = (
        _with_half(text, _with_unit(text, n, language))
        for n in _not_side_by_side(text, numbers_apart, language.code)
    )
    return [n for n in whole if n is not None]


def _plain(
    start: int, end: int, value: float, *, ordinal: bool = False, weak: bool = False
) -> Number:
    return Number(start, end, value, start, end, ordinal=ordinal, weak=weak)


def _digits(text: str, language: Language) -> Iterator[Number]:
    if _DIGIT.search(text) is None:
        return
    pattern = _DIGITS if text.isascii() else _ANY_DIGITS
    for match in pattern.finditer(text):
        value = read_figures(match["digits"], language.code)
        start, end = match.start(), match.end()
        symbol = _SYMBOL_BEFORE.search(text, max(0, start - _LONGEST_SYMBOL), start)
        first = symbol.start() if symbol else start
        if value is None or not _stands_alone(text, first, end):
            continue
        suffix = lower_case(match["suffix"] or "")
        if suffix in ("st", "nd", "rd", "th") or is_ordinal(text, start, end, language.code):
            yield _plain(start, end, value, ordinal=True)
            continue
        value *= _SCALES.get(suffix, 1)
        scale = None if suffix else _SCALE.match(text, end)
        if scale:
            value *= _SCALES[lower_case(scale[1])]
            end = scale.end()
        elif scale := _UNSPACED_SCALE.match(text, end):
            value = value * SCALES[scale[1]] + int(scale[2] or 0) * SCALES.get(scale[3], 0)
            end = scale.end()
        if first and text[first - 1] in _MINUS:
            value, first, start = -value, first - 1, first - 1
        elif minus := _NEGATIVE.search(text, max(0, first - 9), first):
            value, first, start = -value, minus.start(), minus.start()
        yield Number(start, end, value, first, end, _sign(symbol[0], language) if symbol else None)


def _sign(symbol: str, language: Language) -> str:
    plain = lower_case(symbol.strip())
    return "yuan" if plain in "¥￥" and language.code == "zh" else CURRENCIES[plain]


def _stands_alone(text: str, start: int, end: int) -> bool:
    if start and text[start - 1] in _MINUS:
        start -= 1
        if start and not text[start - 1].isspace():
            return False
    before = text[start - 1] if start else " "
    if before.isascii() and not before.isspace() and before not in _OPENS:
        return False
    if before in ",;:!?)~〜～、・，：／" and start > 1 and text[start - 2].isdigit():
        return False
    after, beyond = text[end : end + 1], text[end + 1 : end + 2]
    if after == "/" or after == "+" or (after and after in _JOINS and beyond.isdigit()):
        return False
    return not (
        (after.isspace() and beyond.isdigit())
        or _GROUP_BEFORE.search(text[max(0, start - 8) : start])
    )


def _words(text: str, language: Language) -> Iterator[Number]:
    for start, end, amount in find_number_words(text, language.code):
        yield _plain(start, end, float(amount), weak=amount == 1)
    if language.numbers is None:
        return
    words = [
        w for m in _WORDS.finditer(text) for w in _parts(m.group(), m.start(), language.numbers)
    ]
    for number in find_numbers(words, language.numbers, 0.0):
        first, last = words[number.start], words[number.end - 1]
        forms = [w.text().lower() for w in words[number.start : number.end]]
        ahead = words[number.start - 1] if number.start else None
        if any(w.isdigit() for w in forms) or (ahead is not None and ahead.text().isdigit()):
            continue
        if _PLURAL & set(forms):
            continue
        start, end, value = first.start, last.end, float(number.value)
        if ahead is not None and ahead.text().lower() in ("a", "an") and forms[0] in _SCALES:
            start = ahead.start
        if text[end : end + 6].lower() == " dozen":
            value, end = value * 12, end + 6
        if minus := _NEGATIVE.search(text, max(0, start - 9), start):
            value, start = -value, minus.start()
        yield _plain(start, end, value, ordinal=number.is_ordinal, weak=value == 1)


def _parts(word: str, start: int, numbers: str) -> list[_Word]:
    """A word as text2num wants it; the number that begins a compound ("four-star") by itself."""
    length = _number_length(word.lower(), numbers) if "-" in word else 0
    if not length:
        return [_Word(word, start, start + len(word))]
    middle = start + length
    return [_Word(word[:length], start, middle), _Word(word[length:], middle, start + len(word))]


@lru_cache(maxsize=4096)
def _number_length(word: str, numbers: str) -> int:
    """How many characters of a word with hyphens are a cardinal number before another word.

    0 if none, or if all are: "twenty-one".
    """
    pieces = word.split("-")
    for count in range(len(pieces), 0, -1):
        head = "-".join(pieces[:count])
        cardinals = list(find_numbers([_Word(head, 0, len(head))], numbers, 0.0))
        if cardinals:
            return len(head) if count < len(pieces) and not cardinals[0].is_ordinal else 0
    return 0


def _not_side_by_side(text: str, numbers: Sequence[Number], code: str) -> list[Number]:
    """Without those that follow one another at once: "one fifty", "four 4"."""
    apart = [True] * len(numbers)
    for i, (left, right) in enumerate(pairwise(numbers)):
        touching = text[left.end : right.start].isspace() and not (left.ordinal or right.ordinal)
        if touching and not (left.unit or right.unit):
            apart[i] = False
            apart[i + 1] = left.weak and code != "en" and _counts_by_itself(text, right)
    return [n for n, keep in zip(numbers, apart, strict=True) if keep]


def _counts_by_itself(text: str, number: Number) -> bool:
    """Whether the word for 1 before a number is an article: "ein 5-Sterne-Hotel"."""
    return text[number.start].isdigit() or text[number.end : number.end + 1] == "-"


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


def _with_unit(text: str, number: Number, language: Language) -> Number:
    if number.ordinal:
        return number
    if text[max(0, number.start - 3) : number.start] == "百分之":
        return replace(number, whole_start=number.start - 3, unit="percent")
    match = _UNIT.match(text, number.end)
    if match is None:
        return number
    unit = CURRENCIES[lower_case(match[1] or match[2] or match[3])]
    if unit != "percent" and text.startswith(" of ", match.end()):  # 5 pounds of flour
        return number
    if language.code == "zh" and unit == "yen" and number.unit is None and match[1]:
        unit = "yuan"
    return replace(number, whole_end=match.end(), unit=number.unit or unit)


def currency(word: str) -> str | None:
    """The currency that a sign or a word names, or None."""
    return CURRENCIES.get(word.lower())


def time_unit(word: str) -> int | None:
    """The seconds of a unit of time, or None."""
    return TIME_UNITS.get(word.lower()) or _PLAIN_UNITS.get(word)
