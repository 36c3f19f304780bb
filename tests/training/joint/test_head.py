"""The head: weights from out-of-fold scores, calibrated."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from radu_core.training.joint.head import Head, fit_head, log_loss

NAMES = ("a", "b", "c")


def made(
    rows: int = 600, *, seed: int = 0
) -> tuple[dict[str, NDArray[np.float32]], NDArray[np.int64]]:
    """Scores of a source that is right in 9 of 10 rows, twice too sure of it, and of noise."""
    dice = np.random.default_rng(seed)
    gold = dice.integers(0, 3, rows)
    said = np.where(dice.random(rows) < 0.9, gold, (gold + dice.integers(1, 3, rows)) % 3)
    good = np.full((rows, 3), -2.0 * np.log(18), dtype=np.float32)
    good[np.arange(rows), said] = 0.0
    noise = dice.normal(size=(rows, 3)).astype(np.float32)
    return {"good": good, "noise": noise}, gold


def test_what_says_nothing_weighs_nothing_and_overconfidence_is_corrected() -> None:
    scores, gold = made()
    head = fit_head(NAMES, scores, gold)
    assert head.weights["noise"] < 0.2
    assert head.weights["good"] == pytest.approx(0.5, abs=0.1)
    chosen = np.exp(head.log_probabilities(scores)).max(1)
    right = head.log_probabilities(scores).argmax(1) == gold
    assert chosen.mean() == pytest.approx(right.mean(), abs=0.01)


def test_probabilities_sum_to_1_and_leaving_a_source_out_costs_loss() -> None:
    scores, gold = made()
    head = fit_head(NAMES, scores, gold)
    logs = head.log_probabilities(scores)
    assert np.allclose(np.exp(logs).sum(1), 1.0)
    assert log_loss(Head(NAMES, {"noise": 1.0}), scores, gold) > log_loss(head, scores, gold) + 0.3


def test_no_weight_is_below_0() -> None:
    scores, gold = made()
    head = fit_head(NAMES, {**scores, "against": -scores["good"]}, gold)
    assert min(head.weights.values()) >= 0.0


def test_without_rows_or_with_one_function_every_source_counts_alike() -> None:
    scores, gold = made(4)
    none = {name: s[:0] for name, s in scores.items()}
    assert fit_head(NAMES, none, gold[:0]).weights == {"good": 1.0, "noise": 1.0}
    one = {name: s[:, :1] for name, s in scores.items()}
    assert fit_head(("a",), one, np.zeros(4, dtype=np.int64)).weights == {"good": 1.0, "noise": 1.0}
    head = Head(("a",), {"good": 1.0, "noise": 1.0})
    assert head.log_probabilities(one).tolist() == [[0.0]] * 4
