"""A finished run of a language model, without the training."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from adapted_model import adapted

from radu_core.files import write_json
from radu_core.tokenizing import load_tokenizer
from radu_core.training.run.config import TrainConfig
from radu_core.training.run.directory import RunDirectory
from radu_core.training.run.encoding import preflight
from radu_core.training.run.tokens import keep_tokens
from radu_core.training.worker.saving import save_model
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.runs import launch as train
from radu_core.workflows.runs.trained_labels import keep_labels
from radu_core.workflows.train.dataset import build


def make_generator_run(loaded: Workspace, module: str, tiny_model: Path) -> RunDirectory:
    """A LoRA run of ``module`` whose adapter was never trained."""
    view = build(loaded, module)
    config = TrainConfig(dataset=view.directory, base_model=str(tiny_model))
    made = RunDirectory.create(loaded.runs, config, now=datetime(2026, 1, 1, tzinfo=UTC))
    folder = train._keep_for_serving(made, train._to_serve(loaded, view.manifest))
    tokenizer = load_tokenizer(tiny_model)
    rows = preflight(config, tokenizer)
    keep_labels(folder, view.directory, module, rows)
    train._keep_prompt(folder, view.directory, module)
    keep_tokens(made, rows)
    checked = save_model(made, config, adapted(tiny_model), tokenizer, rows)
    report = {"train_rows": 7, "steps": 1, "dataset": view.manifest.hash, "model_check": checked}
    write_json(made.path / "report.json", report)
    made.append("state", state="finished")
    return made
