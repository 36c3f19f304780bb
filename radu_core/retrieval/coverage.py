"""How often the right function is among those retrieved, over the whole grid of k."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from radu_core.progress import Progress, silent
from radu_core.retrieval.fusion import Ranking
from radu_core.retrieval.hits import Query, Retrieved
from radu_core.retrieval.index import ModuleIndex, Ranked
from radu_core.statistics import wilson

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "RANKINGS",
    "CoverageGrid",
    "Miss",
    "coverage",
    "function_ranks",
    "grid_of",
    "percentiles",
    "ranked_functions",
]

RANKINGS = ("descriptions", "dense", "lexical", "fused")


@dataclass(frozen=True)
class Miss:
    """An utterance whose right function wasn't retrieved, and what was instead.

    ``number`` is its place among the grid's queries.
    """

    id: str
    utterance: str
    function: str
    retrieved: tuple[str, ...]
    number: int = 0


@dataclass(frozen=True)
class CoverageGrid:
    """Coverage for every (k_desc, k_exemplar) up to the largest asked for.

    ``hits`` and ``mean_functions`` have the shape ``(max_desc + 1, max_exemplar + 1)``: right
    functions retrieved, and the mean number of functions in the prompt. ``first`` gives per
    ranking (descriptions, dense, lexical, fused) and query the rank at which the right function
    appears first, ``(n,)`` int64 (0: not within the largest k).
    """

    index: ModuleIndex
    queries: tuple[Query, ...]
    ranked: Ranked
    hits: NDArray[np.int64]
    mean_functions: NDArray[np.float64]
    first: Mapping[str, NDArray[np.int64]]

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

    def coverage_at(self, k_desc: int, k_exemplar: int) -> NDArray[np.bool_]:
        """``(n,)``: which queries are covered at a point."""
        return _within(self.first["descriptions"], k_desc) | _within(
            self.first["fused"], k_exemplar
        )

    def is_covered(self, number: int, k_desc: int, k_exemplar: int) -> bool:
        """Whether query ``number`` is covered at a point."""
        return bool(self.coverage_at(k_desc, k_exemplar)[number])

    def curve(self, ranking: str) -> list[int]:
        """How many queries are covered by one ranking alone, for k = 0, 1, … up to the largest.

        Or by two (``together``): k of descriptions and k of the fused exemplars.
        """
        if ranking == "together":
            size = max(self.max_desc, self.max_exemplar)
            points = ((min(k, self.max_desc), min(k, self.max_exemplar)) for k in range(size + 1))
            return [int(self.hits[point]) for point in points]
        size = self.max_desc if ranking == "descriptions" else self.max_exemplar
        return [int(_within(self.first[ranking], k).sum()) for k in range(size + 1)]

    def retrieve(self, number: int, k_desc: int, k_exemplar: int) -> Retrieved:
        """What query ``number`` retrieves at a point."""
        return self.index.retrieve(self.ranked, number, k_desc=k_desc, k_exemplar=k_exemplar)

    def per_function(self, k_desc: int, k_exemplar: int) -> dict[str, tuple[int, int]]:
        """Function → (covered, total), by name."""
        counts: dict[str, list[int]] = {}
        is_covered = self.coverage_at(k_desc, k_exemplar).tolist()
        for query, right in zip(self.queries, is_covered, strict=True):
            pair = counts.setdefault(query.function or "", [0, 0])
            pair[0] += right
            pair[1] += 1
        return {name: (pair[0], pair[1]) for name, pair in sorted(counts.items())}

    def misses(self, k_desc: int, k_exemplar: int) -> list[Miss]:
        """Every query that isn't covered at a point."""
        is_covered = self.coverage_at(k_desc, k_exemplar).tolist()
        return [
            Miss(
                query.exemplar_id or "",
                query.utterance,
                query.function or "",
                self.retrieve(number, k_desc, k_exemplar).functions,
                number,
            )
            for number, query in enumerate(self.queries)
            if not is_covered[number]
        ]

    @cached_property
    def function_ranks(self) -> dict[str, NDArray[np.int64]]:
        """The place of the right function, per ranking and query; 0 where it isn't brought.

        Places count the *different* functions in the order in which the ranking brings them.
        """
        right = self.right
        return {name: function_ranks(f, right) for name, f in _functions(self).items()}

    @cached_property
    def right(self) -> NDArray[np.int64]:
        """``(n,)``: the right function's place in ``index.functions``, -1 where it has none."""
        import numpy as np

        number = {name: i for i, name in enumerate(self.index.functions)}
        return np.array([number.get(q.function or "", -1) for q in self.queries], dtype=np.int64)


def coverage(
    index: ModuleIndex,
    queries: Sequence[Query],
    *,
    max_desc: int = 10,
    max_exemplar: int = 20,
    progress: Progress = silent,
) -> CoverageGrid:
    """The whole grid from one retrieval pass. Every query needs its right ``function``."""
    max_desc = min(max_desc, len(index.functions))
    rankings = index.rank(queries, k_desc=max_desc, k_exemplar=max_exemplar, progress=progress)
    return grid_of(index, tuple(queries), rankings, max_desc=max_desc, max_exemplar=max_exemplar)


