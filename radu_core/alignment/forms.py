"""What kind of thing a value is: by its slot's type where it has one, otherwise by its form."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Literal

from radu_core.alignment.dates import DateExpression, find_dates
from radu_core.alignment.durations import find_durations, iso_seconds
from radu_core.alignment.language import Language
from radu_core.alignment.quantities import find_quantities
from radu_core.alignment.times import find_times
from radu_core.numbers import GROUP_SPACES
from radu_core.schema import Scalar, Slot

__all__ = ["Form", "form_of"]

Kind = Literal[
    "text",
    "boolean",
    "number",
    "money",
    "date",
    "time",
    "datetime",
    "duration",
    "said_date",
    "said_time",
]

_CLOCK_HINT = re.compile(
    r"\d|\b(?:noon|midday|midnight)\b|(?:hour|minute|second|day|night|week)s?\Z", re.IGNORECASE
)
_WITHOUT_GROUPS = str.maketrans("", "", GROUP_SPACES)
_PREPOSITION = 4  # characters that may stand before a date: "the 3rd", "am 3. April"
_BOOLEAN = {"true": True, "false": False}
_TIME = re.compile(r"(\d\d):(\d\d)(?::00)?")
_DATE_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ](\d\d):([0-5]\d)(?::\d\d(?:\.\d+)?)?\s?(?:Z|UTC|[+-]\d\d:?\d\d)?"
)
_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,5})(?:\.\d+)?")  # longer ones are numbers of something


@dataclass(frozen=True)
class Form:
    """A value's kind and what it means.

    ``amount`` is the number (also: minutes since midnight, seconds, 1 or 0 for a boolean), ``unit``
    a currency or None. ``surface`` is the value as one would write it. ``said`` and ``minutes`` are
    what a date and a time mean that are given as they are uttered.
    """

    kind: Kind
    surface: str
    amount: float = 0.0
    unit: str | None = None
    day: date | None = None
    said: DateExpression | None = None
    minutes: frozenset[int] = frozenset()


def form_of(value: Scalar, slot: Slot | None, language: Language) -> Form:
    """The form of ``value`` in ``slot``; an unknown slot has no type."""
    if isinstance(value, bool):
        return Form("boolean", str(value).lower(), float(value))
    if isinstance(value, int | float):
        return Form("number", _number_text(value), float(value))
    kind = slot.type if slot is not None else "string"
    return _form_of_text(value, kind, language)


def _number_text(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else str(value)


@lru_cache(maxsize=65_536)
def _form_of_text(value: str, kind: str, language: Language) -> Form:
    plain = value.strip()
    if not plain.isascii() or not any(c.isdigit() for c in plain):
        if plain.lower() in _BOOLEAN:
            return Form("boolean", value, float(_BOOLEAN[plain.lower()]))
        if plain.isascii() and kind == "string" and (seconds := iso_seconds(plain)):
            return Form("duration", value, seconds)
        return _spoken(value, language)
    try:
        if len(plain) == 10:
            return Form("date", value, day=date.fromisoformat(plain))
    except ValueError:
        pass
    if moment := _DATE_TIME.fullmatch(plain):
        return _moment(value, kind, moment)
    time = _TIME.fullmatch(plain)
    if time and int(time[1]) < 25 and int(time[2]) < 60:
        return Form("time", value, int(time[1]) % 24 * 60 + int(time[2]))
    if _NUMBER.fullmatch(plain):
        return Form("money", value, float(plain))
    if (seconds := iso_seconds(plain)) is not None:
        return Form("duration", value, seconds)
    return _spoken(value, language)


def _moment(value: str, kind: str, match: re.Match[str]) -> Form:
    """A date-time; at midnight, or where the slot's type says so, only its date."""
    minutes = int(match[2]) % 24 * 60 + int(match[3])
    if kind == "time":
        return Form("time", value, minutes)
    try:
        day = date.fromisoformat(match[1])
    except ValueError:
        return Form("text", value)
    if kind == "date" or not minutes:
        return Form("date", value, day=day)
    return Form("datetime", value, minutes, day=day)


def _whole_date(expression: DateExpression) -> date | None:
    """The one day that an expression with day, month and year can mean."""
    if (
        not (expression.year and expression.month and expression.day)
        or expression.swapped
        or expression.start
    ):
        return None
    try:
        return date(expression.year, expression.month, expression.day)
    except ValueError:  # 30 February
        return None


def _spoken(value: str, language: Language) -> Form:
    """A value that was given as it was uttered: an amount, a date, or just text."""
    if value.translate(_WITHOUT_GROUPS).strip().isdigit():
        return Form("text", value)  # 0042 is a name, and so may "555 123" be
    numbers = find_quantities(value, language)
    if len(numbers) == 1:
        only = numbers[0]
        if (only.whole_start, only.whole_end) == (0, len(value)) and not only.ordinal:
            return Form("money", value, only.value, only.unit)
    dates = [d for d in find_dates(value, language) if not d.weak]
    if len(dates) == 1 and dates[0].start <= _PREPOSITION and dates[0].end == len(value):
        expression = dates[0]
        if (day := _whole_date(expression)) is not None:
            return Form("date", value, day=day)
        return Form("said_date", value, said=expression)
    if language.code == "en" and not numbers and not _CLOCK_HINT.search(value):
        return Form("text", value)  # the common case, and this is the hot path
    lengths = find_durations(value, numbers, language)
    if len(lengths) == 1 and (lengths[0].start, lengths[0].end) == (0, len(value)):
        return Form("duration", value, lengths[0].seconds)
    times = find_times(value, language)
    if len(times) == 1 and (times[0].start, times[0].end) == (0, len(value)) and not times[0].weak:
        return Form("said_time", value, minutes=times[0].minutes)
    return Form("text", value)
