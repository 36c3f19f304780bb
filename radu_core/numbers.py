"""Which numbers can be stored, and what figures mean: "1,599", "1.599,00", "1 599", "1'599".

Stored are finite ones, and integers that every JSON reader keeps exactly.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from radu_core.errors import shorten

__all__ = [
    "GROUP_SPACES",
    "LARGEST_INTEGER",
    "NUMBER_REMEDY",
    "NumberError",
    "number_problem",
    "possible_numbers",
    "read_figures",
]

GROUP_SPACES = " \u00a0\u2009\u202f'’"  # between groups of three digits, in any language
_COMMA = (
    "af az be bg bs ca cs da de el es et eu fi fr gl hr hu hy id is it ka kk lt lv mk nb nl nn "
    "no pl pt ro ru sk sl sq sr sv tr uk uz vi"
)
_COMMA_DECIMAL = frozenset(_COMMA.split())
_MARKS = {"٫": ".", "．": ".", "٬": ",", "，": ","}
_MARKS |= dict.fromkeys(GROUP_SPACES, " ")
_INDIAN = re.compile(r"\d{1,2}(?:,\d\d)+,\d{3}(?:\.\d+)?")

LARGEST_INTEGER = 2**53 - 1  # beyond it browsers round, without an error (RFC 7493, section 2.2)
NUMBER_REMEDY = "Write a finite number within ±9,007,199,254,740,991, or make it a text."


class NumberError(ValueError):
    """JSON holds a number that can't be stored; ``where`` is its ``path`` in words."""

    def __init__(self, path: Sequence[str | int], problem: str) -> None:
        self.path = tuple(path)
        self.where = ".".join(map(str, path))
        self.problem = problem
        super().__init__(f"{self.where}: {problem}" if path else problem)


def number_problem(value: object) -> str:
    """Why a number can't be stored as a value, with the number; "" if it can, or is none."""
    if isinstance(value, float) and not math.isfinite(value):
        text = "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
        return f"{text} isn't a finite number"
    if isinstance(value, int) and abs(value) > LARGEST_INTEGER:
        return (
            f"{shorten(value, 40)} is an integer so large that browsers and JSON readers round it"
        )
    return ""


def read_figures(figures: str, code: str) -> float | None:
    """The value of digits (of any script) with their separators, as the language sets them.

    Where a shape has one meaning only ("1.599,00", "1,59,900"), it counts in every language. None
    if it is unclear, or no number: 007 is a name.
    """
    comma = code in _COMMA_DECIMAL and not {"٫", "٬"} & set(figures)
    if not figures.isascii():
        figures = "".join(
            c if c in ".,'" else _MARKS.get(c) or (str(int(c)) if c.isdecimal() else c)
            for c in figures
        )
    if len(figures) > 1 and figures[0] == "0" and figures[1].isdigit():
        return None
    if figures.isdecimal():
        return float(figures)
    if _INDIAN.fullmatch(figures):
        return float(figures.replace(",", ""))
    figures = figures.replace("'", " ")
    decimal, thousands = (",", ".") if comma else (".", ",")
    for point, group in ((decimal, thousands), (thousands, decimal), (decimal, " ")):
        pattern = rf"[1-9]\d{{,2}}(?:\{group}\d{{3}})+(?:\{point}\d+)?"
        # As another language sets it only where that shows: "1.599,00" or "1.599.000" in English.
        shows = group != decimal or point in figures or figures.count(group) > 1
        if shows and re.fullmatch(pattern, figures):
            return float(figures.replace(group, "").replace(point, "."))
    if re.fullmatch(rf"\d+\{decimal}\d+", figures):
        return float(figures.replace(decimal, "."))
    grouped = r"(?:\d+|[1-9]\d{,2}(?: \d{3})+)"
    if re.fullmatch(rf"{grouped}\{thousands}\d\d?|0\{thousands}\d+", figures):  # 48,60 in English
        return float(figures.replace(" ", "").replace(thousands, "."))
    return None


def possible_numbers(text: str, code: str) -> tuple[float, ...]:
    """What a number in figures may mean, the language's own reading first.

    "1,599" in German is 1.599, and 1599 to whoever writes as English does; "1.599" is 1599, and
    1.599 to a program.
    """
    sign, figures = re.match(r"\s*([-+−]?)\s*(.*?)\s*\Z", text, re.DOTALL).groups()  # type: ignore[union-attr]
    if not figures[:1].isdecimal():
        return ()
    readings = (read_figures(figures, code), read_figures(figures, "en"))
    factor = -1 if sign in ("-", "−") else 1
    return tuple(dict.fromkeys(factor * n for n in readings if n is not None and n < math.inf))
