"""The run's own process: ``python -m radu_core.training.worker RUN_DIRECTORY MODEL_DIRECTORY``.

transformers' Trainer and peft do the work. Ours is the loss on the last positions only, the
events, and an end that always has a state, a reason and a remedy.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from radu_core.dataset import read_dataset
from radu_core.errors import DiskFullError, RaduError, RunError
from radu_core.files import write_json, write_text
from radu_core.tokenizing import Collator, load_tokenizer
from radu_core.training.card import example_prompt, model_card
from radu_core.training.checkpoints import (
    best,
    catch_up,
    check_alike,
    clear,
    early_end,
    is_over,
    keep_last,
)
from radu_core.training.config import TrainConfig
from radu_core.training.encoding import Preflight, leave_in, preflight
from radu_core.training.limit import TimeLimit, TimeUp
from radu_core.training.loading import load_model
from radu_core.training.machine import stand_back
from radu_core.training.queue import turn
from radu_core.training.ranks import Muted, distribute, own_rank, tell
from radu_core.training.runs import RunDirectory, RunState
from radu_core.training.saving import save_model
from radu_core.training.stages import stage
from radu_core.training.tokens import check_tokens
from radu_core.training.trackers import keep_in
from radu_core.training.trainer import make_trainer, steady_memory
from radu_core.words import quantity

__all__ = ["main", "reason_of", "tell_end", "train"]

_HEARTBEAT_SECONDS = 0.2
_UNTIL_THE_END: list[Any] = []  # gloo's group, freed while its threads work, waits for itself


class RunGoneError(RunError):
    """The run's directory was deleted while it ran."""


class _Stopped(Exception):  # noqa: N818 - not an error: somebody asked for it
    """The run was asked to stop."""


def main(arguments: list[str]) -> int:
    """Do the run; 0 when it finished or was stopped, 1 when it failed, 3 when it was deleted."""
    rank = own_rank()
    if rank is not None:
        _as_rank(rank, Path(arguments[0]), Path(arguments[1]))
    run = RunDirectory(Path(arguments[0]))
    _be_found(run)
    run.hold_room()
    if os.getsid(0) == os.getpid():  # detached: nobody waits for it
        stand_back()
    heart = _Heart(run)
    heart.start()
    signal.signal(signal.SIGTERM, lambda *_: heart.stop.set())  # a shutdown is a request, too
    try:
        with turn(run, stopped=heart.stop.is_set) as ours:
            if ours:
                _work(run, Path(arguments[1]), heart)
    except _Stopped:
        tell_end(run, "stopped", f"Stopped by request. {run.describe_kept()}")
    except TimeUp:
        tell_end(run, "stopped", _out_of_time(run))
    except RunGoneError as error:
        print(error, file=sys.stderr)
        return 3
    except BaseException as error:  # whatever it was, the run must say so
        traceback.print_exc()
        if not run.exists:
            print("The run's directory was deleted.", file=sys.stderr)
            return 3
        tell_end(run, "failed", reason_of(error))
        return 1
    finally:
        run.free_room()
    return 0


def tell_end(run: RunDirectory, state: RunState, reason: str) -> None:
    """Write how the run ended; on a full disk in the room that was held for it, else in that of
    half a checkpoint, which may be what fills it."""
    rooms: tuple[Callable[[], object], ...] = (
        lambda: None,
        run.free_room,
        lambda: clear(run, run.checkpoints()),
    )
    for room in rooms:
        with suppress(OSError, DiskFullError):  # then the log has to do
            room()
            run.append("state", state=state, reason=reason)
            return


def _work(run: RunDirectory, model_directory: Path, heart: _Heart) -> None:
    """Train here, or in as many processes as the config says.

    The run's time begins here. One whose last step is done is given the time to write its model.
    """
    config = run.config()
    limit = TimeLimit(None if run.is_trained else config.max_minutes)
    if config.processes == 1:
        with limit.before_steps():
            train(run, model_directory, heart, limit)
        return

    def late() -> bool:
        return limit.over and bool(stage(run.events()))

    distribute(
        run,
        model_directory,
        config.processes,
        gone=lambda: heart.gone or late(),
        stopping=heart.stop.is_set,
    )
    heart.check_gone()
    if run.state()[0] == "finished":
        return
    if late():
        raise TimeUp
    raise _Stopped


