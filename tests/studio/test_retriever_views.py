"""The Runs tab of a retriever's run: one click, the guard, and the way back."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from app_testing import run_until
from conftest import MODULE
from fakes import HashEmbedder
from streamlit.testing.v1 import AppTest
from tuned_run import BASE, make_tuned_run

from radu_core.training.joint.guard import Retrieved
from radu_core.workflows.coverage.indexing import retrieval_settings, set_retrieval
from radu_core.workflows.frame.workspace import Workspace

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def space(
    loaded: Workspace, pages_use: Callable[..., Workspace], monkeypatch: pytest.MonkeyPatch
) -> Workspace:
    used = pages_use(loaded)
    monkeypatch.setattr(Workspace, "embedder", lambda _, name=BASE, **__: HashEmbedder(name))
    return used


def opened() -> AppTest:
    at = AppTest.from_file(str(ROOT / "pages" / "train.py"), default_timeout=30)
    at.query_params["module"] = MODULE
    at.session_state["train tab"] = "3 Runs"
    return at.run()


def shown(at: AppTest) -> str:
    parts = [*at.error, *at.warning, *at.success, *at.caption, *at.markdown]
    return re.sub(r"\\(.)", r"\1", "\n".join(str(p.value) for p in parts))


def test_one_click_and_the_way_back(space: Workspace) -> None:
    run = make_tuned_run(space, MODULE)
    at = opened()
    assert f"Index, prompts and datasets retrieve with {BASE}." in shown(at)
    assert f"It is no worse than {BASE}: the module can use it." in shown(at)
    assert not at.button(key="retriever use").disabled
    at.button(key="retriever use").click().run()
    run_until(at, lambda a: f"{MODULE} retrieves with {run.id}." in shown(a))
    assert retrieval_settings(space, MODULE).embedder == run.id
    assert f"retrieve with this run's encoder. Before: {BASE}." in shown(at)
    assert at.button(key="retriever use").label == "Bring back"  # the focus stays on it
    assert not [b for b in at.button if b.key == "retriever restore"]
    at.button(key="retriever use").click().run()
    run_until(at, lambda a: f"{MODULE} retrieves with {BASE}." in shown(a))
    assert retrieval_settings(space, MODULE).embedder == BASE
    assert not at.exception


def test_one_that_is_worse_needs_a_second_word(space: Workspace) -> None:
    run = make_tuned_run(space, MODULE, worse=1)
    at = opened()
    assert f"It is worse than {BASE} in coverage and kNN accuracy" in shown(at)
    assert at.button(key="retriever use").disabled
    at.checkbox(key=f"retriever anyway {run.id}").check().run()
    assert not at.button(key="retriever use").disabled
    at.button(key="retriever use").click().run()
    run_until(at, lambda a: f"{MODULE} retrieves with {run.id}." in shown(a))
    assert retrieval_settings(space, MODULE).embedder == run.id


def test_beside_another_model_it_is_measured_first_and_the_refusal_is_said(
    space: Workspace,
) -> None:
    run = make_tuned_run(space, MODULE, worse=4)
    settings = retrieval_settings(space, MODULE).model_copy(update={"embedder": "mpnet"})
    (space.models / "mpnet").mkdir(parents=True)
    set_retrieval(space, MODULE, settings, who="test")
    replaced = Retrieved.load(run.path)
    replace(replaced, untuned=replaced.tuned).save(run.path)  # no worse than its own base
    at = opened()
    at.button(key="retriever use").click().run()
    run_until(at, lambda a: f"{MODULE} still retrieves with mpnet." in shown(a))
    assert "It is worse than mpnet" in shown(at)
    assert at.checkbox(key=f"retriever anyway {run.id}")
    assert retrieval_settings(space, MODULE).embedder == "mpnet"


def test_a_run_of_the_generator_says_nothing_of_it(space: Workspace) -> None:
    run = make_tuned_run(space, MODULE)
    shutil.rmtree(run.model)
    at = opened()
    assert "Retriever of" not in shown(at)
    assert not at.exception
