"""Forking, describing, throwing away and comparing runs."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import pytest
from conftest import MODULE

from radu_core.errors import InputError, NotFoundError, StoreError
from radu_core.evaluation import EvaluationReport, Prediction, hash_of_rows, measure
from radu_core.exemplars import AnnotatedExemplar
from radu_core.training.run.config import TrainConfig
from radu_core.training.run.directory import RunDirectory
from radu_core.training.watcher.launcher import Local
from radu_core.workflows.evaluate.evaluation import report_path
from radu_core.workflows.frame import run_list
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.runs import launch as train
from radu_core.workflows.train import manage_runs as runs
from radu_core.workflows.train.dataset import build

ROWS = [
    AnnotatedExemplar(
        id=f"{i:02d}",
        utterance=f"fly {i}",
        function="fly" if i < 8 else None,
        arguments={"to": "Oslo"} if i < 8 else {},
    )
    for i in range(10)
]
RIGHT = [Prediction(function=r.function, arguments=r.arguments) for r in ROWS]
NOTHING = Prediction(function="nothing")


def made(space: Workspace, day: int, **more: Any) -> RunDirectory:
    """A run that was stopped."""
    wanted = TrainConfig(dataset=Path("d") / MODULE, base_model="m", **more)
    now = datetime(2026, 1, day, tzinfo=UTC)
    run = RunDirectory.create(space.runs, wanted, now=now)
    run.append("state", state="stopped", reason="")
    return run


def measured(
    run: RunDirectory, said: list[Prediction], rows: Any = None, *, told: bool = False
) -> EvaluationReport:
    rows = rows or ROWS
    metrics, errors = measure("after training", rows, said)
    report = EvaluationReport(
        module=MODULE,
        split="test",
        run=run.id,
        created="",
        rows=len(rows),
        left_out={},
        trained=metrics,
        errors=tuple(errors),
        rows_hash=hash_of_rows(rows) if told else "",
    )
    report.save(report_path(run, "test"))
    return report


def test_notes_and_tags_begin_as_in_the_config_and_can_be_changed(workspace: Workspace) -> None:
    run = made(workspace, 1, notes="first", tags=("a",))
    assert runs.about(run) == runs.About(notes="first", tags=("a",))
    runs.describe(workspace, run.id, notes=" better ")
    runs.describe(workspace, run.id, tags=["b", " b", "", "c"])
    assert runs.about(run) == runs.About(notes="better", tags=("b", "c"))
    assert run.config().notes == "first"
    (run.path / "about.json").write_text('{"note": 1}')
    with pytest.raises(StoreError, match=r"about\.json is damaged"):
        runs.about(run)


def test_a_run_in_the_trash_is_gone_until_it_is_restored(workspace: Workspace) -> None:
    run = made(workspace, 1)
    there = runs.trash(workspace, run.id)
    assert there == workspace.home / "trash" / "runs" / run.id
    assert run_list.runs(workspace) == []
    assert [r.id for r in run_list.list_trash(workspace)] == [run.id]
    with pytest.raises(NotFoundError, match=f"It holds {run.id}"):
        runs.restore_run(workspace, "../x")
    assert runs.restore_run(workspace, run.id).state() == ("stopped", "")
    runs.trash(workspace, run.id)
    assert runs.empty_trash(workspace) == 1
    assert not there.exists()
    with pytest.raises(NotFoundError, match="It is empty"):
        runs.restore_run(workspace, run.id)


def test_a_run_under_way_is_not_deleted(workspace: Workspace) -> None:
    run = made(workspace, 1)
    own = psutil.Process()
    run.write_process(own.pid, own.create_time())
    run.append("state", state="running")
    with pytest.raises(InputError, match="is running"):
        runs.trash(workspace, run.id)
    assert run.exists


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"epoch": 3}, "no such setting.*epoch"),
        ({"batch_size": 0}, "batch_size.*got 0"),
        ({"method": "full", "use_dora": True}, "use_dora"),
    ],
)
def test_a_wrong_change_is_refused_by_name(
    workspace: Workspace, changes: dict[str, object], words: str
) -> None:
    run = made(workspace, 1)
    with pytest.raises(InputError, match=words):
        runs.fork(workspace, run.id, changes)
    assert [r.id for r in run_list.runs(workspace)] == [run.id]


def test_a_setting_changed_to_none_gets_its_default(workspace: Workspace) -> None:
    run = made(workspace, 1, seed=3, max_steps=7)
    config = runs.changed_config(run, {"seed": None, "max_steps": None, "epochs": 2})
    assert (config.seed, config.max_steps, config.epochs) == (0, None, 2.0)


def test_a_fork_says_what_it_was_forked_from(
    loaded: Workspace, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Local, "launch", lambda *_: 1)
    wanted = TrainConfig(
        dataset=build(loaded, MODULE).directory, base_model=str(tiny_model), tags=("a",)
    )
    origin = train.start(loaded, wanted)
    forked = runs.fork(loaded, origin.id, {"learning_rate": 1e-4})
    assert forked.config() == origin.config().model_copy(update={"learning_rate": 1e-4})
    assert runs.about(forked) == runs.About(tags=("a",), forked_from=origin.id)


def test_two_runs_on_the_same_rows_are_tested_pairwise(workspace: Workspace) -> None:
    """One has two functions and a slot wrong, the other five functions, one row in common."""
    one, two = made(workspace, 1), made(workspace, 2, seed=5, notes="x")
    said = [NOTHING, NOTHING, Prediction(function="fly"), *RIGHT[3:]]
    measured(one, said)
    measured(two, [*RIGHT[:1], *[NOTHING] * 5, *RIGHT[6:]])
    found = runs.compare_runs(workspace, [one.id, two.id, one.id])
    assert found.settings == {"seed": {one.id: 0, two.id: 5}}
    function, exact = found.paired
    # function accuracy: wrong {0, 1} against {1 … 5}; two-sided exact of 1 in 5: 2·(1 + 5)/32
    assert (function.only_one, function.only_two, function.rows) == (4, 1, 10)
    assert function.p == pytest.approx(0.375)
    # exact match: wrong {0, 1, 2} against {1 … 5}: 3 and 1; 2·(1 + 4)/16
    assert (exact.only_one, exact.only_two) == (3, 1)
    assert exact.p == pytest.approx(0.625)
    assert found.unpaired == ()


def test_reports_of_other_rows_arent_paired_and_older_ones_are_doubted(
    workspace: Workspace,
) -> None:
    """Two samples of one size, all right: only the hash tells them apart."""
    one, two = made(workspace, 1), made(workspace, 2)
    other = [r.model_copy(update={"id": f"x{r.id}"}) for r in ROWS]
    measured(one, RIGHT, told=True)
    measured(two, RIGHT, other, told=True)
    found = runs.compare_runs(workspace, [one.id, two.id])
    assert found.paired == found.unverified == ()
    assert "they measured other rows, or rows that were changed" in found.unpaired[0]
    measured(two, RIGHT, ROWS[::-1], told=True)
    found = runs.compare_runs(workspace, [one.id, two.id])
    assert (len(found.paired), found.unpaired, found.unverified) == (2, (), ())
    measured(two, RIGHT, other)
    found = runs.compare_runs(workspace, [one.id, two.id])
    assert len(found.paired) == 2
    [doubt] = found.unverified
    assert doubt.startswith(f"{one.id} and {two.id}: at least one was measured before")


def test_equal_runs_have_no_difference(workspace: Workspace) -> None:
    one, two = made(workspace, 1), made(workspace, 2)
    for run in (one, two):
        measured(run, RIGHT)
    found = runs.compare_runs(workspace, [one.id, two.id])
    assert [(t.only_one, t.only_two, t.p) for t in found.paired] == [(0, 0, 1.0)] * 2


def test_what_cant_be_compared_is_said(workspace: Workspace) -> None:
    one, two, three = (made(workspace, day) for day in (1, 2, 3))
    measured(one, [NOTHING, *RIGHT[1:]])
    measured(two, RIGHT[:9], ROWS[:9])
    found = runs.compare_runs(workspace, [one.id, two.id, three.id])
    assert found.paired == ()
    assert found.unpaired == (
        f"{three.id} hasn't been measured on test.",
        f"{one.id} and {two.id} can't be tested row by row: they measured 10 and 9 rows. "
        "Evaluate both again.",
    )
    changed = [ROWS[0].model_copy(update={"utterance": "else"}), *ROWS[1:]]
    measured(two, [NOTHING, *RIGHT[1:]], changed)
    assert "row 00 has changed" in runs.compare_runs(workspace, [one.id, two.id]).unpaired[0]
    other = [ROWS[0].model_copy(update={"function": "sail"}), *ROWS[1:]]
    measured(two, RIGHT, other)
    assert "the labels have changed" in runs.compare_runs(workspace, [one.id, two.id]).unpaired[0]


@pytest.mark.parametrize(
    ("names", "split", "words"),
    [([1], "test", "takes two runs"), ([1, 1], "test", "takes two runs"), ([1, 2], "x", "split")],
)
def test_a_wrong_comparison_is_refused(
    workspace: Workspace, names: list[int], split: str, words: str
) -> None:
    known = {day: made(workspace, day).id for day in (1, 2)}
    with pytest.raises(InputError, match=words):
        runs.compare_runs(workspace, [known[n] for n in names], split=split)
