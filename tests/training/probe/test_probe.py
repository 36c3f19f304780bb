"""The trial steps before a run: real ones, on a tiny model."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import psutil
import pytest
from conftest import MODULE

from radu_core.errors import RunError
from radu_core.files import write_json
from radu_core.tokenizing import Encoded
from radu_core.training.probe.bench import Bench
from radu_core.training.probe.measurements import Probe
from radu_core.training.probe.probe import _outcome, _read, probe
from radu_core.training.probe.process import measure
from radu_core.training.run.config import TrainConfig
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.train.dataset import build


@pytest.fixture
def config(loaded: Workspace, tiny_model: Path) -> TrainConfig:
    view = build(loaded, MODULE)
    return TrainConfig(
        dataset=view.directory, base_model=str(tiny_model), batch_size=4, max_length=4096
    )


@pytest.mark.slow
@pytest.mark.parametrize("method", ["lora", "full"])
def test_steps_on_the_longest_and_on_typical_rows_are_measured(
    config: TrainConfig, tiny_model: Path, tmp_path: Path, method: str
) -> None:
    config = config.model_copy(update={"packing": False, "method": method})
    told: list[Probe] = []
    found = measure(config, tiny_model, scratch=tmp_path, tell=told.append)
    assert [t.stage for t in told] == [
        "Tokenizing every row",
        "Loading the model",
        *3 * ["Stepping on the longest rows"],
        "Evaluating the longest rows",
        "Stepping on typical rows",
        "Done",
    ]
    assert (found.longest_rows, found.device) == (4, "cpu")
    assert found.longest_tokens > found.step_tokens > 0
    assert found.longest_row <= found.longest_tokens
    assert 1 <= found.steps <= 6
    assert min(found.load_seconds, found.evaluation_seconds, found.save_seconds) > 0
    assert found.tokens_per_second == pytest.approx(found.step_tokens / found.step_seconds)
    assert found.peak_bytes > 50_000_000
    assert found.save_bytes > 10_000


@pytest.mark.slow
def test_when_the_time_is_over_one_step_is_enough(
    config: TrainConfig, tiny_model: Path, tmp_path: Path
) -> None:
    found = measure(config, tiny_model, scratch=tmp_path, seconds=0)
    assert (found.steps, found.step_seconds) == (0, 0.0)
    assert found.longest_seconds > 0
    assert found.tokens_per_second == pytest.approx(found.longest_tokens / found.longest_seconds)


@pytest.mark.slow
def test_the_process_measures_and_leaves_nothing(
    config: TrainConfig, tiny_model: Path, tmp_path: Path
) -> None:
    stages: list[str] = []
    scratch = tmp_path / "scratch"
    found = probe(
        config,
        tiny_model,
        scratch=scratch,
        progress=lambda what, *_: stages.append(what),
        seconds=600,  # however busy the machine is
    )
    assert found.stage == "Done"
    assert stages[0] == "Starting"
    assert list(scratch.iterdir()) == []


class _StopError(Exception):
    pass


def _children() -> set[int]:
    return {p.pid for p in psutil.Process(os.getpid()).children(recursive=True)}


def test_a_stop_ends_the_process(config: TrainConfig, tiny_model: Path, tmp_path: Path) -> None:
    before = _children()

    def stop(*_: object) -> None:
        raise _StopError

    with pytest.raises(_StopError):
        probe(config, tiny_model, scratch=tmp_path / "s", progress=stop)
    assert _children() == before
    assert list((tmp_path / "s").iterdir()) == []


def test_when_who_asks_is_killed_the_process_ends(
    config: TrainConfig, tiny_model: Path, tmp_path: Path
) -> None:
    (tmp_path / "config.yaml").write_text(config.to_yaml())
    code = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from radu_core.training.probe.probe import _begin\n"
        "folder, model = map(Path, sys.argv[1:])\n"
        "print(_begin(folder, model, (folder / 'log.txt').open('wb')).pid, flush=True)\n"
        "time.sleep(600)"
    )
    command = [sys.executable, "-c", code, str(tmp_path), str(tiny_model)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as asking:
        assert asking.stdout is not None
        child = psutil.Process(int(asking.stdout.readline()))
        asking.kill()
    end = time.monotonic() + 60  # it still imports torch
    while child.is_running() and child.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < end
        time.sleep(0.05)
    assert "Done" not in _read(tmp_path).stage


def test_a_process_that_takes_too_long_is_ended(
    config: TrainConfig, tiny_model: Path, tmp_path: Path
) -> None:
    before, begun = _children(), time.monotonic()
    found = probe(config, tiny_model, scratch=tmp_path / "s", seconds=0.1)
    assert found == Probe()
    assert _children() == before
    assert time.monotonic() - begun < 5


def test_what_was_measured_before_the_time_was_over_counts(tmp_path: Path) -> None:
    known = Probe(stage="Stepping on typical rows", longest_seconds=2.0, longest_tokens=100)
    write_json(tmp_path / "out.json", asdict(known))
    assert _outcome(tmp_path, -9, 60.0) == known
    assert known.tokens_per_second == 50


@pytest.mark.parametrize(
    ("code", "words"),
    [(-9, "usually because memory ran out .*Stepping"), (1, r"ended with code 1 .*\(boom\)")],
)
def test_an_end_has_a_reason_and_a_remedy(tmp_path: Path, code: int, words: str) -> None:
    write_json(tmp_path / "out.json", asdict(Probe(stage="Stepping on the longest rows")))
    (tmp_path / "log.txt").write_text("boom\n", encoding="utf-8")
    with pytest.raises(RunError, match=words) as caught:
        _outcome(tmp_path, code, None)
    assert "longest rows" in str(caught.value)


@pytest.mark.slow
def test_a_failure_in_the_process_comes_back(config: TrainConfig, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"\."):
        probe(config, tmp_path / "nothing", scratch=tmp_path / "s", seconds=600)


def test_the_heaviest_batch_is_the_heaviest_that_a_run_may_draw(
    config: TrainConfig, tmp_path: Path
) -> None:
    """Two rows of 90 don't fit into one sequence of 128 tokens; one of 90 and one of 30 do."""
    sizes = [90] * 6 + [30] * 6 + [10] * 6
    rows = [Encoded(tuple(range(size)), (-100,) * size) for size in sizes]

    def heaviest(steps: int, **settings: object) -> list[int]:
        update = {"tokens_per_pass": 128, "batch_size": 2, **settings}
        bench = Bench(config.model_copy(update=update), None, None, tmp_path)
        return sorted(len(row.input_ids) for row in bench.heaviest_of(rows, steps))

    assert heaviest(500) == [30, 90]
    assert heaviest(500, grad_accumulation=2) == [30, 30, 90, 90]
    assert heaviest(500, tokens_per_pass=4096) == [90, 90]
    assert heaviest(500, packing=False) == [90, 90]
    assert heaviest(500, batch_size=64) == sorted(sizes)
