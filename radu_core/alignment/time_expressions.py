"""A time of day as it is uttered: the minutes since midnight that it can mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Half", "TimeExpression", "possible_minutes"]

_DAY = 24 * 60
Half = Literal["am", "pm", "night", ""]


@dataclass(frozen=True)
class TimeExpression:
    """A time in a text, as the minutes since midnight that it can mean.

    ``weak``: a bare hour, "by 8"; with ``at`` its words mark it as a time ("at 8").
    """

    start: int
    end: int
    minutes: frozenset[int]
    weak: bool = False
    at: bool = False


def possible_minutes(hour: int, minute: int, half: Half, *, full: bool = False) -> frozenset[int]:
    """What an hour (0–24) and minutes (negative before the hour) can mean in that half of the day.

    ``full``: written as on a clock of 24 hours ("08:00").
    """
    if hour > 24:
        return frozenset()
    first = (hour % 24) * 60 + minute
    both = {first % _DAY} | ({(first + 720) % _DAY} if 1 <= hour <= 12 and not full else set())
    if half == "am":
        return frozenset(m for m in both if m < 720)
    if half == "pm":
        return frozenset(m for m in both if m >= 720)
    if half == "night":
        return frozenset(m for m in both if m >= 18 * 60 or m < 6 * 60)
    return frozenset(both)
