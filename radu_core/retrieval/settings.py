"""How a module retrieves: with which embedder, and how its two rankings are weighed."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from radu_core.models import DEFAULT_EMBEDDER

__all__ = ["DENSE_WEIGHT", "RetrievalSettings"]

DENSE_WEIGHT = 0.6  # the best on the train part of SGD by leave-one-out (benchmarks/retrieval.py)


class RetrievalSettings(BaseModel):
    """What an index is built with besides its module's data."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    embedder: str = Field(
        default=DEFAULT_EMBEDDER,
        min_length=1,
        description="Turns texts into vectors: a model's name, a directory, or a run's id.",
    )
    dense_weight: float = Field(
        default=DENSE_WEIGHT,
        ge=0,
        le=1,
        description="Weight of the dense ranking in the fusion; the lexical one has the rest.",
    )
    graph_from: int = Field(
        default=100_000,
        ge=1,
        description="From so many exemplars on, dense neighbours are found by an HNSW graph, "
        "which is fast but misses some; its recall is measured.",
    )
