"""The run of a generator: its rows as tokens, the training, its model with report and card.

transformers' Trainer and peft do the work.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from radu_core.dataset import read_dataset
from radu_core.errors import RunError
from radu_core.files import write_json, write_text
from radu_core.tokenizing import Collator, load_tokenizer
from radu_core.training.run.cards.card import model_card
from radu_core.training.run.cards.usage import example_prompt
from radu_core.training.run.config import TrainConfig
from radu_core.training.run.directory import RunDirectory
from radu_core.training.run.encoding import Preflight, leave_in, preflight
from radu_core.training.run.tokens import check_tokens
from radu_core.training.run.trackers import keep_in
from radu_core.training.worker.checkpoints import (
    best,
    catch_up,
    check_alike,
    clear,
    early_end,
    is_over,
    keep_last,
)
from radu_core.training.worker.ending import Stopped
from radu_core.training.worker.heart import Heart
from radu_core.training.worker.limit import TimeLimit, TimeUp
from radu_core.training.worker.loading import load_model
from radu_core.training.worker.ranks import own_rank
from radu_core.training.worker.saving import save_model
from radu_core.training.worker.trainer import make_trainer, steady_memory
from radu_core.words import quantity

__all__ = ["train_generator"]

_UNTIL_THE_END: list[Any] = []  # gloo's group, freed while its threads work, waits for itself


def train_generator(
    run: RunDirectory, config: TrainConfig, model_directory: Path, heart: Heart, limit: TimeLimit
) -> None:
    """Encode the rows, load the model, train it and save it; ``limit`` ends with the last step."""
    from transformers import set_seed

    set_seed(config.seed)
    steady_memory()
    alone = config.processes == 1  # several have to end at the same step
    check = heart.check if alone else heart.check_gone
    run.append("loading", what="Tokenizing every row")
    tokenizer = load_tokenizer(model_directory)
    rows = _encode_rows(run, config, tokenizer, model_directory)
    if config.report_to:
        keep_in(run.path / "trackers")
    check()
    run.append("loading", what="Loading the model")
    model = load_model(config, model_directory)
    check()
    started = time.time()
    trainer = make_trainer(
        run,
        config,
        model,
        rows,
        tokenizer,
        check=heart.check_gone,
        stopping=heart.stop.is_set,
        limit=limit,
    )
    _check_processes(config, trainer)
    run.append("state", state="running")
    if alone:
        _interruptible(model, check, limit)
    else:
        _UNTIL_THE_END.append(trainer)
    _train_or_keep(run, trainer, config, heart)
    limit.steps_begin()  # none may have been left to make: the model is to be written anyway
    if not trainer.is_world_process_zero():
        return
    seconds = time.time() - started
    _save(run, config, trainer, tokenizer, rows, model_directory, heart, seconds)


def _save(
    run: RunDirectory,
    config: TrainConfig,
    trainer: Any,
    tokenizer: Any,
    rows: Preflight,
    model_directory: Path,
    heart: Heart,
    seconds: float,
) -> None:
    """Write the model that a run has trained, checked, with report and card.

    ``seconds`` is how long it was trained.
    """
    import torch

    run.append("state", state="saving")
    last_step = trainer.state.global_step
    progress = _Telling(run, heart.check)
    progress("Measuring the model", 0, 0)
    step, measures = best(trainer, config)
    leave_in(trainer.model, tokenizer, rows)
    check = save_model(
        run, config, trainer.model, tokenizer, rows, base=model_directory, progress=progress
    )
    heart.check()
    report = {
        "steps": last_step,
        "epochs": round(float(trainer.state.epoch or 0), 4),
        "model_of_step": step,
        "seconds": round(seconds, 1),
        "validation_loss": measures.get("loss"),
        "task_metrics": {n: v for n, v in measures.items() if n != "loss"},
        "dataset": read_dataset(config.dataset).hash,
        "model_check": check,
        "torch": torch.__version__,
        **_of_rows(rows),
    }
    example = example_prompt(run.path, "serving")
    card = model_card(run.id, config, report, base=model_directory, prompt=example)
    write_text(run.path / "README.md", card)
    write_json(run.path / "report.json", report)
    run.append("state", state="finished", reason=early_end(config, trainer.state, step))


def _encode_rows(
    run: RunDirectory, config: TrainConfig, tokenizer: Any, model_directory: Path
) -> Preflight:
    """The dataset's rows as tokens.

    An error where they or the base model aren't those of the launch.
    """
    rows = preflight(config, tokenizer)
    run.append("loading", what="Comparing rows and base model with those at its launch")
    base = None if own_rank() else model_directory  # one of the processes reads its weights
    check_tokens(run, rows, Collator(tokenizer.eos_token_id), base)
    run.append(
        "preflight",
        train_rows=len(rows.train),
        validation_rows=len(rows.validation),
        train_tokens=rows.train_tokens,
        overlong=len(rows.overlong),
        special=len(rows.special),
        tokens_hash=rows.tokens_hash,
    )
    return rows


def _of_rows(rows: Preflight) -> dict[str, Any]:
    """What a run's report says of its rows."""
    return {
        "train_rows": len(rows.train),
        "tokens_hash": rows.tokens_hash,
        "chat_template": rows.template is not None,
        "overlong": [list(item) for item in rows.overlong],
        "special": [list(item) for item in rows.special],
    }


