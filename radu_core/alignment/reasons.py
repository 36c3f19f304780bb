"""Why a person is asked, in words that the person understands."""

from __future__ import annotations

import re
from collections.abc import Sequence

from radu_core.alignment.names import nearest_words
from radu_core.alignment.places import Candidate, CandidateKind
from radu_core.alignment.readings import MOST_READINGS, Placement, Readings
from radu_core.alignment.text import Text, word_around
from radu_core.schema import Scalar

__all__ = ["ambiguous", "crowded_reason", "resolved_reason", "unlocated_reason"]

_SHORTEST_PART = 3  # characters: "US" isn't searched for in "bus"
# Kinds of places that mean the value in other figures or words. To say that the value isn't in the
# text would read as a contradiction.
_OTHER_WRITINGS: frozenset[CandidateKind] = frozenset(
    ("article", "date", "duration", "folded", "hour", "number", "ordinal", "time", "undated")
)


def resolved_reason(
    text: Text, implied_slots: Sequence[str], inferred: Sequence[tuple[Placement, Candidate]]
) -> str:
    """One reading; what stands there in other words, and what isn't written."""
    lines = [
        f"{_only(text, c)}{text.utterance[c.start : c.end]!r} {c.doubt}"
        if c.doubt
        else f"{text.utterance[c.start : c.end]!r} stands for {str(p.value)!r} ({c.kind})"
        for p, c in inferred
    ]
    if implied_slots:
        slots = list(dict.fromkeys(implied_slots))
        lines.append(f"{_list(slots)} {'is' if len(slots) == 1 else 'are'} implied")
    return "; ".join(["One reading only", *lines]) + "."


def unlocated_reason(text: Text, missing: Sequence[Placement], unsure: Sequence[Placement]) -> str:
    """Each value that isn't in the text, with what comes nearest to it."""
    return _sentence([_missing(text, p) for p in missing] + [_unsure(text, p) for p in unsure])


def crowded_reason(present: Sequence[Placement], complete: bool) -> str:
    """Values that leave no room for one another."""
    values = ", ".join(f"{p.slot}={p.value!r}" for p in present)
    if not complete:
        return f"There are too many ways to place the values {values}."
    return f"The values {values} can't all be placed without overlapping."


def ambiguous(
    present: Sequence[Placement], unsure: Sequence[Placement], text: Text, answer: Readings
) -> str:
    """Which values occur how often, and for which slots."""
    lines = []
    for value in dict.fromkeys(str(p.value) for p in present if p not in unsure):
        same = [p for p in present if str(p.value) == value]
        places = len({(c.start, c.end) for p in same for c in p.candidates})
        slots = list(dict.fromkeys(p.slot for p in same))
        if places < 2 and len(same) < 2:
            continue
        times = {1: "once", 2: "twice"}.get(places, f"{places} times")
        if len(slots) > 1:
            lines.append(f"{value!r} occurs {times} and is the value of {_list(slots)}")
        elif places > len(same):
            fit = "both fit" if places == 2 else "all fit"
            lines.append(f"{value!r} occurs {times}; {fit} {slots[0]}")
    lines += [_unsure(text, p) for p in unsure]
    if not answer.complete:
        lines.append(f"more than {MOST_READINGS} readings")
    return _sentence(lines) or "The values can be placed in more than one way."


def _only(text: Text, place: Candidate) -> str:
    return "the only " if text.utterance.count(text.utterance[place.start : place.end]) == 1 else ""


def _missing(text: Text, placement: Placement) -> str:
    if placement.found.others:  # a yes or no: see ``booleans``
        opposite = placement.found.others[0]
        surface = text.utterance[slice(*opposite.place)]
        return f"{surface!r} {opposite.doubt}; is {placement.slot} {placement.value!r}?"
    if inside := _word_with(text.utterance, str(placement.value)):
        return f"{placement.value!r} for {placement.slot} is only part of {inside!r}"
    if clock := _clock_with(text, placement.value):
        return f"{placement.value!r} for {placement.slot} occurs only in {clock!r}"
    near = _nearest(text, placement)
    nearest = f"; the nearest is {near!r}" if near else ""
    return f"no {placement.value!r} in the text for {placement.slot}{nearest}"


def _unsure(text: Text, placement: Placement) -> str:
    """What stands there, and what speaks against it.

    What doesn't differ from the value, or may mean it ("four" for 4), is never denied.
    """
    value, first = placement.value, placement.candidates[0]
    doubted = [c for c in placement.candidates if c.kind in ("doubted", "inside")]
    if doubted:
        quotes = _quote(text, [c.place for c in doubted[:1]])
        return f"{quotes} {doubted[0].doubt}; is it {placement.slot}?"
    quotes = _quote(text, [c.place for c in placement.candidates])
    if first.kind in _OTHER_WRITINGS or _holds(text.utterance[slice(*first.place)], str(value)):
        doubts = {_doubt(c) for c in placement.candidates}
        but = f", but {_doubt(first)}" if _doubt(first) and len(doubts) == 1 else ""
        return f"{quotes} may mean {value!r}{but}; is it {placement.slot}?"
    return f"no {value!r} in the text for {placement.slot}; did you mean {quotes}?"


def _doubt(place: Candidate) -> str:
    return place.doubt or ("is an ordinal" if place.kind == "ordinal" else "")


def _holds(phrase: str, value: str) -> bool:
    return value.casefold() in phrase.casefold()


def _word_with(utterance: str, value: str) -> str:
    """The word that a value is only a part of, or ""; in another case if it isn't short."""
    if inside := word_around(utterance, value):
        return inside
    match = re.search(re.escape(value), utterance, re.I) if len(value) >= _SHORTEST_PART else None
    return word_around(utterance, match.group()) if match else ""


def _nearest(text: Text, placement: Placement) -> str:
    """The words most like a text by spelling, or ""."""
    if not isinstance(placement.value, str):
        return ""
    near = nearest_words(text, placement.value, most=1)
    return text.utterance[slice(*near[0][0])] if near else ""


def _clock_with(text: Text, value: Scalar) -> str:
    """The date or time that says a number ("two pm" for 2), or ""."""
    if isinstance(value, str):
        return ""
    numbers = [n for n in text.quantities if n.value == value]
    clocks = (c for n in numbers for c in text.clock_places if c[0] <= n.start and n.end <= c[1])
    place = next(clocks, None)
    return text.utterance[slice(*place)] if place else ""


def _quote(text: Text, places: Sequence[tuple[int, int]]) -> str:
    quotes = list(dict.fromkeys(text.utterance[s:e] for s, e in places))
    return " or ".join(map(repr, quotes[:3]))


def _list(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _sentence(lines: Sequence[str]) -> str:
    text = "; ".join(lines)
    return text if not text or text.endswith("?") else f"{text}."
