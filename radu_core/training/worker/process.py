"""The run's own process.

``python -m radu_core.training.worker.process RUN_DIRECTORY MODEL_DIRECTORY``

It waits for its turn, has the model trained by what its config asks for, and ends with a state, a
reason and a remedy, whatever happens.
"""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from radu_core.files import write_json, write_text
from radu_core.training.run.cards.card import model_card
from radu_core.training.run.config import TrainConfig
from radu_core.training.run.directory import RunDirectory
from radu_core.training.run.machine import stand_back
from radu_core.training.run.queue import turn
from radu_core.training.run.stages import stage
from radu_core.training.worker.ending import RunGoneError, Stopped, reason_of, tell_end
from radu_core.training.worker.generator import train_generator
from radu_core.training.worker.heart import Heart
from radu_core.training.worker.limit import TimeLimit, TimeUp
from radu_core.training.worker.ranks import Muted, distribute, own_rank, tell

__all__ = ["main", "train"]


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
    heart = Heart(run)
    heart.start()
    signal.signal(signal.SIGTERM, lambda *_: heart.stop.set())  # a shutdown is a request, too
    try:
        with turn(run, stopped=heart.stop.is_set) as ours:
            if ours:
                _work(run, Path(arguments[1]), heart)
    except Stopped:
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


def _work(run: RunDirectory, model_directory: Path, heart: Heart) -> None:
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
        is_gone=lambda: heart.gone or late(),
        stopping=heart.stop.is_set,
    )
    heart.check_gone()
    if run.state()[0] == "finished":
        return
    if late():
        raise TimeUp
    raise Stopped


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
    heart = Heart(run)
    heart.start()
    signal.signal(signal.SIGTERM, lambda *_: heart.stop.set())  # Ray sends it to every process
    code = 0
    try:
        train(run, model_directory, heart, TimeLimit(run.config().max_minutes))
    except Stopped:
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


def train(run: RunDirectory, model_directory: Path, heart: Heart, limit: TimeLimit) -> None:
    """Do the whole run: load, train, save. ``limit`` is for all up to the last step."""
    run.append("state", state="loading")  # before the imports, which take seconds
    config = run.config()
    if config.target == "retriever":
        limit.steps_begin()  # a step of each model and the head are made, however short the time
        _train_retriever(run, config, model_directory, heart, limit)
    else:
        train_generator(run, config, model_directory, heart, limit)


def _tuning_of(config: TrainConfig) -> Callable[..., dict[str, Any]]:
    """What tunes a retriever by the config's objective. Imported late: each loads torch."""
    if config.objective == "lsr":
        from radu_core.training.lsr.run import tune_by_teacher

        return tune_by_teacher
    if config.objective == "contrastive":
        from radu_core.training.contrastive.run import tune_by_contrast

        return tune_by_contrast
    from radu_core.training.joint.run import train_retriever

    return train_retriever


def _train_retriever(
    run: RunDirectory, config: TrainConfig, base: Path, heart: Heart, limit: TimeLimit
) -> None:
    """Do the whole run of a retriever: its encoder, maybe a head, the card."""
    started = time.time()
    tune = _tuning_of(config)
    report = tune(run, base, check=heart.check, stopping=heart.stop.is_set, limit=limit)
    heart.check()
    report["seconds"] = round(time.time() - started, 1)
    learnt = next(e.data for e in run.events() if e.kind == "labels")
    report |= {"dataset": learnt["dataset"], "negatives": learnt["negatives"]}
    write_text(run.path / "README.md", model_card(run.id, config, report, base=base))
    write_json(run.path / "report.json", report)
    steps_made, planned = report["steps"], report["planned_steps"]
    cut = f"Its time limit of {config.max_minutes:g} min ended it" if config.max_minutes else ""
    reason = (
        f"{cut} after step {steps_made:,} (planned: {planned:,})."
        if cut and steps_made < planned
        else ""
    )
    run.append("state", state="finished", reason=reason)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
