"""A date as it is uttered, and whether it can mean a given date."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

__all__ = ["DateExpression"]


@dataclass(frozen=True)
class DateExpression:
    """A date in a text: the parts that the text gives, None for the others.

    ``relative`` is one of "day+N" (N days from the reference), "coming" (with ``weekday``: within
    seven days), "next" (that, or the one in the week after), "week+N" (a day of the Nth week from
    the reference's), "month+N", "weekend+N". ``weak`` marks what may be no date at all ("the
    second", "next week").
    """

    start: int
    end: int
    year: int | None = None
    month: int | None = None
    day: int | None = None
    weekday: int | None = None
    relative: str | None = None
    weak: bool = False
    swapped: bool = False  # day and month may change places (3/4)

    def fits(self, value: date, reference: date | None) -> bool | None:
        """Whether the expression can mean ``value``; None if only a reference date would tell."""
        if not self._says(value):
            return False
        if self.relative is None:
            return True
        if reference is None:
            return None
        return _relative(self.relative, value, reference)

    def agrees(self, other: DateExpression) -> bool:
        """Whether both say the same: "March 8th" and "the 8th of March"."""
        if (self.swapped or other.swapped) and None not in (self.month, other.month):
            either = {self.day, self.month} == {other.day, other.month}
            return either and self.year in (None, other.year or self.year)
        parts = ("year", "month", "day", "weekday", "relative")
        mine, theirs = ([getattr(e, p) for p in parts] for e in (self, other))
        same = [
            a == b for a, b in zip(mine, theirs, strict=True) if a is not None and b is not None
        ]
        return bool(same) and all(same)

    def _says(self, value: date) -> bool:
        if self.swapped and self.year in (None, value.year):
            return {self.day, self.month} == {value.day, value.month}
        return (
            self.year in (None, value.year)
            and self.month in (None, value.month)
            and self.day in (None, value.day)
            and self.weekday in (None, value.weekday())
        )


def _relative(relative: str, value: date, reference: date) -> bool:
    # In numbers of days: "in 99,999,999 days" is no date that Python has.
    ahead = (value - reference).days
    if relative == "coming":
        return 0 <= ahead <= 7
    if relative == "next" and 0 < ahead <= 7:
        return True
    kind, _, number = relative.partition("+")
    offset = int(number or 1)
    if kind == "day":
        return ahead == offset
    if kind == "month":
        return (value.year - reference.year) * 12 + value.month - reference.month == offset
    days = ahead + reference.weekday() - 7 * offset  # since the Monday of that week
    if kind == "weekend":
        return 5 <= days <= 6
    # A week begins on Sunday for some and on Monday for others.
    return -1 <= days <= 6
