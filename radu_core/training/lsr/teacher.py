"""The teacher: how probable a language model finds the right answer with each chunk.

A chunk is one exemplar. The prompt is the one that names a function, as it is if nothing but the
chunk was retrieved. A small model's probability of a name is near 0 with any chunk, so it is
normalised over the candidates: the functions of all chunks, the right one, and ``none``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from radu_core.eligibility import Key, key_of
from radu_core.exemplars import AnnotatedExemplar
from radu_core.prompts import Asking, TemplateSet
from radu_core.prompts.strategies import rag
from radu_core.retrieval import ExemplarHit, Retrieved
from radu_core.schema import Schema

__all__ = ["Scorer", "Teacher", "answers_of", "choose_teacher", "keys_of"]


class Scorer(Protocol):
    """What is needed of a language model."""

    def score_each(
        self, prompts: Sequence[str], candidates: Sequence[str]
    ) -> list[list[float]]: ...


@dataclass(frozen=True)
class Teacher:
    """A language model by name, and the keys of the exemplars that it was trained on.

    See ``keys_of``; a base model has none.
    """

    name: str
    learnt: frozenset[Key]


def choose_teacher(teachers: Sequence[Teacher], exemplar: AnnotatedExemplar) -> Teacher | None:
    """The first teacher that hasn't learnt this exemplar or a duplicate; None if each has.

    A model that was trained on a row is sure of its answer whatever stands before it: every chunk
    seems to help. So adapters teach the folds that they were trained without.
    """
    keys = keys_of(exemplar)
    return next((t for t in teachers if t.learnt.isdisjoint(keys)), None)


def keys_of(exemplar: AnnotatedExemplar) -> set[Key]:
    """The keys of exemplars: those that share one are duplicates to a teacher.

    It reads the utterance: the same utterance may have another template, where another value was
    marked in it.
    """
    return {key_of(exemplar), (exemplar.utterance, exemplar.function)}


def answers_of(
    model: Scorer,
    schema: Schema,
    templates: TemplateSet,
    exemplar: AnnotatedExemplar,
    chunks: Sequence[ExemplarHit],
) -> list[float]:
    """The probability of the exemplar's function with each chunk, in the chunks' order."""
    retrieved_chunks = Retrieved((), tuple(chunks))
    names: list[str | None] = list(dict.fromkeys([*retrieved_chunks.functions, exemplar.function]))
    names = [n for n in names if n is not None] + [None]
    prompts = rag.ask_each(Asking(exemplar.utterance, schema, templates), retrieved_chunks)
    scores = model.score_each([p.text for p in prompts], [rag.completion(n) for n in names])
    right = names.index(exemplar.function)
    return [_share(row, right) for row in scores]


def _share(logs: Sequence[float], place: int) -> float:
    top = max(logs)
    weights = [math.exp(log - top) for log in logs]
    return weights[place] / sum(weights)
