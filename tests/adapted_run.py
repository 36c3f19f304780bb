"""A finished run of a language model, without the training: a tiny one with an adapter."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from adapted_model import adapted
from tiny_model import make_tiny_model

from radu_core.dataset import DatasetConfig
from radu_core.files import write_json
from radu_core.tokenizing import load_tokenizer
from radu_core.training.run.config import TrainConfig
from radu_core.training.run.directory import RunDirectory
from radu_core.training.run.encoding import preflight
from radu_core.training.worker.saving import save_model
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.runs import launch as train
from radu_core.workflows.train.dataset import build

__all__ = ["make_adapted_run"]


def make_adapted_run(space: Workspace, module: str, folder: Path) -> RunDirectory:
    """A run on a dataset of the module, which is built first; its base model lies in ``folder``."""
    config = DatasetConfig.of(strategies=("rag",), k_desc=2, k_exemplar=2)
    view = build(space, module, config=config)
    model = make_tiny_model(folder)
    settings = TrainConfig(dataset=view.directory, base_model=str(model), max_length=4096)
    run = RunDirectory.create(space.runs, settings, now=datetime(2026, 1, 1, tzinfo=UTC))
    train._keep_for_serving(run, train._to_serve(space, view.manifest))
    tokenizer = load_tokenizer(model)
    rows = preflight(settings, tokenizer)
    checked = save_model(run, settings, adapted(model), tokenizer, rows)
    report = {"train_rows": 7, "steps": 1, "dataset": view.manifest.hash, "model_check": checked}
    write_json(run.path / "report.json", report)
    run.append("state", state="finished")
    return run
