"""The check on a real model: SmolLM2 with an adapter, where its directory lies in the workspace."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from adapted_model import adapted

from radu_core.models import DEFAULT_GENERATOR
from radu_core.tokenizing import encode_row, load_tokenizer
from radu_core.training.run.config import TrainConfig
from radu_core.training.run.directory import RunDirectory
from radu_core.training.run.encoding import Preflight
from radu_core.training.worker.saving import save_model
from radu_core.workflows.frame.workspace import Workspace


@pytest.mark.slow
def test_a_real_model_is_written_as_it_was_trained(tmp_path: Path) -> None:
    directory = Workspace.from_environment().models / DEFAULT_GENERATOR
    if not directory.is_dir():
        pytest.skip(f"{DEFAULT_GENERATOR} isn't in the workspace: radu models fetch")
    tokenizer = load_tokenizer(directory)
    cities = ("Oslo", "Rome", "Bonn", "Kyiv", "Lima", "Bern", "Paris", "New York")
    rows = tuple(
        encode_row(tokenizer, f"fly me to {c}\nfunction:", f" book_flight({c})") for c in cities
    )
    config = TrainConfig(dataset=Path("d/m"), base_model=DEFAULT_GENERATOR)
    run = RunDirectory.create(tmp_path, config, now=datetime(2026, 1, 1, tzinfo=UTC))
    model = adapted(directory, size=0.005)
    record = save_model(run, config, model, tokenizer, Preflight(rows, rows, (), ""))
    assert record["passed"]
    assert record["rows"] == 8
    assert record["equal_argmax"] >= 0.99
    assert 0 < record["max_logit_difference"] < 2
