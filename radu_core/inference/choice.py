"""Answers chosen among what an utterance and the schema offer, by the model's likelihood.

A completion is read from left to right as a row of decisions: which slot comes next, or none; which
of its values. Each decision is the likeliest of a few texts, found by best-first search: a text is
at most as likely as its beginning, so the first one that is found whole is the best, and only
beginnings that are likely enough are looked at (uniform-cost search).
Keys and punctuation are never generated: what comes out is a completion that the schema allows.
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
from radu_core.prompts.strategies import single_slot
from radu_core.prompts.strategies.slots import slots_to_fill
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


@dataclass(frozen=True)
class _Path:
    """Tokens that say the option at ``place``, and what has to follow them."""

    tokens: tuple[int, ...]
    place: int
    closing: str | None


def choose_arguments(walk: Walk, function: Function, offer: Offer) -> tuple[Arguments, str]:
    """The likeliest arguments of a function, and the completion that says them.

    ``offer`` gives the values that a slot may have; only slots that it gives some for are filled.
    """
    text = " {"
    arguments: Arguments = {}
    rest = [(s, values) for s in slots_to_fill(function) if (values := offer(s))]
    while rest:
        comma = ", " if arguments else ""
        keys = [f"{text}{comma}{_json(slot.name)}:" for slot, _ in rest]
        number = _choose(walk, [_Option(text + "}"), *map(_Option, keys)], whole=False)
        if number == 0:
            break
        slot, values = rest[number - 1]
        arguments[slot.name], text = _value(walk, f"{keys[number - 1]} ", slot, values)
        rest = rest[number:]
    return arguments, text + "}"


def choose_value(walk: Walk, slot: Slot, values: Sequence[Scalar]) -> tuple[Value | None, str]:
    """The likeliest of a slot's values, or None, and the completion that says it."""
    null = single_slot.completion(None)
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
    rest, values_chosen = list(values), []
    while rest:
        best = rest.pop(_choose(walk, [_option(text, v) for v in rest]))
        values_chosen.append(best)
        text += _json(best)
        goes_on = rest and _choose(
            walk,
            [_Option(text + "]"), *(_Option(f"{text}, {_json(v)}") for v in rest)],
            whole=False,
        )
        if not goes_on:
            break
        text += ", "
    return values_chosen, text + "]"


def _choose(walk: Walk, options: Sequence[_Option], *, whole: bool = True) -> int:
    """The place of the likeliest option.

    ``whole``: by the likelihood of all of its text; otherwise by that of its beginning, up to where
    it differs from all others.
    """
    paths = [path for place, o in enumerate(options) for path in _paths(walk, place, o)]
    order = count()
    heap = [(0.0, next(order), _common([p.tokens for p in paths]), paths, False)]
    while True:
        cost, steps, path, under, is_complete = heapq.heappop(heap)
        if is_complete or (len({p.place for p in under}) == 1 and not (whole and heap)):
            return under[0].place
        if steps > _MOST_STEPS:
            heap = []  # only what continues from here
        scores = walk.after(path)
        further: dict[int, list[_Path]] = defaultdict(list)
        for each in under:
            if len(each.tokens) > len(path):
                further[each.tokens[len(path)]].append(each)
            else:
                ends = cost - _either(scores, walk, each.closing)
                heapq.heappush(heap, (ends, next(order), path, [each], True))
        for token, those in further.items():
            goes_on = cost - float(scores[token])
            heapq.heappush(heap, (goes_on, next(order), (*path, token), those, False))


def _paths(walk: Walk, place: int, option: _Option) -> list[_Path]:
    """An option's tokens.

    Several where what follows may be one token with its end: after "5 p.m" vocabularies have `."`
    and not `.` and `"`.
    """
    tokens = walk.tokens(option.text)
    paths = [_Path(tokens, place, option.closing)]
    if option.closing != _ENDS_TEXT or option.text[-1:].isalnum():
        return paths
    for further in ("", *_ENDS_VALUE):
        other = walk.tokens(option.text + _ENDS_TEXT + further)
        if not any(other[: len(p.tokens)] == p.tokens for p in paths):
            paths.append(_Path(other, place, None))
    return paths


def _either(scores: NDArray[np.float64], walk: Walk, closing: str | None) -> float:
    """The log-probability that a text ends where it does."""
    import numpy as np

    if closing is None:
        return 0.0
    return float(np.logaddexp.reduce(scores[list(walk.closing(closing))]))


def _common(paths: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    """What all paths begin with."""
    first, last = min(paths), max(paths)
    same = takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False))
    return tuple(token for token, _ in same)


def _option(text: str, value: Scalar) -> _Option:
    """A value, up to the character that ends it."""
    if isinstance(value, str):
        return _Option(text + _json(value)[:-1], _ENDS_TEXT)
    return _Option(text + _json(value), _ENDS_VALUE)


def _json(value: Scalar) -> str:
    return json.dumps(value, ensure_ascii=False)
