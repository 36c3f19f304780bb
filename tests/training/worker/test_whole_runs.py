"""Whole runs, in this process: what is learnt, kept and told when they end, stop or are killed."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import MODULE
from working import again

from radu_core.errors import InputError
from radu_core.tokenizing import load_tokenizer
from radu_core.training.run.config import TrainConfig
from radu_core.training.run.directory import RunDirectory
from radu_core.training.run.encoding import preflight
from radu_core.training.worker import clock, generator, loop, process, trainer
from radu_core.training.worker.heart import Heart
from radu_core.training.worker.limit import TimeLimit
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.runs import launch as train
from radu_core.workflows.train.dataset import build
from radu_core.workflows.train.following import follow

Run = Callable[..., RunDirectory]


@pytest.fixture
def run_here(loaded: Workspace, tiny_model: Path) -> Run:
    """Do a run in this process; ``before(trainer)`` may change what it does."""
    view = build(loaded, MODULE)
    number = iter(range(1, 60))

    def do(**more: object) -> RunDirectory:
        data = {"max_steps": 4, "batch_size": 4, "eval_every": 2, "eval_rows": 4, **more}
        config = TrainConfig.validate_data(
            {"dataset": view.directory, "base_model": str(tiny_model), **data}
        )
        now = datetime(2026, 1, 1, 0, next(number), tzinfo=UTC)
        run = RunDirectory.create(loaded.runs, config, now=now)
        again(run)
        return run

    return do


def losses(run: RunDirectory) -> list[float]:
    return [e.data["loss"] for e in run.events() if e.kind == "step"]


def measured(run: RunDirectory) -> list[Any]:
    return [e.data for e in run.events() if e.kind == "validation"]


def weights(run: RunDirectory) -> dict[str, torch.Tensor]:
    from safetensors.torch import load_file

    return dict(load_file(run.model / "model.safetensors"))


def same_weights(one: RunDirectory, two: RunDirectory) -> bool:
    a, b = weights(one), weights(two)
    return a.keys() == b.keys() and all(torch.equal(a[n], b[n]) for n in a)


@pytest.mark.slow
def test_accumulated_batches_are_the_big_batch(run_here: Run) -> None:
    big = run_here(method="full", precision="fp32", batch_size=4)
    small = run_here(method="full", precision="fp32", batch_size=1, grad_accumulation=4)
    passed = run_here(method="full", precision="fp32", batch_size=4, tokens_per_pass=16)
    assert losses(small) == pytest.approx(losses(big), rel=1e-4)
    assert losses(passed) == pytest.approx(losses(big), rel=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["lora", "full"])
def test_the_same_bundle_gives_the_same_weights_and_another_seed_others(
    run_here: Run, method: str
) -> None:
    runs = [run_here(method=method, seed=seed) for seed in (7, 7, 8)]
    assert losses(runs[0]) == losses(runs[1])
    assert same_weights(runs[0], runs[1])
    assert losses(runs[0]) != losses(runs[2])


@pytest.mark.slow
@pytest.mark.parametrize(("every", "steps"), [(2, [2, 4]), (3, [3, 4]), (9, [4])])
def test_the_time_left_counts_the_evaluations_to_come(
    run_here: Run, monkeypatch: pytest.MonkeyPatch, every: int, steps: list[int]
) -> None:
    monkeypatch.setattr(clock.Clock, "evaluation", lambda *_: 1000.0)
    monkeypatch.setattr(clock.Clock, "training", lambda *_: 1.0)
    monkeypatch.setattr(loop, "checking_tokens", lambda *_, **__: 0.0)
    run = run_here(eval_every=every)
    told = [e for e in run.events() if e.kind in ("step", "validation")]
    assert [e.data["step"] for e in told if e.kind == "validation"] == steps
    for number, event in enumerate(told):
        if event.kind == "step":
            to_come = sum(e.kind == "validation" for e in told[number:])
            assert event.data["eta_seconds"] == 1 + 1000 * to_come
    assert run.config().evaluations(4) == len(steps)


@pytest.mark.slow
def test_the_last_evaluation_and_the_check_come_after_the_limit_of_time(
    run_here: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock.Clock, "evaluation", lambda *_: 1000.0)
    monkeypatch.setattr(loop, "checking_tokens", lambda *_, **__: 0.0)
    run = run_here(eval_every=1, max_minutes=30.0)
    told = [e.data["eta_seconds"] for e in run.events() if e.kind == "step"]
    assert all(1000 + 1700 < left <= 1000 + 1800 for left in told[:2])  # 3 or 2 more wouldn't fit
    assert told[-1] < 1001


@pytest.mark.slow
@pytest.mark.parametrize("more", [{"use_dora": True}, {"use_rslora": True, "lora_dropout": 0.1}])
def test_the_adapters_of_peft(run_here: Run, more: dict[str, object]) -> None:
    run = run_here(**more)
    assert run.state()[0] == "finished"
    saved = json.loads((run.path / "adapter" / "adapter_config.json").read_text())
    assert {n: saved[n] for n in more} == more


def metrics_of(values: list[float]) -> Callable[..., dict[str, float]]:
    """In place of measuring: the loss of each evaluation in turn."""
    left = iter(values)

    def measured(*_: object, **__: object) -> dict[str, float]:
        return {"loss": next(left), "function_accuracy": 0.5}

    return measured


@pytest.mark.slow
def test_early_stopping_keeps_the_best_checkpoint(
    run_here: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = metrics_of([3.0, 1.0, 2.0, 2.5, 1.0])
    monkeypatch.setattr(loop, "measure_rows", seen)
    run = run_here(
        max_steps=40, eval_every=1, save_every=1, best_by="loss", early_stopping=2, method="full"
    )
    assert run.state() == (
        "finished",
        "Stopped early at step 4 of 40: 2 evaluations weren't better (loss) than that of step 2. "
        "Its model is that of step 2, the best by loss.",
    )
    report = run.report()
    assert report is not None
    assert (report["steps"], report["model_of_step"], report["validation_loss"]) == (4, 2, 1.0)


@pytest.mark.slow
def test_killed_at_random_and_resumed_a_run_ends_with_the_weights_of_one_that_wasnt(
    run_here: Run, loaded: Workspace
) -> None:
    """A real process is killed three times (kill -9), and the result is the same bit for bit."""
    import random
    import time

    import psutil

    whole = run_here(max_steps=60, save_every=3, eval_every=10)
    run = train.start(loaded, whole.config())
    dice = random.Random(5)
    for number in range(3):
        seen, wanted = len(losses(run)), dice.randint(1, 8)
        end = time.monotonic() + 60
        while len(losses(run)) < seen + wanted and run.alive():
            assert time.monotonic() < end
            time.sleep(0.002)
        if run.alive():
            psutil.Process(run.pid()).kill()
        while run.alive():
            time.sleep(0.01)
        assert run.state()[0] == "lost", number
        train.resume(loaded, run.id)
    follow(run, poll=0.1)
    assert len(losses(run)) >= 60
    assert same_weights(whole, run)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("place", "call"), [("completion_loss", 3), ("completion_loss", 6), ("measure_rows", 1)]
)
def test_a_stop_within_a_step_or_an_evaluation_changes_nothing_of_what_is_learnt(
    run_here: Run, monkeypatch: pytest.MonkeyPatch, place: str, call: int
) -> None:
    """Bit for bit, though dropout draws at random, and without an evaluation less."""
    settings: dict[str, Any] = {
        "max_steps": 8,
        "lora_dropout": 0.3,
        "save_every": 100,
        "best_by": "loss",
        "tokens_per_pass": 4096,  # a step is one pass
    }
    whole = run_here(**settings)
    hearts: list[Heart] = []
    real_heart, real = Heart, getattr(loop, place)
    calls: list[int] = []

    def begin(run: RunDirectory) -> Heart:
        hearts.append(real_heart(run))
        return hearts[-1]

    def cut(*arguments: Any, **named: Any) -> Any:
        calls.append(1)
        if len(calls) == call:
            hearts[0].stop.set()
        return real(*arguments, **named)

    with monkeypatch.context() as patched:
        patched.setattr(process, "Heart", begin)
        patched.setattr(loop, place, cut)
        run = run_here(**settings)
    assert run.state()[0] == "stopped"
    assert max(run.checkpoints()) == len(losses(run)) < 8
    assert again(run) == 0
    assert run.state()[0] == "finished"
    assert losses(run) == losses(whole)
    assert measured(run) == measured(whole)
    assert same_weights(whole, run)
    one, other = whole.report(), run.report()
    assert one is not None
    assert other is not None
    assert other["model_of_step"] == one["model_of_step"]


@pytest.mark.slow
def test_an_evaluation_that_a_stop_cut_off_counts_for_early_stopping(
    run_here: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was the best: without it the run would end too early, with another model."""
    hearts: list[Heart] = []
    real_heart = Heart

    def begin(run: RunDirectory) -> Heart:
        hearts.append(real_heart(run))
        return hearts[-1]

    told = metrics_of([3.0, 2.0, 1.0, 4.0, 4.0, 1.0])

    def cut(*arguments: Any, **named: Any) -> Any:
        if len(hearts) == 1 and len(losses(hearts[0]._run)) == 2:
            hearts[0].stop.set()
            hearts[0].check()
        return told(*arguments, **named)

    monkeypatch.setattr(process, "Heart", begin)
    monkeypatch.setattr(loop, "measure_rows", cut)
    run = run_here(max_steps=9, eval_every=1, best_by="loss", early_stopping=2, method="full")
    assert run.state()[0] == "stopped"
    assert max(run.checkpoints()) == 2
    assert again(run) == 0
    report = run.report()
    assert report is not None
    assert (report["steps"], report["model_of_step"], report["validation_loss"]) == (5, 3, 1.0)


