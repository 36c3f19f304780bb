"""Retrieval against brute force; coverage and intervals against hand-computed values."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from fakes import HashEmbedder

from radu_core.errors import InputError, NotFoundError, StaleIndexError, StoreError
from radu_core.exemplars import AnnotatedExemplar
from radu_core.retrieval import (
    ModuleIndex,
    Query,
    Retrieved,
    SentenceEmbedder,
    coverage,
    find_k,
    indexed,
    wilson,
)
from radu_core.retrieval.lexical import LexicalIndex, template_text, tokenizer_for, words
from radu_core.schema import Schema

TEXTS = [
    ("book_flight", "fly me to Oslo"), ("book_flight", "a plane to Rome"),
    ("book_flight", "I want to fly"), ("book_hotel", "a room in Paris"),
    ("book_hotel", "hotel room please"), (None, "tell me a joke"), (None, "hotel jokes"),
]  # fmt: skip


def exemplars(split: str = "train") -> list[AnnotatedExemplar]:
    return [
        AnnotatedExemplar(
            id=f"{split}{i}", utterance=text, function=function, template=text, spans=(),
            outcome="resolved", split=split,
        )
        for i, (function, text) in enumerate(TEXTS)
    ]  # fmt: skip


@pytest.fixture
def index(schema: Schema) -> ModuleIndex:
    return ModuleIndex.build(schema, exemplars(), HashEmbedder())


@pytest.mark.parametrize("query", ["fly to Rome please", "a hotel joke", "room"])
def test_dense_hits_are_the_nearest_by_brute_force(index: ModuleIndex, query: str) -> None:
    embedder = HashEmbedder()
    similar = embedder.embed([t for _, t in TEXTS]) @ embedder.embed([query])[0]
    expected = sorted(range(len(TEXTS)), key=lambda i: (-round(float(similar[i]), 6), i))[:4]
    hits = index.search([Query(query)], k_desc=0, k_exemplar=4, mode="dense")[0].exemplars
    assert [h.id for h in hits] == [f"train{i}" for i in expected]
    assert [h.similarity for h in hits] == pytest.approx([float(similar[i]) for i in expected])


def test_lexical_hits_are_ordered_by_bm25(index: ModuleIndex) -> None:
    cut = tokenizer_for("en")
    scores = LexicalIndex([cut(t) for _, t in TEXTS]).scores(cut("hotel joke"))
    hits = index.search([Query("hotel joke")], k_desc=0, k_exemplar=3, mode="lexical")[0]
    best = sorted((i for i in range(7) if scores[i] > 0), key=lambda i: (-scores[i], i))[:3]
    assert [h.id for h in hits.exemplars] == [f"train{i}" for i in best]


def test_bm25_agrees_with_the_formula() -> None:
    """Lucene's BM25 with k1 = 1.5 and b = 0.75, by hand for one word."""
    documents = [["a", "b"], ["a", "a", "c", "d"], ["e"]]
    idf = np.log(1 + (3 - 2 + 0.5) / (2 + 0.5))
    mean = 7 / 3

    def score(count: int, length: int) -> float:
        return idf * count / (count + 1.5 * (0.25 + 0.75 * length / mean))

    expected = [score(1, 2), score(2, 4), 0.0]
    assert LexicalIndex(documents).scores(["a"]) == pytest.approx(expected, rel=1e-5)


def test_an_exemplar_never_retrieves_itself_or_its_duplicates(schema: Schema) -> None:
    rows = exemplars()
    twin = rows[0].model_copy(update={"id": "twin", "utterance": "fly me to Oslo"})
    index = ModuleIndex.build(schema, [*rows, twin], HashEmbedder())
    query = Query("fly me to Oslo", "train0", "fly me to Oslo", "book_flight")
    ids = {h.id for h in index.search([query], k_desc=0, k_exemplar=20)[0].exemplars}
    assert ids == {f"train{i}" for i in range(1, 7)}


def test_only_resolved_training_exemplars_are_indexed(schema: Schema) -> None:
    rows = [*exemplars(), *exemplars("test")]
    rows[1] = rows[1].model_copy(update={"outcome": "ambiguous"})
    rows[2] = rows[2].model_copy(update={"mode": "negative"})
    index = ModuleIndex.build(schema, rows, HashEmbedder())
    assert len(index.exemplars) == 5
    assert index.left_out == {"negative exemplar": 1, "not resolved": 1, "test split": 7}


def test_an_index_is_read_back_and_refused_when_stale(
    schema: Schema, index: ModuleIndex, tmp_path: Path
) -> None:
    index.save(tmp_path / "i")
    again = ModuleIndex.load(tmp_path / "i", HashEmbedder())
    query = [Query("fly to Rome")]
    assert again.search(query, k_desc=2, k_exemplar=5) == index.search(
        query, k_desc=2, k_exemplar=5
    )
    with pytest.raises(StaleIndexError):
        ModuleIndex.load(tmp_path / "i", HashEmbedder(), expected_fingerprint="other")
    with pytest.raises(NotFoundError):
        ModuleIndex.load(tmp_path / "none", HashEmbedder())


def test_what_contradicts_the_schema_is_not_indexed(schema: Schema, index: ModuleIndex) -> None:
    gone = exemplars()[0].model_copy(update={"id": "gone", "function": "gone"})
    slot = exemplars()[0].model_copy(update={"id": "slot", "arguments": {"nope": 1}})
    built = ModuleIndex.build(schema, [*exemplars(), gone, slot], HashEmbedder())
    assert built.left_out == {"contradicts the schema": 2}
    assert built.fingerprint == index.fingerprint


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-300])


def _text(text: str) -> Callable[[Path], object]:
    return lambda path: path.write_text(text)


