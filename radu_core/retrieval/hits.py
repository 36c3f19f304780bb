"""What is asked of an index, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass

from radu_core.exemplars import AnnotatedExemplar, Mode, Span, escape
from radu_core.schema import Arguments

__all__ = ["DescriptionHit", "ExemplarHit", "Query", "Retrieved", "query_of"]


@dataclass(frozen=True)
class DescriptionHit:
    """A function whose description is near the utterance. ``rank`` is from 1."""

    function: str
    rank: int
    score: float


@dataclass(frozen=True)
class ExemplarHit:
    """A training exemplar near the utterance; ``function`` None is out of scope.

    ``score`` orders the hits (cosine, BM25 or fused, by the search mode), ``similarity`` is the
    cosine to the utterance in every mode. ``dense_rank`` and ``lexical_rank`` (from 1) are its
    places in the two rankings that were fused, None where it isn't among their first or the mode
    doesn't look there.
    """

    id: str
    function: str | None
    template: str
    utterance: str
    arguments: Arguments
    spans: tuple[Span, ...]
    rank: int
    score: float
    similarity: float
    dense_rank: int | None = None
    lexical_rank: int | None = None
    mode: Mode = "normal"


@dataclass(frozen=True)
class Retrieved:
    """What was retrieved for one utterance, most relevant first."""

    descriptions: tuple[DescriptionHit, ...] = ()
    exemplars: tuple[ExemplarHit, ...] = ()

    @property
    def functions(self) -> tuple[str, ...]:
        """Functions of the description hits, then of the exemplar hits, each once."""
        names = [h.function for h in self.descriptions]
        names += [h.function for h in self.exemplars if h.function is not None]
        return tuple(dict.fromkeys(names))


@dataclass(frozen=True)
class Query:
    """An utterance to retrieve for.

    The other fields say which exemplars are itself: the one of that id, and those of the same
    template and function.
    """

    utterance: str
    exemplar_id: str | None = None
    template: str | None = None
    function: str | None = None


def query_of(exemplar: AnnotatedExemplar) -> Query:
    """The exemplar as a query that never retrieves itself or its duplicates.

    A negative one isn't indexed, and a positive that looks the same is a contradiction to be
    found: it leaves out itself only, and has no right function to be retrieved.
    """
    if exemplar.mode == "negative":
        return Query(exemplar.utterance, exemplar.id)
    template = exemplar.template or escape(exemplar.utterance)
    return Query(exemplar.utterance, exemplar.id, template, exemplar.function)
