"""Rankings as arrays, and their weighted reciprocal rank fusion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Ranking", "fuse", "order_hits"]

RRF_K = 60


@dataclass(frozen=True)
class Ranking:
    """Per query the best positions and their scores, both ``(n, k)``, best first.

    Positions are int64, scores float32; -1 and -inf stand where there are no more.
    """

    positions: NDArray[np.int64]
    scores: NDArray[np.float32]

    def first(self, k: int) -> Ranking:
        """Only the best ``k``."""
        return Ranking(self.positions[:, :k], self.scores[:, :k])


def order_hits(
    positions: NDArray[np.int64],
    scores: NDArray[np.float32],
    excluded: NDArray[np.int64],
    k: int,
) -> Ranking:
    """The best ``k`` by score, equal ones by position, without a query's ``excluded`` ``(n, e)``.

    Scores are compared to six decimals: what two computations round differently is equal.
    """
    import numpy as np

    out = positions < 0
    for column in range(excluded.shape[1]):
        out |= (positions == excluded[:, [column]]) & (positions >= 0)
    scores = np.where(out, -np.inf, np.round(scores, 6)).astype(np.float32)
    positions = np.where(out, -1, positions)
    order = np.lexsort((positions, -scores), axis=1)[:, :k]
    return Ranking(np.take_along_axis(positions, order, 1), np.take_along_axis(scores, order, 1))


def fuse(dense: Ranking, lexical: Ranking, *, dense_weight: float, k: int) -> Ranking:
    """Weighted reciprocal rank fusion (Cormack, Clarke, Büttcher: SIGIR 2009, with k = 60).

    A position's score is the sum of weight / (60 + rank) over the rankings it is in; equal sums are
    ordered by position.
    """
    import numpy as np

    positions = np.hstack([dense.positions, lexical.positions])
    shares = np.hstack([_shares(dense, dense_weight), _shares(lexical, 1.0 - dense_weight)])
    order = np.argsort(positions, axis=1, kind="stable")
    positions = np.take_along_axis(positions, order, 1)
    shares = np.take_along_axis(shares, order, 1)
    twice = np.zeros(positions.shape, dtype=bool)  # its other half stands before it
    twice[:, 1:] = (positions[:, 1:] == positions[:, :-1]) & (positions[:, 1:] >= 0)
    shares[:, :-1] += np.where(twice[:, 1:], shares[:, 1:], 0.0)
    out = twice | (positions < 0) | (shares <= 0.0)
    scores = np.where(out, -np.inf, shares)
    positions = np.where(out, -1, positions)
    best = np.lexsort((positions, -np.round(scores, 12)), axis=1)[:, :k]
    return Ranking(
        np.take_along_axis(positions, best, 1),
        np.take_along_axis(scores, best, 1).astype(np.float32),
    )


def _shares(ranking: Ranking, weight: float) -> NDArray[np.float64]:
    import numpy as np

    shares = weight / (RRF_K + np.arange(1, ranking.positions.shape[1] + 1, dtype=np.float64))
    return np.where(ranking.positions >= 0, shares[None, :], 0.0)
