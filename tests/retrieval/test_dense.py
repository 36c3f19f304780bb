"""Nearest vectors, against comparing all of them."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from retrieving import nearest, unit_vectors

from radu_core.retrieval import dense
from radu_core.retrieval.dense import DenseIndex

NEVER = 1 << 62
VECTORS = unit_vectors(500)
QUERIES = unit_vectors(300, seed=1)


def best_of(index: DenseIndex, queries: NDArray[np.float32], k: int) -> list[list[int]]:
    """The positions that a search finds, by their cosines; what it says of them is checked."""
    positions, scores = index.search(queries, k)
    found = []
    for row, cosines, query in zip(positions, scores, queries, strict=True):
        pairs = sorted(
            (-c, p) for p, c in zip(row.tolist(), cosines.tolist(), strict=True) if p >= 0
        )
        expected = [float(index.vectors[p] @ query) for _, p in pairs]
        assert [-c for c, _ in pairs] == pytest.approx(expected, abs=1e-5)
        assert len({p for _, p in pairs}) == len(pairs)
        found.append([p for _, p in pairs[:k]])
    return found


def recall(found: list[list[int]], true: list[list[int]]) -> float:
    shared = sum(len(set(a) & set(b)) for a, b in zip(found, true, strict=True))
    return shared / sum(map(len, true))


@pytest.mark.parametrize("count", [1, 2, 7, 8, 9, 19, 20, 300])
def test_all_are_compared_by_few_queries_and_by_many(count: int) -> None:
    index = DenseIndex(VECTORS, graph_from=NEVER)
    assert (index.kind, index.recall) == ("flat", 1.0)
    for k in (1, 5, 52):
        assert best_of(index, QUERIES[:count], k) == nearest(VECTORS, QUERIES[:count], k)
    for k in (500, 900):
        found = best_of(index, QUERIES[: min(count, 20)], k)
        assert [sorted(row) for row in found] == [list(range(500))] * min(count, 20)


@pytest.mark.parametrize("apart", [1e-3, 1e-4])
def test_vectors_that_16_bits_hardly_tell_apart_are_ordered_by_all_32(apart: float) -> None:
    crowd = VECTORS[:1] + apart * unit_vectors(30, seed=5)
    crowd = (crowd / np.linalg.norm(crowd, axis=1, keepdims=True)).astype(np.float32)
    index = DenseIndex(crowd, graph_from=NEVER)
    exact = crowd.astype(np.float64) @ QUERIES[0].astype(np.float64)
    assert best_of(index, QUERIES[:1], 3)[0] == exact.argsort()[::-1][:3].tolist()


@pytest.mark.parametrize("apart", [1e-3, 1e-4])
def test_among_very_many_alike_the_best_are_found(apart: float) -> None:
    """Six hundred, of which 16 bits don't even tell the 48 candidates for the best twenty."""
    crowd = unit_vectors(1, 384) + apart * unit_vectors(600, 384, seed=5)
    crowd = (crowd / np.linalg.norm(crowd, axis=1, keepdims=True)).astype(np.float32)
    index = DenseIndex(crowd, graph_from=NEVER)
    for query in unit_vectors(10, 384, seed=9):
        found = best_of(index, query[None], 20)[0]
        true = np.sort(crowd @ query)[::-1][:20]
        assert [float(crowd[p] @ query) for p in found] == pytest.approx(true.tolist(), abs=3e-7)


def test_of_more_equal_ones_than_candidates_the_first_are_found() -> None:
    """Six hundred vectors at the same angle to the query, each in a direction of its own."""
    vectors = unit_vectors(600, seed=8)
    vectors[:, 0] = 0
    vectors *= 0.8 / np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors[:, 0] = 0.6
    query = np.eye(1, 32, dtype=np.float32)
    index = DenseIndex(vectors, graph_from=NEVER)
    assert sorted(best_of(index, query, 20)[0]) == list(range(20))
    assert sorted(best_of(index, np.repeat(query, 30, 0), 20)[7]) == list(range(20))


@pytest.mark.parametrize("graph_from", [1, NEVER])
def test_nothing_finds_nothing(graph_from: int) -> None:
    none = np.zeros((0, 32), dtype=np.float32)
    positions, scores = DenseIndex(none, graph_from=NEVER).search(QUERIES[:3], 5)
    assert (positions.shape, scores.shape) == ((3, 0), (3, 0))
    index = DenseIndex(VECTORS, graph_from=graph_from)
    assert index.search(QUERIES[:0], 5)[0].shape == (0, 0)
    assert index.search(QUERIES[:2], 0)[0].shape == (2, 0)


@pytest.mark.parametrize("size", [1, 3, 40])
def test_a_graph_of_few_finds_them_all(size: int) -> None:
    index = DenseIndex(VECTORS[:size], graph_from=1)
    assert (index.kind, index.recall) == ("hnsw", 1.0)
    assert best_of(index, QUERIES[:3], size) == nearest(VECTORS[:size], QUERIES[:3], size)


def test_the_recall_of_a_graph_is_the_share_of_the_true_neighbours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dense, "_SEARCH", 1)  # it is to miss some
    vectors = unit_vectors(1_500, 96)
    index = DenseIndex(vectors, graph_from=100)
    sample = vectors[np.linspace(0, 1_499, 200).astype(int)]
    expected = recall(best_of(index, sample, 20), nearest(vectors, sample, 20))
    assert index.recall == pytest.approx(expected)
    assert 0.5 < index.recall < 1.0


