"""A run that tunes the retriever alone: a process of its own, on a tiny model."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from conftest import MODULE
from tuned_run import stop_behind

from radu_core.errors import InputError
from radu_core.training.joint.files import ENCODER
from radu_core.training.run.config import TrainConfig
from radu_core.training.watcher.launcher import launch
from radu_core.workflows.coverage.judgements import judge
from radu_core.workflows.evaluate.evaluation import evaluate
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.runs import launch as train
from radu_core.workflows.train.dataset import build
from radu_core.workflows.train.following import follow
from radu_core.workflows.train.preflight import preflight_report

pytestmark = pytest.mark.slow


def config(loaded: Workspace, encoder: Path, **more: Any) -> TrainConfig:
    base = {
        "target": "retriever",
        "objective": "contrastive",
        "epochs": 10,
        "batch_size": 4,
        "folds": 2,
        "learning_rate": 1e-3,
        "base_model": str(encoder),
    }
    return TrainConfig(dataset=build(loaded, MODULE).directory, **{**base, **more})


def digest(directory: Path) -> str:
    return hashlib.sha256((directory / ENCODER / "model.safetensors").read_bytes()).hexdigest()


def test_a_run_tunes_the_retriever_and_compares_it_out_of_fold(
    loaded: Workspace, encoder: Path
) -> None:
    run = train.start(loaded, config(loaded, encoder))
    follow(run, poll=0.1)
    view = train.run_view(run)
    assert view.state == "finished"
    assert [e.data["step"] for e in view.steps] == list(range(1, len(view.steps) + 1))
    report = run.report()
    assert report is not None
    assert report["train_rows"] == 8
    assert max(m["rows"] for m in report["retrieval"]["measures"]) == 8  # both folds
    card = (run.path / "README.md").read_text(encoding="utf-8")
    assert "supervised contrastive" in card
    assert "## Retrieval" in card
    assert "two towers" not in card
    assert "| contrast |" not in card
    texts = ["fly me to Oslo", "a hotel"]
    old, new = loaded.embedder(str(encoder)), loaded.embedder(run.id)
    assert new.embed(texts).tobytes() != old.embed(texts).tobytes()
    with pytest.raises(InputError, match="embedding model alone"):
        evaluate(loaded, run.id)


def test_a_run_that_was_stopped_ends_with_the_same_model(loaded: Workspace, encoder: Path) -> None:
    settings = config(loaded, encoder, epochs=60)
    whole = train.start(loaded, settings)
    follow(whole, poll=0.1)
    half = train.start(loaded, settings)
    stop_behind(half, 8)
    launch(half, model=encoder)
    follow(half, poll=0.1)
    assert digest(half.model) == digest(whole.model)
    one, other = whole.report(), half.report()
    assert one is not None
    assert other is not None
    for key in ("retrieval", "left_out_pairs", "steps"):
        assert one[key] == other[key]


def test_an_adapter_is_merged_and_judged_pairs_are_learnt(loaded: Workspace, encoder: Path) -> None:
    ids = [i.exemplar.id for i in loaded.store.exemplars(MODULE) if i.exemplar.function][:2]
    judge(loaded, MODULE, *ids, "different", who="test")
    run = train.start(loaded, config(loaded, encoder, method="lora", lora_rank=2))
    follow(run, poll=0.1)
    report = run.report()
    assert report is not None
    assert report["judged_pairs"] >= 1
    assert (run.model / ENCODER / "model.safetensors").is_file()
    assert not list(run.model.rglob("adapter*"))


def test_its_check_predicts_time_and_memory(loaded: Workspace, encoder: Path) -> None:
    found = preflight_report(loaded, config(loaded, encoder))
    assert found.ok
    assert found.prediction is not None
    assert found.prediction.steps == 2 * 10 + 20
    assert found.prediction.seconds > 0
    assert found.prediction.memory_bytes > 0


def test_settings_of_another_objective_are_refused(loaded: Workspace, encoder: Path) -> None:
    with pytest.raises(ValueError, match="has no contrast"):
        config(loaded, encoder, contrast=1.0)
