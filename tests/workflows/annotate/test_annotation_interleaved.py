"""Two people with two tabs each, in random turns, on either database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from deciding import Clock, annotating
from interleaving import ROWS, play

from radu_core.schema import Schema
from radu_core.workflows.frame.workspace import Workspace


@pytest.fixture
def space(
    tmp_path: Path, url: str, schema: Schema, write_jsonl: Callable[..., Path], clock: Clock
) -> Iterator[Workspace]:
    with annotating(tmp_path / "home", url, clock, schema, write_jsonl(ROWS)) as opened:
        yield opened


@pytest.mark.parametrize("seed", [1, 2])
def test_random_turns(space: Workspace, clock: Clock, seed: int) -> None:
    turns = play(space, clock, seed, steps=300)
    assert {a["status"] for a in turns.answers.values()} == {"stored", "conflict", "refused"}
