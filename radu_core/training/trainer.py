"""transformers' Trainer, with a loss on completions, a batch in passes, and task metrics.

Trainer does the loop, the optimizer, checkpoints and resuming. Ours is what it can't know: which
logits are needed, what a better checkpoint is, and what a run tells.
"""

from __future__ import annotations

import ctypes
import math
import random
import time
from array import array
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

from radu_core.errors import DatasetError, RunError
from radu_core.hardware import native_bf16
from radu_core.training.config import TrainConfig
from radu_core.training.encoding import Collator, Encoded, Preflight
from radu_core.training.limit import TimeLimit
from radu_core.training.loss import completion_loss, passes, rate_share
from radu_core.training.measures import FILLS, measure_rows, tasks_of
from radu_core.training.packing import packer
from radu_core.training.runs import RunDirectory
from radu_core.training.saving import checking_tokens

__all__ = [
    "FORWARD_SHARE",
    "RandomState",
    "evaluated",
    "evaluation_tokens",
    "make_trainer",
    "of_first",
    "steady_memory",
    "tokens_per_pass",
    "uses_bf16",
]

_SAVE_SECONDS = 60.0  # at most so much of a run is lost when it is killed
_SAVE_SHARE = 0.05  # unless saving took more than this share of the time
_CPU_TOKENS, _CPU_FULL_TOKENS, _GPU_TOKENS = 768, 384, 16_384
FORWARD_SHARE = 0.4  # of a training step's time, about
_ANSWER_SHARE = 2.0  # how long slot rows take to be answered, in their forward passes
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h


def steady_memory() -> None:
    """Let glibc keep the memory that a step frees, for the next one (elsewhere: nothing).

    Otherwise each large tensor is mapped and zeroed again, which takes up to a fifth of the time
    on a CPU (benchmarks/README.md).
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return
    for parameter in (_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD):
        mallopt(parameter, 2**31 - 1)


def tokens_per_pass(config: TrainConfig) -> int:
    """How many tokens go through the model at once."""
    import torch

    if config.tokens_per_pass:
        return config.tokens_per_pass
    if torch.cuda.is_available():
        return _GPU_TOKENS
    return _CPU_TOKENS if config.adapts else _CPU_FULL_TOKENS


def uses_bf16(config: TrainConfig) -> bool:
    """bf16 autocast where the hardware has it, or as asked."""
    return native_bf16() if config.precision == "auto" else config.precision == "bf16"


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


@dataclass
class _Clock:
    """Where a run's seconds go, and the tokens it has read."""

    begun: float = field(default_factory=time.time)
    stepping: float = 0.0
    evaluating: float = 0.0
    evaluations: int = 0
    tokens: int = 0
    after: tuple[array[float], array[float]] = field(  # seconds and tokens, after each step
        default_factory=lambda: (array("d"), array("d"))
    )
    settled: float = 0.0  # when the first step was over, less what was evaluated until then

    def stepped(self, seconds: float) -> None:
        """A step has taken so long. What comes before the end of the first is done once."""
        self.stepping += seconds
        if not self.after[0]:
            self.settled = time.time() - self.evaluating
        self.after[0].append(self.stepping)
        self.after[1].append(self.tokens)

    @property
    def per_token(self) -> float:
        """Seconds of a step for each token, over the later half of the steps so far: the first
        also makes the optimizer's state, and the next few still touch memory for the first time."""
        half = len(self.after[0]) // 2
        seconds, tokens = (sums[half - 1] if half else 0.0 for sums in self.after)
        return (self.stepping - seconds) / max(1.0, self.tokens - tokens)

    @property
    def forward(self) -> float:
        """Seconds of a forward pass for each token, about."""
        return self.per_token * FORWARD_SHARE

    def training(self, tokens: float) -> float:
        """Seconds of steps over so many tokens, and of what is saved between them."""
        since = self.stepping - self.after[0][0]
        other = max(0.0, time.time() - self.settled - since - self.evaluating)
        return tokens * self.per_token * (1.0 + other / since if since else 1.0)

    def evaluation(self, tokens: float) -> float:
        """Seconds of one: as they were, or those of a forward pass over so many ``tokens``."""
        if self.evaluations:
            return self.evaluating / self.evaluations
        return tokens * self.forward


