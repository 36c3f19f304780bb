"""The highest of many scores, against sorting all of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from radu_core.retrieval.best import best

SCORES = st.lists(
    st.one_of(st.sampled_from([0.0, -np.inf, 1.0, 0.5]), st.floats(-10, 10, width=32)), max_size=200
)


def by_sorting(scores: list[float], k: int) -> list[int]:
    return sorted(sorted(range(len(scores)), key=lambda i: (-scores[i], i))[:k])


@given(SCORES, st.integers(0, 220))
def test_the_best_are_those_that_sorting_puts_first(scores: list[float], k: int) -> None:
    found = best(np.array(scores, dtype=np.float32), k)
    assert found.tolist() == by_sorting(scores, k)


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 160, 163])
@pytest.mark.parametrize("value", [0.0, 1.0, -np.inf])
def test_of_equal_scores_the_first_are_taken(size: int, value: float) -> None:
    scores = np.full(size, value, dtype=np.float32)
    for k in (0, 1, 5, size, size + 3):
        assert best(scores, k).tolist() == list(range(min(k, size)))


def test_a_best_score_behind_the_last_whole_block_is_found() -> None:
    scores = np.zeros(35, dtype=np.float32)
    scores[[3, 34]] = 1, 2
    assert best(scores, 1).tolist() == [34]
    assert best(scores, 2).tolist() == [3, 34]