def test_a_graph_is_the_same_every_time() -> None:
    one, two = (DenseIndex(VECTORS, graph_from=100) for _ in range(2))
    for a, b in zip(one.search(QUERIES, 30), two.search(QUERIES, 30), strict=True):
        assert a.tolist() == b.tolist()


def moved(
    kept: NDArray[np.int64], new: NDArray[np.float32], *, graph_from: int = 100
) -> DenseIndex:
    """The index of ``VECTORS`` after only ``kept`` are left and ``new`` ones came first."""
    came_from = np.concatenate([np.full(len(new), -1), kept])
    vectors = np.concatenate([new, VECTORS[kept]])
    return DenseIndex(VECTORS, graph_from=graph_from).move(
        vectors, came_from, graph_from=graph_from
    )


def test_a_graph_follows_what_was_taken_away_added_and_changed() -> None:
    kept = np.setdiff1d(np.arange(500), [3, 77, 140, 499])
    index = moved(kept, unit_vectors(10, seed=9))
    assert (index.kind, len(index.vectors)) == ("hnsw", 506)
    found = best_of(index, QUERIES, 20)
    assert recall(found, nearest(index.vectors, QUERIES, 20)) > 0.99
    assert [row[0] for row in best_of(index, index.vectors[:10], 5)] == list(range(10))
    again = index.move(index.vectors[5:], np.arange(5, 506), graph_from=100)
    assert recall(best_of(again, QUERIES, 20), nearest(again.vectors, QUERIES, 20)) > 0.99


def test_a_graph_without_many_of_its_own_is_built_again() -> None:
    """Whoever looks for the nearest finds those that are gone, and none of the others."""
    index = moved(np.arange(0, 500, 4), np.zeros((0, 32), np.float32))
    assert index.kind == "hnsw"
    assert recall(best_of(index, QUERIES, 20), nearest(index.vectors, QUERIES, 20)) > 0.99


def test_behind_a_crowd_that_is_gone_the_others_are_found() -> None:
    """A function with its 75 exemplars, all alike, was removed: less than the share."""
    crowd = VECTORS[:1] + 0.01 * unit_vectors(75, seed=2)
    crowd = (crowd / np.linalg.norm(crowd, axis=1, keepdims=True)).astype(np.float32)
    others = unit_vectors(2_000, seed=4)
    before = DenseIndex(np.concatenate([others, crowd]), graph_from=100)
    index = before.move(others, np.arange(2_000), graph_from=100)
    assert index._graph is not None
    assert index._graph.index.ntotal == 2_075
    found = best_of(index, VECTORS[:1], 30)
    assert recall(found, nearest(others, VECTORS[:1], 30)) > 0.9


@pytest.mark.parametrize(("new", "whole"), [(5, False), (26, False), (40, True)])
def test_a_graph_is_built_again_when_too_many_are_outside(new: int, whole: bool) -> None:
    index = moved(np.arange(500), unit_vectors(new, seed=3))
    assert index._graph is not None
    assert index._graph.whole is whole


def test_fewer_than_a_graph_is_made_from_are_compared_one_by_one() -> None:
    index = moved(np.arange(480), np.zeros((0, 32), np.float32), graph_from=490)
    assert index.kind == "flat"
    assert best_of(index, QUERIES, 9) == nearest(VECTORS[:480], QUERIES, 9)


@given(st.data())
@settings(max_examples=15, deadline=None)
def test_any_changes_give_what_a_new_index_gives(data: st.DataObject) -> None:
    """Flat and graph alike, over several changes one after another."""
    graph_from = data.draw(st.sampled_from([20, NEVER]))
    pool = unit_vectors(90, 16, seed=7)
    rows = list(range(60))
    index = DenseIndex(pool[rows], graph_from=graph_from)
    for _ in range(3):
        left = data.draw(st.lists(st.sampled_from(range(90)), unique=True, min_size=1).map(sorted))
        came_from = np.array([rows.index(r) if r in rows else -1 for r in left])
        index = index.move(pool[left], came_from, graph_from=graph_from)
        rows = left
        k = min(10, len(rows))
        assert best_of(index, pool[:12], k) == nearest(pool[rows], pool[:12], k)


def test_a_graph_is_read_back(tmp_path: Path) -> None:
    index = DenseIndex(VECTORS, graph_from=100)
    index.write_graph(tmp_path / "graph")
    again = DenseIndex(VECTORS, graph_from=100, graph=tmp_path / "graph")
    assert again.recall == index.recall
    assert best_of(again, QUERIES, 20) == best_of(index, QUERIES, 20)


def test_only_a_whole_graph_is_written(tmp_path: Path) -> None:
    moved(np.arange(500), unit_vectors(5, seed=3)).write_graph(tmp_path / "loose")
    moved(np.arange(499), np.zeros((0, 32), np.float32)).write_graph(tmp_path / "gone")
    DenseIndex(VECTORS, graph_from=NEVER).write_graph(tmp_path / "flat")
    assert list(tmp_path.iterdir()) == []


def test_cosines_of_few_queries_are_those_of_many() -> None:
    index = DenseIndex(VECTORS, graph_from=NEVER)
    many = best_of(index, QUERIES, 20)
    for start, end in pairwise(range(0, 301, 3)):
        assert best_of(index, QUERIES[start:end], 20) == many[start:end]
