"""Small indexes and slow, plain references that retrieval is compared with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from fakes import HashEmbedder
from numpy.typing import NDArray

from radu_core.exemplars import AnnotatedExemplar
from radu_core.retrieval import ModuleIndex, RetrievalSettings
from radu_core.schema import Schema

TEXTS = [
    ("book_flight", "fly me to Oslo"), ("book_flight", "a plane to Rome"),
    ("book_flight", "I want to fly"), ("book_hotel", "a room in Paris"),
    ("book_hotel", "hotel room please"), (None, "tell me a joke"), (None, "hotel jokes"),
]  # fmt: skip
WORDS = [
    "fly", "plane", "seat", "hotel", "room", "bed", "night", "joke", "time", "city", "please",
    "me", "the", "to", "in", "a",
]  # fmt: skip


def exemplar(
    id: str, text: str, function: str | None = "book_flight", **more: Any
) -> AnnotatedExemplar:
    """A resolved training exemplar without slots: its template is its text."""
    fields = {"template": text, "spans": (), "outcome": "resolved", **more}
    return AnnotatedExemplar(id=id, utterance=text, function=function, **fields)


def exemplars(split: str = "train") -> list[AnnotatedExemplar]:
    return [
        exemplar(f"{split}{i}", text, function, split=split)
        for i, (function, text) in enumerate(TEXTS)
    ]


def random_exemplars(count: int, *, seed: int = 0) -> list[AnnotatedExemplar]:
    """Some of them duplicates, some of one template and different functions."""
    rng = np.random.default_rng(seed)
    functions = ("book_flight", "book_hotel", None)
    return [
        exemplar(
            f"e{i:04d}", " ".join(rng.choice(WORDS, rng.integers(1, 6))), functions[rng.integers(3)]
        )
        for i in range(count)
    ]


def built(
    schema: Schema, rows: Sequence[AnnotatedExemplar], **settings: Any
) -> tuple[ModuleIndex, HashEmbedder]:
    """An index and its embedder, which hasn't embedded anything since."""
    embedder = HashEmbedder()
    index = ModuleIndex.build(schema, rows, embedder, settings=RetrievalSettings(**settings))
    embedder.embedded.clear()
    return index, embedder


def unit_vectors(count: int, dim: int = 32, *, seed: int = 0) -> NDArray[np.float32]:
    rows = np.random.default_rng(seed).normal(size=(count, dim)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def nearest(vectors: NDArray[np.float32], queries: NDArray[np.float32], k: int) -> list[list[int]]:
    """The ``k`` nearest of each query by comparing it with every vector."""
    return np.argsort(-(queries @ vectors.T), axis=1, kind="stable")[:, :k].tolist()
