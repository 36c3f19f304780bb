"""``fit``: every step from labels to a measured model, on a tiny encoder."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import MODULE, ROWS
from tiny_encoder import make_tiny_encoder

from radu_core.errors import DatasetError, InputError
from radu_core.retrieval import RetrievalSettings
from radu_core.schema import Schema
from radu_core.training.run.config import TrainConfig
from radu_core.training.run.directory import RunDirectory, list_runs
from radu_core.workflows.coverage.indexing import set_retrieval
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.load.files import import_file
from radu_core.workflows.load.trash import delete
from radu_core.workflows.train import fit as workflow
from radu_core.workflows.train.fit import fit
from radu_core.workflows.train.retriever import use

pytestmark = pytest.mark.slow


@pytest.fixture
def module(loaded: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """The small module, retrieving by a tiny encoder, and few rounds through its labels."""
    encoder = make_tiny_encoder(tmp_path / "encoder", [str(row["utterance"]) for row in ROWS])
    set_retrieval(loaded, MODULE, RetrievalSettings(embedder=str(encoder)), who="test")
    monkeypatch.setattr(workflow, "_MOST_EPOCHS", 4.0)
    return loaded


def test_every_step_says_its_figure_and_calling_it_again_keeps_the_run(module: Workspace) -> None:
    first = fit(module, MODULE, who="test")
    names = [step.name for step in first.steps]
    assert names == ["resolve", "index", "dataset", "retriever and head", "evaluation"]
    assert all(step.figure and step.why for step in first.steps)
    assert first.evaluation is not None
    assert (first.evaluation.split, first.evaluation.rows) == ("test", 3)
    assert first.evaluation.baselines
    again = fit(module, MODULE, who="test")
    assert again.run == first.run
    assert len(list_runs(module.runs)) == 1
    assert again.evaluation is not None
    assert again.evaluation.trained.function == first.evaluation.trained.function


def test_a_workspace_that_was_copied_keeps_its_run(
    module: Workspace, tmp_path_factory: pytest.TempPathFactory
) -> None:
    first = fit(module, MODULE, who="test")
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "home"
    shutil.copytree(module.home, elsewhere)
    copied = Workspace(elsewhere)
    try:
        assert fit(copied, MODULE, who="test").run == first.run
    finally:
        copied.store.close()


def test_a_language_model_is_trained_on_request_and_weighed(
    module: Workspace, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workflow, "DEFAULT_GENERATOR", str(tiny_model))
    monkeypatch.setattr(workflow, "_GENERATOR_EPOCHS", 0.5)
    report = fit(module, MODULE, who="test", generator_minutes=5.0)
    assert [step.name for step in report.steps][-2:] == ["language model", "evaluation"]
    assert {run.id for run in list_runs(module.runs)} == {report.run, report.generator}
    assert report.evaluation is not None
    assert report.evaluation.full is not None
    assert report.evaluation.full.generator == report.generator
    assert [m.system for m in report.evaluation.systems][-1].endswith(report.generator)


def test_a_language_model_that_fails_leaves_the_fast_one_measured(
    module: Workspace, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workflow, "DEFAULT_GENERATOR", str(tiny_model))
    report = fit(module, MODULE, who="test", generator_minutes=1e-6)
    assert not report.generator
    assert any("No language model was trained" in note for note in report.notes)
    assert report.evaluation is not None


def test_without_validation_no_language_model_is_trained_and_it_says_so(
    module: Workspace,
) -> None:
    held = [i.exemplar.id for i in module.store.exemplars(MODULE, splits=["validation"])]
    delete(module, MODULE, held, who="test")
    report = fit(module, MODULE, who="test", generator_minutes=5.0)
    assert not report.generator
    assert any("No language model was trained" in note for note in report.notes)
    assert len(list_runs(module.runs)) == 1


def test_the_base_is_the_modules_embedder(module: Workspace) -> None:
    report = fit(module, MODULE, who="test", split="validation")
    [run] = list_runs(module.runs)
    config = run.config()
    assert (run.id, config.target) == (report.run, "retriever")
    assert Path(config.base_model).name == "model"
    assert report.evaluation is not None
    assert report.evaluation.split == "validation"


def test_a_module_that_has_taken_the_encoder_keeps_its_run(module: Workspace) -> None:
    first = fit(module, MODULE, who="test")
    base = RunDirectory.open(module.runs, first.run).config().base_model
    use(module, first.run, who="test", anyway=True)
    again = fit(module, MODULE, who="test")
    assert again.run == first.run  # the same labels, from the same untuned model
    assert [s.why for s in again.steps if s.name == "index"] == [f"embedded by {first.run}"]
    rows = [i.exemplar for i in module.store.exemplars(MODULE, splits=["train"])]
    delete(module, MODULE, [e.id for e in rows if e.outcome == "resolved"][:1], who="test")
    fewer = fit(module, MODULE, who="test")
    assert fewer.run != first.run
    assert RunDirectory.open(module.runs, fewer.run).config().base_model == base
    [why] = [s.why for s in fewer.steps if s.name == "retriever and head"]
    assert f"from {base}, as {first.run} has seen the labels of every fold" in why


def test_a_time_that_suffices_for_nothing_gives_the_best_that_can_be_had(
    module: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workflow, "_BATCH", 1)
    report = fit(module, MODULE, who="test", minutes=0.001)
    [run] = list_runs(module.runs)
    made = (run.report() or {})["steps"]
    assert made == 4  # one of each model: three folds, and the one of all labels
    assert report.evaluation is not None
    assert any("ended it after step 4" in note for note in report.notes)


def test_without_a_label_of_a_function_there_is_nothing_to_fit(
    workspace: Workspace, tmp_path: Path, schema: Schema, write_jsonl: Callable[..., Path]
) -> None:
    rows = [r for r in ROWS if r["function"] is None]
    workspace.store.put_schema(schema, who="test")
    import_file(workspace, "jsonl", write_jsonl(rows), module=MODULE, who="test")
    encoder = make_tiny_encoder(tmp_path / "encoder", [str(row["utterance"]) for row in ROWS])
    set_retrieval(workspace, MODULE, RetrievalSettings(embedder=str(encoder)), who="test")
    with pytest.raises(DatasetError, match="names a function"):
        fit(workspace, MODULE, who="test")
    assert not list_runs(workspace.runs)


@pytest.mark.parametrize("minutes", [0.0, -1.0, math.inf, math.nan])
def test_a_time_limit_that_is_none_is_refused_before_anything_is_done(
    module: Workspace, minutes: float
) -> None:
    with pytest.raises(InputError, match="number of minutes"):
        fit(module, MODULE, who="test", minutes=minutes)
    assert not list_runs(module.runs)


def test_settings_that_a_retriever_has_not_are_refused(tmp_path: Path) -> None:
    given = {"target": "retriever", "dataset": tmp_path, "base_model": "m", "method": "full"}
    assert TrainConfig.validate_data(given).rate == 1e-4
    with pytest.raises(InputError, match="has no packing"):
        TrainConfig.validate_data({**given, "packing": False})
