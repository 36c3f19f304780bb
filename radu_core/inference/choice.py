"""Answers chosen among what an utterance and the schema offer, by the model's likelihood.

A completion is read from left to right as a row of decisions: which slot comes next, or none; which
of its values. Each decision is the likeliest of a few texts, found by best-first search: a text is
at most as likely as its beginning, so the first one that is found whole is the best, and only
beginnings that are likely enough are looked at (uniform-cost search).
Keys and signs are never generated: what comes out is a completion that the schema allows.
"""

from __future__ import annotations

import heapq
import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count, takewhile
from typing import TYPE_CHECKING

from radu_core.generator import Walk
from radu_core.prompts import completion_for_single
from radu_core.schema import Arguments, Function, Scalar, Slot, Value

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["choose_arguments", "choose_value"]

_MOST_STEPS = 400  # beginnings of a decision that are kept; then the likeliest one is followed
_ENDS_TEXT, _ENDS_VALUE = '"', ",}]"
Offer = Callable[[Slot], Sequence[Scalar]]


@dataclass(frozen=True)
class _Option:
    """Something to choose: the text that says it, and what has to follow (None: that is sure)."""

    text: str
    closing: str | None = None


def choose_arguments(walk: Walk, function: Function, offer: Offer) -> tuple[Arguments, str]:
    """The likeliest arguments of a function, and the completion that says them.

    ``offer`` gives the values that a slot may have; only slots that it gives some for are filled.
    """
    text = " {"
    found: Arguments = {}
    left = [(s, values) for s in _open(function) if (values := offer(s))]
    while left:
        comma = ", " if found else ""
        keys = [f"{text}{comma}{_json(slot.name)}:" for slot, _ in left]
        chosen = _choose(walk, [_Option(text + "}"), *map(_Option, keys)], whole=False)
        if chosen == 0:
            break
        slot, values = left[chosen - 1]
        found[slot.name], text = _value(walk, f"{keys[chosen - 1]} ", slot, values)
        left = left[chosen:]
    return found, text + "}"


def choose_value(walk: Walk, slot: Slot, values: Sequence[Scalar]) -> tuple[Value | None, str]:
    """The likeliest of a slot's values, or None, and the completion that says it."""
    null = completion_for_single(None)
    if not values:
        return None, null
    before = " [" if slot.multi_value else " "
    options = [_Option(null, _ENDS_VALUE), *(_option(before, v) for v in values)]
    if _choose(walk, options) == 0:
        return None, null
    return _value(walk, " ", slot, values)


def _value(walk: Walk, text: str, slot: Slot, values: Sequence[Scalar]) -> tuple[Value, str]:
    """The likeliest value (several of one that takes them), and the text with it."""
    if not slot.multi_value:
        best = values[_choose(walk, [_option(text, v) for v in values])]
        return best, text + _json(best)
    text += "["
    left, found = list(values), []
    while left:
        best = left.pop(_choose(walk, [_option(text, v) for v in left]))
        found.append(best)
        text += _json(best)
        goes_on = left and _choose(
            walk,
            [_Option(text + "]"), *(_Option(f"{text}, {_json(v)}") for v in left)],
            whole=False,
        )
        if not goes_on:
            break
        text += ", "
    return found, text + "]"


def _choose(walk: Walk, options: Sequence[_Option], *, whole: bool = True) -> int:
    """The place of the likeliest option.

    ``whole``: by the likelihood of all of its text; otherwise by that of its beginning, up to where
    it differs from all others.
    """
    paths = [walk.tokens(o.text) for o in options]
    order = count()
    heap = [(0.0, next(order), _common(paths), list(range(len(options))), False)]
    while True:
        cost, steps, path, under, done = heapq.heappop(heap)
        if done or (len(under) == 1 and not (whole and heap)):
            return under[0]
        if steps > _MOST_STEPS:
            heap = []  # only what goes on from here
        scores = walk.after(path)
        further: dict[int, list[int]] = defaultdict(list)
        for place in under:
            if len(paths[place]) > len(path):
                further[paths[place][len(path)]].append(place)
            else:
                ends = cost - _either(scores, walk, options[place])
                heapq.heappush(heap, (ends, next(order), path, [place], True))
        for token, those in further.items():
            goes_on = cost - float(scores[token])
            heapq.heappush(heap, (goes_on, next(order), (*path, token), those, False))


def _either(scores: NDArray[np.float64], walk: Walk, option: _Option) -> float:
    """The log-probability that an option's text ends where it does."""
    import numpy as np

    if option.closing is None:
        return 0.0
    return float(np.logaddexp.reduce(scores[list(walk.closing(option.closing))]))


def _common(paths: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    """What all paths begin with."""
    first, last = min(paths), max(paths)
    same = takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False))
    return tuple(token for token, _ in same)


def _option(text: str, value: Scalar) -> _Option:
    """A value, up to the sign that ends it."""
    if isinstance(value, str):
        return _Option(text + _json(value)[:-1], _ENDS_TEXT)
    return _Option(text + _json(value), _ENDS_VALUE)


def _open(function: Function) -> list[Slot]:
    return [s for s in function.slots if s.recognizer is None]


def _json(value: Scalar) -> str:
    return json.dumps(value, ensure_ascii=False)