def over_after(monkeypatch: pytest.MonkeyPatch, *, passes: int) -> None:
    """Let the time of runs be over once so many passes were made."""
    made: list[int] = []
    real = loop.completion_loss

    def counted(*arguments: Any) -> torch.Tensor:
        made.append(1)
        return real(*arguments)

    monkeypatch.setattr(loop, "completion_loss", counted)
    monkeypatch.setattr(TimeLimit, "over", property(lambda _: len(made) > passes))


@pytest.mark.slow
@pytest.mark.parametrize(
    "more",
    [
        {"max_steps": 5},  # in the middle of an epoch
        {"max_steps": 40, "eval_every": 1, "best_by": "loss", "early_stopping": 2},
        {"max_steps": 40, "max_minutes": 30.0},
    ],
)
def test_a_run_that_is_stopped_while_it_saves_is_finished_by_resuming_without_a_step_more(
    run_here: Run, monkeypatch: pytest.MonkeyPatch, more: dict[str, object]
) -> None:
    if "early_stopping" in more:
        monkeypatch.setattr(loop, "measure_rows", metrics_of([3.0, 1.0, 2.0, 2.5, 1.0, 1.0]))
    if "max_minutes" in more:
        over_after(monkeypatch, passes=4)
    hearts: list[Heart] = []
    real_heart, real_save = Heart, generator.save_model

    def begin(run: RunDirectory) -> Heart:
        hearts.append(real_heart(run))
        return hearts[-1]

    def interrupted(*arguments: Any, progress: Any, **named: Any) -> Any:
        def tell(what: str, done: int, total: int) -> None:
            if what.startswith("Checking"):
                hearts[0].stop.set()
            progress(what, done, total)

        return real_save(*arguments, progress=tell, **named)

    with monkeypatch.context() as patched:
        patched.setattr(process, "Heart", begin)
        patched.setattr(generator, "save_model", interrupted)
        run = run_here(method="full", **more)
    steps = len(losses(run))
    assert run.state() == (
        "stopped",
        f"Stopped by request. Its training is done and kept (step {steps}): resuming it writes "
        "the model.",
    )
    assert not run.model.exists()
    assert not list(run.path.glob(".model.*"))
    said = [e.data["what"] for e in run.events() if e.kind == "saving"]
    assert said[:3] == [
        "Measuring the model",
        "Asking the trained model",
        "Asking the trained model",
    ]
    (run.path / ".model.left").mkdir()  # as by a kill
    assert again(run) == 0
    assert run.state()[0] == "finished"
    assert len(losses(run)) == steps
    assert not list(run.path.glob(".model.*"))
    if "early_stopping" in more:
        monkeypatch.setattr(loop, "measure_rows", metrics_of([3.0, 1.0, 2.0, 2.5, 1.0, 1.0]))
    if "max_minutes" in more:  # the learning rate followed the clock
        return
    whole = run_here(method="full", **more)
    assert same_weights(whole, run)
    one, other = whole.report(), run.report()
    assert one is not None
    assert other is not None
    for name in ("steps", "epochs", "model_of_step", "validation_loss", "task_metrics"):
        assert one[name] == other[name], name