def grid_of(
    index: ModuleIndex,
    queries: tuple[Query, ...],
    rankings: Ranked,
    *,
    max_desc: int,
    max_exemplar: int,
) -> CoverageGrid:
    """The grid of rankings that are there already."""
    import numpy as np

    shape = (max_desc + 1, max_exemplar + 1)
    empty = np.zeros(shape, dtype=np.int64)
    grid = CoverageGrid(index, queries, rankings, empty, empty.astype(float), {})
    functions = _functions(grid)
    right = grid.right[:, None]
    first = {
        name: _first((f == right) & (f >= 0), max_desc if name == "descriptions" else max_exemplar)
        for name, f in functions.items()
    }
    hits = _count_covered(first["descriptions"], first["fused"], shape)
    function_counts = _count_shown(
        functions["descriptions"], functions["fused"][:, :max_exemplar], shape
    )
    return CoverageGrid(
        index, queries, rankings, hits, function_counts / max(1, len(queries)), first
    )


def _functions(grid: CoverageGrid) -> dict[str, NDArray[np.int64]]:
    """Per ranking, the functions it brings (as ``ranked_functions``)."""
    rankings = grid.ranked
    return {
        "descriptions": rankings.descriptions.positions,
        "dense": ranked_functions(grid.index, rankings.dense),
        "lexical": ranked_functions(grid.index, rankings.lexical),
        "fused": ranked_functions(grid.index, rankings.fused),
    }


def ranked_functions(index: ModuleIndex, ranking: Ranking) -> NDArray[np.int64]:
    """The functions that a ranking of exemplars brings, as places in ``index.functions``.

    ``(n, k)``: -1 where there are no more, -2 for out of scope, which is no function.
    """
    import numpy as np

    number = {name: i for i, name in enumerate(index.functions)}
    own = [-2 if e.function is None else number[e.function] for e in index.exemplars]
    return np.array([*own, -1], dtype=np.int64)[ranking.positions]


def _first(hit: NDArray[np.bool_], most: int) -> NDArray[np.int64]:
    """``(n,)``: the column (from 1) of each row's first hit within ``most``; 0: there is none."""
    import numpy as np

    hit = hit[:, :most]
    if hit.shape[1] == 0:
        return np.zeros(len(hit), dtype=np.int64)
    return np.where(hit.any(axis=1), hit.argmax(axis=1) + 1, 0)


def _within(first: NDArray[np.int64], k: int) -> NDArray[np.bool_]:
    return (first > 0) & (first <= k)


def _count_covered(
    desc: NDArray[np.int64], exemplar: NDArray[np.int64], shape: tuple[int, int]
) -> NDArray[np.int64]:
    """Per point (d, e), how many pairs of first ranks have one within it (0: never)."""
    import numpy as np

    beyond = np.zeros((shape[0] + 1, shape[1] + 1), dtype=np.int64)
    rows = np.where(desc == 0, shape[0], desc)
    columns = np.where(exemplar == 0, shape[1], exemplar)
    np.add.at(beyond, (rows, columns), 1)
    above = beyond[::-1, ::-1].cumsum(axis=0).cumsum(axis=1)[::-1, ::-1]  # ranks ≥ (d, e)
    return len(desc) - above[1:, 1:]


def _count_shown(
    descriptions: NDArray[np.int64], exemplars: NDArray[np.int64], shape: tuple[int, int]
) -> NDArray[np.int64]:
    """Per point, the number of different functions in the prompt, summed over the queries."""
    import numpy as np

    ranks_desc, ranks_exemplar = [], []
    for column in range(exemplars.shape[1]):
        here = exemplars[:, [column]]
        new = (here[:, 0] >= 0) & ~(exemplars[:, :column] == here).any(axis=1)
        also = _first(descriptions == here, descriptions.shape[1])
        ranks_desc.append(also[new])
        ranks_exemplar.append(np.full(int(new.sum()), column + 1))
    for column in range(descriptions.shape[1]):
        here = descriptions[:, [column]]
        only = (here[:, 0] >= 0) & ~(exemplars == here).any(axis=1)
        ranks_desc.append(np.full(int(only.sum()), column + 1))
        ranks_exemplar.append(np.zeros(int(only.sum()), dtype=np.int64))
    if not ranks_desc:
        return np.zeros(shape, dtype=np.int64)
    return _count_covered(np.concatenate(ranks_desc), np.concatenate(ranks_exemplar), shape)


def function_ranks(functions: NDArray[np.int64], right: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many different functions a ranking has brought when the right one comes.

    ``(n,)`` of a ranking ``(n, k)``; 0 where it doesn't come. Negative entries are no functions.
    """
    import numpy as np

    places = np.zeros(len(functions), dtype=np.int64)
    different = np.zeros(len(functions), dtype=np.int64)
    for column in range(functions.shape[1]):
        here = functions[:, column]
        new = (here >= 0) & ~(functions[:, :column] == here[:, None]).any(axis=1)
        different += new
        places = np.where((places == 0) & new & (here == right), different, places)
    return places


def percentiles(first: NDArray[np.int64]) -> dict[str, int | None]:
    """Median, 90th, 95th and 99th percentile of first-hit ranks.

    Each is the smallest rank that so many queries reach; None where so many never do.
    """
    import numpy as np

    ranks = np.sort(np.where(first == 0, np.iinfo(np.int64).max, first))
    ranks_by_share: dict[str, int | None] = {}
    for share in (50, 90, 95, 99):
        place = max(0, math.ceil(share / 100 * len(ranks)) - 1)
        rank = int(ranks[place]) if len(ranks) else np.iinfo(np.int64).max
        ranks_by_share[f"p{share}"] = None if rank == np.iinfo(np.int64).max else rank
    return ranks_by_share