def _other_vectors(path: Path) -> None:
    np.savez(path, exemplars=np.zeros((2, 4), np.float32), descriptions=np.zeros((2, 4)))


def _no_fingerprint(path: Path) -> None:
    path.write_text(path.read_text().replace("fingerprint", "fingerprints"))


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("vectors.npz", _truncate), ("vectors.npz", _text("")), ("vectors.npz", _text("junk")),
        ("vectors.npz", _other_vectors), ("vectors.npz", Path.unlink),
        ("meta.json", _truncate), ("meta.json", _text("{}")), ("meta.json", _text("[1]")),
        ("meta.json", _no_fingerprint),
    ],
)  # fmt: skip
def test_a_damaged_index_is_stale(
    index: ModuleIndex, tmp_path: Path, name: str, damage: Callable[[Path], object]
) -> None:
    index.save(tmp_path / "i")
    assert indexed(tmp_path / "i") == 7
    damage(tmp_path / "i" / name)
    with pytest.raises(StaleIndexError, match=r"/i is damaged \(.+\)\. Build it again"):
        ModuleIndex.load(tmp_path / "i", HashEmbedder())
    if name == "meta.json":
        with pytest.raises(StaleIndexError, match="is damaged"):
            indexed(tmp_path / "i")


@pytest.mark.parametrize(
    ("hits", "total", "low", "high"),
    [(10, 10, 0.7225, 1.0), (81, 263, 0.2553, 0.3662), (0, 10, 0.0, 0.2775), (0, 0, 0.0, 1.0)],
)
def test_wilson_intervals_are_the_textbook_ones(
    hits: int, total: int, low: float, high: float
) -> None:
    """81 of 263: Newcombe, Statistics in Medicine 17 (1998), table I, method 3."""
    assert wilson(hits, total) == pytest.approx((low, high), abs=5e-5)


def test_the_grid_counts_what_asking_one_by_one_counts(index: ModuleIndex) -> None:
    queries = [
        Query("fly to Bonn", function="book_flight"), Query("hotel", function="book_hotel"),
        Query("a joke room", function="book_hotel"), Query("me", function="book_flight"),
    ]  # fmt: skip
    grid = coverage(index, queries, max_desc=2, max_exemplar=5)
    for d in range(3):
        for e in range(6):
            found = index.search(queries, k_desc=2, k_exemplar=5)
            shown = [Retrieved(f.descriptions[:d], f.exemplars[:e]).functions for f in found]
            right = [q.function in s for q, s in zip(queries, shown, strict=True)]
            assert grid.hits[d, e] == sum(right)
            assert grid.mean_functions[d, e] == pytest.approx(np.mean([len(s) for s in shown]))
            misses = [m.utterance for m in grid.misses(d, e)]
            assert misses == [q.utterance for q, r in zip(queries, right, strict=True) if not r]
            assert sum(h for h, _ in grid.per_function(d, e).values()) == sum(right)


def test_find_k_is_the_cheapest_point_that_reaches_the_target(index: ModuleIndex) -> None:
    queries = [Query("fly", function="book_flight"), Query("hotel room", function="book_hotel")]
    grid = coverage(index, queries * 200, max_desc=2, max_exemplar=5)
    choice = find_k(grid, target=0.95, cost=lambda d, e: 10 * d + e)
    reaching = [
        (10 * d + e, d, e)
        for d in range(3)
        for e in range(6)
        if (d, e) != (0, 0) and grid.interval(d, e)[0] >= 0.95
    ]
    assert (choice.k_desc, choice.k_exemplar) == min(reaching)[1:]
    assert choice.reached


def test_too_few_utterances_cannot_show_a_high_target(index: ModuleIndex) -> None:
    grid = coverage(index, [Query("fly", function="book_flight")], max_desc=2, max_exemplar=2)
    choice = find_k(grid, target=0.99)
    assert not choice.reached
    assert "With 1 utterances even full coverage" in choice.note


def test_a_grid_of_nothing_has_nothing_to_choose(index: ModuleIndex) -> None:
    grid = coverage(index, [Query("fly", function="book_flight")], max_desc=0, max_exemplar=0)
    with pytest.raises(InputError, match="nothing is retrieved"):
        find_k(grid, target=0.99)


def test_slots_are_no_words() -> None:
    assert words(template_text("Fly to <city>, l’été \\<3")) == ["fly", "to", "l'été", "3"]


class _Counting(SentenceEmbedder):
    """A SentenceEmbedder whose model is a fake that fails at its second batch."""

    batches = 0

    def _encode(self, texts: list[str], side: str) -> np.ndarray:
        self.batches += 1
        if self.batches == 2:
            raise KeyboardInterrupt
        return np.ones((len(texts), 2), dtype=np.float32)


def test_embedding_that_was_stopped_goes_on_where_it_was(tmp_path: Path) -> None:
    texts = [f"text {i}" for i in range(600)]
    first = _Counting(tmp_path, name="fake", cache=tmp_path / "cache")
    with pytest.raises(KeyboardInterrupt):
        first.embed(texts)
    seen: list[tuple[str, int, int]] = []
    second = _Counting(tmp_path, name="fake", cache=tmp_path / "cache")
    assert second.embed(texts, progress=lambda *told: seen.append(told)).shape == (600, 2)
    assert seen[-1] == ("Embedding", 88, 88)


def test_a_damaged_cache_is_said(tmp_path: Path) -> None:
    embedder = _Counting(tmp_path / "model", name="fake", cache=tmp_path)
    (tmp_path / f"{embedder.identity[:16]}.sqlite").write_text("not a database" * 100)
    with pytest.raises(StoreError, match="delete that file"):
        embedder.embed(["text"])
