"""A date with its time as one value ("2026-03-09T18:30"), and times given as they are uttered."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from radu_core.alignment.text import Place, Text

__all__ = ["find_date_times", "find_same_times", "find_written_times"]

# What may stand between a date and its time, either way round.
_BETWEEN = re.compile(
    r"T|[\s,，、]*(?:at|on|um|gegen|am|à|le|a las?|el|alle|il|om|op|às|в|の|的|에|に)?[\s,]*",
    re.IGNORECASE,
)

_NOON = 12
_NEAR = 12  # characters before an hour
_IS_LENGTH = re.compile(
    r"\b(?:for|during|pendant|durant|durante|por|per|tijdens|gedurende|в течение)\s\Z",
    re.IGNORECASE,
)
_ZONE = re.compile(r"(?:\s?UTC\b|Z\b|[+-]\d\d:?\d\d(?!\d))")


def find_date_times(
    text: Text, day: date, minutes: float, reference: date | None
) -> Iterator[tuple[Place, bool]]:
    """The places where a date and a time that mean ``day`` and ``minutes`` stand together.

    ``minutes`` are since midnight. With each comes whether a reference date is missing to be sure
    of it.
    """
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


def find_written_times(text: Text, minutes: int) -> list[Place]:
    """Where the figures of a time stand with a sign that also means something else: "18.30", "18h".

    An hour alone counts from 13 on, and nothing that is an amount of money or a share.
    """
    hour, minute = divmod(minutes, 60)
    with_minutes = rf"(?<![\w.,:/-])0?{hour}\s?[.h]\s?{minute:02d}(?![\w/-]|[.,:]\d)"
    places = [m.span() for m in re.finditer(with_minutes, text.utterance, re.IGNORECASE)]
    if not minute and hour > _NOON:
        alone = rf"(?<![\w.,:/-]){hour}\s?(?:h|ч|uur|heures|horas)(?!\w)"
        places += [
            m.span()
            for m in re.finditer(alone, text.utterance, re.IGNORECASE)
            if not _IS_LENGTH.search(text.utterance[max(0, m.start() - _NEAR) : m.start()])
        ]
    money = [(n.whole_start, n.whole_end) for n in text.quantities if n.unit]
    return [p for p in places if not any(s < p[1] and p[0] < e for s, e in money)]
