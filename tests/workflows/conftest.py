"""The small module as annotators have it, on either database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from adapted_model import adapted
from conftest import MODULE, ROWS
from deciding import MORE, Clock, annotating

from radu_core.files import write_json
from radu_core.schema import Schema
from radu_core.training import RunDirectory, TrainConfig, preflight
from radu_core.training.encoding import load_tokenizer
from radu_core.training.saving import save_model
from radu_core.training.tokens import keep_tokens
from radu_core.workflows import train
from radu_core.workflows.dataset import build
from radu_core.workflows.trained_labels import keep_labels
from radu_core.workflows.workspace import Workspace


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def space(
    tmp_path: Path, url: str, schema: Schema, write_jsonl: Callable[..., Path], clock: Clock
) -> Iterator[Workspace]:
    """The small module with more that is ambiguous."""
    rows = write_jsonl([*ROWS, *MORE])
    with annotating(tmp_path / "home", url, clock, schema, rows) as opened:
        yield opened


@pytest.fixture
def run(loaded: Workspace, tiny_model: Path) -> RunDirectory:
    """A finished LoRA run, without the training."""
    view = build(loaded, MODULE)
    config = TrainConfig(dataset=view.directory, base_model=str(tiny_model))
    made = RunDirectory.create(loaded.runs, config, now=datetime(2026, 1, 1, tzinfo=UTC))
    folder = train._keep_for_serving(made, train._to_serve(loaded, view.manifest))
    tokenizer = load_tokenizer(tiny_model)
    rows = preflight(config, tokenizer)
    keep_labels(folder, view.directory, MODULE, rows)
    train._keep_prompt(folder, view.directory, MODULE)
    keep_tokens(made, rows)
    checked = save_model(made, config, adapted(tiny_model), tokenizer, rows)
    report = {"train_rows": 7, "steps": 1, "dataset": view.manifest.hash, "model_check": checked}
    write_json(made.path / "report.json", report)
    made.append("state", state="finished")
    return made
