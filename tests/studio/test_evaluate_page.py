"""Evaluate offers what answers; a run that can't be read takes nothing else down."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from conftest import MODULE
from streamlit.testing.v1 import AppTest
from tuned_run import make_taught_run, make_tuned_run

from radu_core.files import write_json
from radu_core.training.joint.files import HEAD_FILE
from radu_core.workflows.frame.workspace import Workspace

PAGE = str(Path(__file__).resolve().parents[2] / "pages" / "evaluate.py")


def test_it_offers_runs_that_answer(loaded: Workspace, pages_use: Callable[..., Workspace]) -> None:
    pages_use(loaded)
    make_taught_run(loaded, MODULE)
    at = AppTest.from_file(PAGE, default_timeout=30).run()
    assert at.info[0].value == "No run of this module that answers utterances has finished yet."
    run = make_tuned_run(loaded, MODULE)
    write_json(run.model / HEAD_FILE, {})
    at = AppTest.from_file(PAGE, default_timeout=30).run()
    assert at.selectbox[0].options == [run.id]


def test_a_run_whose_settings_are_damaged(
    loaded: Workspace, pages_use: Callable[..., Workspace]
) -> None:
    pages_use(loaded)
    run, other = (make_tuned_run(loaded, MODULE, second=n) for n in (1, 2))
    write_json(run.model / HEAD_FILE, {})
    (other.path / "config.yaml").write_text("nonsense: [", encoding="utf-8")
    at = AppTest.from_file(PAGE, default_timeout=30).run()
    assert at.selectbox[0].options == [other.id, run.id]
    assert not at.error
    assert at.button[0].label == "Evaluate"
