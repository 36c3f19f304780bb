"""What a run keeps and goes on from: its last whole step, its best one, and whether it is over."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from radu_core.errors import RunError
from radu_core.files import write_text
from radu_core.training.run.config import TrainConfig
from radu_core.training.run.directory import RunDirectory
from radu_core.training.worker.ranks import of_first

__all__ = ["best", "catch_up", "check_alike", "clear", "early_end", "is_over", "keep_last"]


def best(trainer: Any, config: TrainConfig) -> tuple[int, dict[str, float]]:
    """Give the model the weights that become the run's; their step, and what they measure."""
    state = trainer.state
    if trainer.eval_dataset is None:
        return state.global_step, {}
    best, at, where = state.best_metric, state.best_global_step, state.best_model_checkpoint
    step, last = trainer.measured
    last = last if step == state.global_step else trainer.evaluate()
    if config.best_by != "last" and at not in (None, state.global_step) and where:
        now = last[f"eval_{config.best_by}"]
        if (now >= best) if config.best_by == "loss" else (now <= best):
            best_path = (
                Path(trainer.args.output_dir) / f"checkpoint-{at}"
            )  # the run may have been moved
            if not best_path.is_dir():
                raise RunError(
                    f"The checkpoint of step {at}, the best by {config.best_by}, is gone",
                    remedy="Fork the run; or set best_by: last.",
                )
            state.best_model_checkpoint = str(best_path)
            trainer._load_best_model()
            last = trainer.evaluate()
            return int(at), _strip_prefix(last)
    return state.global_step, _strip_prefix(last)


def _strip_prefix(metrics: dict[str, float]) -> dict[str, float]:
    return {name.removeprefix("eval_"): value for name, value in metrics.items()}


def check_alike(trainer: Any) -> None:
    """``RunError`` unless all processes have the same weights: each has made the steps itself."""
    import torch

    if trainer.accelerator.num_processes == 1:
        return
    parameters = [p.detach() for p in trainer.model.parameters() if p.requires_grad]
    sums = torch.stack([p.sum(dtype=torch.float64) for p in parameters])
    total_sums = trainer.accelerator.gather(sums[None])
    if not torch.isclose(total_sums, total_sums[:1], rtol=0.0, atol=0.0, equal_nan=True).all():
        raise RunError(
            "The run's processes have diverged: their weights differ",
            remedy="Fork it with processes: 1, and report it with its bundle.",
        )


def keep_last(run: RunDirectory, trainer: Any) -> None:
    """Save the last whole step.

    What an interrupted step or evaluation drew at random is drawn again when the run continues.
    """
    step = trainer.state.global_step
    if of_first(step > 0 and step not in run.checkpoints()):
        if trainer.drawn is not None:
            trainer.drawn.restore()
        trainer._save_checkpoint(trainer.model, None)
        run.append("checkpoint", step=step)


def catch_up(trainer: Any, config: TrainConfig, last: Path) -> None:
    """Do the evaluation that was due at the checkpoint ``last`` if a stop cut it off.

    Whether it was done is read from the checkpoint, which is then told what it found: a kill
    meanwhile changes nothing.
    """
    from transformers import TrainerState

    state = TrainerState.load_from_json(str(last / "trainer_state.json"))
    step = state.global_step
    is_measured = any(
        entry.get("step") == step and "eval_loss" in entry for entry in state.log_history
    )
    due = trainer.eval_dataset is not None and step % config.eval_every == 0 and not is_measured
    if not of_first(due):  # the others may look when it has been done
        return
    if trainer.is_world_process_zero():
        trainer._load_from_checkpoint(str(last))
        trainer.state = state
        with trainer.accelerator.autocast():  # as while it trains
            metrics = trainer.evaluate()
        if trainer._determine_best_metric(metrics, None):
            state.best_model_checkpoint = str(last)
        text = json.dumps(asdict(state), indent=2, sort_keys=True)
        write_text(last / "trainer_state.json", text + "\n")
    trainer.accelerator.wait_for_everyone()


def _earlier_measures(run: RunDirectory, step: int) -> tuple[int, dict[str, float]]:
    """What an earlier process of the run measured at that step, so that it isn't done again."""
    validations = [
        e.data for e in run.events() if e.kind == "validation" and e.data.get("step") == step
    ]
    if not validations:
        return -1, {}
    return step, {
        f"eval_{name}": value for name, value in validations[-1].items() if name != "step"
    }


def clear(run: RunDirectory, whole: Mapping[int, Path]) -> None:
    """Delete what was being written when an earlier process of the run was killed."""
    halves = [p for p in (run.path / "checkpoints").glob("*-*") if p not in whole.values()]
    halves += [p for name in ("model", "adapter") for p in run.path.glob(f".{name}.*")]
    for path in halves:
        shutil.rmtree(path)


def is_over(run: RunDirectory, trainer: Any, config: TrainConfig, last: str) -> bool:
    """Whether nothing is left to train; then the trainer has the model and the state of its end.

    Trainer itself would do a step too many.
    """
    from transformers import TrainerState

    state = TrainerState.load_from_json(str(Path(last) / "trainer_state.json"))
    trained_steps = [e.data.get("step") for e in run.events() if e.kind == "trained"]
    over = state.global_step >= trainer.args.max_steps or state.global_step in trained_steps
    if over or _stale(config, state):
        trainer._load_from_checkpoint(last)
        trainer.accelerator.prepare_model(trainer.model)  # computes as it did while it trained
        trainer.state = state
        trainer.measured = _earlier_measures(run, state.global_step)
        return True
    return False


def early_end(config: TrainConfig, state: Any, step: int) -> str:
    """Why a run finished before its last step, and which step's weights it kept if not the last.

    Empty if neither.
    """
    reasons = []
    if state.global_step < state.max_steps:
        position = f"step {state.global_step} of {state.max_steps}"
        why = ""
        if config.max_minutes is not None:
            why = f"Its time limit of {config.max_minutes:g} min was reached at {position}."
        if _stale(config, state):
            why = (
                f"Stopped early at {position}: {config.early_stopping} evaluations weren't better "
                f"({config.best_by}) than that of step {state.best_global_step}."
            )
        reasons.append(why)
    if step != state.global_step:
        reasons.append(f"Its model is that of step {step}, the best by {config.best_by}.")
    return " ".join(filter(None, reasons))


def _stale(config: TrainConfig, state: Any) -> bool:
    """Whether so many evaluations weren't better that the run ends."""
    best = state.best_global_step
    if not config.early_stopping or best is None:
        return False
    return bool((state.global_step - best) // config.eval_every >= config.early_stopping)
