"""The run's own Trainer for a few steps, on rows of ours: how long they take."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from radu_core.tokenizing import Encoded
from radu_core.training.run.config import TrainConfig
from radu_core.training.run.directory import RunDirectory
from radu_core.training.run.encoding import Preflight
from radu_core.training.worker.packing import largest_pass
from radu_core.training.worker.trainer import tokens_per_pass

__all__ = ["Bench", "device_name", "gpu_peak_memory", "longest_of", "on_gpu"]

_MOST_DRAWS = 5000  # batches looked at for the heaviest
_NEVER = 10**9


def longest_of(rows: Sequence[Encoded], count: int) -> list[Encoded]:
    """The rows of the most tokens."""
    return sorted(rows, key=lambda row: -len(row.input_ids))[:count]


class _Clock:
    """A Trainer's callback: how long steps and a save took; ends the training at ``end``."""

    def __init__(self, end: float, *, save: bool, after: Callable[[float], None] | None) -> None:
        self._end, self._save, self._after = end, save, after
        self.seconds: list[float] = []
        self.whole = self.save_seconds = 0.0
        self.save_bytes = 0
        self._first = self._begun = self._stepped = 0.0

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._begun = time.monotonic()
        self._first = self._first or self._begun

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        _wait_for_gpu()
        self._stepped = time.monotonic()
        self.seconds.append(self._stepped - self._begun)
        self.whole = self._stepped - self._first
        if self._after:
            self._after(self.seconds[-1])
        over = self._stepped > self._end
        control.should_training_stop = control.should_training_stop or over
        control.should_save = self._save and (over or state.global_step >= state.max_steps)
        control.should_evaluate = False

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.save_seconds = time.monotonic() - self._stepped
        files = Path(args.output_dir).rglob("*")
        self.save_bytes = sum(path.stat().st_size for path in files if path.is_file())


class Bench:
    """The run's own Trainer on rows of ours."""

    def __init__(self, config: TrainConfig, model: Any, tokenizer: Any, scratch: Path) -> None:
        quiet = {"eval_every": _NEVER, "save_every": _NEVER, "max_minutes": None, "best_by": "last"}
        # on a CPU, several processes share the cores: as slow as one with all their rows
        sharers = 1 if on_gpu() else config.processes
        self.wanted = config
        self._config = config.model_copy(
            update={
                **quiet,
                "early_stopping": 0,
                "task_metrics": False,
                "processes": 1,
                "batch_size": config.batch_size * sharers,
                "report_to": (),
            }
        )
        self.model, self._tokenizer = model, tokenizer
        self._scratch = scratch
        self.step_rows = self._config.step_rows

    def heaviest_of(self, rows: Sequence[Encoded], steps: int) -> list[Encoded]:
        """A step's rows: the longest.

        Where rows are packed, the batch whose longest sequence is the longest of so many as the run
        has, drawn at random as there: of the longest rows fewer fit into one, and a short run of
        small batches meets no such thing.
        """
        if not self._config.packing or on_gpu():
            return longest_of(rows, self.step_rows)
        budget, size = tokens_per_pass(self._config), min(self._config.batch_size, len(rows))
        draw, heaviest, most = random.Random(self._config.seed), [*rows[:size]], 0
        for _ in range(min(_MOST_DRAWS, steps * self._config.grad_accumulation)):
            batch = draw.sample(rows, size)
            if (tokens := largest_pass([len(row.input_ids) for row in batch], budget)) > most:
                heaviest, most = batch, tokens
        return heaviest * self._config.grad_accumulation

    def train(
        self,
        rows: Sequence[Encoded],
        *,
        steps: int,
        end: float,
        save: bool,
        after: Callable[[float], None] | None = None,
    ) -> _Clock:
        from transformers import TrainerCallback

        kind = type("Clock", (_Clock, TrainerCallback), {})  # the library is loaded only now
        clock: _Clock = kind(end, save=save, after=after)
        trainer = self._trainer(rows, (), steps=steps)
        trainer.add_callback(clock)
        trainer.train()
        return clock

    def evaluate(self, rows: Sequence[Encoded]) -> float:
        """Seconds of an evaluation of ``rows``."""
        trainer = self._trainer(rows, rows, steps=1)
        start = time.monotonic()
        trainer.evaluate()
        _wait_for_gpu()
        return time.monotonic() - start

    def _trainer(self, train: Sequence[Encoded], validation: Sequence[Encoded], steps: int) -> Any:
        from radu_core.training.worker.trainer import make_trainer

        update = {"max_steps": steps, "eval_rows": len(validation)}
        config = self._config.model_copy(update=update)
        run = RunDirectory.create(self._scratch, config, now=datetime.now(UTC))
        rows = Preflight(tuple(train), tuple(validation), (), "")
        return make_trainer(
            run,
            config,
            self.model,
            rows,
            self._tokenizer,
            check=lambda: None,
            stopping=lambda: False,
        )


def device_name() -> str:
    """What the Trainer computes on."""
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"


def on_gpu() -> bool:
    """Whether that is a CUDA device."""
    import torch

    return bool(torch.cuda.is_available())


def gpu_peak_memory() -> int:
    """The most bytes that torch had allocated on it."""
    import torch

    return torch.cuda.max_memory_allocated() if torch.cuda.is_available() else 0


def _wait_for_gpu() -> None:
    import torch

    if torch.cuda.is_available():
        torch.cuda.synchronize()
