"""Values as a slot takes them: a number written as text, a date with slashes, another case.

Each change has a kind, under which it is counted. What fits no type is left as it is, and rejected
by the check of the labels; so is what may mean several values ("1,599" in German), see ``unclear``.
"""

from __future__ import annotations

import math
import re
from contextlib import suppress
from datetime import datetime

from radu_core.formats.writings import possible_dates, possible_times
from radu_core.numbers import LARGEST_INTEGER, possible_numbers
from radu_core.schema import Scalar, Slot, SlotType, fits_type

__all__ = ["PLAIN", "as_type", "convert", "is_blank", "scalar_text", "unclear"]

_YES_NO = {
    "true": True,
    "yes": True,
    "1": True,
    "1.0": True,
    "false": False,
    "no": False,
    "0": False,
    "0.0": False,
}
_PERCENT = re.compile(r"(.*\d)\s*[%％]", re.DOTALL)
_NUMBER_AS_TEXT = "a number as text"
_OTHER_NUMBER = "a number in another writing"
_POINT = "a number with a point that may group thousands in the module's language"
_YES_NO_AS_TEXT = "yes or no as text"
_FRACTION = "a whole number with a fraction of 0"
_OTHER_TYPE = "a possible value of another type"
PLAIN = frozenset(
    {_NUMBER_AS_TEXT, _YES_NO_AS_TEXT, _OTHER_TYPE}
)  # nothing else is meant by a cell


def scalar_text(value: object) -> str:
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


def as_type(text: str, slot: Slot, code: str) -> Scalar:
    """A text as the slot's type, in a language; what doesn't fit stays text."""
    return convert(text, slot, code)[0]


def convert(value: Scalar, slot: Slot, code: str, *, program: bool = True) -> tuple[Scalar, str]:
    """The value as the slot takes it, and the kind of change; "" where it is the same.

    ``code`` is the language that it may be written in; ``program``: a number with a point may come
    from a program, as in the cells of a table.
    """
    if fits_type(value, slot):
        return value, ""
    if slot.possible_values:
        return _possible(value, slot)
    if slot.type == "boolean":
        boolean = _YES_NO.get(scalar_text(value).strip().casefold())
        return (value, "") if boolean is None else (boolean, _YES_NO_AS_TEXT)
    if slot.type == "string":
        return _text(value)
    if not isinstance(value, str):
        return _whole(value, slot.type)
    if slot.type in ("integer", "number"):
        return _number(value, slot, code, program)
    meanings = _meanings(value, slot.type, code)
    return (meanings[0], f"a {slot.type} in another writing") if len(meanings) == 1 else (value, "")


def unclear(value: Scalar, slot: Slot, code: str, *, program: bool = True) -> tuple[str, str]:
    """Why a text that may mean several values of the slot's type isn't taken, and the remedy.

    Two empty texts where it isn't so.
    """
    if slot.possible_values or not isinstance(value, str) or fits_type(value, slot):
        return "", ""
    if convert(value, slot, code, program=program)[1]:
        return "", ""
    meanings = _meanings(value, slot.type, code)
    if len(meanings) < 2:
        return "", ""
    whole = [m for m in meanings if isinstance(m, float) and m.is_integer()]
    fitting = whole if slot.type == "integer" else meanings
    return (
        f"may mean {' or '.join(map(scalar_text, meanings))}",
        f"Write {' or '.join(map(_unambiguous, fitting))}.",
    )


def _possible(value: Scalar, slot: Slot) -> tuple[Scalar, str]:
    text = scalar_text(value).strip()
    same = [p for p in slot.possible_values if scalar_text(p) == text or str(p) == text]
    if same:
        return same[0], "outer spaces" if type(same[0]) is type(value) else _OTHER_TYPE
    alike = [p for p in slot.possible_values if scalar_text(p).casefold() == text.casefold()]
    return (alike[0], "a possible value in another case") if alike else (value, "")


def _whole(value: Scalar, type_: str) -> tuple[Scalar, str]:
    if isinstance(value, float) and value.is_integer() and type_ == "integer":
        return int(value), _FRACTION
    return value, ""


def _number(text: str, slot: Slot, code: str, program: bool) -> tuple[Scalar, str]:
    """A text as the one number that it can mean, if it is one that the slot takes."""
    whole = slot.type == "integer"
    if percent := _PERCENT.fullmatch(text.strip()):
        shares = possible_numbers(percent[1], code)
        if whole or len(shares) != 1:
            return text, ""
        return float(f"{shares[0] / 100:.12g}"), "a percentage as a share"
    if slot.multi_value and "," in text:  # may be several
        return text, ""
    plain, meanings = _as_program(text), possible_numbers(text, code)
    if plain is not None and len(meanings) < 2:
        number, kind = plain, _NUMBER_AS_TEXT
    elif len(meanings) == 1 or (whole and plain is not None and not float(plain).is_integer()):
        number, kind = meanings[0], _OTHER_NUMBER  # of a point the language's own: 1.599 pieces
    elif plain is not None and program and not whole:
        number, kind = plain, _POINT
    else:
        return text, ""
    if float(number).is_integer() and (whole or kind == _OTHER_NUMBER):
        fraction = kind == _NUMBER_AS_TEXT and isinstance(number, float)
        return int(number), _FRACTION if fraction else kind
    return (text, "") if whole else (number, kind)


def _as_program(text: str) -> float | int | None:
    """The number that a program would read in a text, or None."""
    for kind in (int, float):
        with suppress(ValueError, OverflowError):
            number: float | int = kind(text)
            if isinstance(number, float) and number.is_integer() and _is_rounded(number):
                return None  # it would get digits that nobody wrote
            if math.isfinite(number):
                return number
    return None


def _meanings(text: str, type_: SlotType, code: str) -> tuple[Scalar, ...]:
    """All that a text may mean as a number, a date or a time."""
    if type_ == "time":
        return possible_times(text)
    if type_ != "date":
        return possible_numbers(text, code)
    with suppress(ValueError):
        moment = datetime.fromisoformat(text.strip())
        return (moment.date().isoformat(),) if moment.time() == datetime.min.time() else ()
    return possible_dates(text, code)


def _unambiguous(value: Scalar) -> str:
    """As it can be written without being taken for another: three decimals may be a group."""
    text = scalar_text(value)
    return f"{text}0" if re.search(r"\.\d{3}\Z", text) else text


def _text(value: Scalar) -> tuple[Scalar, str]:
    if isinstance(value, float) and (_is_rounded(value) or not math.isfinite(value)):
        return value, ""
    return scalar_text(value), "a number or yes/no for a slot of text"