def _out_of_time(run: RunDirectory) -> str:
    """Why a run whose time was over before it made a step has no model, and what helps."""
    doing = stage(run.events()) or "Loading"
    minutes = run.config().max_minutes
    return (
        f"Its time limit of {minutes:g} min was reached before it made a step, at: {doing}. "
        f"{run.describe_kept()} Fork it with a higher max_minutes."
    )


def _as_rank(rank: int, path: Path, model_directory: Path) -> NoReturn:
    """Be one of a run's processes; 0 when it did its part, else the reason is left in a file.

    Ends without freeing anything, as what torch has of the other processes may block while it is.
    """
    run = Muted(path) if rank else RunDirectory(path)
    heart = _Heart(run)
    heart.start()
    signal.signal(signal.SIGTERM, lambda *_: heart.stop.set())  # Ray sends it to every process
    code = 0
    try:
        train(run, model_directory, heart, TimeLimit(run.config().max_minutes))
    except _Stopped:
        pass
    except BaseException as error:  # whatever it was, the one that watches must know
        traceback.print_exc()
        tell(run, rank, reason_of(error))
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _be_found(run: RunDirectory) -> None:
    """Say which process does the run: whoever launched it may have been killed before it could."""
    import psutil

    if os.getpgrp() == os.getpid() and run.exists:  # not a worker's worker
        run.write_process(os.getpid(), psutil.Process().create_time())


def reason_of(error: BaseException) -> str:
    """What went wrong and what to do about it, for the page."""
    text = str(error)
    if isinstance(error, RaduError):
        return text
    if isinstance(error, MemoryError) or "out of memory" in text or "can't allocate" in text:
        return f"Out of memory ({text[:200]}). Use a smaller batch_size or max_length, or LoRA."
    if isinstance(error, OSError) and "No space left" in text:
        return str(DiskFullError("No space left while saving", remedy="Free some and resume."))
    if isinstance(error, KeyboardInterrupt | SystemExit):
        return "Its process was told to end."
    return f"{type(error).__name__}: {text[:300]}. The log has the details."


class _Heart(threading.Thread):
    """Touches ``heartbeat``, and notices a deleted directory or a request to stop."""

    def __init__(self, run: RunDirectory) -> None:
        super().__init__(daemon=True)
        self._run = run
        self.gone = False
        self.stop = threading.Event()
        # not getppid(): the one that watches may have been killed before we looked
        self._watcher = int(os.environ["RADU_RANKS"]) if own_rank() is not None else None
        (run.path / "heartbeat").touch()

    def run(self) -> None:
        """Beat until the process ends."""
        while not self.gone:
            if self._watcher not in (None, os.getppid()):
                os._exit(1)  # the process that watches was killed: nobody would end this one
            try:
                os.utime(self._run.path / "heartbeat")
            except FileNotFoundError:
                self.gone = True
            if (self._run.path / "stop").exists():
                self.stop.set()
            time.sleep(_HEARTBEAT_SECONDS)

    def check_gone(self) -> None:
        """Raise when the run has been deleted."""
        if self.gone:
            raise RunGoneError(
                f"Run {self._run.id} was deleted while it ran", remedy="Launch a new run."
            )

    def check(self) -> None:
        """Raise when the run has been deleted or is to stop. Cheap: it looks at no file."""
        self.check_gone()
        if self.stop.is_set():
            raise _Stopped