def _check_processes(config: TrainConfig, trainer: Any) -> None:
    """``RunError`` unless as many processes work together as were asked for, each on one device."""
    if trainer.args.n_gpu > 1:  # Trainer would spread one process's batch over them
        raise RunError(
            f"A process of the run sees {trainer.args.n_gpu} GPUs, but uses only one",
            remedy="Set CUDA_VISIBLE_DEVICES to one of them; set processes to use more.",
        )
    count = trainer.accelerator.num_processes
    if count != config.processes:
        raise RunError(
            f"{quantity(count, 'process works', 'processes work')} together, and the config says "
            f"processes={config.processes}",
            remedy="Launch it as `radu train` does; accelerate and torch have to agree on it.",
        )


class _Telling:
    """Turns the progress of saving into events, one a second and step at most.

    Between them it looks whether the run is to stop.
    """

    def __init__(self, run: RunDirectory, check: Callable[[], None]) -> None:
        self._run, self._check = run, check
        self._what, self._begun, self._told = "", 0.0, 0.0

    def __call__(self, what: str, done: int, total: int) -> None:
        self._check()
        now = time.monotonic()
        if what != self._what:
            self._what, self._begun = what, now
        elif done < total and now - self._told < 1.0:
            return
        self._told = now
        seconds = round(now - self._begun, 2)
        self._run.append("saving", what=what, done=done, total=total, seconds=seconds)


def _train_or_keep(run: RunDirectory, trainer: Any, config: TrainConfig, heart: Heart) -> None:
    """Train, from the last checkpoint if there is one, and keep the last step, also when stopped.

    A run that was stopped or killed after its last step only gets its weights back. When its time
    is over in the middle of a step, the step before is its last.
    """
    whole = run.checkpoints()
    if trainer.is_world_process_zero():
        clear(run, whole)
    last = str(whole[max(whole)]) if whole else None
    if last:
        catch_up(trainer, config, Path(last))
        if is_over(run, trainer, config, last):
            return
    try:
        trainer.train(resume_from_checkpoint=last)
        check_alike(trainer)
        heart.check()
    except Stopped:
        keep_last(run, trainer)
        raise
    except TimeUp:
        if trainer.state.global_step == 0:
            raise
    keep_last(run, trainer)
    run.append("trained", step=trainer.state.global_step)


def _interruptible(model: Any, check: Callable[[], None], limit: TimeLimit) -> None:
    """Let ``check`` raise between any two layers of ``model``, and ``limit`` in steps.

    On the way forward and back.

    So a stop needn't wait for a step that takes minutes. The weights are those of the step before:
    they change in the optimizer only. An evaluation is done whatever the time: the run's end would
    have to do it again.
    """
    from torch.nn import ModuleList

    def check_step(_: Any = None) -> None:
        check()
        limit.check()

    def after(layer: Any, _inputs: Any, output: Any) -> None:
        (check_step if layer.training else check)()
        hidden = output[0] if isinstance(output, tuple) else output
        if hidden.requires_grad:
            hidden.register_hook(check_step)

    stacks = [module for module in model.modules() if isinstance(module, ModuleList)]
    for layer in max(stacks, key=len, default=[model]):
        layer.register_forward_hook(after)
