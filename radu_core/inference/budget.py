"""How many tokens an answer may need: what its slots can hold, given the utterance.

A fixed limit cuts long answers, and a cut answer reads like a wrong one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from radu_core.schema import Function, Scalar, Slot, Value

__all__ = ["answer_tokens"]

_SPARE = 16  # white space, the end token, a value that is written otherwise
_OF_SLOT = 12  # a value in other words than the utterance's: a date, "as soon as possible"
_RETOKENIZED = 2  # words cut out of a text can take more tokens than in it
_LONGEST_NUMBER = -1234567890.123456


def answer_tokens(
    function: Function,
    slot: Slot | None,
    utterance: str,
    taught: Sequence[str],
    count: Callable[[str], int],
) -> int:
    """The most tokens that the JSON of all slots that the model fills, or of one ``slot``, has.

    Tokens are counted by ``count``.

    A free text is part of the utterance, or in other words as long as those that were ``taught``:
    completions of the same kind.
    """
    slots = [slot] if slot else [s for s in function.slots if s.recognizer is None]
    whole = {s.name: _longest(s) for s in slots}
    shape = json.dumps(whole[slot.name] if slot else whole, ensure_ascii=False)
    free = [
        s for s in slots if not s.possible_values and s.type not in ("boolean", "integer", "number")
    ]
    words = _RETOKENIZED * count(json.dumps(utterance, ensure_ascii=False)) if free else 0
    shape_tokens = count(shape) + words + _OF_SLOT * len(free)
    return max([shape_tokens, *map(count, taught)]) + _SPARE


def _longest(slot: Slot) -> Value | None:
    """The longest value that the schema allows. A free text is empty: the utterance bounds it."""
    if slot.possible_values:
        if slot.multi_value:
            return list(slot.possible_values)
        return max(slot.possible_values, key=_length)
    one: Scalar = {"boolean": False, "integer": _LONGEST_NUMBER, "number": _LONGEST_NUMBER}.get(
        slot.type, ""
    )
    return [one] * 4 if slot.multi_value else one


def _length(value: Scalar) -> int:
    return len(json.dumps(value, ensure_ascii=False))
