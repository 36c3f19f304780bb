"""How good a retriever's chunks are by themselves: what they vote for."""

from __future__ import annotations

import math
from collections.abc import Sequence

from radu_core.exemplars import AnnotatedExemplar
from radu_core.retrieval import ExemplarHit, ModuleIndex, query_of

__all__ = ["vote", "vote_share", "weights_of"]


def weights_of(hits: Sequence[ExemplarHit], *, temperature: float) -> list[float]:
    """The retriever's distribution over what it retrieved: softmax(cos / γ)."""
    top = max((h.similarity for h in hits), default=0.0)
    shares = [math.exp((h.similarity - top) / temperature) for h in hits]
    return [share / sum(shares) for share in shares]


def vote(hits: Sequence[ExemplarHit], *, temperature: float) -> str | None:
    """The function with the most weight; if several have, the first by name."""
    totals: dict[str, float] = {}
    for hit, weight in zip(hits, weights_of(hits, temperature=temperature), strict=True):
        totals[hit.function or ""] = totals.get(hit.function or "", 0.0) + weight
    return max(sorted(totals), key=lambda n: totals[n], default="") or None


def vote_share(
    index: ModuleIndex, rows: Sequence[AnnotatedExemplar], *, chunks: int, temperature: float
) -> float:
    """How often the vote of the nearest ``chunks`` names a row's function."""
    results = index.search(
        [query_of(row) for row in rows], k_desc=0, k_exemplar=chunks, mode="dense"
    )
    votes = [vote(hits.exemplars, temperature=temperature) for hits in results]
    return sum(a == row.function for a, row in zip(votes, rows, strict=True)) / max(1, len(rows))
