"""Which GPUs a process sees, as far as a machine without any can tell."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from conftest import MODULE

from radu_core.training.probe import probe
from radu_core.training.run.config import TrainConfig
from radu_core.training.run.directory import RunDirectory
from radu_core.training.run.machine import _count_visible, first_gpu
from radu_core.training.watcher.launcher import launch
from radu_core.training.worker.quantized import own_gpu


@pytest.mark.parametrize(
    ("listed", "first"),
    [
        (None, "0"),
        ("2,3", "2"),
        ("3", "3"),
        (" GPU-8f6 , GPU-9a1", "GPU-8f6"),
        ("", ""),
        ("-1", "-1"),
    ],
)
def test_a_process_that_is_alone_sees_the_first_gpu(listed: str | None, first: str) -> None:
    environment = {"HOME": "/"} if listed is None else {"CUDA_VISIBLE_DEVICES": listed}
    assert first_gpu(environment) == {"CUDA_VISIBLE_DEVICES": first}


@pytest.mark.parametrize(
    ("listed", "count"),
    [(None, 4), ("0", 1), ("2,3", 2), ("", 0), ("-1", 0), ("0,-1,1", 1), ("0,1,2,3,4,5", 4)],
)
def test_hidden_gpus_dont_count(listed: str | None, count: int) -> None:
    assert _count_visible(4, listed) == count


@pytest.mark.parametrize(
    ("environment", "gpu"),
    [
        ({}, 0),
        ({"LOCAL_RANK": "-1"}, 0),
        ({"LOCAL_RANK": "0", "RANK": "8"}, 0),
        ({"LOCAL_RANK": "3", "RANK": "3"}, 3),
    ],
)
def test_each_process_loads_on_the_gpu_it_trains_on(environment: dict[str, str], gpu: int) -> None:
    assert own_gpu(environment) == gpu


@pytest.fixture
def telling(tmp_path: Path) -> str:
    """Instead of Python: a program that only says which GPUs it may see."""
    path = tmp_path / "telling"
    path.write_text('#!/bin/sh\necho "sees ${CUDA_VISIBLE_DEVICES-all}"\n', encoding="utf-8")
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    ("processes", "listed", "seen"),
    [(1, "2,3", "sees 2"), (1, None, "sees 0"), (2, "2,3", "sees 2,3"), (2, None, "sees all")],
)
def test_a_run_of_one_process_sees_one_gpu(
    tmp_path: Path,
    telling: str,
    monkeypatch: pytest.MonkeyPatch,
    processes: int,
    listed: str | None,
    seen: str,
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if listed is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", listed)
    wanted = TrainConfig(dataset=Path("d") / MODULE, base_model="m", processes=processes)
    run = RunDirectory.create(tmp_path, wanted, now=datetime(2026, 1, 1, tzinfo=UTC))
    launch(run, model=tmp_path, python=telling)
    while run.alive():
        time.sleep(0.01)
    assert run.log_tail() == seen


def test_the_trial_steps_see_one_gpu(
    tmp_path: Path, telling: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,3")
    monkeypatch.setattr(probe.sys, "executable", telling)
    with (tmp_path / "log.txt").open("wb") as log:
        probe._begin(tmp_path, tmp_path, log).wait()
    assert (tmp_path / "log.txt").read_text(encoding="utf-8") == "sees 2\n"


def test_a_process_stands_back_once_and_its_children_with_it() -> None:
    code = (
        "import os, subprocess\n"
        "from radu_core.training.run.machine import stand_back\n"
        "stand_back(); stand_back()\n"
        "print(os.nice(0), subprocess.check_output(['nice'], text=True))\n"
        "path = '/proc/self/autogroup'\n"
        "print(open(path).read() if os.path.exists(path) else 'nice 10')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        start_new_session=True,
    )
    own, child, *group = done.stdout.split()
    expected = max(10, os.nice(0))
    assert (int(own), int(child)) == (expected, expected)
    assert group[-1] == "10"
