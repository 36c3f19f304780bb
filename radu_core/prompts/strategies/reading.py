"""Reading what a model says: likelihoods as probabilities, JSON as arguments."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from radu_core.calls import flat_arguments
from radu_core.schema import Arguments, Function, Slot, Value, as_values, fits_type

__all__ = ["check_arguments", "softmax"]


def softmax(scores: Mapping[str, float]) -> dict[str, float]:
    """The probability of each name, from log-likelihoods."""
    top = max(scores.values())
    weights = {name: math.exp(score - top) for name, score in scores.items()}
    total = sum(weights.values())
    return {name: weight / total for name, weight in weights.items()}


def check_arguments(function: Function, decoded: Mapping[str, Any]) -> tuple[Arguments, list[str]]:
    """The arguments that fit the function's slots, and what was wrong with the others."""
    values: Arguments = {}
    problems: list[str] = []
    for name, value in flat_arguments(function, decoded).items():
        target = function.slot(str(name))
        if value is None:
            continue
        if target is None or target.recognizer is not None:
            problems.append(f"{function.name} has no slot {name!r} for the model to fill")
            continue
        fitting = _fit(value, target)
        if fitting is None:
            problems.append(f"{value!r} doesn't fit the slot {name!r}")
        else:
            values[target.name] = fitting
    return values, problems


def _fit(value: Any, slot: Slot) -> Value | None:
    """The value if it fits the slot; a list of one is taken as its element, and the reverse."""
    if isinstance(value, list) and len(value) == 1 and not slot.multi_value:
        value = value[0]
    if not isinstance(value, list):
        value = [value] if slot.multi_value else value
    scalars = as_values(value)
    if not scalars or not all(
        isinstance(s, bool | int | float | str) and fits_type(s, slot) for s in scalars
    ):
        return None
    result: Value = value
    return result
