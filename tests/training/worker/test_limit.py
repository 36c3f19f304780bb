"""A run's time limit holds in every stage up to its last step, and the run says in which."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from conftest import MODULE
from working import again

from radu_core.training.run.config import TrainConfig
from radu_core.training.run.directory import RunDirectory
from radu_core.training.worker import generator, loop, process, trainer
from radu_core.training.worker.heart import Heart
from radu_core.training.worker.limit import TimeLimit, TimeUp
from radu_core.training.worker.steps import pace
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.runs.launch import run_view
from radu_core.workflows.train.dataset import build


class Clock:
    """A time that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_time_left_never_exceeds_the_limit() -> None:
    ten_seconds_ago = time.monotonic() - 10

    def left(limit: TimeLimit) -> float:
        told = pace(ten_seconds_ago, steps_made=1, steps_left=100, tokens=50, limit=limit)
        assert told["tokens_per_second"] == pytest.approx(5, abs=0.1)
        return told["eta_seconds"]

    assert left(TimeLimit(None)) == pytest.approx(1000, rel=0.01)
    assert left(TimeLimit(1)) == pytest.approx(60, abs=1)


def test_without_a_limit_time_is_never_over() -> None:
    clock = Clock()
    limit = TimeLimit(None, clock=clock)
    clock.now = 1e12
    limit.check()
    assert (limit.over, limit.seconds_left) == (False, float("inf"))
    handler = signal.getsignal(signal.SIGALRM)
    with limit.before_steps():
        assert signal.getsignal(signal.SIGALRM) is handler


@pytest.mark.parametrize("minutes", [0.5, 1.0, 30.0, 1e15])
def test_time_is_over_after_so_many_minutes(minutes: float) -> None:
    clock = Clock()
    limit = TimeLimit(minutes, clock=clock)
    with limit.before_steps():  # a timer can be set for it
        clock.now = 59.99 * minutes
        limit.check()
    clock.now = 60 * minutes
    assert limit.over
    with pytest.raises(TimeUp):
        limit.check()


def test_it_interrupts_what_asks_nothing_and_only_before_the_steps() -> None:
    handler = signal.getsignal(signal.SIGALRM)
    limit = TimeLimit(0.05 / 60)
    with pytest.raises(TimeUp), limit.before_steps():
        time.sleep(60)
    assert signal.getsignal(signal.SIGALRM) is handler
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    limit = TimeLimit(0.05 / 60)
    with limit.before_steps():
        limit.steps_begin()
        while not limit.over:
            time.sleep(0.01)
    assert limit.over


