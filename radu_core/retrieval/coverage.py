"""How often the right function is among those retrieved, over the whole grid of k."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from radu_core.errors import InputError
from radu_core.progress import Progress, silent
from radu_core.retrieval.index import ModuleIndex, Query, Retrieved

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["CoverageGrid", "KChoice", "Miss", "coverage", "find_k", "wilson"]


def wilson(hits: int, total: int, *, z: float = 1.96) -> tuple[float, float]:
    """The Wilson score interval of a share (E. B. Wilson, 1927); (0, 1) when ``total`` is 0."""
    if total == 0:
        return 0.0, 1.0
    share = hits / total
    spread = z * z / total
    centre = (share + spread / 2) / (1 + spread)
    half = z * math.sqrt(share * (1 - share) / total + spread / (4 * total)) / (1 + spread)
    return max(0.0, centre - half), min(1.0, centre + half)


@dataclass(frozen=True)
class Miss:
    """An utterance whose right function wasn't retrieved, and what was instead."""

    id: str
    utterance: str
    function: str
    retrieved: tuple[str, ...]


@dataclass(frozen=True)
class CoverageGrid:
    """Coverage for every (k_desc, k_exemplar) up to the largest asked for.

    ``hits`` and ``mean_functions`` have the shape ``(max_desc + 1, max_exemplar + 1)``: right
    functions retrieved, and the mean number of functions in the prompt. ``first_desc`` and
    ``first_exemplar`` give per query the rank at which the right function appears first (0: not
    within the largest k).
    """

    queries: tuple[Query, ...]
    retrieved: tuple[Retrieved, ...]
    hits: NDArray[np.int64]
    mean_functions: NDArray[np.float64]
    first_desc: tuple[int, ...]
    first_exemplar: tuple[int, ...]

    @property
    def total(self) -> int:
        """The number of queries."""
        return len(self.queries)

    @property
    def max_desc(self) -> int:
        """The largest k_desc of the grid."""
        return int(self.hits.shape[0]) - 1

    @property
    def max_exemplar(self) -> int:
        """The largest k_exemplar of the grid."""
        return int(self.hits.shape[1]) - 1

    def share(self, k_desc: int, k_exemplar: int) -> float:
        """The share covered at a point."""
        return int(self.hits[k_desc, k_exemplar]) / self.total if self.total else 0.0

    def interval(self, k_desc: int, k_exemplar: int) -> tuple[float, float]:
        """Its 95 % Wilson interval."""
        return wilson(int(self.hits[k_desc, k_exemplar]), self.total)

    def covered(self, number: int, k_desc: int, k_exemplar: int) -> bool:
        """Whether query ``number`` is covered at a point."""
        desc, exemplar = self.first_desc[number], self.first_exemplar[number]
        return 0 < desc <= k_desc or 0 < exemplar <= k_exemplar

    def per_function(self, k_desc: int, k_exemplar: int) -> dict[str, tuple[int, int]]:
        """Function → (covered, total), by name."""
        counts: dict[str, list[int]] = {}
        for number, query in enumerate(self.queries):
            pair = counts.setdefault(query.function or "", [0, 0])
            pair[0] += self.covered(number, k_desc, k_exemplar)
            pair[1] += 1
        return {name: (pair[0], pair[1]) for name, pair in sorted(counts.items())}

    def misses(self, k_desc: int, k_exemplar: int) -> list[Miss]:
        """Every query that isn't covered at a point."""
        return [
            Miss(
                query.exemplar_id or "",
                query.utterance,
                query.function or "",
                Retrieved(found.descriptions[:k_desc], found.exemplars[:k_exemplar]).functions,
            )
            for number, (query, found) in enumerate(zip(self.queries, self.retrieved, strict=True))
            if not self.covered(number, k_desc, k_exemplar)
        ]


@dataclass(frozen=True)
class KChoice:
    """A recommended point. ``reached`` says whether its lower bound reaches the target."""

    k_desc: int
    k_exemplar: int
    share: float
    low: float
    high: float
    cost: float
    reached: bool
    note: str


