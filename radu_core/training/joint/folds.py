"""Folds: what is fitted on a model's scores needs scores of rows that it hasn't learnt from."""

from __future__ import annotations

from collections.abc import Sequence

from radu_core.eligibility import key_of
from radu_core.exemplars import AnnotatedExemplar
from radu_core.files import content_hash

__all__ = ["ENOUGH", "folds_of"]

ENOUGH = 400  # rows to fit a head's few weights on: more folds would only take time


def folds_of(exemplars: Sequence[AnnotatedExemplar], count: int, *, seed: int = 0) -> list[int]:
    """The fold, 0 to ``count - 1``, of each exemplar.

    Duplicates (same function, and same template or same utterance) are in one.

    The groups of each function are dealt out in turn, so that every fold holds some of it.
    """
    groups: dict[str, dict[str, list[int]]] = {}
    for place, key in enumerate(_keys_of(exemplars, seed)):
        groups.setdefault(exemplars[place].function or "", {}).setdefault(key, []).append(place)
    folds, turn = [0] * len(exemplars), 0
    for _, own in sorted(groups.items()):
        for _, places in sorted(own.items()):
            for place in places:
                folds[place] = turn % count
            turn += 1
    return folds


def _keys_of(exemplars: Sequence[AnnotatedExemplar], seed: int) -> list[str]:
    """A key for each exemplar, the same for duplicates and for duplicates of these."""
    keys = [content_hash([*key_of(e), seed]) for e in exemplars]
    same: dict[str, str] = {}  # key → another one of the same group, the least at the end

    def least(key: str) -> str:
        while (other := same.get(key, key)) != key:
            same[key] = same.get(other, other)
            key = other
        return key

    first: dict[tuple[str, str | None], str] = {}  # of each utterance
    for exemplar, key in zip(exemplars, keys, strict=True):
        text = " ".join(exemplar.utterance.casefold().split())
        one, other = sorted((least(key), least(first.setdefault((text, exemplar.function), key))))
        same[other] = one
    return [least(key) for key in keys]
