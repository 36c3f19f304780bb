"""Several processes learn what one does with all their rows, and end together."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from conftest import MODULE

from radu_core.errors import InputError
from radu_core.training.run.config import TrainConfig
from radu_core.training.run.directory import FINAL, RunDirectory
from radu_core.training.watcher.launcher import stop
from radu_core.workflows.frame import run_list
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.runs import launch as train
from radu_core.workflows.train.dataset import build

pytestmark = pytest.mark.slow


def wait(condition: Callable[[], bool], seconds: float = 600.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.05)


def wanted(space: Workspace, model: Path, **settings: object) -> TrainConfig:
    plain = {"max_steps": 4, "batch_size": 2, "eval_every": 2, "eval_rows": 4, "precision": "fp32"}
    return TrainConfig.validate_data(
        {"dataset": build(space, MODULE).directory, "base_model": str(model), **plain, **settings}
    )


def ended(run: RunDirectory) -> str:
    wait(lambda: run.state()[0] in FINAL)
    wait(lambda: not run.alive())
    return run.state()[0]


def losses(run: RunDirectory) -> list[float]:
    return [e.data["loss"] for e in run.events() if e.kind == "step"]


def ranks(run: RunDirectory) -> list[psutil.Process]:
    """The living processes of the run's ranks, by rank; those of a dead run as well."""
    found = {}
    for process in psutil.process_iter():
        try:
            if str(run.path) in process.cmdline() and "RANK" in (own := process.environ()):
                found[int(own["RANK"])] = process
        except psutil.Error:
            continue
    return [found[rank] for rank in sorted(found)]


@pytest.mark.parametrize("method", ["lora", "full"])
def test_two_processes_have_the_curve_of_one_with_twice_the_batch(
    loaded: Workspace, tiny_model: Path, method: str
) -> None:
    same = {"method": method, "tokens_per_pass": 64}  # ranks have unlike numbers of passes
    one = train.start(loaded, wanted(loaded, tiny_model, batch_size=4, **same))
    assert ended(one) == "finished", one.log_tail()
    two = train.start(loaded, wanted(loaded, tiny_model, processes=2, **same))
    assert ended(two) == "finished", two.log_tail()
    assert len(losses(one)) == 4
    assert losses(two) == pytest.approx(losses(one), rel=1e-4)
    measured = [[e.data["loss"] for e in r.events() if e.kind == "validation"] for r in (one, two)]
    assert measured[1] == pytest.approx(measured[0], rel=1e-4)
    assert (two.model / "model.safetensors").is_file()


def test_accumulation_in_two_processes_is_the_big_batch_as_well(
    loaded: Workspace, tiny_model: Path
) -> None:
    # rows of one epoch only: at its end, processes fill up where one has fewer rows
    few = {"max_steps": 2}
    one = train.start(loaded, wanted(loaded, tiny_model, batch_size=8, **few))
    assert ended(one) == "finished"
    two = train.start(loaded, wanted(loaded, tiny_model, processes=2, grad_accumulation=2, **few))
    assert ended(two) == "finished", two.log_tail()
    assert losses(two) == pytest.approx(losses(one), rel=1e-4)


def test_two_processes_stop_at_one_step_and_go_on_from_it(
    loaded: Workspace, tiny_model: Path
) -> None:
    run = train.start(loaded, wanted(loaded, tiny_model, processes=2, max_steps=100_000))
    wait(lambda: len(losses(run)) > 2)
    assert len(ranks(run)) == 2
    assert stop(run) == "stopped"
    assert run.state()[1].startswith("Stopped by request. What it had learnt by step")
    assert ranks(run) == []
    before = len(losses(run))
    train.resume(loaded, run.id)
    wait(lambda: len(losses(run)) > before)
    assert stop(run) == "stopped"
    steps = [e.data["step"] for e in run.events() if e.kind == "step"]
    assert steps == list(range(1, len(steps) + 1))


def test_a_shutdown_stops_all_processes_with_what_they_learnt(
    loaded: Workspace, tiny_model: Path
) -> None:
    run = train.start(loaded, wanted(loaded, tiny_model, processes=2, max_steps=100_000))
    wait(lambda: len(losses(run)) > 0)
    os.kill(run.pid() or 0, signal.SIGTERM)
    assert ended(run) == "stopped"
    assert run.checkpoints()
    wait(lambda: ranks(run) == [])


@pytest.mark.parametrize("rank", [0, 1])
def test_a_killed_process_ends_all_with_a_reason(
    loaded: Workspace, tiny_model: Path, rank: int
) -> None:
    run = train.start(loaded, wanted(loaded, tiny_model, processes=2, max_steps=100_000))
    wait(lambda: len(losses(run)) > 0)
    ranks(run)[rank].send_signal(signal.SIGKILL)
    assert ended(run) == "failed"
    assert run.state()[1].startswith(f"Process {rank + 1} of the run's 2 was ended by signal 9")
    wait(lambda: ranks(run) == [])


def test_when_the_run_itself_is_killed_its_processes_end(
    loaded: Workspace, tiny_model: Path
) -> None:
    run = train.start(loaded, wanted(loaded, tiny_model, processes=2, max_steps=100_000))
    wait(lambda: len(losses(run)) > 0)
    os.kill(run.pid() or 0, signal.SIGKILL)
    wait(lambda: ranks(run) == [])
    assert run.state()[0] == "lost"


def test_when_the_run_is_killed_in_its_first_moments_its_processes_end(
    loaded: Workspace, tiny_model: Path
) -> None:
    """Before they could have looked who watches over them."""
    run = train.start(loaded, wanted(loaded, tiny_model, processes=2, max_steps=100_000))
    wait(lambda: len(ranks(run)) == 2)
    os.kill(run.pid() or 0, signal.SIGKILL)
    wait(lambda: ranks(run) == [], seconds=30)


def test_two_processes_learn_by_one_clock(loaded: Workspace, tiny_model: Path) -> None:
    """The learning rate follows the time; a run whose processes came apart would fail."""
    run = train.start(
        loaded, wanted(loaded, tiny_model, processes=2, max_steps=100_000, max_minutes=1.0)
    )
    assert ended(run) == "finished", run.log_tail()
    assert len(losses(run)) > 1
    assert "Its time limit of 1 min was reached at step" in run.state()[1]


def test_a_time_limit_before_the_first_step_ends_all_processes(
    loaded: Workspace, tiny_model: Path
) -> None:
    run = train.start(
        loaded, wanted(loaded, tiny_model, processes=2, max_steps=100_000, max_minutes=0.01)
    )
    assert ended(run) == "stopped", run.log_tail()
    assert "was reached before it made a step, at: " in run.state()[1]
    wait(lambda: ranks(run) == [])


def test_more_processes_than_the_machine_has_a_use_for_are_refused(
    loaded: Workspace, tiny_model: Path
) -> None:
    with pytest.raises(InputError, match=r"processes.*this machine has a use for \d+"):
        train.start(loaded, wanted(loaded, tiny_model, processes=64))
    assert run_list.runs(loaded) == []
