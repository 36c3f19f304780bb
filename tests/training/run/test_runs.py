"""Runs are processes of their own: real ones, on a tiny model."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import pytest
from conftest import MODULE

from radu_core.errors import DatasetError, DiskFullError, InputError, ModelError, RunError
from radu_core.training.run.config import TrainConfig
from radu_core.training.run.directory import FINAL, RunDirectory
from radu_core.training.watcher.launcher import Local, check_disk, launch, stop
from radu_core.training.worker import loop, process
from radu_core.training.worker.heart import Heart
from radu_core.workflows.evaluate import evaluation
from radu_core.workflows.evaluate.parse import parse
from radu_core.workflows.frame import run_list
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.home.funnels import funnels
from radu_core.workflows.runs import launch as train
from radu_core.workflows.train.dataset import build
from radu_core.workflows.train.following import follow

SECONDS = 120.0


def wait(condition: Callable[[], bool], seconds: float = SECONDS) -> None:
    """Until it holds; fails when it doesn't within ``seconds``."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.05)


def config(loaded: Workspace, model: Path, **more: object) -> TrainConfig:
    view = build(loaded, MODULE)
    base = {"max_steps": 4, "batch_size": 4, "eval_every": 2, "save_every": 2, "eval_rows": 4}
    return TrainConfig(dataset=view.directory, base_model=str(model), **{**base, **more})


def steps(run: RunDirectory) -> int:
    return sum(e.kind == "step" for e in run.events())


@pytest.mark.slow
@pytest.mark.parametrize("method", ["lora", "full"])
def test_a_run_finishes_and_its_model_is_served_and_measured(
    loaded: Workspace, tiny_model: Path, method: str
) -> None:
    run = train.start(loaded, config(loaded, tiny_model, method=method))
    follow(run, poll=0.1)
    view = train.run_view(run)
    assert view.state == "finished"
    assert [e.data for e in run.events() if e.kind == "packing"] == [{"packed": True, "why": ""}]
    assert [e.data["step"] for e in view.steps] == [1, 2, 3, 4]
    assert [e.data["step"] for e in view.validations][:2] == [2, 4]
    names = {p.name for p in run.path.iterdir()}
    assert {"config.yaml", "events.jsonl", "log.txt", "report.json", "README.md", "model"} <= names
    assert list((run.path / "model").glob("*.safetensors"))
    assert not list((run.path / "model").glob("*.bin"))
    report = evaluation.evaluate(loaded, run.id, split="test", untrained=True)
    assert report.rows == 3
    assert [m.system for m in report.systems][-2:] == ["before training", "after training"]
    assert evaluation.reports(run)["test"] == report
    call = parse(loaded, "last", "fly me to Oslo")
    assert call.function in (None, "book_flight", "book_hotel")
    sent = evaluation.send_errors(loaded, report, who="t")
    flagged = [i.exemplar.id for i in loaded.store.exemplars(MODULE) if i.flag]
    assert sent == len(flagged) == len(report.errors)
    assert funnels(loaded)[0].trained > 0


@pytest.mark.slow
def test_a_run_whose_time_is_over_before_its_first_step_says_so(
    loaded: Workspace, tiny_model: Path
) -> None:
    run = train.start(loaded, config(loaded, tiny_model, max_minutes=1e-6))
    with pytest.raises(RunError, match="is stopped: Its time limit of 1e-06 min was reached"):
        follow(run, poll=0.1)
    assert run.state()[0] == "stopped"
    assert "before it made a step, at: Starting. None of its steps was saved." in run.state()[1]
    wait(lambda: not run.alive())


@pytest.mark.slow
def test_the_first_loss_is_that_of_the_base_model_on_the_same_rows(
    loaded: Workspace, tiny_model: Path
) -> None:
    """With one batch of all rows the worker's first loss can be computed outside it."""
    import torch
    from transformers import AutoModelForCausalLM

    from radu_core.tokenizing import Collator, load_tokenizer
    from radu_core.training.run.encoding import preflight
    from radu_core.training.worker.loss import completion_loss

    wanted = config(
        loaded, tiny_model, method="full", max_steps=1, batch_size=512, precision="fp32"
    )
    run = train.start(loaded, wanted)
    follow(run, poll=0.1)
    tokenizer = load_tokenizer(tiny_model)
    rows = preflight(wanted, tokenizer).train
    batch = Collator(tokenizer.eos_token_id)(
        [{"input_ids": list(r.input_ids), "labels": list(r.labels)} for r in rows]
    )
    with torch.inference_mode():
        model = AutoModelForCausalLM.from_pretrained(str(tiny_model), dtype=torch.float32)
        loss = completion_loss(model, batch)
    assert train.run_view(run).steps[0].data["loss"] == pytest.approx(float(loss), rel=1e-3)


