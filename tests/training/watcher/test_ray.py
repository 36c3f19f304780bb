"""Runs on a Ray cluster: a real head on this machine, reached by its job API only."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from conftest import MODULE

from radu_core.errors import InputError
from radu_core.files import read_json, write_json
from radu_core.training.run.config import TrainConfig
from radu_core.training.run.directory import FINAL, RunDirectory
from radu_core.training.watcher.launcher import Ray, launcher_of, make_launcher, stop
from radu_core.workflows.frame import run_list
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.runs import launch as train
from radu_core.workflows.train.dataset import build
from radu_core.workflows.train.manage_runs import waits_for


def wait(condition: Callable[[], bool], seconds: float = 480.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.1)


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def of_head(directory: str) -> list[psutil.Process]:
    """The living processes that name the head's directory in their command or environment."""
    found = []
    for process in psutil.process_iter():
        try:
            said = [*process.cmdline(), process.environ().get("RADU_TEST_HEAD", "")]
            if any(directory in text for text in said) and process.pid != os.getpid():
                found.append(process)
        except psutil.Error:
            continue
    return found


@pytest.fixture(scope="module")
def head() -> Iterator[str]:
    """The address of a head of our own; nothing of it is left at the end."""
    directory = tempfile.mkdtemp(prefix="ray", dir="/tmp")  # sockets' paths have to be short
    port, dashboard, client, agent = free_ports(4)
    binaries = Path(sys.executable).parent
    environment = {k: v for k, v in os.environ.items() if k not in ("RAY_ADDRESS", "PYTHONPATH")}
    environment |= {
        "PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}",
        "RADU_TEST_HEAD": directory,
    }
    try:
        subprocess.run(
            [
                binaries / "ray",
                "start",
                "--head",
                "--num-cpus=2",
                f"--port={port}",
                "--dashboard-host=127.0.0.1",
                f"--dashboard-port={dashboard}",
                f"--ray-client-server-port={client}",
                f"--dashboard-agent-listen-port={agent}",
                f"--temp-dir={directory}",
                "--object-store-memory=100000000",
                "--disable-usage-stats",
            ],
            env=environment,
            check=True,
            capture_output=True,
            timeout=300,
        )
        address = f"http://127.0.0.1:{dashboard}"
        wait(lambda: not Ray(address).unreachable())
        yield address
    finally:
        left = of_head(directory)
        for process in left:
            try:
                process.kill()
            except psutil.Error:
                continue
        psutil.wait_procs(left, timeout=30)
        shutil.rmtree(directory, ignore_errors=True)


def wanted(space: Workspace, model: Path, **settings: object) -> TrainConfig:
    plain = {"max_steps": 4, "batch_size": 2, "eval_every": 2, "eval_rows": 4, "precision": "fp32"}
    return TrainConfig.validate_data(
        {"dataset": build(space, MODULE).directory, "base_model": str(model), **plain, **settings}
    )


def ended(run: RunDirectory) -> str:
    wait(lambda: run.state()[0] in FINAL and not run.alive())
    return run.state()[0]


def losses(run: RunDirectory) -> list[float]:
    return [e.data["loss"] for e in run.events() if e.kind == "step"]


@pytest.mark.ray
def test_a_run_on_ray_gives_the_model_it_gives_here(
    loaded: Workspace, tiny_model: Path, head: str
) -> None:
    from transformers import AutoModelForCausalLM

    config = wanted(loaded, tiny_model, best_by="loss", save_every=2)
    here = train.start(loaded, config)
    there = train.start(loaded, config, launcher=Ray(head))
    assert ended(here) == "finished", here.log_tail()
    assert ended(there) == "finished", (there.state(), there.log_tail(60))
    assert losses(there) == losses(here)
    for name in ("model/model.safetensors", "adapter/adapter_model.safetensors"):
        assert (there.path / name).read_bytes() == (here.path / name).read_bytes()
    assert sorted(there.checkpoints()) == sorted(here.checkpoints())
    AutoModelForCausalLM.from_pretrained(there.model, dtype="auto")
    report = there.report()
    assert report is not None
    assert report["steps"] == 4
    texts = [p for p in there.path.rglob("*") if p.suffix in (".json", ".md") and p.is_file()]
    assert not [p for p in texts if "runtime_resources" in p.read_text(encoding="utf-8")]
    assert (
        str(there.path) in (there.path / "checkpoints/checkpoint-4/trainer_state.json").read_text()
    )
    assert not [p for p in there.path.iterdir() if p.name.startswith((".sent", ".taken"))]


