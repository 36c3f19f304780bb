"""The scope: a score for what no function of the module means, and what is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest
from numpy.typing import NDArray

from radu_core.training.joint.scope import Scope, among, curve_of, features_of, fit_scope
from radu_core.training.joint.sources import fit_voters

Made = tuple[dict[str, NDArray[np.float64]], NDArray[np.bool_]]


def made(rows: int = 800, *, seed: int = 0) -> Made:
    """Rows in scope, nearer by two standard deviations than others; the regression is noise."""
    dice = np.random.default_rng(seed)
    inside = dice.random(rows) < 0.7
    near = dice.normal(size=rows) + 2.0 * inside
    noise = dice.normal(size=(2, rows))
    return {"centroid": near, "nearest": near, "regression": noise[0], "joint": near}, inside


def nothing(rows: int) -> NDArray[np.bool_]:
    return np.zeros(rows, dtype=np.bool_)


def test_the_curve_by_hand() -> None:
    curve = curve_of([0.1, 0.2, 0.3, 0.4, 0.35, 0.9], [True] * 4 + [False] * 2, by="labels")
    assert curve is not None
    assert (curve.inside, curve.outside, curve.by) == (4, 2, "labels")
    assert curve.auroc == pytest.approx(7 / 8)
    assert (curve.at(1.0), curve.at(0.95), curve.at(0.7)) == (0.5, 0.5, 1.0)
    assert curve_of([0.1], [True], by="labels") is None
    assert curve_of([0.1], [False], by="labels") is None


def test_the_score_is_the_share_of_rows_in_scope_and_keeps_the_order_beyond_them() -> None:
    features, inside = made()
    scope = fit_scope(features, inside, nothing(800), inside)
    said = scope.scores(features)
    assert (said[inside] <= 0.95).mean() == pytest.approx(0.95, abs=0.01)
    beyond = scope.scores({n: np.array([-5.0, -6.0, -9.0, 9.0, 12.0]) for n in features})
    assert 0.99 < beyond[0] < beyond[1] < beyond[2] < 1.0
    assert 0.0 < beyond[4] < beyond[3] < 0.01
    assert scope.curve is not None
    assert scope.curve.by == "functions left out, by distance alone"
    assert scope.curve.auroc == pytest.approx(0.92, abs=0.02)


def test_of_equal_rows_none_is_refused_where_so_many_are_kept() -> None:
    scope = Scope({"centroid": -1.0}, (*[-2.0] * 16, *[-1.0] * 4), 0.9, None)
    said = scope.scores({"centroid": np.array([2.0, 1.5, 1.0, 0.5])})
    assert said.tolist()[:3] == pytest.approx([0.025, 0.8, 0.825])
    assert (said <= scope.kept).tolist() == [True, True, True, False]


def test_nothing_is_refused_by_itself_without_labels_of_what_is_out_of_scope() -> None:
    features, inside = made()
    assert fit_scope(features, inside, nothing(800), inside).kept == 1.0


def test_what_says_nothing_weighs_nothing() -> None:
    features, inside = made()
    scope = fit_scope(features, inside, nothing(800), inside)
    assert abs(scope.weights["regression"]) < 0.2 * abs(scope.weights["centroid"])
    noise = np.random.default_rng(1).normal(size=800)
    labelled = fit_scope({**features, "joint": noise}, inside, ~inside, inside)
    assert abs(labelled.weights["joint"]) < 0.2 * abs(labelled.weights["centroid"])


def test_with_labels_what_is_kept_is_what_answers_most_rows_rightly() -> None:
    features, inside = made()
    mild = fit_scope(features, inside, ~inside, inside)
    assert 0.95 <= mild.kept < 1.0
    assert mild.curve is not None
    assert mild.curve.by == "labels"
    known = fit_scope(features, inside, ~inside, np.ones(800, dtype=np.bool_))
    assert known.kept == 1.0  # the head has them all right without it


def test_without_a_row_out_of_scope_the_distance_decides() -> None:
    features, _ = made()
    scope = fit_scope(features, ~nothing(800), nothing(800), ~nothing(800))
    assert scope.weights["regression"] == 0.0
    assert scope.curve is None
    near, far = scope.scores({n: np.array([9.0, -9.0]) for n in features})
    assert near < 0.01 < 0.99 < far


def test_without_rows_no_utterance_stands_out() -> None:
    scope = fit_scope({}, *(nothing(0) for _ in range(3)))
    assert scope.scores({"centroid": np.array([0.1, 0.9])}).tolist() == [0.5, 0.5]


def test_it_is_the_same_after_json() -> None:
    features, inside = made()
    scope = fit_scope(features, inside, ~inside, inside)
    assert Scope.read(json.loads(json.dumps(scope.data()))) == scope


def test_log_probabilities_among_some_functions() -> None:
    logs = np.log(np.array([[0.5, 0.3, 0.2]]))
    found = np.exp(among(logs, np.array([True, False, True])))
    assert found == pytest.approx(np.array([[5 / 7, 0.0, 2 / 7]]))


def test_functions_that_were_left_out_bring_nothing_near() -> None:
    vectors = np.eye(3, dtype=np.float32)
    descriptions = np.eye(3, dtype=np.float32)
    voters = fit_voters(("a", "b", ""), vectors[[0, 2]], np.array([0, 2]), descriptions, [(), ()])
    known = np.array([True, False, True])
    logs = np.log(np.full((3, 3), 1 / 3))
    found = features_of(voters, vectors, logs.astype(np.float32), logs, known)
    assert found["centroid"].tolist() == [1.0, 0.0, 0.0]  # neither b's description nor ""
    assert found["nearest"].tolist() == [1.0, 0.0, 0.0]
    assert found["labelled"].tolist() == pytest.approx([0.0, 0.0, 0.0])
