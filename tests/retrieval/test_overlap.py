"""Neighbours, the confusion matrix, two groups and the map, beside brute force and by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from plane import around, index_of

from radu_core.retrieval.overlap import (
    confusion,
    function_map,
    neighbours,
    two_groups,
)


def test_neighbours_are_those_of_brute_force_without_itself() -> None:
    rng = np.random.default_rng(0)
    rows = [(f"t{n}", "ab"[n % 2], list(rng.normal(size=5))) for n in range(60)]
    index = index_of(rows, ["a", "b"])
    near = neighbours(index, k=7)
    cosines = near.vectors @ near.vectors.T
    np.fill_diagonal(cosines, -2)
    assert near.ids.shape == (60, 7)
    assert (near.ids == np.argsort(-cosines, axis=1, kind="stable")[:, :7]).all()
    assert np.allclose(near.similarity, -np.sort(-cosines, axis=1)[:, :7], atol=1e-6)


def test_repeated_exemplars_are_one_and_equal_ones_of_two_functions_are_two() -> None:
    rows = [("same", "a", [1, 0]), ("same", "a", [1, 0]), ("same", "b", [1, 0]), ("x", "b", [0, 1])]
    near = neighbours(index_of(rows, ["a", "b"]), k=10)
    assert [(e.id, c) for e, c in zip(near.exemplars, near.copies, strict=True)] == [
        ("e000", 2),
        ("e002", 1),
        ("e003", 1),
    ]
    assert near.k == 2
    assert near.ids[0].tolist() == [1, 2]


@pytest.mark.parametrize("rows", [[], [("x", "a", [1.0, 0.0])]])
def test_nothing_and_one_have_no_neighbours(rows: list[Any]) -> None:
    index = index_of(rows or [("x", "a", [1.0, 0.0])], ["a"])
    near = neighbours(index, k=3)
    assert near.k == 0
    confused = confusion(near, ["a"])
    assert confused.mistaken.tolist() == [[1]]
    assert function_map(index, near).total == 1


def test_confusion_counts_as_many_neighbours_as_a_function_has_others() -> None:
    """Three of a lie together; one of b lies among them, its own two far away."""
    rows = [*around(0, 3, "a"), *around(4, 1, "b"), *around(90, 2, "b"), *around(200, 1, None)]
    near = neighbours(index_of(rows, ["a", "b"]), k=10)
    c = confusion(near, ["a", "b"])
    assert c.functions == ("a", "b", None)
    assert c.totals.tolist() == [3, 3, 1]
    # a has two others: (1 2), (0 2), and of the third the nearest are 1 and then the b at 4.
    assert c.shares[0].tolist() == pytest.approx([5 / 6, 1 / 6, 0])
    # The lone b sees two a; the other two see each other, and one b more.
    assert c.shares[1].tolist() == pytest.approx([1 / 3, 2 / 3, 0])
    assert c.mistaken.tolist() == [[3, 0, 0], [1, 2, 0], [0, 1, 0]]
    assert c.shares.sum(axis=1) == pytest.approx([1, 1, 1])


def test_two_groups_are_found_and_one_is_not_torn_apart() -> None:
    rows = [*around(0, 8, "a"), *around(80, 8, "a")]
    near = neighbours(index_of(rows, ["a"]), k=3)
    split = two_groups(near.vectors)
    assert split is not None
    assert sorted(map(len, (split.first, split.second))) == [8, 8]
    assert {*split.first} in ({*range(8)}, {*range(8, 16)})
    assert split.silhouette > 0.9
    assert split.cosine == pytest.approx(np.cos(np.radians(80)), abs=1e-3)
    assert two_groups(near.vectors[:3]) is None
    assert two_groups(np.repeat(near.vectors[:1], 9, axis=0)) is None


def test_the_map_shows_all_of_what_lies_in_a_plane_and_is_always_the_same() -> None:
    rows = [*around(0, 5, "a"), *around(60, 5, "b"), *around(120, 5, "c"), *around(180, 2, None)]
    index = index_of(rows, ["a", "b", "c"])
    near = neighbours(index)
    drawn = function_map(index, near)
    assert drawn == function_map(index, near)
    assert drawn.shown == pytest.approx(1.0)
    kinds = [p.kind for p in drawn.points]
    assert [kinds.count(k) for k in ("exemplar", "description", "function")] == [17, 3, 3]
    centres = {p.function: np.array([p.x, p.y]) for p in drawn.points if p.kind == "function"}
    means = {f: near.vectors[[e.function == f for e in near.exemplars]].mean(0) for f in "abc"}
    for one, other in ("ab", "bc", "ac"):  # a plane keeps its distances
        there = np.linalg.norm(centres[one] - centres[other])
        assert there == pytest.approx(np.linalg.norm(means[one] - means[other]), abs=1e-5)


def test_of_many_exemplars_a_sample_of_each_function_is_drawn() -> None:
    rows = [*around(0, 40, "a", 0.1), *around(60, 4, "b"), *around(120, 4, "c")]
    index = index_of(rows, ["a", "b", "c"])
    drawn = function_map(index, neighbours(index), most=12)
    shown = [p.function for p in drawn.points if p.kind == "exemplar"]
    assert (drawn.sampled, drawn.total) == (12, 48)
    assert {f: shown.count(f) for f in "abc"} == {"a": 10, "b": 1, "c": 1}