@pytest.mark.slow
def test_a_loss_that_is_no_number_ends_the_run_with_a_remedy_and_keeps_the_step_before(
    run_here: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    real = loop.completion_loss

    def spoilt(*arguments: Any) -> torch.Tensor:
        calls.append(1)
        return real(*arguments) * (math.nan if len(calls) == 3 else 1.0)

    monkeypatch.setattr(loop, "completion_loss", spoilt)
    run = run_here(save_every=1, tokens_per_pass=100_000)
    state, reason = run.state()
    assert state == "failed"
    assert "The loss became nan at step 3" in reason
    assert "lower learning rate" in reason
    assert max(run.checkpoints()) == 2
    assert not run.model.exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("error", "words"),
    [
        (MemoryError("12 GB"), "Out of memory .12 GB.. Use a smaller"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "Out of memory"),
        (OSError(28, "No space left on device"), "No space left while saving"),
    ],
)
def test_what_ends_a_run_has_a_reason_and_a_remedy(
    run_here: Run, monkeypatch: pytest.MonkeyPatch, error: Exception, words: str
) -> None:
    def broken(*_: object) -> torch.Tensor:
        raise error

    monkeypatch.setattr(loop, "completion_loss", broken)
    run = run_here()
    assert run.state()[0] == "failed"
    import re

    assert re.search(words, run.state()[1])


