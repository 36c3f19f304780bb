"""Number words of languages that text2num doesn't have: Russian and Catalan, with their forms."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from radu_core.alignment.folding import lower_case

__all__ = ["WORDED", "find_number_words"]

_RUSSIAN = {
    0: "ноль нуль",
    1: "один одна одно одного одной одному одну одним",
    2: "два две двух двум двумя двое двоих",
    3: "три трех трёх трем трём тремя трое троих",
    4: "четыре четырех четырёх четырем четырём четверо четверых",
    5: "пять пяти пятью пятеро пятерых",
    6: "шесть шести шестью шестеро шестерых",
    7: "семь семи семью семеро",
    8: "восемь восьми восемью",
    9: "девять девяти девятью",
    10: "десять десяти десятью",
    11: "одиннадцать одиннадцати",
    12: "двенадцать двенадцати",
    13: "тринадцать тринадцати",
    14: "четырнадцать четырнадцати",
    15: "пятнадцать пятнадцати",
    16: "шестнадцать шестнадцати",
    17: "семнадцать семнадцати",
    18: "восемнадцать восемнадцати",
    19: "девятнадцать девятнадцати",
    20: "двадцать двадцати",
    30: "тридцать тридцати",
    40: "сорок сорока",
    50: "пятьдесят пятидесяти",
    60: "шестьдесят шестидесяти",
    70: "семьдесят семидесяти",
    80: "восемьдесят восьмидесяти",
    90: "девяносто девяноста",
    100: "сто ста",
    200: "двести двухсот",
    300: "триста трехсот трёхсот",
    400: "четыреста четырехсот четырёхсот",
    500: "пятьсот пятисот",
    600: "шестьсот шестисот",
    700: "семьсот семисот",
    800: "восемьсот восьмисот",
    900: "девятьсот девятисот",
    1_000: "тысяча тысячи тысяч тысячу",
    1_000_000: "миллион миллиона миллионов",
}
_CATALAN = {
    0: "zero",
    1: "un una u",
    2: "dos dues",
    3: "tres",
    4: "quatre",
    5: "cinc",
    6: "sis",
    7: "set",
    8: "vuit huit",
    9: "nou",
    10: "deu",
    11: "onze",
    12: "dotze",
    13: "tretze",
    14: "catorze",
    15: "quinze",
    16: "setze",
    17: "disset desset",
    18: "divuit devuit",
    19: "dinou denou",
    20: "vint",
    30: "trenta",
    40: "quaranta",
    50: "cinquanta",
    60: "seixanta",
    70: "setanta",
    80: "vuitanta huitanta",
    90: "noranta",
    100: "cent cents centes",
    1_000: "mil",
    1_000_000: "milió milions",
}
WORDED = {"ru": _RUSSIAN, "ca": _CATALAN}
_SCALES = frozenset((1_000, 1_000_000))
# Catalan "nou" is "new", "set" thirst and "deu" owes: numbers where a plural follows.
_ALSO_WORDS = {"ca": frozenset(("nou", "set", "deu", "u"))}
_PLURAL_FOLLOWS = re.compile(r"\s[^\W\d_]+s\b")


@lru_cache(maxsize=4)
def _table(code: str) -> tuple[dict[str, int], re.Pattern[str]]:
    values = {w: n for n, words in WORDED[code].items() for w in words.split()}
    either = "|".join(sorted(values, key=len, reverse=True))
    return values, re.compile(
        rf"(?<![\w-])(?:{either})(?:(?:\s|-i-|-)(?:{either}))*(?![\w-])", re.IGNORECASE
    )


def find_number_words(text: str, code: str) -> Iterator[tuple[int, int, int]]:
    """Start, end and value of the numbers in words; none in other languages."""
    if code not in WORDED:
        return
    values, pattern = _table(code)
    for match in pattern.finditer(text):
        words = re.split(r"\s|-i-|-", lower_case(match.group()))
        value = _value([values[w] for w in words])
        alone = len(words) == 1 and words[0] in _ALSO_WORDS.get(code, ())
        if value is None or (alone and not _PLURAL_FOLLOWS.match(text, match.end())):
            continue
        yield match.start(), match.end(), value


def _value(parts: list[int]) -> int | None:
    """The number that the parts say; None if they are several ("два три")."""
    total = group = 0
    smallest = 1_000
    for part in parts:
        if part in _SCALES:
            total += (group or 1) * part
            group, smallest = 0, 1_000
        elif part == 100 and 1 < group < 10:  # Catalan "dos-cents"
            group, smallest = group * 100, 100
        elif part < smallest and not (smallest < 100 and part >= 10) and (part or len(parts) == 1):
            group += part
            smallest = 100 if part >= 100 else 10 if part >= 20 else 1
        else:
            return None
    return total + group
