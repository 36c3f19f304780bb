"""Pairs of exemplars that may mean the same: how equal they are, and what people said of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Literal

import regex

from radu_core.errors import AlignmentError
from radu_core.exemplars import SlotRef, parse_template
from radu_core.retrieval.lexical import SIGN, fold_words

__all__ = ["Equality", "Judgements", "Pair", "Verdict", "bare", "equality", "frame", "pair_of"]

Verdict = Literal["same", "different"]
Pair = tuple[str, str]
Judgements = Mapping[Pair, Verdict]  # what people said of two exemplars, by their sorted ids
Equality = Literal["same template", "same words", "same frame"]

_FRAME_WORDS = 3  # "<> to <>" says nothing: a frame needs so many words
_WORD = regex.compile(rf"[\p{{L}}\p{{N}}]{SIGN}*")  # a mark by itself colours an emoji


def pair_of(first: str, second: str) -> Pair:
    """The key of two exemplars, whichever is named first."""
    return (first, second) if first <= second else (second, first)


def equality(first: str, second: str) -> Equality | None:
    """In which way two templates are equal; None if in none.

    To the letter, but for case and punctuation, or but for the names of their slots as well (from
    three words on).
    """
    if first == second:
        return "same template"
    left, right = frame(first), frame(second)
    if left == right and left:
        return "same words"
    left, right = bare(left), bare(right)
    return "same frame" if left and left == right else None


@lru_cache(maxsize=100_000)  # a module's templates are compared with each other again and again
def frame(template: str) -> tuple[str, ...]:
    """A template's words and slots in turn: case, punctuation and composed letters don't count.

    A slot is ``<name>``; a template that can't be parsed is words only.
    """
    try:
        parts = parse_template(template).parts
    except AlignmentError:
        return _words(template)
    pieces: list[str] = []
    for part in parts:
        pieces += [f"<{part.name}>"] if isinstance(part, SlotRef) else _words(part)
    return tuple(pieces)


def bare(pieces: Sequence[str]) -> tuple[str, ...]:
    """A frame without the slots' names; empty if under three words are left to compare."""
    words = sum(not piece.startswith("<") for piece in pieces)
    if words < _FRAME_WORDS:
        return ()
    return tuple("<>" if piece.startswith("<") else piece for piece in pieces)


def _words(text: str) -> tuple[str, ...]:
    return tuple(_WORD.findall(fold_words(text)))