def make_trainer(
    run: RunDirectory,
    config: TrainConfig,
    model: Any,
    rows: Preflight,
    tokenizer: Any,
    *,
    check: Callable[[], None],
    stopping: Callable[[], bool],
    limit: TimeLimit | None = None,
) -> Any:
    """A Trainer that writes the run's events. ``check`` raises when the run is gone; ``stopping``
    says that it was asked to stop; ``limit`` began with the run (None: it begins here)."""
    from transformers import PrinterCallback, ProgressCallback, Trainer

    clock, until = _Clock(), limit or TimeLimit(config.max_minutes)
    asked = evaluated(config, rows)
    _check_best(config, asked)
    if config.method == "full" and uses_bf16(config):
        from radu_core.training.halves import multiply_by_halves

        multiply_by_halves(model)
    budget = tokens_per_pass(config)
    split: Callable[..., Any] = passes
    if config.packing:
        packed, why = packer(model, rows.train)
        split = packed or passes
        run.append("packing", packed=packed is not None, why=why)

    class CompletionTrainer(Trainer):  # type: ignore[misc]
        """A Trainer whose batches go through the model in passes, whose learning rate comes to
        its end with the time, and which measures the task on validation rows."""

        lr_scheduler: Any
        measured: tuple[int, dict[str, float]] = (-1, {})  # step and metrics, of the last time
        drawn: RandomState | None = None  # after the last whole step

        def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
            from torch.optim.lr_scheduler import LambdaLR

            if self.lr_scheduler is not None:
                return self.lr_scheduler
            begun, seconds = time.monotonic(), max(1e-9, until.left)

            def share(step: int) -> float:
                by_time = (time.monotonic() - begun) / seconds
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
            clock.tokens += int(inputs["attention_mask"].sum()) * config.processes
            losses = []
            parts = list(split(inputs, budget))
            for part in parts:
                last = part is parts[-1]  # gradients are exchanged once a step
                with nullcontext() if last else self.accelerator.no_sync(model):
                    with self.compute_loss_context_manager():
                        loss = completion_loss(model, part, num_items_in_batch)
                    # items are counted over all processes, whose gradients are averaged
                    loss = loss * config.processes
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
            begun = time.time()
            run.append("evaluating", step=self.state.global_step, rows=len(asked))
            found: dict[str, float] = {}
            if self.is_world_process_zero():
                with self.compute_loss_context_manager():
                    found = measure_rows(
                        self.model,
                        tokenizer,
                        asked,
                        tokens=budget,
                        task_metrics=config.task_metrics,
                    )
            if self.is_in_train:
                found = of_first(found)
            clock.evaluating += time.time() - begun
            clock.evaluations += 1
            run.append("validation", step=self.state.global_step, **found)
            metrics = {f"eval_{name}": value for name, value in found.items()}
            self.log(dict(metrics))  # it adds the epoch
            self.control.should_evaluate = False  # a run that ends here isn't measured twice
            self.measured = (self.state.global_step, metrics)
            return metrics

        def _determine_best_metric(self, metrics: Any, trial: Any) -> bool:
            better = bool(super()._determine_best_metric(metrics, trial))
            state = self.state
            if better:
                self.control.should_save = True  # or the best would be forgotten
            elif config.early_stopping and state.best_global_step is not None:
                since = (state.global_step - state.best_global_step) // config.eval_every
                if since >= config.early_stopping:
                    self.control.should_training_stop = True
            return better

    trainer = CompletionTrainer(
        model=model,
        args=_arguments(run, config, rows),
        train_dataset=_Rows(rows.train),
        eval_dataset=_Rows(asked) if asked else None,
        data_collator=Collator(tokenizer.eos_token_id),
        callbacks=[_reporter(run, config, rows, asked, clock, check, stopping, until)],
    )
    trainer.remove_callback(ProgressCallback)
    trainer.remove_callback(PrinterCallback)
    return trainer


def _reporter(
    run: RunDirectory,
    config: TrainConfig,
    rows: Preflight,
    asked: tuple[Encoded, ...],
    clock: _Clock,
    check: Callable[[], None],
    stopping: Callable[[], bool],
    limit: TimeLimit,
) -> Any:
    from transformers import TrainerCallback

    row_tokens = rows.train_tokens / max(1, len(rows.train))
    step_tokens = row_tokens * config.step_rows
    eval_tokens = evaluation_tokens(asked, answers=config.task_metrics)

    class Reporter(TrainerCallback):  # type: ignore[misc]
        """Turns what the Trainer says into events, and the time into its controls."""

        def on_train_begin(self, args: Any, state: Any, control: Any, **more: Any) -> None:
            clock.begun = self.saved = time.time()
            self.save_seconds = 0.0
            size = int(more["model"].config.vocab_size)
            self.checking = checking_tokens(rows, size, bf16=uses_bf16(config))
            if not args.use_cpu:  # on GPUs, tokens/s are those of all, and one of them checks
                self.checking *= config.processes

        def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            limit.steps_begin()
            self.step_begun = time.time()

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            check()
            self.stepped = time.time()
            clock.stepped(self.stepped - self.step_begun)
            pause = max(_SAVE_SECONDS, self.save_seconds / _SAVE_SHARE)
            stop, save = of_first((stopping() or limit.over, self.stepped - self.saved > pause))
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
            run.append("step", **self._figures(state, logs))

        def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            self.saved = time.time()
            self.save_seconds = self.saved - self.stepped
            run.append("checkpoint", step=state.global_step)

        def _left(self, state: Any) -> float:
            """Seconds to the end; the evaluation of this step is still to come."""
            once = clock.evaluation(eval_tokens) if asked else 0.0
            to_come = config.evaluations(state.max_steps)
            to_come -= (state.global_step - 1) // config.eval_every
            left: float = clock.training((state.max_steps - state.global_step) * step_tokens)
            left += (to_come - 1) * once
            left = min(left, limit.left)
            checking: float = self.checking * clock.forward
            return left + once + checking  # these come after the limit

        def _figures(self, state: Any, logs: Any) -> dict[str, Any]:
            import psutil

            return {
                "step": state.global_step,
                "steps": state.max_steps,
                "epoch": round(float(state.epoch or 0), 4),
                "loss": logs["loss"],
                "grad_norm": logs.get("grad_norm"),
                "learning_rate": logs.get("learning_rate"),
                "tokens_per_second": round(clock.tokens / max(1e-9, clock.stepping), 1),
                "eta_seconds": round(self._left(state), 1),
                "memory_gb": round(psutil.Process().memory_info().rss / 1e9, 2),
            }

    return Reporter()


