"""Folds: what is fitted on a model's scores needs scores of rows that it hasn't learnt from."""

from __future__ import annotations

from collections.abc import Sequence

from radu_core.eligibility import key_of
from radu_core.exemplars import AnnotatedExemplar
from radu_core.files import content_hash

__all__ = ["ENOUGH", "folds_of"]

ENOUGH = 400  # rows to fit a head's few weights on: more folds would only take time


def folds_of(exemplars: Sequence[AnnotatedExemplar], count: int, *, seed: int = 0) -> list[int]:
    """The fold, 0 to ``count - 1``, of each exemplar, duplicates (same template and function)
    in one.

    The groups of each function are dealt out in turn, so that every fold holds some of it.
    """
    groups: dict[str, dict[str, list[int]]] = {}
    for place, exemplar in enumerate(exemplars):
        key = content_hash([*key_of(exemplar), seed])
        groups.setdefault(exemplar.function or "", {}).setdefault(key, []).append(place)
    folds, turn = [0] * len(exemplars), 0
    for _, own in sorted(groups.items()):
        for _, places in sorted(own.items()):
            for place in places:
                folds[place] = turn % count
            turn += 1
    return folds
