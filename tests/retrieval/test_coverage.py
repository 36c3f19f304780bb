"""Coverage and intervals against hand-computed values and against asking one by one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from retrieving import WORDS, built, random_exemplars

from radu_core.errors import InputError
from radu_core.retrieval import (
    RANKINGS,
    ModuleIndex,
    Query,
    Retrieved,
    coverage,
    find_k,
    percentiles,
)
from radu_core.retrieval.coverage import function_ranks, ranked_functions
from radu_core.retrieval.fusion import Ranking
from radu_core.schema import Schema


def test_the_grid_counts_what_asking_one_by_one_counts(index: ModuleIndex) -> None:
    queries = [
        Query("fly to Bonn", function="book_flight"),
        Query("hotel", function="book_hotel"),
        Query("a joke room", function="book_hotel"),
        Query("me", function="book_flight"),
    ]
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


def test_curves_and_ranks_are_those_of_each_mode(schema: Schema) -> None:
    """A larger module, with out-of-scope exemplars and a function that nobody knows."""
    rng = np.random.default_rng(1)
    index, _ = built(schema, random_exemplars(120, seed=6))
    names = ("book_flight", "book_hotel", "unknown")
    queries = [
        Query(" ".join(rng.choice(WORDS, 3)), function=names[rng.integers(3)]) for _ in range(60)
    ]
    grid = coverage(index, queries, max_desc=9, max_exemplar=7)
    assert (grid.max_desc, grid.max_exemplar, grid.total) == (2, 7, 60)
    for ranking in RANKINGS:
        size = 2 if ranking == "descriptions" else 7
        mode = "fused" if ranking == "descriptions" else ranking
        found = index.search(queries, k_desc=2, k_exemplar=7, mode=mode)  # type: ignore[arg-type]
        brought = [
            [h.function for h in (f.descriptions if ranking == "descriptions" else f.exemplars)]
            for f in found
        ]
        first = [
            b.index(q.function) + 1 if q.function in b else 0
            for b, q in zip(brought, queries, strict=True)
        ]
        assert grid.first[ranking].tolist() == first
        assert grid.curve(ranking) == [sum(0 < r <= k for r in first) for k in range(size + 1)]
    points = [(min(k, 2), k) for k in range(8)]
    assert grid.curve("together") == [int(grid.hits[p]) for p in points]
    assert grid.curve("together")[0] == 0
    assert grid.right.tolist() == [
        index.functions.index(q.function) if q.function in index.functions else -1 for q in queries
    ]
    missed = {m.number for m in grid.misses(2, 7)}
    assert missed == {n for n in range(60) if not grid.is_covered(n, 2, 7)}
    assert {n for n, q in enumerate(queries) if q.function == "unknown"} <= missed
    assert grid.per_function(2, 7)["unknown"][0] == 0


def test_nobody_asks_and_nothing_is_covered(index: ModuleIndex) -> None:
    grid = coverage(index, [], max_desc=2, max_exemplar=3)
    assert (grid.total, grid.hits.sum(), grid.share(2, 3)) == (0, 0, 0.0)
    assert grid.interval(2, 3) == (0.0, 1.0)
    assert grid.misses(2, 3) == []
    assert percentiles(grid.first["fused"]) == dict.fromkeys(["p50", "p90", "p95", "p99"])


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
    assert "With 1 utterance even full coverage" in choice.note


def test_misses_that_no_k_cures_are_said(index: ModuleIndex) -> None:
    queries = [Query("fly", function="book_flight")] * 900 + [Query("fly", function="unknown")] * 9
    choice = find_k(coverage(index, queries, max_desc=2, max_exemplar=2), target=0.995)
    assert (choice.reached, choice.share) == (False, pytest.approx(900 / 909))
    assert choice.note.startswith("No point reaches 99.5 %: 9 utterances missed even here.")


def test_a_grid_of_nothing_has_nothing_to_choose(index: ModuleIndex) -> None:
    grid = coverage(index, [Query("fly", function="book_flight")], max_desc=0, max_exemplar=0)
    with pytest.raises(InputError, match="nothing is retrieved"):
        find_k(grid, target=0.99)


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        ([], (None, None, None, None)),
        ([0], (None, None, None, None)),
        ([3], (3, 3, 3, 3)),
        ([1, 2], (1, 2, 2, 2)),
        ([1, 1, 2, 0], (1, None, None, None)),
        (list(range(1, 11)), (5, 9, 10, 10)),
        (list(range(1, 101)), (50, 90, 95, 99)),
        ([7] * 99 + [0], (7, 7, 7, 7)),
    ],
)
def test_percentiles_by_hand(first: list[int], expected: tuple[int | None, ...]) -> None:
    found = percentiles(np.array(first, dtype=np.int64))
    assert tuple(found.values()) == expected
    assert list(found) == ["p50", "p90", "p95", "p99"]


def test_function_ranks_by_hand() -> None:
    rows = [
        [3, 3, 1, 2, 1],  # 2 is the third function
        [-2, 0, -2, 2, -1],  # out of scope is no function
        [0, 1, 0, -1, -1],  # 2 doesn't come
        [2, 2, 2, 2, 2],
        [-1, -1, -1, -1, -1],
    ]
    right = np.full(5, 2)
    assert function_ranks(np.array(rows), right).tolist() == [3, 2, 0, 1, 0]
    assert function_ranks(np.array(rows), np.full(5, -1)).tolist() == [0] * 5
    assert function_ranks(np.array(rows), np.full(5, -2)).tolist() == [0] * 5
    assert function_ranks(np.zeros((5, 0), np.int64), right).tolist() == [0] * 5


@given(
    st.lists(st.lists(st.integers(-2, 5), min_size=6, max_size=6), min_size=1, max_size=8),
    st.integers(-1, 5),
)
def test_function_ranks_count_the_different_functions(rows: list[list[int]], right: int) -> None:
    expected = []
    for row in rows:
        different = list(dict.fromkeys(f for f in row if f >= 0))
        expected.append(different.index(right) + 1 if right in different else 0)
    assert function_ranks(np.array(rows), np.full(len(rows), right)).tolist() == expected


def test_a_ranking_brings_the_functions_of_its_exemplars(index: ModuleIndex) -> None:
    positions = np.array([[0, 3, 5, -1], [6, 4, 1, 0]], dtype=np.int64)
    ranking = Ranking(positions, np.zeros((2, 4), np.float32))
    assert ranked_functions(index, ranking).tolist() == [[0, 1, -2, -1], [-2, 1, 0, 0]]


def test_the_ranks_of_functions_are_counted_over_the_whole_ranking(index: ModuleIndex) -> None:
    """``first`` is within the largest k; ``function_ranks`` looks at all that was ranked."""
    queries = [Query("hotel room", function="book_flight")]
    grid = coverage(index, queries, max_desc=2, max_exemplar=1)
    assert grid.first["dense"].tolist() == [0]
    assert grid.function_ranks["dense"].tolist() == [2]
    assert grid.function_ranks["descriptions"].tolist() == [2]
    assert replace(grid).function_ranks["fused"].tolist() == [0]
