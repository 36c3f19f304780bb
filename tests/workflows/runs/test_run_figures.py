"""What a run says of itself: figures with their rows, where it is done, the check of its model."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from conftest import MODULE

from radu_core.training.run.config import TrainConfig
from radu_core.training.run.directory import RunDirectory
from radu_core.training.worker.measures import CHOOSES
from radu_core.training.worker.trainer import rows_to_evaluate
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.runs.figures import (
    asked_rows,
    keep_asked,
    last_figures,
    where,
    written_check,
)
from radu_core.workflows.runs.launch import check
from radu_core.workflows.train.dataset import build


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    config = TrainConfig(dataset=Path("d") / MODULE, base_model="m")
    return RunDirectory.create(tmp_path / "runs", config, now=datetime(2026, 1, 1, tzinfo=UTC))


def test_the_rows_of_each_figure_are_those_that_are_evaluated(
    loaded: Workspace, tiny_model: Path, run: RunDirectory
) -> None:
    config = TrainConfig(
        dataset=build(loaded, MODULE).directory,
        base_model=str(tiny_model),
        max_length=4096,
    )
    rows = check(loaded, config)
    keep_asked(run, config, rows)
    tasks = [row.task for row in rows_to_evaluate(config, rows)]
    chosen = sum(task in CHOOSES for task in tasks)
    assert 0 < chosen < len(tasks)
    assert asked_rows(run.events(), config) == {
        "loss": len(tasks),
        "function_accuracy": chosen,
        "slot_f1": len(tasks) - chosen,
    }


def test_an_older_run_says_the_rows_of_its_loss_only(run: RunDirectory) -> None:
    config = run.config()
    assert asked_rows(run.events(), config) == {}
    run.append("preflight", train_rows=9, validation_rows=200)
    assert asked_rows(run.events(), config) == {"loss": 64}
    assert asked_rows(run.events(), None) == {}
    run.append("validation", step=5, loss=1.0, function_accuracy=0.5)
    loss, accuracy = last_figures(run.events()[-1:], {"loss": 64})
    assert str(loss) == "validation loss 1.000 (64 rows)"
    assert (str(accuracy), accuracy.low) == ("function accuracy 50.0 %", None)


def test_the_newest_of_each_figure_counts(run: RunDirectory) -> None:
    run.append("validation", step=5, loss=2.0, slot_f1=0.25)
    run.append("validation", step=6, loss=1.0)
    told = [e for e in run.events() if e.kind == "validation"]
    assert [(f.name, f.value, f.step) for f in last_figures(told, {})] == [
        ("loss", 1.0, 6),
        ("slot_f1", 0.25, 5),
    ]


def test_where_a_run_is_done(run: RunDirectory) -> None:
    assert where(run) == ""
    (run.path / "launcher.json").write_text('{"address": "http://head:8265"}')
    assert where(run) == "Ray, http://head:8265"
    (run.path / "launcher.json").write_text("[]")
    assert where(run) == "Ray (launcher.json can't be read)"


def test_no_check_of_a_model_before_there_is_one(run: RunDirectory) -> None:
    assert written_check(run) is None
