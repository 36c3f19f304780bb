"""The dataset tab: its options keep, a preview and a build show their numbers, two are compared."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from app_testing import run_until
from conftest import MODULE, ROWS, SCHEMA
from streamlit.testing.v1 import AppTest

from radu_core.dataset import DatasetConfig
from radu_core.schema import parse_schema
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.load.files import import_file
from radu_core.workflows.load.outcomes import resolve
from radu_core.workflows.train.dataset import build, datasets

ROOT = Path(__file__).resolve().parents[2]
OTHER = "acme_stays_en"


@pytest.fixture
def space(loaded: Workspace, pages_use: Callable[..., Workspace]) -> Workspace:
    """A workspace that the pages use as well."""
    return pages_use(loaded)


def opened(module: str = MODULE) -> AppTest:
    at = AppTest.from_file(str(ROOT / "pages" / "train.py"), default_timeout=30)
    at.query_params["module"] = module
    return at.run()


def test_only_models_that_generate_are_offered(space: Workspace) -> None:
    """Another embedder than the default one says what it is by its files."""
    for name in ("bge-small", "tiny"):
        made = space.models / name
        made.mkdir(parents=True)
        record = {"name": name, "source": "x", "licence": "y"}
        (made / "radu-model.json").write_text(json.dumps(record))
        (made / "config.json").write_text("{}")
    (space.models / "bge-small" / "modules.json").write_text("[]")
    build(space, MODULE, config=DatasetConfig.of(strategies=("rag",)))
    at = opened()
    for label, tab in (("Base model", "1 Dataset"), ("Base model", "2 Launch")):
        at.session_state["train tab"] = tab
        at.run()
        [chosen] = [s for s in at.selectbox if s.label == label]
        assert (chosen.value, "bge-small" in chosen.options) == ("tiny", False)


def press(at: AppTest, label: str) -> None:
    next(b for b in at.button if b.label == label).click().run()


def until(at: AppTest, words: str) -> str:
    """Rerun until the words are shown; all that is shown then."""
    run_until(at, lambda at: words in shown(at))
    return shown(at)


def shown(at: AppTest) -> str:
    parts = [*at.error, *at.info, *at.success, *at.warning, *at.caption, *at.subheader]
    figures = [f"{m.label} {m.value}" for m in at.metric]
    text = "\n".join([*(str(p.value) for p in parts), *figures, *(e.label for e in at.expander)])
    return re.sub(r"\\(.)", r"\1", text)  # as it is read, without Markdown's escapes


def test_an_empty_module_says_what_to_do(space: Workspace) -> None:
    at = opened()
    assert "No dataset of this module has been built yet." in shown(at)
    assert "Compare two datasets" not in shown(at)


def test_a_preview_says_what_a_build_gives(space: Workspace) -> None:
    at = opened()
    at.number_input(key=f"dataset k_exemplar {MODULE}").set_value(2).run()
    press(at, "Preview")
    text = until(at, "What this would give")
    assert "the numbers are exact" in text
    rows = next(m.value for m in at.metric if m.label == "train rows")
    at.number_input(key=f"dataset k_desc {MODULE}").set_value(1).run()
    assert "The options have changed" in shown(at)
    at.number_input(key=f"dataset k_desc {MODULE}").set_value(3).run()
    press(at, "Build")
    until(at, "default** · rows")
    (view,) = datasets(space, MODULE)
    assert f"{view.manifest.rows('train'):,}" == rows
    assert view.manifest.modules[MODULE].config == DatasetConfig.of(k_exemplar=2)
    assert at.number_input(key=f"dataset k_exemplar {MODULE}").value == 2


def test_every_option_is_asked_for_and_used(space: Workspace) -> None:
    at = opened()
    asked = {w.key for w in (*at.number_input, *at.selectbox, *at.button_group)}
    names = {"strategies": "tasks", "out_of_scope_cap": "cap"}
    names |= {n: f"{n} {MODULE}" for n in ("k_desc", "k_exemplar")}
    assert {f"dataset {names.get(n, n)}" for n in DatasetConfig.options()} <= asked
    at.number_input(key="dataset hardness").set_value(0.5).run()
    press(at, "Build")
    until(at, "default** · rows")
    (view,) = datasets(space, MODULE)
    assert view.manifest.modules[MODULE].config == DatasetConfig.of(hardness=0.5)


def test_an_embedder_is_no_base_model(space: Workspace) -> None:
    for name, file in (("bge-small", "modules.json"), ("tiny-generator", "generation_config.json")):
        directory = space.models / name
        directory.mkdir(parents=True)
        for text in ("config.json", file):
            (directory / text).write_text("{}")
        facts = {"name": name, "source": "here", "licence": "none"}
        (directory / "radu-model.json").write_text(json.dumps(facts))
    options = opened().selectbox(key="dataset tokenizer").options
    assert "tiny-generator" in options
    assert "bge-small" not in options


def test_several_modules_are_mixed(space: Workspace, write_jsonl: Any) -> None:
    space.store.put_schema(parse_schema({**SCHEMA, "module": OTHER}), who="t")
    import_file(space, "jsonl", write_jsonl(ROWS, "b.jsonl"), module=OTHER, who="t")
    resolve(space, OTHER, who="t")
    at = opened()
    at.multiselect[0].set_value([MODULE, OTHER]).run()
    assert "Weights in the mixture" in shown(at)
    press(at, "Build")
    until(at, "default/mixture** · rows")
    assert [v.title for v in datasets(space, MODULE)] == ["default", "default/mixture"]


def test_two_datasets_are_compared(space: Workspace) -> None:
    build(space, MODULE, name="one")
    build(space, MODULE, name="two", config=DatasetConfig.of(zero_share=1.0))
    at = opened()
    press(at, "Compare")
    text = until(at, "zero_share was 0.05, is 1.0")
    assert "removed 0" in text
    assert "added 0" not in text
    assert not at.exception


@pytest.mark.parametrize(
    ("name", "words"), [("../x", "can't be a dataset's name"), ("", "can't be a dataset's name")]
)
def test_what_is_wrong_is_said(space: Workspace, name: str, words: str) -> None:
    at = opened()
    at.text_input(key="dataset name").set_value(name).run()
    press(at, "Build")
    until(at, words)
    assert not at.exception


def test_no_task_is_said(space: Workspace) -> None:
    at = opened()
    at.button_group(key="dataset tasks").set_value([]).run()
    press(at, "Preview")
    until(at, "No task was chosen")
