"""Training an encoder step by step: what every run that tunes a retriever shares.

Batches and dropout of a step follow from the seed and the step's number alone, so that a run that
was stopped continues exactly.
"""

from __future__ import annotations

import math
import random
import shutil
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import psutil
import torch

from radu_core.errors import RunError
from radu_core.files import whole_directory, write_json
from radu_core.training.run.config import TrainConfig
from radu_core.training.run.directory import RunDirectory
from radu_core.training.worker.limit import TimeLimit
from radu_core.training.worker.loss import rate_share

__all__ = [
    "Fitting",
    "StepSettings",
    "groups_by_decay",
    "keep_checkpoint",
    "make_steps",
    "pace",
    "settings_in",
    "steps_of",
    "tell_saving",
    "tell_step",
    "tell_trained",
    "write_model",
]

Row = TypeVar("Row")
_SAVE_SECONDS = 60.0
_ROOM = 1e-9


class StepSettings(Protocol):
    """What steps of any kind depend on."""

    @property
    def max_steps(self) -> int | None: ...
    @property
    def batch_size(self) -> int: ...
    @property
    def warmup_share(self) -> float: ...
    @property
    def max_grad_norm(self) -> float: ...
    @property
    def seed(self) -> int: ...


def settings_in(config: TrainConfig) -> dict[str, Any]:
    """What a run's config says of steps of any kind."""
    return {
        "epochs": config.epochs,
        "max_steps": config.max_steps,
        "batch_size": config.batch_size,
        "learning_rate": config.rate,
        "warmup_share": config.warmup_share,
        "weight_decay": config.weight_decay,
        "max_grad_norm": config.max_grad_norm,
        "seed": config.seed,
    }


def steps_of(settings: StepSettings, rows: int, epochs: float) -> int:
    """Optimizer steps on so many rows."""
    steps = max(1, math.ceil(rows * epochs / settings.batch_size))
    return min(steps, settings.max_steps or steps)


def groups_by_decay(model: torch.nn.Module, *, rate: float, decay: float) -> list[dict[str, Any]]:
    """A model's parameters as an optimizer's groups; vectors don't decay."""
    own = [p for p in model.parameters() if p.requires_grad]
    return [
        {"params": [p for p in own if p.ndim > 1], "lr": rate, "weight_decay": decay},
        {"params": [p for p in own if p.ndim < 2], "lr": rate, "weight_decay": 0.0},
    ]


