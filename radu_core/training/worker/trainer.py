"""The Trainer of a run: its arguments, the rows that it is given, and what goes through at once.

transformers' Trainer does the loop, the optimizer, checkpoints and resuming. ``loop`` is what it
can't know: which logits are needed, what a better checkpoint is, and what a run tells.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable, Sequence
from typing import Any

from radu_core.errors import DatasetError
from radu_core.hardware import native_bf16
from radu_core.tokenizing import Collator, Encoded
from radu_core.training.run.config import TrainConfig
from radu_core.training.run.directory import RunDirectory
from radu_core.training.run.encoding import Preflight
from radu_core.training.worker.limit import TimeLimit
from radu_core.training.worker.loss import passes
from radu_core.training.worker.measures import FILLS, tasks_of
from radu_core.training.worker.packing import packer

__all__ = [
    "evaluation_tokens",
    "make_trainer",
    "rows_to_evaluate",
    "steady_memory",
    "tokens_per_pass",
    "uses_bf16",
]

_CPU_TOKENS, _CPU_FULL_TOKENS, _GPU_TOKENS = 768, 384, 16_384
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
    """A Trainer that writes the run's events.

    ``check`` raises when the run is gone; ``stopping`` says that it was asked to stop; ``limit``
    began with the run (None: it begins here).
    """
    from transformers import PrinterCallback, ProgressCallback

    from radu_core.training.worker.loop import CompletionTrainer, Loop, Reporter

    eval_rows = rows_to_evaluate(config, rows)
    _check_best(config, eval_rows)
    if config.method == "full" and uses_bf16(config):
        from radu_core.training.worker.halves import multiply_by_halves

        multiply_by_halves(model)
    loop = Loop(
        run,
        config,
        rows,
        tokenizer,
        eval_rows,
        evaluation_tokens(eval_rows, answers=config.task_metrics),
        limit or TimeLimit(config.max_minutes),
        _split(run, config, model, rows),
        tokens_per_pass(config),
    )
    trainer = CompletionTrainer(
        loop,
        model=model,
        args=_arguments(run, config, rows),
        train_dataset=_Rows(rows.train),
        eval_dataset=_Rows(eval_rows) if eval_rows else None,
        data_collator=Collator(tokenizer.eos_token_id),
        callbacks=[Reporter(loop, check=check, stopping=stopping)],
    )
    trainer.remove_callback(ProgressCallback)
    trainer.remove_callback(PrinterCallback)
    return trainer


def _split(
    run: RunDirectory, config: TrainConfig, model: Any, rows: Preflight
) -> Callable[..., Any]:
    """How a batch is cut into passes: packed where that is asked for and the model can."""
    if not config.packing:
        return passes
    packed, why = packer(model, rows.train)
    run.append("packing", packed=packed is not None, why=why)
    return packed or passes


class _Rows:
    """A map-style dataset of encoded rows."""

    def __init__(self, rows: tuple[Encoded, ...]) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> dict[str, list[int]]:
        row = self._rows[index]
        return {"input_ids": list(row.input_ids), "labels": list(row.labels)}


def rows_to_evaluate(config: TrainConfig, rows: Preflight) -> tuple[Encoded, ...]:
    """The validation rows that a run looks at.

    Every n-th, at most ``eval_rows``, so that all functions are among them.
    """
    step = max(1, math.ceil(len(rows.validation) / max(1, config.eval_rows)))
    return rows.validation[::step][: config.eval_rows]


def evaluation_tokens(rows: Sequence[Encoded], *, answers: bool) -> float:
    """How many tokens a forward pass over which takes about as long as an evaluation.

    ``answers`` are those of slot rows: read once more, and then written a token at a time.
    """
    read = sum(len(row.input_ids) for row in rows)
    if not answers:
        return float(read)
    return read + _ANSWER_SHARE * sum(len(row.input_ids) for row in rows if row.task in FILLS)


def _check_best(config: TrainConfig, rows: tuple[Encoded, ...]) -> None:
    """``DatasetError`` unless the validation rows can say which checkpoint is best."""
    can = {"last": True, "loss": bool(rows), **tasks_of(rows)}
    if not can[config.best_by]:
        raise DatasetError(
            f"best_by={config.best_by} can't be measured: no row of the dataset's validation "
            f"split that is looked at ({len(rows)}) is of a task that gives it",
            remedy="Build the dataset with such rows in validation, or set best_by: last.",
        )


def _arguments(run: RunDirectory, config: TrainConfig, rows: Preflight) -> Any:
    import torch
    from transformers import TrainingArguments

    per_epoch = math.ceil(len(rows.train) / config.step_rows)
    steps = config.max_steps or max(1, math.ceil(config.epochs * per_epoch))
    evaluates = bool(rows_to_evaluate(config, rows))
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
