"""Whether two systems differ on the same rows by more than chance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from radu_core.evaluation.metrics import Prediction, row_counts
from radu_core.exemplars import AnnotatedExemplar

__all__ = ["MEASURES", "Comparison", "compare"]

_SHUFFLES = 10_000
_CHUNK = 1_000
Totals = NDArray[Any]  # (..., 5) counts summed over rows: right, exact, true, said, labelled


class Comparison(BaseModel):
    """A system against ``other``: by how much it is better in ``measure``, and the p-value."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    other: str
    measure: str
    difference: float
    p: float


# Shares leave out the number of rows: it is the same on both sides.
MEASURES: dict[str, Callable[[Totals], NDArray[Any]]] = {
    "function accuracy": lambda t: t[..., 0],
    "slot F1": lambda t: 2 * t[..., 2] / np.maximum(t[..., 3] + t[..., 4], 1),
    "exact match": lambda t: t[..., 1],
}


def compare(
    name: str,
    rows: Sequence[AnnotatedExemplar],
    own: Sequence[Prediction],
    other: Sequence[Prediction],
    *,
    seed: int = 0,
) -> tuple[Comparison, ...]:
    """``own`` predictions against those of the system ``name``, row by row, in every measure.

    Paired approximate randomisation (Yeh 2000, "More accurate tests for the statistical
    significance of result differences"): if both were equally good, swapping their answers in any
    row would change nothing. p is the share of 10,000 random swaps that differ as much.
    """
    one = np.array([row_counts(r, p) for r, p in zip(rows, own, strict=True)], dtype=float)
    two = np.array([row_counts(r, p) for r, p in zip(rows, other, strict=True)], dtype=float)
    here, there = one.sum(axis=0), two.sum(axis=0)
    change = (two - one)[(two != one).any(axis=1)]
    dice = np.random.default_rng(seed)
    extreme = dict.fromkeys(MEASURES, 0)
    for _ in range(_SHUFFLES // _CHUNK):
        shift = dice.integers(0, 2, (_CHUNK, len(change))).astype(float) @ change
        for label, value in MEASURES.items():
            differences = np.abs(value(here + shift) - value(there - shift))
            extreme[label] += int((differences >= abs(value(here) - value(there)) - 1e-9).sum())
    return tuple(
        Comparison(
            other=name,
            measure=label,
            difference=float(value(here) - value(there)) / _unit(label, len(rows)),
            p=(extreme[label] + 1) / (_SHUFFLES + 1),
        )
        for label, value in MEASURES.items()
    )


def _unit(label: str, rows: int) -> int:
    return 1 if label == "slot F1" else rows
