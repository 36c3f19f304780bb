"""A run in parts: it continues where it was stopped, whatever the step."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import torch
from fakes import HashEmbedder

from radu_core.exemplars import AnnotatedExemplar
from radu_core.retrieval import RetrievalSettings
from radu_core.training.contrastive.fit import ContrastiveSettings
from radu_core.training.joint.guard import Remembering, Retrieving
from radu_core.training.joint.tuning import Part, Tuning
from radu_core.training.run.config import TrainConfig
from radu_core.training.run.directory import RunDirectory
from radu_core.training.worker.limit import TimeLimit
from radu_core.training.worker.steps import Fitting, keep_checkpoint

ROWS = [AnnotatedExemplar(id=f"{n}", utterance=f"say {n}", function="say") for n in range(8)]
STEPS = 4


class Line(Fitting[AnnotatedExemplar]):
    """One weight, which learns the numbers of its rows."""

    def __init__(self) -> None:
        model = torch.nn.Linear(1, 1, bias=False)
        torch.nn.init.zeros_(model.weight)
        groups: list[dict[str, Any]] = [{"params": list(model.parameters()), "lr": 0.1}]
        super().__init__(model, ROWS, groups, ContrastiveSettings(batch_size=2), STEPS)

    def loss(self, batch: list[AnnotatedExemplar]) -> torch.Tensor:
        told = torch.tensor([[float(e.id)] for e in batch])
        result: torch.Tensor = (self.trained(told) - 2 * told).square().mean()
        return result


class Lines(Tuning[Line]):
    """A run of one part, on no files but its own."""

    def __init__(self, run: RunDirectory) -> None:
        self.run, self.config = run, run.config()
        self.how = Retrieving(RetrievalSettings(), (10, 10))
        self.untuned = Remembering(HashEmbedder("base"))
        self.rows = {}
        self.parts = [Part(ROWS, [], STEPS)]
        self.planned = STEPS
        self.step = self._first = self._tokens = 0
        self._begun = 0.0

    def planned_steps(self, rows: int) -> int:
        return STEPS

    def begin(self, learns: list[AnnotatedExemplar]) -> Line:
        return Line()

    def encoder_of(self, fitting: Line) -> Any:
        return None

    def ask(self, part: Part, fitting: Line) -> None: ...

    def measure(self, part: Part, fitting: Line) -> None: ...


class StoppedError(Exception):
    """What ``check`` raises."""


def new_run(folder: Path) -> RunDirectory:
    config = TrainConfig(
        target="retriever", method="full", dataset=folder / "acme_numbers_en", base_model="base"
    )
    return RunDirectory.create(folder, config, now=datetime(2026, 1, 1, tzinfo=UTC))


def weight_after(run: RunDirectory, *, stop_at: int = 0, minutes: float | None = None) -> float:
    work = Lines(run)

    def check() -> None:
        if work.step == stop_at:
            raise StoppedError

    said = work.do(stopping=lambda: work.step == stop_at, check=check, limit=TimeLimit(minutes))
    return next(said.trained.parameters()).item()


@pytest.mark.parametrize("minutes", [None, 10.0])
@pytest.mark.parametrize("step", [1, STEPS - 1, STEPS])
def test_a_run_stopped_at_any_step_ends_with_the_same_model(
    tmp_path: Path, step: int, minutes: float | None
) -> None:
    whole = weight_after(new_run(tmp_path / "whole"))
    half = new_run(tmp_path / "half")
    with pytest.raises(StoppedError):
        weight_after(half, stop_at=step, minutes=minutes)
    assert list(half.checkpoints()) == [step]
    assert weight_after(half, minutes=minutes) == pytest.approx(whole, abs=1e-3 if minutes else 0)


def test_a_checkpoint_that_cant_be_written_leaves_the_one_before(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    keep_checkpoint(run, 3, {"step": 3}, {"part": 0})

    def fail(folder: Path) -> None:
        raise StoppedError

    with pytest.raises(StoppedError):
        keep_checkpoint(run, 3, {"step": 3}, {"part": 1}, fail)
    assert list(run.checkpoints()) == [3]
    keep_checkpoint(run, 5, {"step": 5}, {"part": 1})
    assert list(run.checkpoints()) == [5]
