"""A date with its time as one value ("2026-03-09T18:30"), and times given as they are said."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from radu_core.alignment.text import Place, Text

__all__ = ["find_date_times", "find_same_times"]

# What may stand between a date and its time, either way round.
_BETWEEN = re.compile(
    r"T|[\s,，、]*(?:at|on|um|gegen|am|à|le|a las?|el|alle|il|om|op|às|в|の|的|에|に)?[\s,]*",
    re.IGNORECASE,
)

_ZONE = re.compile(r"(?:\s?UTC\b|Z\b|[+-]\d\d:?\d\d(?!\d))")


def find_date_times(
    text: Text, day: date, minutes: float, reference: date | None
) -> Iterator[tuple[Place, bool]]:
    """Where a date and a time that mean ``day`` and ``minutes`` since midnight stand together, and
    whether a reference date is missing to be sure of it."""
    for expression in text.dates:
        fits = expression.fits(day, reference)
        if fits is False or expression.weak:
            continue
        for time in text.times:
            if minutes not in time.minutes or (time.weak and not time.at):
                continue
            first, second = sorted(((expression.start, expression.end), (time.start, time.end)))
            if _BETWEEN.fullmatch(text.utterance, first[1], second[0]):
                zone = _ZONE.match(text.utterance, second[1])
                yield (first[0], zone.end() if zone else second[1]), fits is None


def find_same_times(text: Text, minutes: frozenset[int]) -> list[Place]:
    """Where a time stands that means the same as ``minutes``, or tells which of them is meant."""
    return [
        (e.start, e.end)
        for e in text.times
        if not e.weak and e.minutes and (e.minutes <= minutes or minutes <= e.minutes)
    ]
