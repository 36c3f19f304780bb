"""Which numbers can be stored: finite ones, and integers that every JSON reader keeps exactly."""

from __future__ import annotations

import math

from radu_core.errors import shorten

__all__ = ["LARGEST_INTEGER", "NUMBER_REMEDY", "number_problem"]

LARGEST_INTEGER = 2**53 - 1  # beyond it browsers round, without an error (RFC 7493, section 2.2)
NUMBER_REMEDY = (
    "Write a finite number between -9,007,199,254,740,991 and 9,007,199,254,740,991, or make it a "
    "text."
)


def number_problem(value: object) -> str:
    """Why a number can't be stored as a value, with the number; "" if it can, or is none."""
    if isinstance(value, float) and not math.isfinite(value):
        return f"{value} isn't a finite number"
    if isinstance(value, int) and abs(value) > LARGEST_INTEGER:
        return (
            f"{shorten(value, 40)} is an integer so large that browsers and JSON readers round it"
        )
    return ""
