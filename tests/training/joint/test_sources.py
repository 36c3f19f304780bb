"""Votes without tuning: many rows are asked about as each by itself."""

from __future__ import annotations

import numpy as np
import pytest

from radu_core.training.joint.sources import Voters, fit_voters

NAMES = ("a", "b", "c", "")
ROWS, DIM = 300, 8  # more rows than are compared at a time


@pytest.fixture(scope="module")
def voters() -> Voters:
    dice = np.random.default_rng(0)
    labels = dice.integers(0, 3, 40)
    vectors = dice.normal(size=(40, DIM)).astype(np.float32)
    descriptions = np.eye(4, DIM, dtype=np.float32)
    words = [(f"w{n % 5}", f"w{n % 7}") for n in range(40)]
    return fit_voters(NAMES, vectors, labels, descriptions, words)


def test_rows_together_have_the_scores_that_each_has_alone(voters: Voters) -> None:
    dice = np.random.default_rng(1)
    vectors, asked = dice.normal(size=(2, ROWS, DIM)).astype(np.float32)
    words = [[f"w{n % 4}"] for n in range(ROWS)]
    together = voters.scores(vectors, asked, words)
    assert {s.shape for s in together.values()} == {(ROWS, len(NAMES))}
    for n in range(0, ROWS, 23):
        alone = voters.scores(vectors[n : n + 1], asked[n : n + 1], words[n : n + 1])
        for name, scores in together.items():
            assert alone[name][0] == pytest.approx(scores[n], abs=1e-4), name


def test_nearness_is_of_exemplars_of_these_functions(voters: Voters) -> None:
    vectors = np.random.default_rng(2).normal(size=(ROWS, DIM)).astype(np.float32)
    some = np.array([True, False, True, False])
    found = voters.nearness(vectors, some)["nearest"]
    own = vectors @ voters.vectors[some[voters.labels]].T
    assert found == pytest.approx(np.sort(own, axis=1)[:, -3:].mean(1), abs=1e-5)
    without = np.array([False, False, False, True])  # it has no exemplar
    assert not voters.nearness(vectors, without)["nearest"].any()
