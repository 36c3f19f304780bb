"""Values as a slot takes them: a number written as text, a date with slashes, another case.

Each change has a kind, under which it is counted. What fits no type is left as it is, and rejected
by the check of the labels.
"""

from __future__ import annotations

import math
import re
from contextlib import suppress
from datetime import date, datetime

from radu_core.numbers import LARGEST_INTEGER
from radu_core.schema import Scalar, Slot, fits_type

__all__ = ["PLAIN", "as_type", "converted", "is_blank", "shown"]

_YES_NO = {
    "true": True, "yes": True, "1": True, "1.0": True,
    "false": False, "no": False, "0": False, "0.0": False,
}  # fmt: skip
_YEAR_FIRST = re.compile(r"(\d{4})\s*[-/.]\s*(\d{1,2})\s*[-/.]\s*(\d{1,2})\.?")
_CLOCK = re.compile(r"(\d{1,2}):(\d\d)(?::(\d\d)(?:\.0+)?)?")
_PERCENT = re.compile(r"([-+]?\d+(?:\.\d+)?)\s*%")
_NUMBER_AS_TEXT = "a number as text"
_YES_NO_AS_TEXT = "yes or no as text"
_OTHER_TYPE = "a possible value of another type"
PLAIN = frozenset(
    {_NUMBER_AS_TEXT, _YES_NO_AS_TEXT, _OTHER_TYPE}
)  # nothing else is meant by a cell


def shown(value: object) -> str:
    """A scalar as a text: ``true``, ``2`` for ``2.0``, and ``1e+20``, whose digits aren't known."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer() and not _is_rounded(value):
        return str(int(value))
    return str(value)


def _is_rounded(value: float) -> bool:
    """Whether a whole number is so large that not all of its digits are those that were written."""
    return abs(value) > LARGEST_INTEGER


def is_blank(value: object) -> bool:
    """Whether a value is none: null, or a text without any character that is seen."""
    return value is None or (isinstance(value, str) and not value.strip())


def as_type(text: str, slot: Slot) -> Scalar:
    """A text as the slot's type; what doesn't fit stays text."""
    return converted(text, slot)[0]


def converted(value: Scalar, slot: Slot) -> tuple[Scalar, str]:
    """The value as the slot takes it, and the kind of change; "" where it is the same."""
    if fits_type(value, slot):
        return value, ""
    if slot.possible_values:
        return _possible(value, slot)
    if slot.type == "boolean":
        found = _YES_NO.get(shown(value).strip().casefold())
        return (value, "") if found is None else (found, _YES_NO_AS_TEXT)
    if slot.type in ("integer", "number"):
        return _number(value, slot.type)
    if slot.type == "string":
        return _text(value)
    if isinstance(value, str):
        return _date(value) if slot.type == "date" else _time(value)
    return value, ""


def _possible(value: Scalar, slot: Slot) -> tuple[Scalar, str]:
    text = shown(value).strip()
    same = [p for p in slot.possible_values if shown(p) == text or str(p) == text]
    if same:
        return same[0], "outer spaces" if type(same[0]) is type(value) else _OTHER_TYPE
    alike = [p for p in slot.possible_values if shown(p).casefold() == text.casefold()]
    return (alike[0], "a possible value in another case") if alike else (value, "")


def _number(value: Scalar, type_: str) -> tuple[Scalar, str]:
    if isinstance(value, bool):
        return value, ""
    if isinstance(value, float):
        whole = value.is_integer() and type_ == "integer"
        return (int(value), "a whole number with a fraction of 0") if whole else (value, "")
    if not isinstance(value, str):
        return value, ""
    if type_ == "number" and (percent := _PERCENT.fullmatch(value.strip())):
        return float(f"{float(percent[1]) / 100:.12g}"), "a percentage as a share"
    for kind in (int, float):
        with suppress(ValueError, OverflowError):
            found = kind(value)
            if type_ == "integer" and isinstance(found, float) and found.is_integer():
                found = int(found)
            if math.isfinite(found) and (type_ == "number" or isinstance(found, int)):
                return found, _NUMBER_AS_TEXT
    return value, ""


def _text(value: Scalar) -> tuple[Scalar, str]:
    if isinstance(value, float) and (_is_rounded(value) or not math.isfinite(value)):
        return value, ""
    return shown(value), "a number or yes/no for a slot of text"


def _date(value: str) -> tuple[Scalar, str]:
    found = None
    with suppress(ValueError):
        if match := _YEAR_FIRST.fullmatch(value.strip()):
            found = date(*(int(part) for part in match.groups()))
        else:
            moment = datetime.fromisoformat(value.strip())
            found = moment.date() if moment.time() == datetime.min.time() else None
    return (value, "") if found is None else (found.isoformat(), "a date in another writing")


def _time(value: str) -> tuple[Scalar, str]:
    match = _CLOCK.fullmatch(value.strip())
    if match is None or int(match[1]) > 23:
        return value, ""
    seconds = f":{match[3]}" if match[3] not in (None, "00") else ""
    return f"{int(match[1]):02d}:{match[2]}{seconds}", "a time in another writing"
