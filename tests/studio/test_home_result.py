"""Home shows each module's newest result, and leads to it on Evaluate."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from conftest import MODULE
from streamlit.testing.v1 import AppTest

from radu_core.evaluation import EvaluationReport, Prediction, measure
from radu_core.exemplars import AnnotatedExemplar
from radu_core.training.run.config import TrainConfig
from radu_core.training.run.directory import RunDirectory
from radu_core.workflows.evaluate.evaluation import report_path
from radu_core.workflows.frame.workspace import Workspace

ROOT = Path(__file__).resolve().parents[2]
ROW = AnnotatedExemplar(id="1", utterance="to Rome", function="f", arguments={"to": "Rome"})


def made(space: Workspace, day: int, split: str) -> RunDirectory:
    config = TrainConfig(dataset=Path("d") / MODULE, base_model="m")
    run = RunDirectory.create(space.runs, config, now=datetime(2026, 1, day, tzinfo=UTC))
    (run.path / "model").mkdir()
    run.append("state", state="finished")
    own = Prediction(function="f", arguments={"to": "Rome"}, seconds=0.1)
    other = Prediction(function="f", arguments={}, seconds=0.1)
    EvaluationReport(
        module=MODULE,
        split=split,
        run=run.id,
        created="2026-01-01T00:00:00+00:00",
        rows=1,
        left_out={},
        trained=measure("after training", [ROW], [own])[0],
        baselines=(measure("nearest exemplar", [ROW], [other])[0],),
    ).save(report_path(run, split))
    return run


def opened(page: str, **query: str) -> AppTest:
    at = AppTest.from_file(str(ROOT / "pages" / f"{page}.py"), default_timeout=30)
    for name, value in query.items():
        at.query_params[name] = value
    return at.run()


def plain(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def test_home_shows_it_beside_the_best_baseline(
    loaded: Workspace, pages_use: Callable[..., Workspace]
) -> None:
    pages_use(loaded)
    assert "Newest result" not in "".join(m.value for m in opened("home").markdown)
    run = made(loaded, 1, "validation")
    at = opened("home")
    assert not at.exception
    assert any(run.id in plain(m.value) for m in at.markdown)
    shown = {m.label: (m.value, plain(m.delta)) for m in at.metric if m.delta}
    assert shown == {
        "function accuracy": ("100.0 %", "100.0 % nearest exemplar"),
        "slot F1": ("100.0 %", "0.0 % nearest exemplar"),
        "exact match": ("100.0 %", "0.0 % nearest exemplar"),
    }
    assert any("On 1 utterance of validation" in c.value for c in at.caption)


def test_the_link_opens_that_run_and_split(
    loaded: Workspace, pages_use: Callable[..., Workspace]
) -> None:
    pages_use(loaded)
    first = made(loaded, 1, "validation")
    made(loaded, 2, "test")
    at = opened("evaluate", module=MODULE, run=first.id, split="validation")
    assert [s.value for s in at.selectbox if s.label in ("Run", "Split")] == [
        first.id,
        "validation",
    ]
    at = opened("evaluate", module=MODULE, run="gone", split="none")
    assert [s.value for s in at.selectbox if s.label == "Split"] == ["test"]
    assert not at.exception
