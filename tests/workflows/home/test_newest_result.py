"""The newest result of a module: which run, which split, beside which baseline."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from conftest import MODULE

from radu_core.evaluation import EvaluationReport, Prediction, measure
from radu_core.exemplars import AnnotatedExemplar
from radu_core.training.run.config import TrainConfig
from radu_core.training.run.directory import RunDirectory
from radu_core.workflows.evaluate.evaluation import report_path
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.home.funnels import funnels
from radu_core.workflows.home.newest_result import Figure, newest_result

ROWS = [
    AnnotatedExemplar(id=str(n), utterance=f"to Rome {n}", function="f", arguments={"to": "Rome"})
    for n in range(4)
]


def made(root: Path, day: int, target: str = "generator") -> RunDirectory:
    config = TrainConfig.validate_data(
        {"target": target, "dataset": f"d/{MODULE}", "base_model": "m"}
    )
    run = RunDirectory.create(root, config, now=datetime(2026, 1, day, tzinfo=UTC))
    run.append("state", state="finished")
    return run


def evaluated(run: RunDirectory, split: str, right: int, at: int) -> None:
    """A report that is right in so many of 4 functions and values.

    One baseline is best in functions, the other in values.
    """

    def said(name: str, functions: int, values: int):  # type: ignore[no-untyped-def]
        answers = [
            Prediction(
                function="f" if n < functions else "g",
                arguments={"to": "Rome"} if n < values else {},
                seconds=0.1,
            )
            for n in range(4)
        ]
        return measure(name, ROWS, answers)[0]

    path = report_path(run, split)
    EvaluationReport(
        module=MODULE,
        split=split,
        run=run.id,
        created="2026-01-01",
        rows=4,
        left_out={},
        trained=said("after training", right, right),
        baselines=(said("linear", 3, 0), said("other", 2, 2)),
    ).save(path)
    os.utime(path, (at, at))


def test_the_run_that_was_evaluated_last_on_test_beside_the_best_baseline(tmp_path: Path) -> None:
    old, new = made(tmp_path, 1, "retriever"), made(tmp_path, 2)
    assert newest_result([new, old], MODULE) is None
    evaluated(new, "test", 1, at=100)
    evaluated(old, "test", 4, at=200)
    evaluated(old, "validation", 3, at=300)
    found = newest_result([new, old], MODULE)
    assert found is not None
    assert (found.run, found.split, found.rows, found.fast) == (old.id, "test", 4, True)
    assert found.figures == (
        Figure("function accuracy", 1.0, "linear", 0.75),
        Figure("slot F1", 1.0, "other", pytest.approx(2 / 3)),
        Figure("exact match", 1.0, "other", 0.5),
    )
    evaluated(new, "validation", 1, at=400)
    again = newest_result([new, old], MODULE)
    assert again is not None
    assert (again.run, again.split, again.fast) == (new.id, "test", False)


def test_a_damaged_report_is_passed_over(tmp_path: Path) -> None:
    old, new = made(tmp_path, 1), made(tmp_path, 2)
    evaluated(old, "validation", 2, at=100)
    evaluated(new, "test", 2, at=200)
    report_path(new, "test").write_text("{}")
    found = newest_result([new, old], MODULE)
    assert found is not None
    assert (found.run, found.split) == (old.id, "validation")


def test_home_has_it(loaded: Workspace) -> None:
    assert funnels(loaded)[0].result is None
    evaluated(made(loaded.runs, 1), "test", 3, at=100)
    found = funnels(loaded)[0].result
    assert found is not None
    assert found.figures[0].share == 0.75
