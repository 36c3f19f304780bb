"""Two indexes per module, fused retrieval, and the coverage of the right answer."""

from radu_core.retrieval.choosing import KChoice, find_k
from radu_core.retrieval.contents import Contents
from radu_core.retrieval.coverage import (
    RANKINGS,
    CoverageGrid,
    Miss,
    coverage,
    percentiles,
)
from radu_core.retrieval.deciding import decisions
from radu_core.retrieval.embedder import Embedder, SentenceEmbedder
from radu_core.retrieval.embedding_models import check_embedder, why_not_tunable
from radu_core.retrieval.hits import DescriptionHit, ExemplarHit, Query, Retrieved, query_of
from radu_core.retrieval.index import ModuleIndex, Ranked, SearchMode, fingerprint
from radu_core.retrieval.misses import Cause, ExplainedMiss, explain
from radu_core.retrieval.saved import count_indexed, read_index, save_index, saved_fingerprint
from radu_core.retrieval.settings import RetrievalSettings
from radu_core.retrieval.tuning import AT, Tuning, choose_weight

__all__ = [
    "AT",
    "RANKINGS",
    "Cause",
    "Contents",
    "CoverageGrid",
    "DescriptionHit",
    "Embedder",
    "ExemplarHit",
    "ExplainedMiss",
    "KChoice",
    "Miss",
    "ModuleIndex",
    "Query",
    "Ranked",
    "RetrievalSettings",
    "Retrieved",
    "SearchMode",
    "SentenceEmbedder",
    "Tuning",
    "check_embedder",
    "choose_weight",
    "count_indexed",
    "coverage",
    "decisions",
    "explain",
    "find_k",
    "fingerprint",
    "percentiles",
    "query_of",
    "read_index",
    "save_index",
    "saved_fingerprint",
    "why_not_tunable",
]
