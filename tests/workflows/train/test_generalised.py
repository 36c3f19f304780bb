"""A run on a mixture: launched like any other, and each module can be parsed as it was trained."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from conftest import MODULE, ROWS, SCHEMA

from radu_core.dataset import DatasetConfig, read_rows
from radu_core.errors import DatasetError, InputError
from radu_core.schema import parse_schema
from radu_core.tokenizing import load_tokenizer
from radu_core.training.run.config import TrainConfig
from radu_core.training.run.encoding import preflight
from radu_core.training.watcher.launcher import Local
from radu_core.workflows.evaluate.evaluation import report_path
from radu_core.workflows.frame import run_list
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.home.funnels import funnels
from radu_core.workflows.load.files import import_file
from radu_core.workflows.load.outcomes import resolve
from radu_core.workflows.runs import launch as train
from radu_core.workflows.train.dataset import build, build_many

OTHER = "acme_stays_en"


@pytest.fixture
def two(loaded: Workspace, write_jsonl: Any) -> Workspace:
    loaded.store.put_schema(parse_schema({**SCHEMA, "module": OTHER}), who="t")
    import_file(loaded, "jsonl", write_jsonl(ROWS, "b.jsonl"), module=OTHER, who="t")
    resolve(loaded, OTHER, who="t")
    return loaded


@pytest.fixture
def config(two: Workspace, tiny_model: Path) -> TrainConfig:
    options = DatasetConfig.of(k_desc=1, k_exemplar=2, order="most_relevant_first")
    view = build_many(two, [MODULE, OTHER], name="both", config=options)[-1]
    return TrainConfig(dataset=view.directory, base_model=str(tiny_model), max_length=1024)


def test_every_row_of_a_mixture_is_encoded(config: TrainConfig, tiny_model: Path) -> None:
    found = preflight(config, load_tokenizer(tiny_model))
    assert len(found.train) == len(list(read_rows(config.dataset, "train")))


def test_a_run_keeps_what_each_module_needs(
    two: Workspace, config: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Local, "launch", lambda *_: 1)
    run = train.start(two, config)
    assert "-mixture-lora-" in run.id
    assert run_list.run_modules(run) == [OTHER, MODULE]
    for module in (MODULE, OTHER):
        assert [r.id for r in run_list.runs(two, module)] == [run.id]
        kept = train.serving(two, run, module=module)
        assert (kept.schema.module, kept.manifest.module) == (module, module)
        assert kept.settings.model_dump() == {
            "function_strategy": "rag",
            "slot_strategy": "all",
            "values": "choose",
            "reads_answers": False,
            "mixing": "prompt",
            "temperature": 0.1,
            "k_desc": 1,
            "k_exemplar": 2,
            "k_slot_examples": 2,
            "order": "most_relevant_first",
        }
        assert kept.drawn == ("all", "rag")
        assert report_path(run, "test", module) == run.path / "evaluation" / module / "test.json"
    assert run_list.runs(two, "acme_none_en") == []
    with pytest.raises(InputError, match="on several modules"):
        train.serving(two, run)
    with pytest.raises(InputError, match="wasn't trained on that module"):
        train.serving(two, run, module="acme_none_en")
    assert {f.module: f.in_dataset for f in funnels(two)} == {MODULE: 8, OTHER: 8}


def test_a_dataset_may_lie_in_a_directory_of_any_name(
    two: Workspace, config: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Local, "launch", lambda *_: 1)
    shutil.copytree(config.dataset, tmp_path / "mine")
    run = train.start(two, config.model_copy(update={"dataset": tmp_path / "mine"}))
    assert run_list.run_modules(run) == [OTHER, MODULE]
    assert [r.id for r in run_list.runs(two, OTHER)] == [run.id]
    assert train.serving(two, run, module=OTHER).manifest.module == OTHER
    assert report_path(run, "test", OTHER) == run.path / "evaluation" / OTHER / "test.json"
    shutil.copytree(config.dataset.parent / MODULE, tmp_path / "one")
    one = train.start(two, config.model_copy(update={"dataset": tmp_path / "one"}))
    assert run_list.run_modules(one) == [MODULE]
    assert {r.id for r in run_list.runs(two, MODULE)} == {one.id, run.id}
    assert train.serving(two, one, module=MODULE).manifest.module == MODULE
    assert report_path(one, "test", MODULE) == one.path / "evaluation" / "test.json"


def test_a_module_that_changed_blocks_the_launch(two: Workspace, config: TrainConfig) -> None:
    two.store.put_template(OTHER, "rag", "{{ utterance }}", who="t")
    with pytest.raises(DatasetError, match=f"{OTHER} has changed"):
        train.start(two, config)
    assert run_list.runs(two) == []


def test_a_run_on_one_module_is_as_before(
    two: Workspace, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Local, "launch", lambda *_: 1)
    view = build(two, MODULE)
    config = TrainConfig(dataset=view.directory, base_model=str(tiny_model), max_length=1024)
    run = train.start(two, config)
    assert run_list.run_modules(run) == [MODULE]
    assert train.serving(two, run).schema == train.serving(two, run, module=MODULE).schema
    assert report_path(run, "test", MODULE) == run.path / "evaluation" / "test.json"


def test_what_the_dataset_counted_refuses_a_run_at_once(
    two: Workspace, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = DatasetConfig.of(tokenizer=str(tiny_model), max_length=2048)
    view = build(two, MODULE, config=options)
    longest = view.manifest.longest
    config = TrainConfig(dataset=view.directory, base_model=str(tiny_model), max_length=64)
    with pytest.raises(DatasetError, match=f"manifest says that the longest has {longest}"):
        preflight(config, load_tokenizer(tiny_model))
    fits = config.model_copy(update={"max_length": longest})
    assert preflight(fits, load_tokenizer(tiny_model)).overlong == ()