def of_first(value: Any) -> Any:
    """What the process of rank 0 says, in all of them: they have to decide alike."""
    import torch.distributed as processes

    if not (processes.is_available() and processes.is_initialized()):
        return value
    said = [value]
    processes.broadcast_object_list(said, src=0)
    return said[0]


class _Rows:
    """A map-style dataset of encoded rows."""

    def __init__(self, rows: tuple[Encoded, ...]) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> dict[str, list[int]]:
        row = self._rows[index]
        return {"input_ids": list(row.input_ids), "labels": list(row.labels)}


def evaluated(config: TrainConfig, rows: Preflight) -> tuple[Encoded, ...]:
    """The validation rows that a run looks at: every n-th, at most ``eval_rows``, so that all
    functions are among them."""
    step = max(1, math.ceil(len(rows.validation) / max(1, config.eval_rows)))
    return rows.validation[::step][: config.eval_rows]


def evaluation_tokens(asked: Sequence[Encoded], *, answers: bool) -> float:
    """How many tokens a forward pass over which takes about as long as an evaluation.

    ``answers`` are those of slot rows: read once more, and then written a token at a time.
    """
    read = sum(len(row.input_ids) for row in asked)
    if not answers:
        return float(read)
    return read + _ANSWER_SHARE * sum(len(row.input_ids) for row in asked if row.task in FILLS)


def _check_best(config: TrainConfig, asked: tuple[Encoded, ...]) -> None:
    """``DatasetError`` unless the validation rows can say which checkpoint is best."""
    can = {"last": True, "loss": bool(asked), **tasks_of(asked)}
    if not can[config.best_by]:
        raise DatasetError(
            f"best_by={config.best_by} can't be measured: no row of the dataset's validation "
            f"split that is looked at ({len(asked)}) is of a task that gives it",
            remedy="Build the dataset with such rows in validation, or set best_by: last.",
        )


def _arguments(run: RunDirectory, config: TrainConfig, rows: Preflight) -> Any:
    import torch
    from transformers import TrainingArguments

    per_epoch = math.ceil(len(rows.train) / config.step_rows)
    steps = config.max_steps or max(1, math.ceil(config.epochs * per_epoch))
    evaluates = bool(evaluated(config, rows))
    best = config.best_by != "last"
    return TrainingArguments(
        output_dir=str(run.path / "checkpoints"),
        use_cpu=not torch.cuda.is_available(),
        bf16=uses_bf16(config),
        max_steps=steps,
        per_device_train_batch_size=config.batch_size,
        gradient_accumulation_steps=config.grad_accumulation,
        activation_checkpointing=config.gradient_checkpointing,
        activation_checkpointing_kwargs={"use_reentrant": False},
        learning_rate=config.rate,
        weight_decay=config.weight_decay,
        max_grad_norm=config.max_grad_norm,
        optim="adamw_torch_fused",
        eval_strategy="steps" if evaluates else "no",
        eval_steps=config.eval_every if evaluates else None,
        metric_for_best_model=config.best_by if best else None,
        greater_is_better=config.best_by != "loss" if best else None,
        save_strategy="steps",
        save_steps=config.save_every,
        save_total_limit=2,
        logging_steps=1,
        logging_nan_inf_filter=False,
        report_to=list(config.report_to) or "none",
        run_name=run.id,
        remove_unused_columns=False,
        ddp_backend=None if torch.cuda.is_available() or config.processes == 1 else "gloo",
        ddp_find_unused_parameters=False,
        ddp_broadcast_buffers=False,  # their exchange would wait for passes that others don't have
        dataloader_num_workers=0,
        seed=config.seed,
        disable_tqdm=True,
    )
