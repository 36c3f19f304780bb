"""The small module as annotators have it, on either database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import MODULE, ROWS
from deciding import MORE, Clock, annotating
from generator_run import make_generator_run

from radu_core.schema import Schema
from radu_core.training.run.directory import RunDirectory
from radu_core.workflows.frame.workspace import Workspace


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
    return make_generator_run(loaded, MODULE, tiny_model)
