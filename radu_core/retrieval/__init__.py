"""Two indexes per module, fused retrieval, and the coverage of the right answer."""

from radu_core.retrieval.coverage import CoverageGrid, KChoice, Miss, coverage, find_k, wilson
from radu_core.retrieval.embedder import Embedder, SentenceEmbedder
from radu_core.retrieval.fusion import reciprocal_rank_fusion
from radu_core.retrieval.index import (
    DescriptionHit,
    ExemplarHit,
    ModuleIndex,
    Query,
    Retrieved,
    indexed,
)

__all__ = [
    "CoverageGrid",
    "DescriptionHit",
    "Embedder",
    "ExemplarHit",
    "KChoice",
    "Miss",
    "ModuleIndex",
    "Query",
    "Retrieved",
    "SentenceEmbedder",
    "coverage",
    "find_k",
    "indexed",
    "reciprocal_rank_fusion",
    "wilson",
]
