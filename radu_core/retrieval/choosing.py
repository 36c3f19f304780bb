"""The point (k_desc, k_exemplar) to recommend: what decides best for its tokens, and covers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from radu_core.errors import InputError
from radu_core.retrieval.coverage import CoverageGrid
from radu_core.retrieval.deciding import decisions
from radu_core.statistics import wilson
from radu_core.words import percent, quantity

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["KChoice", "find_k"]

Point = tuple[int, int]
_ROOM = 1e-9  # where one query alone differs, the mean is the standard error


@dataclass(frozen=True)
class KChoice:
    """A recommended point, with its coverage.

    ``reached`` says whether its lower bound reaches the target. ``accuracy`` is the share of
    queries whose function the prompt's votes have right there, ``best`` the point with the highest
    one, ``best_accuracy``, of those that cover enough.
    """

    k_desc: int
    k_exemplar: int
    share: float
    low: float
    high: float
    cost: float
    reached: bool
    note: str
    accuracy: float
    best: Point
    best_accuracy: float


def find_k(
    grid: CoverageGrid,
    *,
    target: float,
    cost: Callable[[int, int], float] | None = None,
    right: NDArray[np.bool_] | None = None,
) -> KChoice:
    """Choose the cheapest point whose coverage reaches ``target`` and whose votes are right.

    The lower bound of the coverage counts. The votes must have the function right as often as
    anywhere among such points, by one standard error of the paired difference.

    ``right`` is as ``decided`` gives it. ``cost`` defaults to the mean number of functions plus the
    exemplars. Ties go to the smaller k_desc. When no point's lower bound can reach the target (too
    few utterances, or misses that no k cures), the points of the highest coverage are looked at,
    with ``reached`` False. A grid of (0, 0) alone has nothing to choose from: ``InputError``.
    """
    if grid.max_desc == grid.max_exemplar == 0:
        raise InputError(
            "With 0 descriptions (k_desc) and 0 exemplars (k_exemplar) nothing is retrieved",
            remedy="Set one of them to 1 or more.",
        )
    price = cost or (lambda d, e: float(grid.mean_functions[d, e]) + e)
    points = [
        (d, e)
        for d in range(grid.max_desc + 1)
        for e in range(grid.max_exemplar + 1)
        if (d, e) != (0, 0)
    ]
    covering = [p for p in points if grid.interval(*p)[0] >= target]
    reached = bool(covering)
    if not covering:
        top = max(grid.share(*p) for p in points)
        covering = [p for p in points if grid.share(*p) == top]
    votes = decisions(grid) if right is None else right
    counts = votes.sum(axis=2)
    best = max(covering, key=lambda p: (counts[p], -price(*p), (-p[0], -p[1])))
    good = [p for p in covering if not _is_worse(votes[p], votes[best])]
    point = min(good, key=lambda p: (price(*p), p))
    low, high = grid.interval(*point)
    total = max(1, grid.total)
    return KChoice(
        *point,
        grid.share(*point),
        low,
        high,
        price(*point),
        reached,
        _note(grid, point, target, reached),
        int(counts[point]) / total,
        best,
        int(counts[best]) / total,
    )


def _is_worse(one: NDArray[np.bool_], best: NDArray[np.bool_]) -> bool:
    """Whether a point is right less often than the best one, beyond one standard error."""
    import numpy as np

    loss = best.astype(np.float64) - one
    if len(loss) < 2:
        return bool(loss.sum() > 0)
    return float(loss.mean()) > float(loss.std(ddof=1) / np.sqrt(len(loss))) + _ROOM


def _note(grid: CoverageGrid, point: Point, target: float, reached: bool) -> str:
    if reached:
        return (
            f"Of the points whose lower bound reaches {percent(target)}, the cheapest whose votes "
            "have the function right as often as anywhere among them (within one standard error)."
        )
    possible = wilson(grid.total, grid.total)[0]
    if possible < target:
        return (
            f"With {quantity(grid.total, 'utterance')} even full coverage has a lower bound of "
            f"{percent(possible)}: {percent(target)} can't be shown. This is the cheapest good "
            "point of the highest coverage."
        )
    missed = grid.total - int(grid.hits[point])
    return (
        f"No point reaches {percent(target)}: {quantity(missed, 'utterance')} missed even here. "
        "Look at the misses: a thin description, no exemplar, or two functions that overlap."
    )