@pytest.mark.slow
def test_a_run_isnt_resumed_on_other_rows_or_none(run_here: Run) -> None:
    run = run_here(max_steps=2)
    assert run.state()[0] == "finished"
    config = run.config()
    (run.path / "tokens.json").unlink()  # as in a run from before it was kept
    events = (run.path / "events.jsonl").read_text()
    (run.path / "events.jsonl").write_text(
        events.replace('"tokens_hash": "', '"tokens_hash": "other')
    )
    assert again(run) == 1
    assert "has changed since it was launched" in run.state()[1]
    config.dataset.rename(config.dataset.with_name("moved"))
    assert again(run) == 1
    state, reason = run.state()
    assert state == "failed"
    assert str(config.dataset) in reason


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"use_dora": True, "method": "full"}, "use_dora: .*no adapter"),
        ({"best_by": "loss", "eval_rows": 0}, "best_by: .*eval_rows above 0"),
        ({"best_by": "slot_f1", "task_metrics": False}, "best_by: .*task_metrics on"),
        ({"early_stopping": 2}, "early_stopping: .*set best_by"),
        ({"schedule": "wild"}, "schedule: .*got 'wild'"),
    ],
)
def test_combinations_that_make_no_sense_are_refused_at_their_field(
    more: dict[str, object], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        TrainConfig.validate_data({"dataset": "d", "base_model": "m", **more})


@pytest.mark.slow
def test_a_best_that_cant_be_measured_is_said(run_here: Run, monkeypatch: Any) -> None:
    monkeypatch.setattr(trainer, "tasks_of", lambda _: {"function_accuracy": False})
    run = run_here(best_by="function_accuracy")
    assert run.state()[0] == "failed"
    assert "best_by=function_accuracy can't be measured" in run.state()[1]
    assert preflight(run.config(), load_tokenizer(Path(run.config().base_model))).train