@pytest.mark.slow
def test_stopping_leaves_no_child_and_resuming_goes_on(loaded: Workspace, tiny_model: Path) -> None:
    run = train.start(loaded, config(loaded, tiny_model, max_steps=100_000))
    wait(lambda: steps(run) >= 3)
    pid = run.pid()
    assert pid is not None
    children = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    begun = time.monotonic()
    assert train.stop_run(loaded, run.id) == "stopped"
    assert time.monotonic() - begun < 10.5
    assert not any(c.is_running() and c.status() != psutil.STATUS_ZOMBIE for c in children)
    done = max(e.data["step"] for e in run.events() if e.kind == "step")
    train.resume(loaded, run.id)
    count = steps(run)
    wait(lambda: steps(run) > count)
    later = [e.data["step"] for e in run.events() if e.kind == "step"][count]
    assert later >= done
    train.stop_run(loaded, run.id)


@pytest.mark.slow
@pytest.mark.parametrize("at", ["forward", "backward"])
def test_a_stop_within_a_step_keeps_the_step_before(
    loaded: Workspace, tiny_model: Path, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    """The run in this process: asked to stop in the middle of its third step."""
    wanted = config(  # a step is one pass
        loaded, tiny_model, max_steps=9, save_every=100, batch_size=2, tokens_per_pass=4096
    )
    run = RunDirectory.create(loaded.runs, wanted, now=datetime(2026, 1, 1, tzinfo=UTC))
    calls = []
    heart: list[Heart] = []
    real_heart, real_loss = Heart, loop.completion_loss

    def begin(run: RunDirectory) -> Heart:
        heart.append(real_heart(run))
        return heart[0]

    def loss(*arguments: Any) -> Any:
        calls.append(1)
        if len(calls) == 3 and at == "forward":
            heart[0].stop.set()
        value = real_loss(*arguments)
        if len(calls) == 3 and at == "backward":
            heart[0].stop.set()
        assert len(calls) < 4
        return value

    monkeypatch.setattr(process, "Heart", begin)
    monkeypatch.setattr(loop, "completion_loss", loss)
    handler = signal.getsignal(signal.SIGTERM)
    try:
        assert process.main([str(run.path), str(tiny_model)]) == 0
    finally:
        signal.signal(signal.SIGTERM, handler)
        heart[0].gone = True
    assert run.state() == (
        "stopped",
        "Stopped by request. What it had learnt by step 2 is kept.",
    )
    assert list(run.checkpoints()) == [2]
    train.resume(loaded, run.id)
    with pytest.raises(InputError, match="Only a stopped, failed or lost run"):
        train.resume(loaded, run.id)
    wait(lambda: run.state()[0] in FINAL)
    assert run.state()[0] == "finished"
    assert [e.data["step"] for e in run.events() if e.kind == "step"] == list(range(1, 10))


@pytest.mark.slow
def test_a_run_that_is_terminated_keeps_its_last_step(loaded: Workspace, tiny_model: Path) -> None:
    """As at the machine's shutdown."""
    run = train.start(loaded, config(loaded, tiny_model, max_steps=100_000, save_every=100_000))
    wait(lambda: steps(run) >= 2)
    psutil.Process(run.pid()).terminate()
    wait(lambda: run.state()[0] in FINAL)
    state, reason = run.state()
    assert (state, reason) == ("stopped", f"Stopped by request. {run.describe_kept()}")
    assert max(run.checkpoints()) >= 2


@pytest.fixture
def deaf(tmp_path: Path) -> Iterator[RunDirectory]:
    """A run whose process never looks whether it is to stop."""
    wanted = TrainConfig(dataset=Path("d") / MODULE, base_model="m")
    run = RunDirectory.create(tmp_path, wanted, now=datetime(2026, 1, 1, tzinfo=UTC))
    code = "import time; time.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
    run.write_process(process.pid, psutil.Process(process.pid).create_time())
    run.append("state", state="running")
    yield run
    process.kill()
    process.wait()


def checkpoint(run: RunDirectory, step: int, *, whole: bool) -> None:
    path = run.path / "checkpoints" / f"checkpoint-{step}"
    path.mkdir(parents=True)
    (path / "trainer_state.json").write_text("{}" if whole else "{")


def test_a_stop_by_force_says_that_nothing_was_saved(deaf: RunDirectory) -> None:
    checkpoint(deaf, 3, whole=False)
    assert stop(deaf, seconds=0.2) == "stopped"
    assert deaf.state()[1].endswith("None of its steps was saved.")
    assert not deaf.alive()


def test_a_stop_by_force_names_the_newest_whole_checkpoint(deaf: RunDirectory) -> None:
    for step, whole in ((9, True), (10, True), (11, False)):
        checkpoint(deaf, step, whole=whole)
    assert stop(deaf, seconds=0.2) == "stopped"
    assert deaf.state()[1].endswith("What it had learnt by step 10 is kept.")


def test_a_run_under_way_with_a_damaged_config_can_be_stopped(deaf: RunDirectory) -> None:
    (deaf.path / "config.yaml").write_text("no: [")
    assert deaf.state()[0] == "running"
    stop(deaf, seconds=0.2)
    assert not deaf.alive()
    assert deaf.state()[0] == "damaged"


@pytest.mark.slow
def test_a_killed_run_is_lost_with_a_reason_and_can_be_resumed(
    loaded: Workspace, tiny_model: Path
) -> None:
    run = train.start(loaded, config(loaded, tiny_model, max_steps=100_000))
    wait(lambda: any(e.kind == "checkpoint" for e in run.events()))
    psutil.Process(run.pid()).kill()
    wait(lambda: run.state()[0] == "lost")
    assert "ended without a message" in run.state()[1]
    train.resume(loaded, run.id)
    wait(lambda: run.state()[0] == "running")
    train.stop_run(loaded, run.id)


@pytest.mark.slow
def test_a_run_whose_directory_is_deleted_ends_by_itself(
    loaded: Workspace, tiny_model: Path
) -> None:
    run = train.start(loaded, config(loaded, tiny_model, max_steps=100_000))
    wait(lambda: steps(run) >= 1)
    process = psutil.Process(run.pid())
    shutil.rmtree(run.path, ignore_errors=True)
    shutil.rmtree(run.path, ignore_errors=True)
    wait(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE, 30)
    with pytest.raises(RunError, match="There is no such run"):
        run_list.open_run(loaded, run.id)
    assert run_list.runs(loaded) == []


@pytest.mark.slow
def test_a_failure_says_why(loaded: Workspace, tiny_model: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(tiny_model, broken)
    (broken / "model.safetensors").write_bytes(b"not weights")
    run = train.start(loaded, config(loaded, broken))
    wait(lambda: run.state()[0] in FINAL)
    state, reason = run.state()
    assert state == "failed"
    assert "The log has the details" in reason
    with pytest.raises(InputError, match="has no model"):
        evaluation.evaluate(loaded, run.id)


def test_a_missing_model_is_said_before_anything_is_created(loaded: Workspace) -> None:
    with pytest.raises(ModelError, match="No such model"):
        train.start(loaded, config(loaded, Path("no-such-model")))
    assert not loaded.runs.exists()


def test_a_stale_dataset_is_refused(loaded: Workspace, tiny_model: Path) -> None:
    wanted = config(loaded, tiny_model)
    schema = loaded.store.schema(MODULE)
    loaded.store.put_schema(schema.model_copy(update={"description": "changed"}), who="t")
    with pytest.raises(DatasetError, match="has changed since"):
        train.start(loaded, wanted)
    assert not list(loaded.home.glob("runs/*"))


def test_a_full_disk_is_said_before_launch(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: type("Usage", (), {"free": 1000}))
    with pytest.raises(DiskFullError, match="A run needs about"):
        check_disk(tmp_path / "runs", tiny_model)


@pytest.mark.parametrize("part", ["launch", "_keep_for_serving", "check_disk"])
def test_a_run_that_cant_be_launched_leaves_nothing(
    loaded: Workspace, tiny_model: Path, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    def full(*_: object, **__: object) -> None:
        raise DiskFullError("full")

    wanted = config(loaded, tiny_model)
    monkeypatch.setattr(Local if part == "launch" else train, part, full)
    with pytest.raises(DiskFullError):
        train.start(loaded, wanted)
    assert run_list.runs(loaded) == []
    assert not list(loaded.home.glob("runs/*"))
    assert funnels(loaded)[0].next.why != "A run is under way."


def test_a_process_that_cant_be_found_again_is_ended(
    tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = TrainConfig(dataset=Path("d") / MODULE, base_model="m")
    run = RunDirectory.create(tmp_path, wanted, now=datetime(2026, 1, 1, tzinfo=UTC))
    pids = []

    def full(_: RunDirectory, pid: int, __: float) -> None:
        pids.append(pid)
        raise DiskFullError("full")

    monkeypatch.setattr(RunDirectory, "write_process", full)
    with pytest.raises(DiskFullError):
        launch(run, model=tiny_model)
    assert not psutil.pid_exists(pids[0])