@pytest.mark.ray
def test_a_run_on_ray_is_stopped_followed_again_and_resumed(
    loaded: Workspace, tiny_model: Path, head: str
) -> None:
    from ray.job_submission import JobSubmissionClient

    client = JobSubmissionClient(head)
    before = {job.submission_id for job in client.list_jobs()}

    def jobs() -> dict[str, str]:
        return {
            job.submission_id: str(job.status)
            for job in client.list_jobs()
            if job.submission_id not in before and "ray_job" in job.entrypoint
        }

    run = train.start(loaded, wanted(loaded, tiny_model, max_steps=100_000), launcher=Ray(head))
    wait(lambda: len(losses(run)) > 2)
    psutil.Process(run.pid()).kill()
    wait(lambda: not run.alive())
    assert run.state()[0] == "lost"
    seen = len(losses(run))
    train.resume(loaded, run.id)  # the same job: it went on meanwhile
    wait(lambda: len(losses(run)) > seen)
    assert len(jobs()) == 1
    assert stop(run) == "stopped", run.state()
    assert run.state()[1].startswith("Stopped by request. What it had learnt by step")
    assert not run.alive()
    wait(lambda: set(jobs().values()) <= {"STOPPED", "SUCCEEDED"})
    at = max(run.checkpoints())
    assert at == len(losses(run))
    assert not launcher_of(run).unreachable()
    train.resume(loaded, run.id)
    wait(lambda: len(losses(run)) > at)
    assert len(jobs()) == 2
    assert stop(run) == "stopped", run.state()
    steps = [e.data["step"] for e in run.events() if e.kind == "step"]
    assert steps == list(range(1, len(steps) + 1))
    kept = read_json(run.path / "tokens.json")
    write_json(run.path / "tokens.json", {**kept, "train": ["0" * 16, *kept["train"][1:]]})
    train.resume(loaded, run.id)  # what was checked at launch is compared there, too
    assert ended(run) == "failed", run.log_tail()
    assert "train row 1" in run.state()[1]


@pytest.mark.ray
def test_a_run_waits_for_room_on_the_cluster_and_can_be_stopped_meanwhile(
    loaded: Workspace, tiny_model: Path, head: str
) -> None:
    from ray.job_submission import JobSubmissionClient

    client = JobSubmissionClient(head)
    other = client.submit_job(entrypoint="sleep 600", entrypoint_num_cpus=2)
    wait(lambda: str(client.get_job_status(other)) == "RUNNING")
    run = train.start(loaded, wanted(loaded, tiny_model), launcher=Ray(head))
    wait(lambda: run.state()[0] == "queued")
    assert waits_for(run) == ()
    assert stop(run) == "stopped"
    assert run.state()[1] == "Stopped before it began. None of its steps was saved."
    client.stop_job(other)
    wait(lambda: all(job.status.is_terminal() for job in client.list_jobs()))
    assert losses(run) == []


@pytest.mark.slow
def test_a_cluster_that_does_not_answer_is_said_before_anything_is_left(
    loaded: Workspace, tiny_model: Path
) -> None:
    pytest.importorskip("ray")
    address = f"http://127.0.0.1:{free_ports(1)[0]}"
    with pytest.raises(InputError, match=f"No Ray cluster answers at {address}"):
        train.start(loaded, wanted(loaded, tiny_model), launcher=Ray(address))
    assert run_list.runs(loaded) == []


def test_an_address_that_is_none_of_a_job_api_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray")
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    assert "begins with http://" in make_launcher("ray").unreachable()
    monkeypatch.delenv("RAY_ADDRESS")
    assert "Set RAY_ADDRESS" in make_launcher("ray").unreachable()
    with pytest.raises(InputError, match=r"no such launcher.*slurm"):
        make_launcher("slurm")
    with pytest.raises(InputError, match="--launcher ray"):
        make_launcher("local", address="http://x:8265")