class Fitting(ABC, Generic[Row]):
    """A model in training. ``groups`` are the optimizer's: parameters, rates, weight decay."""

    def __init__(
        self,
        model: torch.nn.Module,
        rows: Sequence[Row],
        groups: list[dict[str, Any]],
        settings: StepSettings,
        steps: int,
    ) -> None:
        self.trained = model
        self.rows = list(rows)
        self.steps = steps
        self.step = 0
        self.tokens = 0  # of the steps made here
        self._common = settings
        self._optimizer = torch.optim.AdamW(groups, fused=True)
        self._rates = [group["lr"] for group in self._optimizer.param_groups]

    @abstractmethod
    def loss(self, batch: list[Row]) -> torch.Tensor:
        """The mean loss of a batch."""

    def make_step(self, progress: float | None = None) -> float:
        """Make one optimizer step, and return its loss.

        ``progress``, 0 to 1, moves the learning rate to its end; by default the share of the steps
        that are done.
        """
        self.step += 1
        share = (self.step - 1) / self.steps if progress is None else progress
        part = rate_share(min(1.0, share + 0.5 / self.steps), self._common.warmup_share)
        for group, rate in zip(self._optimizer.param_groups, self._rates, strict=True):
            group["lr"] = rate * part
        torch.manual_seed(self._common.seed * 1_000_003 + self.step)
        self.trained.train()
        loss = self.loss(self._batch())
        self._optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.trained.parameters(), self._common.max_grad_norm)
        self._optimizer.step()
        return loss.item()

    @property
    def rate(self) -> float:
        """The encoder's learning rate in the last step."""
        return float(self._optimizer.param_groups[0]["lr"])

    @property
    def epoch(self) -> float:
        """How often it has gone through its rows."""
        return round(self.step * self._common.batch_size / len(self.rows), 4)

    def state(self) -> dict[str, Any]:
        """All that the next step depends on."""
        return {
            "step": self.step,
            "model": self.trained.state_dict(),
            "optimizer": self._optimizer.state_dict(),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Continue where ``state`` was taken."""
        self.trained.load_state_dict(state["model"])
        self._optimizer.load_state_dict(state["optimizer"])
        self.step = int(state["step"])

    def _batch(self) -> list[Row]:
        """The rows of this step: each epoch goes through all of them in an order of its own."""
        size = self._common.batch_size
        per_epoch = math.ceil(len(self.rows) / size)
        epoch, place = divmod(self.step - 1, per_epoch)
        order = list(range(len(self.rows)))
        random.Random(self._common.seed * 1_000_003 + epoch).shuffle(order)
        return [self.rows[n] for n in order[place * size : (place + 1) * size]]


def make_steps(
    fitting: Fitting[Any],
    *,
    seconds: float,
    tell: Callable[[float], None],
    keep: Callable[[], None],
    stopping: Callable[[], bool],
    check: Callable[[], None],
) -> None:
    """Make the steps that are left, or as many as ``seconds`` allow.

    The learning rate comes to its end by then. ``keep`` is called once a minute and when the run is
    ``stopping``, before ``check`` raises.
    """
    start = saved_at = time.monotonic()
    first = fitting.step / fitting.steps
    while fitting.step < fitting.steps:
        by_time = first + (1 - first) * (time.monotonic() - start) / max(_ROOM, seconds)
        progress = max(fitting.step / fitting.steps, by_time)
        if progress >= 1.0 and fitting.step > 0:
            break
        tell(fitting.make_step(min(progress, 1.0)))
        if stop := stopping() or time.monotonic() - saved_at > _SAVE_SECONDS:
            keep()
            saved_at = time.monotonic()
        if stop:
            check()


def tell_step(
    run: RunDirectory, fitting: Fitting[Any], loss: float, *, step: int, total: int, **more: Any
) -> None:
    """Append a step's event; ``RunError`` when the loss isn't a number any more."""
    if not math.isfinite(loss):
        raise RunError(
            f"The loss became {loss} at step {step}",
            remedy="Fork the run with a lower learning_rate.",
        )
    run.append(
        "step",
        step=step,
        steps=total,
        epoch=fitting.epoch,
        loss=round(loss, 6),
        learning_rate=fitting.rate,
        memory_gb=round(psutil.Process().memory_info().rss / 1e9, 2),
        **more,
    )


def pace(
    start: float, *, steps_made: int, steps_left: int, tokens: int, limit: TimeLimit
) -> dict[str, float]:
    """What a step's event says of speed. ``start``: when this process began with its steps."""
    elapsed = time.monotonic() - start
    return {
        "tokens_per_second": round(tokens / max(_ROOM, elapsed), 1),
        "eta_seconds": round(min(elapsed / max(1, steps_made) * steps_left, limit.seconds_left), 1),
    }


def keep_checkpoint(
    run: RunDirectory,
    step: int,
    state: dict[str, Any],
    trainer_state: dict[str, Any],
    write: Callable[[Path], None] | None = None,
) -> None:
    """Write a checkpoint of the step, in place of the one before. ``write`` adds files to it."""
    folder = run.path / "checkpoints"
    folder.mkdir(exist_ok=True)
    target = folder / f"checkpoint-{step}"
    with whole_directory(target) as new:
        torch.save(state, new / "state.pt")
        if write:
            write(new)
        write_json(new / "trainer_state.json", trainer_state)
    for other in folder.glob("checkpoint-*"):
        if other != target:
            shutil.rmtree(other, ignore_errors=True)
    run.append("checkpoint", step=step)


def tell_trained(run: RunDirectory, step: int) -> None:
    """Append that all steps are made, and that the model is written now."""
    run.append("trained", step=step)
    run.append("state", state="saving")


def tell_saving(run: RunDirectory, what: str) -> None:
    """Append what is done before the model is there."""
    run.append("saving", what=what, done=0, total=0, seconds=0.0)


def write_model(run: RunDirectory, write: Callable[[Path], None]) -> None:
    """Write a run's model, in place of one that was written before a stop."""
    tell_saving(run, "Writing the model")
    with whole_directory(run.model) as new:
        write(new)
