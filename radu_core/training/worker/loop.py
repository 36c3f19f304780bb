"""transformers' Trainer, with a loss on completions, a batch in passes, and what a run tells.

Imports transformers: import it late.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import psutil
from transformers import Trainer, TrainerCallback

from radu_core.errors import RunError
from radu_core.tokenizing import Encoded
from radu_core.training.run.config import TrainConfig
from radu_core.training.run.directory import RunDirectory
from radu_core.training.run.encoding import Preflight
from radu_core.training.worker.clock import Clock
from radu_core.training.worker.limit import TimeLimit
from radu_core.training.worker.loss import completion_loss, rate_share
from radu_core.training.worker.measures import measure_rows
from radu_core.training.worker.ranks import of_first
from radu_core.training.worker.saving import checking_tokens

__all__ = ["CompletionTrainer", "Loop", "RandomState", "Reporter"]

_SAVE_SECONDS = 60.0  # at most so much of a run is lost when it is killed
_SAVE_SHARE = 0.05  # unless saving took more than this share of the time


@dataclass(frozen=True)
class Loop:
    """What a run's Trainer and its reporter share.

    ``asked`` are the validation rows that are measured; that takes about as long as a forward pass
    over ``evaluation_tokens``. ``split`` cuts a batch into passes of ``budget`` tokens.
    """

    run: RunDirectory
    config: TrainConfig
    rows: Preflight
    tokenizer: Any
    asked: tuple[Encoded, ...]
    evaluation_tokens: float
    limit: TimeLimit
    split: Callable[..., Any]
    budget: int
    clock: Clock = field(default_factory=Clock)

    @property
    def step_tokens(self) -> float:
        """The tokens of a step, in the mean."""
        return self.rows.train_tokens / max(1, len(self.rows.train)) * self.config.step_rows


@dataclass(frozen=True)
class RandomState:
    """What the random generators that a step draws from would give next."""

    python: Any
    numpy: Any
    torch: Any
    cuda: Any

    @classmethod
    def now(cls) -> RandomState:
        """That of this process."""
        import numpy as np
        import torch

        return cls(
            random.getstate(),
            np.random.get_state(),
            torch.get_rng_state(),
            torch.cuda.get_rng_state_all() if torch.cuda.is_available() else None,
        )

    def restore(self) -> None:
        """Put the generators back."""
        import numpy as np
        import torch

        random.setstate(self.python)
        np.random.set_state(self.numpy)
        torch.set_rng_state(self.torch)
        if self.cuda is not None:
            torch.cuda.set_rng_state_all(self.cuda)


class CompletionTrainer(Trainer):  # type: ignore[misc]
    """A Trainer that packs its batches, follows the time and measures the task.

    Batches go through the model in passes, the learning rate comes to its end with the time, and
    the task is measured on validation rows.
    """

    lr_scheduler: Any
    measured: tuple[int, dict[str, float]] = (-1, {})  # step and metrics, of the last time
    drawn: RandomState | None = None  # after the last whole step

    def __init__(self, loop: Loop, **given: Any) -> None:
        self._loop = loop
        super().__init__(**given)

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        from torch.optim.lr_scheduler import LambdaLR

        if self.lr_scheduler is not None:
            return self.lr_scheduler
        config = self._loop.config
        start, seconds = time.monotonic(), max(1e-9, self._loop.limit.seconds_left)

        def share(step: int) -> float:
            by_time = (time.monotonic() - start) / seconds
            if config.max_minutes is not None:
                by_time = of_first(by_time)  # one clock for all processes
            progress = max(step / num_training_steps, by_time)
            return rate_share(progress, config.warmup_share, config.schedule)

        self.lr_scheduler = LambdaLR(optimizer or self.optimizer, share)
        self._created_lr_scheduler = True
        return self.lr_scheduler

    def training_step(self, model: Any, inputs: Any, num_items_in_batch: Any = None) -> Any:
        model.train()
        inputs = self._prepare_inputs(inputs)
        loop = self._loop
        loop.clock.tokens += int(inputs["attention_mask"].sum()) * loop.config.processes
        losses = []
        parts = list(loop.split(inputs, loop.budget))
        for part in parts:
            last = part is parts[-1]  # gradients are exchanged once a step
            with nullcontext() if last else self.accelerator.no_sync(model):
                with self.compute_loss_context_manager():
                    loss = completion_loss(model, part, num_items_in_batch)
                # items are counted over all processes, whose gradients are averaged
                loss = loss * loop.config.processes
                self.accelerator.backward(loss)
            losses.append(loss.detach())
        return sum(losses)

    def _maybe_log_save_evaluate(self, *args: Any, **more: Any) -> None:
        self.drawn = RandomState.now()  # this is where a step ends
        super()._maybe_log_save_evaluate(*args, **more)

    def _save_rng_state(self, output_dir: str) -> None:
        super()._save_rng_state(output_dir)
        self.accelerator.wait_for_everyone()  # whole is a checkpoint only with all of them

    def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
        loop, start = self._loop, time.time()
        loop.run.append("evaluating", step=self.state.global_step, rows=len(loop.asked))
        found: dict[str, float] = {}
        if self.is_world_process_zero():
            with self.compute_loss_context_manager():
                found = measure_rows(
                    self.model,
                    loop.tokenizer,
                    loop.asked,
                    tokens=loop.budget,
                    task_metrics=loop.config.task_metrics,
                )
        if self.is_in_train:
            found = of_first(found)
        loop.clock.evaluating += time.time() - start
        loop.clock.evaluations += 1
        loop.run.append("validation", step=self.state.global_step, **found)
        metrics = {f"eval_{name}": value for name, value in found.items()}
        self.log(dict(metrics))  # it adds the epoch
        self.control.should_evaluate = False  # a run that ends here isn't measured twice
        self.measured = (self.state.global_step, metrics)
        return metrics

    def _determine_best_metric(self, metrics: Any, trial: Any) -> bool:
        better = bool(super()._determine_best_metric(metrics, trial))
        state, config = self.state, self._loop.config
        if better:
            self.control.should_save = True  # or the best would be forgotten
        elif config.early_stopping and state.best_global_step is not None:
            since = (state.global_step - state.best_global_step) // config.eval_every
            if since >= config.early_stopping:
                self.control.should_training_stop = True
        return better


class Reporter(TrainerCallback):  # type: ignore[misc]
    """Turns what the Trainer says into events, and the time into its controls.

    ``check`` raises when the run is gone; ``stopping`` says that it was asked to stop.
    """

    def __init__(
        self, loop: Loop, *, check: Callable[[], None], stopping: Callable[[], bool]
    ) -> None:
        self._loop = loop
        self._check = check
        self._stopping = stopping

    def on_train_begin(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        loop = self._loop
        self.saved = time.time()
        self.save_seconds = 0.0
        size = int(more["model"].config.vocab_size)
        self.checking = checking_tokens(loop.rows, size, bf16=args.bf16)
        if not args.use_cpu:  # on GPUs, tokens/s are those of all, and one of them checks
            self.checking *= loop.config.processes

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._loop.limit.steps_begin()
        self.step_begun = time.time()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._check()
        self.stepped = time.time()
        self._loop.clock.add_step(self.stepped - self.step_begun)
        pause = max(_SAVE_SECONDS, self.save_seconds / _SAVE_SHARE)
        stop, save = of_first((self._is_over, self.stepped - self.saved > pause))
        if stop:
            control.should_training_stop = True
        if stop or save:
            control.should_save = True

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        logs = logs or {}
        if "loss" not in logs:
            return
        if not math.isfinite(logs["loss"]):
            raise RunError(
                f"The loss became {logs['loss']} at step {state.global_step}",
                remedy="Resume from the checkpoint before it with a lower learning rate (fork "
                "the run), or use precision fp32.",
            )
        self._loop.run.append("step", **self._figures(state, logs))

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.saved = time.time()
        self.save_seconds = self.saved - self.stepped
        self._loop.run.append("checkpoint", step=state.global_step)

    @property
    def _is_over(self) -> bool:
        return bool(self._stopping() or self._loop.limit.over)

    def _seconds_left(self, state: Any) -> float:
        """Seconds to the end; the evaluation of this step is still to come."""
        loop, clock, config = self._loop, self._loop.clock, self._loop.config
        once = clock.evaluation(loop.evaluation_tokens) if loop.asked else 0.0
        to_come = config.evaluations(state.max_steps)
        to_come -= (state.global_step - 1) // config.eval_every
        seconds: float = clock.training((state.max_steps - state.global_step) * loop.step_tokens)
        seconds += (to_come - 1) * once
        seconds = min(seconds, loop.limit.seconds_left)
        checking: float = self.checking * clock.forward
        return seconds + once + checking  # these come after the limit

    def _figures(self, state: Any, logs: Any) -> dict[str, Any]:
        clock = self._loop.clock
        return {
            "step": state.global_step,
            "steps": state.max_steps,
            "epoch": round(float(state.epoch or 0), 4),
            "loss": logs["loss"],
            "grad_norm": logs.get("grad_norm"),
            "learning_rate": logs.get("learning_rate"),
            "tokens_per_second": round(clock.tokens / max(1e-9, clock.stepping), 1),
            "eta_seconds": round(self._seconds_left(state), 1),
            "memory_gb": round(psutil.Process().memory_info().rss / 1e9, 2),
        }
