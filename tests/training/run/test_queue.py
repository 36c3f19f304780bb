"""One run at a time uses the machine; real processes where processes matter."""

from __future__ import annotations

import fcntl
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest
from conftest import MODULE

from radu_core.errors import RunError
from radu_core.training.run.config import TrainConfig
from radu_core.training.run.directory import FINAL, RunDirectory
from radu_core.training.run.queue import LOCK, ahead, turn
from radu_core.training.watcher.launcher import stop
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.runs import launch as train
from radu_core.workflows.train.dataset import build


def wait(condition: Callable[[], bool], seconds: float = 600.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.05)


def states(run: RunDirectory) -> dict[str, float]:
    """When the run came into each of its states."""
    return {e.data["state"]: e.at for e in run.events() if e.kind == "state"}


def launched(root: Path, day: int) -> RunDirectory:
    """A run directory whose process is this one."""
    wanted = TrainConfig(dataset=Path("d") / MODULE, base_model="m")
    run = RunDirectory.create(root, wanted, now=datetime(2026, 1, day, tzinfo=UTC))
    own = psutil.Process()
    run.write_process(own.pid, own.create_time())
    return run


@pytest.fixture
def taken(tmp_path: Path) -> Iterator[Path]:
    """A runs' root whose machine is in use."""
    with (tmp_path / LOCK).open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield tmp_path


def test_a_run_alone_goes_on_at_once(tmp_path: Path) -> None:
    run = launched(tmp_path, 1)
    with turn(run, stopped=lambda: False) as ours:
        assert ours
    assert list(states(run)) == ["created"]


def test_a_run_that_waits_is_queued_and_can_be_stopped(taken: Path) -> None:
    run = launched(taken, 1)
    looked: list[str] = []

    def stopped() -> bool:
        looked.append(run.state()[0])
        return len(looked) == 3

    with turn(run, stopped=stopped) as ours:
        assert not ours
    assert looked == ["created", "created", "queued"]
    assert run.state() == ("stopped", "Stopped before it began.")


def test_a_resumed_run_that_is_stopped_while_it_waits_says_what_is_kept(taken: Path) -> None:
    run = launched(taken, 1)
    path = run.path / "checkpoints" / "checkpoint-7"
    path.mkdir(parents=True)
    (path / "trainer_state.json").write_text("{}")
    with turn(run, stopped=lambda: True) as ours:
        assert not ours
    reason = "Stopped before it went on. What it had learnt by step 7 is kept."
    assert run.state() == ("stopped", reason)


def test_a_run_deleted_while_it_waits_ends(taken: Path) -> None:
    run = launched(taken, 1)

    def stopped() -> bool:
        shutil.rmtree(run.path)
        run.path.mkdir()
        return False

    with pytest.raises(RunError, match="deleted while it waited"), turn(run, stopped=stopped):
        pass


def test_the_one_launched_first_goes_first(tmp_path: Path) -> None:
    older, newer = launched(tmp_path, 2), launched(tmp_path, 1)  # ids say the contrary
    for run in (older, newer):
        run.append("state", state="queued")
    assert (ahead(older), ahead(newer)) == ((), (older.id,))
    with turn(newer, stopped=lambda: True) as ours:
        assert not ours
    with turn(older, stopped=lambda: False) as ours:
        assert ours
    older.append("state", state="running")
    assert ahead(newer) == (older.id,)


def test_runs_without_a_process_and_damaged_ones_hold_nobody_up(tmp_path: Path) -> None:
    dead, damaged, run = (launched(tmp_path, day) for day in (1, 2, 3))
    dead.write_process(dead.pid() or 0, 1.0)  # the pid is another process's by now
    (damaged.path / "process.json").write_text("[")
    for one in (dead, damaged):
        one.append("state", state="queued")
    assert ahead(run) == ()
    with turn(run, stopped=lambda: False) as ours:
        assert ours


def _config(space: Workspace, model: Path, steps: int) -> TrainConfig:
    return TrainConfig(
        dataset=build(space, MODULE).directory,
        base_model=str(model),
        max_steps=steps,
        batch_size=4,
        eval_rows=0,
        task_metrics=False,
    )


@pytest.mark.slow
def test_two_runs_started_at_once_are_never_at_work_together(
    loaded: Workspace, tiny_model: Path
) -> None:
    runs = [train.start(loaded, _config(loaded, tiny_model, 4)) for _ in range(2)]
    wait(lambda: all(r.state()[0] in FINAL for r in runs))
    first, second = (states(r) for r in runs)
    assert list(first)[-1] == list(second)[-1] == "finished"
    assert "queued" in second
    assert "queued" not in first
    assert second["loading"] >= first["finished"]


@pytest.mark.slow
def test_a_killed_run_lets_the_next_one_go_and_a_queued_one_can_be_stopped(
    loaded: Workspace, tiny_model: Path
) -> None:
    holder = train.start(loaded, _config(loaded, tiny_model, 100_000))
    wait(lambda: holder.state()[0] == "running")
    waiting, next_one = (train.start(loaded, _config(loaded, tiny_model, 2)) for _ in range(2))
    wait(lambda: all(r.state()[0] == "queued" for r in (waiting, next_one)))
    assert ahead(next_one) == (holder.id, waiting.id)
    process = psutil.Process(next_one.pid())
    assert process.memory_info().rss < 120e6  # neither torch nor transformers
    assert stop(waiting) == "stopped"
    assert waiting.state() == ("stopped", "Stopped before it began.")
    psutil.Process(holder.pid()).send_signal(signal.SIGKILL)
    wait(lambda: next_one.state()[0] in FINAL)
    assert holder.state()[0] == "lost"
    assert next_one.state()[0] == "finished"
    assert "loading" not in states(waiting)
