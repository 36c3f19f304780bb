"""Values found in a text, as the arguments of a function: typed, and one a slot or several."""

from __future__ import annotations

from typing import Protocol

from radu_core.alignment.language import language
from radu_core.alignment.quantities import find_quantities
from radu_core.schema import Arguments, Function, Scalar, Slot, fits_type

__all__ = ["Filler", "fill", "read_number"]


class Filler(Protocol):
    """Finds the arguments of a function in an utterance."""

    def arguments(self, function: str, utterance: str) -> Arguments: ...


def fill(function: Function, arguments: Arguments, name: str, value: Scalar) -> bool:
    """Give a slot a value, unless it has one, or takes no such value; whether it took it."""
    slot = function.slot(name)
    cast_value = None if slot is None else _cast(value, slot)
    if slot is None or cast_value is None:
        return False
    if not slot.multi_value:
        return arguments.setdefault(name, cast_value) is cast_value
    values = arguments.setdefault(name, [])
    assert isinstance(values, list)
    if cast_value not in values:
        values.append(cast_value)
    return True


def read_number(text: str, code: str) -> float | None:
    """The number that a text is, in digits or words of a language ("twenty two"), if it is one."""
    numbers = find_quantities(text, language(code))
    whole = (n for n in numbers if (n.whole_start, n.whole_end) == (0, len(text)))
    value = next((n.value for n in whole), None)
    return int(value) if value is not None and value % 1 == 0 else value


def _cast(value: Scalar, slot: Slot) -> Scalar | None:
    """The value as its slot has it: digits of a text as a number."""
    if isinstance(value, str) and slot.type in ("integer", "number"):
        try:
            value = int(value) if slot.type == "integer" else float(value)
        except ValueError:
            return None
    return value if fits_type(value, slot) else None