def coverage(
    index: ModuleIndex,
    queries: Sequence[Query],
    *,
    max_desc: int = 10,
    max_exemplar: int = 20,
    progress: Progress = silent,
) -> CoverageGrid:
    """The whole grid from one retrieval pass. Every query needs its right ``function``."""
    import numpy as np

    max_desc = min(max_desc, len(index.functions))
    found = index.search(queries, k_desc=max_desc, k_exemplar=max_exemplar, progress=progress)
    first_desc, first_exemplar = [], []
    hits = np.zeros((max_desc + 1, max_exemplar + 1), dtype=np.int64)
    functions = np.zeros(hits.shape, dtype=np.float64)
    for query, result in zip(queries, found, strict=True):
        desc = _first([h.function for h in result.descriptions], query.function)
        exemplar = _first([h.function for h in result.exemplars], query.function)
        first_desc.append(desc)
        first_exemplar.append(exemplar)
        if desc:
            hits[desc:, :] += 1
        if exemplar:
            hits[: desc or None, exemplar:] += 1  # below desc: not counted yet
        functions += _distinct(result, hits.shape)
    if queries:
        functions /= len(queries)
    return CoverageGrid(
        tuple(queries), tuple(found), hits, functions, tuple(first_desc), tuple(first_exemplar)
    )


def _first(functions: Sequence[str | None], wanted: str | None) -> int:
    return functions.index(wanted) + 1 if wanted in functions else 0


def _distinct(result: Retrieved, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Per point, how many different functions one query's prompt shows."""
    import numpy as np

    counts = np.zeros(shape, dtype=np.float64)
    for name in result.functions:
        desc = _first([h.function for h in result.descriptions], name)
        exemplar = _first([h.function for h in result.exemplars], name)
        if desc:
            counts[desc:, :] += 1
        if exemplar:
            counts[: desc or None, exemplar:] += 1
    return counts


def find_k(
    grid: CoverageGrid, *, target: float, cost: Callable[[int, int], float] | None = None
) -> KChoice:
    """The cheapest point whose lower bound reaches ``target``; otherwise the best there is.

    ``cost`` defaults to the mean number of functions plus the exemplars. Ties go to the smaller
    k_desc. When no point's lower bound can reach the target (too few utterances, or misses that
    no k cures), the highest coverage at the least cost is given, with ``reached`` False. A grid of
    (0, 0) alone has nothing to choose from: ``InputError``.
    """
    if grid.max_desc == grid.max_exemplar == 0:
        raise InputError(
            "With k_desc and k_exemplar at most 0 nothing is retrieved",
            remedy="Let one of them be 1 or more.",
        )
    price = cost or (lambda d, e: float(grid.mean_functions[d, e]) + e)
    points = [
        (d, e)
        for d in range(grid.max_desc + 1)
        for e in range(grid.max_exemplar + 1)
        if (d, e) != (0, 0)
    ]
    good = [p for p in points if grid.interval(*p)[0] >= target]
    reached = bool(good)
    if not good:
        top = max(grid.share(*p) for p in points)
        good = [p for p in points if grid.share(*p) == top]
    best = min(good, key=lambda p: (price(*p), p))
    low, high = grid.interval(*best)
    return KChoice(
        *best,
        grid.share(*best),
        low,
        high,
        price(*best),
        reached,
        _note(grid, best, target, reached),
    )


def _note(grid: CoverageGrid, best: tuple[int, int], target: float, reached: bool) -> str:
    if reached:
        return f"The cheapest point whose lower bound reaches {target:.1%}."
    possible = wilson(grid.total, grid.total)[0]
    if possible < target:
        return (
            f"With {grid.total} utterances even full coverage has a lower bound of {possible:.1%}: "
            f"{target:.1%} can't be shown. This is the cheapest point of the highest coverage."
        )
    missed = grid.total - int(grid.hits[best])
    return (
        f"No point reaches {target:.1%}: {missed} utterances are missed even here. Look at the "
        "misses: a thin description, no exemplar, or two functions that overlap."
    )
