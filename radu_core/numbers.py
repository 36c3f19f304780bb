"""Which numbers can be stored: finite ones, and integers that every JSON reader keeps exactly."""

from __future__ import annotations

import math
from collections.abc import Sequence

from radu_core.errors import shorten

__all__ = ["LARGEST_INTEGER", "NUMBER_REMEDY", "NumberError", "number_problem"]

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
        shown = "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
        return f"{shown} isn't a finite number"
    if isinstance(value, int) and abs(value) > LARGEST_INTEGER:
        return (
            f"{shorten(value, 40)} is an integer so large that browsers and JSON readers round it"
        )
    return ""
