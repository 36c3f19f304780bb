"""The recommended point: votes against counting by hand, and what is chosen by them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from retrieving import built, exemplar, random_exemplars

from radu_core.retrieval import CoverageGrid, ModuleIndex, Query, coverage, decisions, find_k
from radu_core.schema import Schema


def by_hand(grid: CoverageGrid, number: int, d: int, e: int) -> bool:
    """Whether query ``number``'s prompt votes for its function."""
    votes: dict[str, float] = {}
    index, query = grid.index, grid.queries[number]
    shown = grid.retrieve(number, d, e)
    for description in shown.descriptions:
        near = index.description_vectors[index.functions.index(description.function)]
        vote = np.exp(20 * (float(near @ grid.ranked.asked[number]) - 1))
        votes[description.function] = votes.get(description.function, 0.0) + vote
    ids = {x.id: n for n, x in enumerate(index.exemplars)}
    for hit in shown.exemplars:
        near = index.vectors[ids[hit.id]]
        vote = np.exp(20 * (float(near @ grid.ranked.vectors[number]) - 1))
        votes[hit.function or ""] = votes.get(hit.function or "", 0.0) + vote
    ranked = sorted(votes.items(), key=lambda v: -v[1])
    tied = {n for n, v in ranked if v >= ranked[0][1] * (1 - 1e-6)}
    first = next((f for f in (*index.functions, "") if f in tied), None)
    return first == query.function


def test_votes_are_those_of_counting_one_by_one(schema: Schema) -> None:
    exemplars = random_exemplars(40, seed=3)
    index, _ = built(schema, exemplars)
    queries = [
        Query(e.utterance, e.id, e.template, e.function)
        for e in exemplars
        if e.function is not None
    ]
    grid = coverage(index, queries, max_desc=2, max_exemplar=4)
    found = decisions(grid)
    assert found.shape == (3, 5, len(queries))
    assert not found[0, 0].any()
    for d in range(3):
        for e in range(5):
            assert found[d, e].tolist() == [by_hand(grid, n, d, e) for n in range(len(queries))]


def test_more_than_there_is_changes_nothing(index: ModuleIndex) -> None:
    grid = coverage(index, [Query("fly", function="book_flight")], max_desc=2, max_exemplar=50)
    found = decisions(grid)
    assert found[0, 0].tolist() == [False]
    assert (found[2, 50] == found[2, len(index.exemplars)]).all()


def test_an_utterance_of_an_unknown_function_is_never_right(index: ModuleIndex) -> None:
    grid = coverage(index, [Query("fly", function="unknown")], max_desc=2, max_exemplar=3)
    assert not decisions(grid).any()


def grid_of_two(index: ModuleIndex) -> CoverageGrid:
    queries = [Query("fly", function="book_flight"), Query("hotel room", function="book_hotel")]
    return coverage(index, queries * 200, max_desc=2, max_exemplar=3)


def votes(grid: CoverageGrid, shares: dict[tuple[int, int], float]) -> NDArray[np.bool_]:
    """Right in so many of the queries, the first ones; elsewhere in none."""
    found = np.zeros((grid.max_desc + 1, grid.max_exemplar + 1, grid.total), dtype=np.bool_)
    for point, share in shares.items():
        found[point][: round(share * grid.total)] = True
    return found


def test_exemplars_stay_in_the_prompt_where_they_help(index: ModuleIndex) -> None:
    grid = grid_of_two(index)
    assert grid.interval(2, 0)[0] >= 0.95  # descriptions alone would cover
    right = votes(grid, {(2, 0): 0.7, (2, 1): 0.9, (2, 2): 0.9})
    choice = find_k(grid, target=0.95, cost=lambda d, e: 10 * d + e, right=right)
    assert (choice.k_desc, choice.k_exemplar) == (2, 1)
    assert (choice.accuracy, choice.best_accuracy, choice.best) == (0.9, 0.9, (2, 1))


def test_they_are_left_out_where_they_add_less_than_chance(index: ModuleIndex) -> None:
    grid = grid_of_two(index)
    right = votes(grid, {(2, 0): 0.9, (2, 1): 0.9025})  # one query of 400
    choice = find_k(grid, target=0.95, cost=lambda d, e: 10 * d + e, right=right)
    assert (choice.k_desc, choice.k_exemplar) == (2, 0)
    assert (choice.accuracy, choice.best) == (0.9, (2, 1))


def test_coverage_stays_a_constraint(index: ModuleIndex) -> None:
    """What votes best but covers too little isn't recommended."""
    grid = grid_of_two(index)
    little = next((d, e) for d in (1, 0) for e in (1, 0) if grid.interval(d, e)[0] < 0.95)
    choice = find_k(grid, target=0.95, right=votes(grid, {little: 1.0, (2, 3): 0.5}))
    assert (choice.k_desc, choice.k_exemplar) == (2, 3)
    assert choice.reached


def test_the_cheapest_of_equally_good_points_is_taken(schema: Schema) -> None:
    rows = [
        exemplar("e0", "fly to Bonn", "book_flight"),
        exemplar("e1", "fly to a hotel", "book_hotel"),
    ]
    index, _ = built(schema, rows)
    queries = [Query("fly to Bonn", function="book_flight")] * 30
    choice = find_k(coverage(index, queries, max_desc=0, max_exemplar=2), target=0.5)
    assert (choice.k_exemplar, choice.accuracy) == (1, 1.0)
