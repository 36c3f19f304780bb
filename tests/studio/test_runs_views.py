"""The Runs tab: the table, the chosen run, notes, the trash, a comparison."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest
from conftest import MODULE
from streamlit.testing.v1 import AppTest

from radu_core.evaluation import EvaluationReport, Prediction, measure
from radu_core.exemplars import AnnotatedExemplar
from radu_core.training import RunDirectory, TrainConfig
from radu_core.workflows import runs, train
from radu_core.workflows.evaluate import report_path
from radu_core.workflows.workspace import Workspace

ROOT = Path(__file__).resolve().parents[2]
STEP = {"epoch": 1.0, "learning_rate": 1e-3, "tokens_per_second": 5.0, "eta_seconds": 60.0}


@pytest.fixture
def space(loaded: Workspace, pages_use: Callable[..., Workspace]) -> Workspace:
    return pages_use(loaded)


def made(space: Workspace, day: int, state: str = "stopped") -> RunDirectory:
    """A run of three steps; one under way has this process."""
    wanted = TrainConfig(dataset=Path("d") / MODULE, base_model="m", seed=day, tags=(f"t{day}",))
    run = RunDirectory.create(space.runs, wanted, now=datetime(2026, 1, day, tzinfo=UTC))
    if state != "stopped":
        own = psutil.Process()
        run.write_process(own.pid, own.create_time())
    if state != "queued":
        run.append("state", state="running")
        for step in (1, 2, 3):
            run.append("step", step=step, steps=4, loss=3.0 / step, memory_gb=1.0, **STEP)
        run.append("validation", step=2, loss=1.5, function_accuracy=0.625, slot_f1=0.5)
        run.append("validation", step=3, loss=1.25)  # task metrics may be missing
    if state != "running":
        run.append("state", state=state, reason="")
    return run


def opened() -> AppTest:
    at = AppTest.from_file(str(ROOT / "pages" / "train.py"), default_timeout=30)
    at.query_params["module"] = MODULE
    return at.run()


def shown(at: AppTest) -> str:
    parts = [*at.error, *at.info, *at.success, *at.caption, *at.markdown]
    figures = [f"{m.label} {m.value}" for m in at.metric]
    return re.sub(r"\\(.)", r"\1", "\n".join([*(str(p.value) for p in parts), *figures]))


def test_without_a_run_it_says_so(space: Workspace) -> None:
    at = opened()
    assert "No run of this module yet." in shown(at)
    assert not [e for e in at.expander if e.label.startswith("Trash")]


def test_the_table_and_the_live_view_show_what_a_run_says(space: Workspace) -> None:
    run = made(space, 1, "running")
    at = opened()
    [table] = [d.value for d in at.dataframe if "steps" in d.value]
    assert table.loc[0, ["run", "state", "steps", "loss"]].tolist() == [run.id, "running", 3, 1.0]
    assert table.loc[0, "tags"] == ["t1"]
    text = shown(at)
    for figure in ("best validation loss 1.250", "function accuracy 62.5%", "slot F1 50.0%"):
        assert figure in text
    at.button(key="delete confirmed").click().run()
    assert f"Run {run.id} is running. Stop it first, then delete it." in shown(at)
    assert not at.exception


def test_a_queued_run_says_for_whom_it_waits(space: Workspace) -> None:
    first = made(space, 1, "running")
    second = made(space, 2, "queued")
    at = opened()
    assert at.selectbox(key="run chosen").value == first.id  # the one at work
    at.selectbox(key="run chosen").select(second.id).run()
    assert f"It waits for {first.id}." in shown(at)


def test_notes_and_tags_can_be_changed(space: Workspace) -> None:
    run = made(space, 1)
    at = opened()
    at.text_area(key=f"notes {run.id}").set_value("worth *another* look")
    at.button(key="describe save").click().run()
    assert runs.about(run) == runs.About(notes="worth *another* look", tags=("t1",))
    assert "worth *another* look" in shown(opened())


def test_a_deleted_run_can_be_restored(space: Workspace) -> None:
    run = made(space, 1)
    at = opened()
    at.button(key="delete confirmed").click().run()
    assert train.runs(space) == []
    at = opened()
    assert "No run of this module yet." in shown(at)
    at.button(key="trash restore").click().run()
    assert [r.id for r in train.runs(space)] == [run.id]


def test_a_wrong_change_of_a_fork_is_named(space: Workspace) -> None:
    run = made(space, 1)
    at = opened()
    for text, words in (
        ("epoch: 3", "no such setting"),
        ("[", "aren't YAML"),
        ("x", "name: value"),
    ):
        at.text_area(key=f"fork changes {run.id}").set_value(text)
        at.button(key="fork launch").click().run()
        assert words in shown(at)
    assert not at.exception


def test_two_runs_are_compared(space: Workspace) -> None:
    rows = [AnnotatedExemplar(id=str(i), utterance="x", function="fly") for i in range(6)]
    for day, wrong in ((1, 0), (2, 6)):
        run = made(space, day)
        said = [Prediction(function="sail" if i < wrong else "fly") for i in range(6)]
        metrics, errors = measure("m", rows, said)
        EvaluationReport(
            module=MODULE, split="test", run=run.id, created="", rows=6, left_out={},
            trained=metrics, errors=tuple(errors),
        ).save(report_path(run, "test"))  # fmt: skip
    names = [r.id for r in train.runs(space)]
    at = opened()
    assert "Choose at least two runs." in shown(at)
    at.multiselect(key="runs compared").set_value(names).run()
    tables = {next(iter(d.value.columns)): d.value for d in at.dataframe}
    assert tables["setting"].to_numpy().tolist() == [["seed", "2", "1"]]
    tested = tables["measure"]
    assert tested["only the other right"].tolist() == [6, 6]
    assert tested["p"].tolist() == ["0.0312", "0.0312"]
    at.selectbox(key="compare split").set_value("train").run()
    assert f"{names[0]} hasn't been measured on train." in shown(at)
    assert not at.exception
