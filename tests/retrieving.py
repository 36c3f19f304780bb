"""Small indexes and slow, plain references that retrieval is compared with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from conftest import SCHEMA
from fakes import HashEmbedder
from hypothesis import strategies as st
from numpy.typing import NDArray

from radu_core.exemplars import AnnotatedExemplar
from radu_core.retrieval import ModuleIndex, RetrievalSettings
from radu_core.schema import Schema, parse_schema

TEXTS = [
    ("book_flight", "fly me to Oslo"),
    ("book_flight", "a plane to Rome"),
    ("book_flight", "I want to fly"),
    ("book_hotel", "a room in Paris"),
    ("book_hotel", "hotel room please"),
    (None, "tell me a joke"),
    (None, "hotel jokes"),
]
WORDS = [
    "fly",
    "plane",
    "seat",
    "hotel",
    "room",
    "bed",
    "night",
    "joke",
    "time",
    "city",
    "please",
    "me",
    "the",
    "to",
    "in",
    "a",
]
WHOLE = parse_schema(SCHEMA)
LESS = parse_schema({**SCHEMA, "functions": SCHEMA["functions"][:1]})
IDS = ("a", "b", "c", "d", "e")


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


EXEMPLARS = st.builds(
    exemplar,
    st.sampled_from(IDS),
    st.sampled_from(["fly", "fly me", "hotel"]),
    st.sampled_from(["book_flight", "book_hotel", "gone", None]),
    split=st.sampled_from(["train", "train", "train", "test"]),
    outcome=st.sampled_from(["resolved", "resolved", "resolved", "ambiguous", None]),
    mode=st.sampled_from(["normal", "normal", "extended", "negative"]),
)


def edits() -> st.SearchStrategy[dict[str, AnnotatedExemplar | None]]:
    """Exemplars by their ids, or None: it is taken away."""
    one = st.one_of(EXEMPLARS, st.sampled_from(IDS))
    return st.lists(one, max_size=4).map(
        lambda some: {
            e if isinstance(e, str) else e.id: None if isinstance(e, str) else e for e in some
        }
    )


def applied(
    rows: dict[str, AnnotatedExemplar], changes: dict[str, AnnotatedExemplar | None]
) -> dict[str, AnnotatedExemplar]:
    after = {**rows, **{id: e for id, e in changes.items() if e is not None}}
    return {id: e for id, e in after.items() if changes.get(id, e) is not None}
