"""The weight of the dense ranking in the fusion, chosen on train by leaving each exemplar out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from radu_core.progress import Progress, silent
from radu_core.retrieval.coverage import function_ranks, ranked_functions
from radu_core.retrieval.fusion import fuse
from radu_core.retrieval.hits import Query
from radu_core.retrieval.index import ModuleIndex
from radu_core.retrieval.settings import DENSE_WEIGHT

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["AT", "Tuning", "choose_weight", "shares_at"]

AT = (1, 3, 5, 8)  # functions in the prompt at which coverage is looked at
_WEIGHTS = tuple(round(0.1 * i, 1) for i in range(11))  # 0: lexical alone, 1: dense alone
_SAMPLE = 2_000
_DEPTH = 50  # exemplars that are looked through


@dataclass(frozen=True)
class Tuning:
    """What each weight of the dense ranking would cover.

    ``shares`` is weight → mean coverage at 1, 3, 5 and 8 functions; ``best`` has the highest,
    ``weight`` is the one to take, ``error`` the standard error of their difference.
    """

    weight: float
    best: float
    shares: dict[float, float]
    error: float
    queries: int


def shares_at(ranks: NDArray[np.int64]) -> NDArray[np.float64]:
    """``(n,)``: of the four numbers of functions, the share at which each query is covered."""
    import numpy as np

    return np.asarray(np.mean([(ranks > 0) & (ranks <= n) for n in AT], axis=0))


def choose_weight(
    index: ModuleIndex, *, default: float = DENSE_WEIGHT, progress: Progress = silent
) -> Tuning:
    """Try eleven weights on up to 2,000 training exemplars, each without itself and duplicates.

    The default stays unless another is better by more than one standard error of their paired
    difference: a small module tells little.
    """
    import numpy as np

    labelled = [e for e in index.exemplars if e.function is not None]
    step = max(1, -(-len(labelled) // _SAMPLE))
    sample = labelled[::step]
    queries = [Query(e.utterance, e.id, e.template, e.function) for e in sample]
    rankings = index.rank(queries, k_desc=0, k_exemplar=_DEPTH, progress=progress)
    number = {name: i for i, name in enumerate(index.functions)}
    right = np.array([number[e.function or ""] for e in sample], dtype=np.int64)
    per_query = {}
    for weight in dict.fromkeys((*_WEIGHTS, default)):
        fused = fuse(rankings.dense, rankings.lexical, dense_weight=weight, k=_DEPTH)
        per_query[weight] = shares_at(function_ranks(ranked_functions(index, fused), right))
    shares = {w: float(v.mean()) if len(v) else 0.0 for w, v in sorted(per_query.items())}
    best = max(shares, key=lambda w: (round(shares[w], 9), -abs(w - default)))
    gain = per_query[best] - per_query[default]
    error = float(gain.std(ddof=1) / np.sqrt(len(gain))) if len(gain) > 1 else 0.0
    # where one query alone gains, the mean is the standard error, and rounding would decide
    weight = best if len(gain) > 1 and float(gain.mean()) > error + 1e-9 else default
    return Tuning(weight, best, shares, error, len(sample))
