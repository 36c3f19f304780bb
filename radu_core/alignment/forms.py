"""What kind of thing a value is: by its slot's type where it has one, otherwise by its form."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Literal

from radu_core.alignment.dates import DateExpression, find_dates
from radu_core.alignment.durations import iso_seconds
from radu_core.alignment.language import Language
from radu_core.alignment.quantities import find_quantities
from radu_core.schema import Scalar, Slot

__all__ = ["Form", "form_of"]

Kind = Literal["text", "boolean", "number", "money", "date", "time", "duration", "said_date"]

_BOOLEAN = {"true": True, "false": False}
_TIME = re.compile(r"(\d\d):(\d\d)(?::00)?")
_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,5})(?:\.\d+)?")  # longer ones are numbers of something


@dataclass(frozen=True)
class Form:
    """A value's kind and what it means.

    ``amount`` is the number (also: minutes since midnight, seconds, 1 or 0 for a boolean), ``unit``
    a currency or None. ``surface`` is the value as one would write it.
    """

    kind: Kind
    surface: str
    amount: float = 0.0
    unit: str | None = None
    day: date | None = None
    said: DateExpression | None = None


def form_of(value: Scalar, slot: Slot | None, language: Language) -> Form:
    """The form of ``value`` in ``slot``; an unknown slot has no type."""
    if isinstance(value, bool):
        return Form("boolean", str(value).lower(), float(value))
    if isinstance(value, int | float):
        return Form("number", _written(value), float(value))
    kind = slot.type if slot is not None else "string"
    return _form_of_text(value, kind, language)


def _written(value: float) -> str:
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
    time = _TIME.fullmatch(plain)
    if time and int(time[1]) < 25 and int(time[2]) < 60:
        return Form("time", value, int(time[1]) % 24 * 60 + int(time[2]))
    if _NUMBER.fullmatch(plain):
        return Form("money", value, float(plain))
    if (seconds := iso_seconds(plain)) is not None:
        return Form("duration", value, seconds)
    return _spoken(value, language)


def _spoken(value: str, language: Language) -> Form:
    """A value that was given as it was said: an amount, a date, or just text."""
    if value.strip().isdigit():
        return Form("text", value)  # 0042 is a name
    numbers = find_quantities(value, language)
    if len(numbers) == 1:
        only = numbers[0]
        if (only.whole_start, only.whole_end) == (0, len(value)) and not only.ordinal:
            return Form("money", value, only.value, only.unit)
    dates = find_dates(value, language) if language.code == "en" else []
    if len(dates) == 1 and dates[0].start <= 4 and dates[0].end == len(value) and not dates[0].weak:
        return Form("said_date", value, said=dates[0])
    return Form("text", value)