@pytest.fixture
def run(loaded: Workspace, tiny_model: Path) -> RunDirectory:
    config = TrainConfig.validate_data(
        {
            "dataset": build(loaded, MODULE).directory,
            "base_model": str(tiny_model),
            "max_steps": 9,
            "batch_size": 2,
            "eval_every": 100,
            "eval_rows": 4,
            "max_minutes": 10.0,
            "method": "full",
        }
    )
    return RunDirectory.create(loaded.runs, config, now=datetime(2026, 1, 1, tzinfo=UTC))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time that runs of this process go by."""
    own = Clock()
    monkeypatch.setattr(process, "TimeLimit", lambda minutes: TimeLimit(minutes, clock=own))
    return own


def over(clock: Clock, real: Callable[..., Any]) -> Callable[..., Any]:
    """As ``real``, which takes so long that time is over; the timer notices."""

    def slow(*arguments: Any, **named: Any) -> Any:
        found = real(*arguments, **named)
        clock.now = 601.0
        if signal.getsignal(signal.SIGALRM) is not signal.SIG_DFL:  # that would end us
            signal.raise_signal(signal.SIGALRM)
        return found

    return slow


@pytest.mark.parametrize(
    ("place", "doing"),
    [
        ("load_tokenizer", "Tokenizing every row"),
        ("preflight", "Tokenizing every row"),
        ("check_tokens", "Comparing rows and base model with those at its launch"),
        ("load_model", "Loading the model"),
        ("make_trainer", "Loading the model"),
        ("_check_processes", "Loading the model"),
    ],
)
def test_it_holds_before_the_first_step(
    run: RunDirectory, clock: Clock, monkeypatch: pytest.MonkeyPatch, place: str, doing: str
) -> None:
    monkeypatch.setattr(generator, place, over(clock, getattr(generator, place)))
    assert again(run) == 0
    assert run.state() == (
        "stopped",
        f"Its time limit of 10 min was reached before it made a step, at: {doing}. None of its "
        "steps was saved. Fork it with a higher max_minutes.",
    )
    assert not run.checkpoints()
    assert not run.model.exists()
    assert run_view(run).stage == ""


@pytest.mark.slow
@pytest.mark.parametrize(("step", "kept"), [(1, 0), (2, 1), (4, 3)])
def test_it_holds_within_a_step_and_the_step_before_is_the_model_s(
    run: RunDirectory, clock: Clock, monkeypatch: pytest.MonkeyPatch, step: int, kept: int
) -> None:
    calls = []
    real = loop.completion_loss

    def slow(*arguments: Any) -> Any:
        calls.append(1)
        if len(calls) == step:
            clock.now = 601.0
        assert len(calls) <= step
        return real(*arguments)

    monkeypatch.setattr(loop, "completion_loss", slow)
    monkeypatch.setattr(trainer, "tokens_per_pass", lambda _: 4096)  # a step is one pass
    assert again(run) == 0
    state, reason = run.state()
    if not kept:
        assert state == "stopped"
        assert "before it made a step, at: Making the first step." in reason
        return
    assert state == "finished"
    assert reason == f"Its time limit of 10 min was reached at step {kept} of 9."
    report = run.report()
    assert report is not None
    assert (report["steps"], report["model_of_step"]) == (kept, kept)
    assert list(run.checkpoints()) == [kept]
    assert report["validation_loss"] > 0
    assert run.model.is_dir()


@pytest.mark.slow
def test_what_was_learnt_is_kept_when_time_is_over_before_another_step(
    run: RunDirectory, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    hearts = []
    real_heart, real_loss = Heart, loop.completion_loss

    def begin(of: RunDirectory) -> Heart:
        hearts.append(real_heart(of))
        return hearts[-1]

    def stopping(*arguments: Any) -> Any:
        hearts[0].stop.set()
        return real_loss(*arguments)

    monkeypatch.setattr(trainer, "tokens_per_pass", lambda _: 4096)
    with monkeypatch.context() as patched:
        patched.setattr(process, "Heart", begin)
        patched.setattr(loop, "completion_loss", stopping)
        patched.setattr(
            generator, "_interruptible", lambda *_: None
        )  # it ends after its first step
        again(run)
    assert run.state()[0] == "stopped"
    assert list(run.checkpoints()) == [1]
    with monkeypatch.context() as patched:
        patched.setattr(generator, "load_model", over(clock, generator.load_model))
        again(run)
    assert run.state()[1] == (
        "Its time limit of 10 min was reached before it made a step, at: Loading the model. What "
        "it had learnt by step 1 is kept. Fork it with a higher max_minutes."
    )
    clock.now = 0.0
    assert again(run) == 0
    assert run.state() == ("finished", "")


@pytest.mark.slow
def test_a_run_whose_steps_are_done_gets_the_time_to_write_its_model(
    run: RunDirectory, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: Any, **__: Any) -> Any:
        raise OSError("No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(generator, "save_model", failing)
        assert again(run) == 1
    assert run.is_trained
    with monkeypatch.context() as patched:
        patched.setattr(generator, "load_model", over(clock, generator.load_model))
        assert again(run) == 0
    assert run.state()[0] == "finished"
    assert run.model.is_dir()