def train(run: RunDirectory, model_directory: Path, heart: _Heart, limit: TimeLimit) -> None:
    """The whole run: encode, load, train, save. ``limit`` is for all up to the last step."""
    run.append("state", state="loading")  # before the imports, which take seconds
    config = run.config()
    if config.target == "retriever":
        limit.steps_begin()  # a step of each model and the head are made, however short the time
        _train_retriever(run, config, model_directory, heart, limit)
        return
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
    heart: _Heart,
    seconds: float,
) -> None:
    """Write the model that a run of so many ``seconds`` has trained, checked, with report and
    card."""
    import torch

    run.append("state", state="saving")
    ended = trainer.state.global_step
    progress = _Telling(run, heart.check)
    progress("Measuring the model", 0, 0)
    step, measured = best(trainer, config)
    leave_in(trainer.model, tokenizer, rows)
    checked = save_model(
        run, config, trainer.model, tokenizer, rows, base=model_directory, progress=progress
    )
    heart.check()
    report = {
        "steps": ended,
        "epochs": round(float(trainer.state.epoch or 0), 4),
        "model_of_step": step,
        "seconds": round(seconds, 1),
        "validation_loss": measured.get("loss"),
        "task_metrics": {n: v for n, v in measured.items() if n != "loss"},
        "dataset": read_dataset(config.dataset).hash,
        "model_check": checked,
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
    """The dataset's rows as tokens; an error where they or the base model aren't those of the
    launch."""
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


def _train_retriever(
    run: RunDirectory, config: TrainConfig, base: Path, heart: _Heart, limit: TimeLimit
) -> None:
    """The whole run of a retriever: its encoder, maybe a head, the card."""
    if config.objective == "lsr":
        from radu_core.training.lsr.run import tune_by_teacher as work
    elif config.objective == "contrastive":
        from radu_core.training.contrastive.run import tune_by_contrast as work
    else:
        from radu_core.training.joint.run import train_retriever as work

    started = time.time()
    report = work(run, base, check=heart.check, stopping=heart.stop.is_set, limit=limit)
    heart.check()
    report["seconds"] = round(time.time() - started, 1)
    learnt = next(e.data for e in run.events() if e.kind == "labels")
    report |= {"dataset": learnt["dataset"], "negatives": learnt["negatives"]}
    write_text(run.path / "README.md", model_card(run.id, config, report, base=base))
    write_json(run.path / "report.json", report)
    made, planned = report["steps"], report["planned_steps"]
    cut = f"Its time limit of {config.max_minutes:g} min ended it" if config.max_minutes else ""
    reason = f"{cut} after step {made:,} (planned: {planned:,})." if cut and made < planned else ""
    run.append("state", state="finished", reason=reason)


def _check_processes(config: TrainConfig, trainer: Any) -> None:
    """``RunError`` unless as many processes work together as were asked for, each on one device."""
    if trainer.args.n_gpu > 1:  # Trainer would spread one process's batch over them
        raise RunError(
            f"A process of the run sees {trainer.args.n_gpu} GPUs, but uses only one",
            remedy="Set CUDA_VISIBLE_DEVICES to one of them; set processes to use more.",
        )
    found = trainer.accelerator.num_processes
    if found != config.processes:
        raise RunError(
            f"{quantity(found, 'process works', 'processes work')} together, and the config says "
            f"processes={config.processes}",
            remedy="Launch it as `radu train` does; accelerate and torch have to agree on it.",
        )


class _Telling:
    """Turns the progress of saving into events, one a second and step at most, and looks between
    them whether the run is to stop."""

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


def _train_or_keep(run: RunDirectory, trainer: Any, config: TrainConfig, heart: _Heart) -> None:
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
    except _Stopped:
        keep_last(run, trainer)
        raise
    except TimeUp:
        if trainer.state.global_step == 0:
            raise
    keep_last(run, trainer)
    run.append("trained", step=trainer.state.global_step)


def _interruptible(model: Any, check: Callable[[], None], limit: TimeLimit) -> None:
    """Let ``check`` raise between any two layers of ``model``, on the way forward and back, and
    ``limit`` in steps.

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


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
