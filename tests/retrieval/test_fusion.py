"""Rankings as arrays, against rankings as lists and sums in dictionaries."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radu_core.retrieval.fusion import RRF_K, Ranking, fuse, order_hits

ROWS = st.integers(1, 4)


def ranking(rows: list[list[int]]) -> Ranking:
    positions = np.array(rows, dtype=np.int64).reshape(len(rows), -1)
    return Ranking(positions, np.zeros(positions.shape, dtype=np.float32))


@st.composite
def pairs(draw: st.DrawFn) -> tuple[list[list[int]], list[list[int]]]:
    """Two rankings of the same queries; each names a position once, or nothing (-1)."""
    count = draw(ROWS)
    both = []
    for _ in range(2):
        width = draw(st.integers(0, 12))
        row = st.permutations(range(15)).map(lambda p, w=width: list(p[:w]))
        gaps = st.lists(st.booleans(), min_size=width, max_size=width)
        both.append(
            [
                [-1 if gap else p for p, gap in zip(draw(row), draw(gaps), strict=True)]
                for _ in range(count)
            ]
        )
    return both[0], both[1]


def by_dictionaries(
    dense: list[int], lexical: list[int], weight: float, k: int
) -> list[tuple[int, float]]:
    sums: dict[int, float] = {}
    for row, share in ((dense, weight), (lexical, 1.0 - weight)):
        for rank, position in enumerate(row, start=1):
            if position >= 0 and share > 0:
                sums[position] = sums.get(position, 0.0) + share / (RRF_K + rank)
    return sorted(sums.items(), key=lambda item: (-round(item[1], 12), item[0]))[:k]


@given(pairs(), st.sampled_from([0.0, 0.3, 0.5, 0.6, 1.0]), st.integers(0, 30))
@settings(max_examples=60)
def test_fusion_adds_the_weighted_reciprocal_ranks(
    both: tuple[list[list[int]], list[list[int]]], weight: float, k: int
) -> None:
    fused = fuse(ranking(both[0]), ranking(both[1]), dense_weight=weight, k=k)
    for number, (dense, lexical) in enumerate(zip(*both, strict=True)):
        expected = by_dictionaries(dense, lexical, weight, k)
        found = fused.positions[number].tolist()
        assert [p for p in found if p >= 0] == [p for p, _ in expected]
        assert found[len(expected) :] == [-1] * (len(found) - len(expected))
        scores = fused.scores[number].tolist()
        assert scores[: len(expected)] == pytest.approx([s for _, s in expected], rel=1e-6)
        assert all(s == -np.inf for s in scores[len(expected) :])


def test_fusion_by_hand() -> None:
    """7 is first and second, 3 is second alone, 5 first alone; the lexical side weighs more."""
    fused = fuse(ranking([[7, 3]]), ranking([[5, 7]]), dense_weight=0.4, k=3)
    assert fused.positions.tolist() == [[7, 5, 3]]
    expected = [0.4 / 61 + 0.6 / 62, 0.6 / 61, 0.4 / 62]
    assert fused.scores[0].tolist() == pytest.approx(expected, rel=1e-6)


def test_equal_sums_are_ordered_by_position() -> None:
    fused = fuse(ranking([[9, 4]]), ranking([[4, 9]]), dense_weight=0.5, k=2)
    assert fused.positions.tolist() == [[4, 9]]


@pytest.mark.parametrize(("weight", "expected"), [(1.0, [[8, 2]]), (0.0, [[2, 6]])])
def test_a_ranking_of_weight_nothing_brings_nothing(
    weight: float, expected: list[list[int]]
) -> None:
    fused = fuse(ranking([[8, 2]]), ranking([[2, 6]]), dense_weight=weight, k=5)
    assert [[p for p in row if p >= 0] for row in fused.positions.tolist()] == expected


@given(
    st.lists(
        st.tuples(st.integers(0, 9), st.sampled_from([0.1, 0.5, 0.50000004, 0.9])),
        unique_by=lambda pair: pair[0],
        max_size=10,
    ),
    st.lists(st.integers(-1, 9), min_size=2, max_size=2),
    st.integers(0, 12),
)
@settings(max_examples=60)
def test_ordered_leaves_the_excluded_out(
    found: list[tuple[int, float]], excluded: list[int], k: int
) -> None:
    positions = np.array([[p for p, _ in found]], dtype=np.int64).reshape(1, -1)
    scores = np.array([[s for _, s in found]], dtype=np.float32).reshape(1, -1)
    best = order_hits(positions, scores, np.array([excluded], dtype=np.int64), k)
    left = sorted((-round(s, 6), p) for p, s in found if p not in excluded)[:k]
    assert [p for p in best.positions[0].tolist() if p >= 0] == [p for _, p in left]
    assert best.scores[0].tolist()[: len(left)] == pytest.approx([-s for s, _ in left])


def test_scores_that_differ_behind_the_sixth_decimal_are_equal() -> None:
    positions = np.array([[5, 2, 7]], dtype=np.int64)
    scores = np.array([[0.3000002, 0.3000001, 0.300002]], dtype=np.float32)
    found = order_hits(positions, scores, np.zeros((1, 0), np.int64), 3)
    assert found.positions.tolist() == [[7, 2, 5]]


def test_no_place_is_no_excluded_place() -> None:
    positions = np.array([[-1, 1]], dtype=np.int64)
    scores = np.array([[np.inf, 0.5]], dtype=np.float32)
    found = order_hits(positions, scores, np.array([[-1, -1]], dtype=np.int64), 2)
    assert found.positions.tolist() == [[1, -1]]
    assert found.scores.tolist() == [[0.5, -np.inf]]


def test_the_first_of_a_ranking_are_its_first_columns() -> None:
    full = ranking([[3, 1, 2], [1, 2, -1]])
    assert full.first(2).positions.tolist() == [[3, 1], [1, 2]]
    assert full.first(0).positions.shape == (2, 0)
