"""What a run's files say, whole, half-written or damaged."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from conftest import MODULE

from radu_core.errors import DiskFullError, InputError, RunError
from radu_core.evaluation import EvaluationReport, Prediction, measure
from radu_core.exemplars import AnnotatedExemplar
from radu_core.training.run.config import TrainConfig
from radu_core.training.run.directory import RunDirectory, list_runs
from radu_core.training.worker.process import tell_end
from radu_core.workflows.evaluate import evaluation
from radu_core.workflows.frame import run_list
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.home.backup import backup, restore
from radu_core.workflows.home.funnels import funnels
from radu_core.workflows.runs import launch as train
from radu_core.workflows.train.dataset import build, datasets


def test_a_run_is_made_whole_or_not_at_all(tmp_path: Path) -> None:
    wanted = TrainConfig(dataset=Path("d") / MODULE, base_model="m")
    now = datetime(2026, 1, 1, tzinfo=UTC)

    def full(_: RunDirectory) -> None:
        raise DiskFullError("full")

    with pytest.raises(DiskFullError):
        RunDirectory.create(tmp_path, wanted, now=now, prepare=full)
    assert list(tmp_path.iterdir()) == []
    run = RunDirectory.create(
        tmp_path, wanted, now=now, prepare=lambda r: (r.path / "about.json").write_text("{}")
    )
    assert (run.path / "about.json").is_file()
    with pytest.raises(RunError, match="There is such a run already"):
        RunDirectory.create(tmp_path, wanted, now=now)
    shutil.copytree(run.path, tmp_path / f".{run.id}.x")  # its maker was killed
    assert [r.id for r in list_runs(tmp_path)] == [run.id]


def test_half_an_event_doesnt_take_the_next_one_with_it(tmp_path: Path) -> None:
    wanted = TrainConfig(dataset=Path("d") / MODULE, base_model="m")
    run = RunDirectory.create(tmp_path, wanted, now=datetime(2026, 1, 1, tzinfo=UTC))
    with (run.path / "events.jsonl").open("a") as file:
        file.write('{"kind": "step", "at": 1.0, "lo')
    assert [e.kind for e in run.events()] == ["state"]
    run.append("state", state="stopped", reason="ü")
    assert [e.data for e in run.events()] == [
        {"state": "created"},
        {"state": "stopped", "reason": "ü"},
    ]


def test_events_are_read_on_where_they_were_left_and_anew_when_the_file_is_another(
    tmp_path: Path,
) -> None:
    wanted = TrainConfig(dataset=Path("d") / MODULE, base_model="m")
    run = RunDirectory.create(tmp_path, wanted, now=datetime(2026, 1, 1, tzinfo=UTC))
    for step in range(50):
        run.append("step", step=step)
        assert [e.data.get("step") for e in run.events()] == [None, *range(step + 1)]
    path = run.path / "events.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:7]))  # shorter
    assert len(run.events()) == 7
    path.write_text("".join(reversed(lines)))  # longer, and not what it was
    assert [e.data.get("step") for e in run.events()] == [*range(49, -1, -1), None]
    path.unlink()
    assert run.events() == []


def test_a_run_that_was_never_launched_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The studio was killed between the two; Home must not wait for it for good."""
    wanted = TrainConfig(dataset=Path("d") / MODULE, base_model="m")
    run = RunDirectory.create(tmp_path, wanted, now=datetime(2026, 1, 1, tzinfo=UTC))
    assert run.state() == ("created", "")
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 61)
    assert run.state() == ("lost", "It was never launched.")


@pytest.fixture
def two_runs(loaded: Workspace) -> tuple[RunDirectory, RunDirectory]:
    made = []
    for day in (1, 2):
        wanted = TrainConfig(dataset=Path("d") / MODULE, base_model="m")
        now = datetime(2026, 1, day, tzinfo=UTC)
        made.append(RunDirectory.create(loaded.runs, wanted, now=now))
        made[-1].append("state", state="stopped", reason="")
    return made[0], made[1]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("config.yaml", "dataset: [", "config.yaml: The config isn't YAML"),
        ("config.yaml", "", "config.yaml: The config isn't valid"),
        ("config.yaml", "- 1", "config.yaml: The config isn't valid"),
        ("process.json", "{}", "process.json doesn't say which process"),
        ("process.json", "[", "process.json doesn't say which process"),
    ],
)
def test_a_damaged_run_is_listed_with_its_reason_and_the_others_as_ever(
    loaded: Workspace, two_runs: tuple[RunDirectory, RunDirectory], name: str, text: str, words: str
) -> None:
    good, bad = two_runs
    (bad.path / name).write_text(text)
    for module in (None, MODULE):
        views = [train.run_view(r) for r in run_list.runs(loaded, module)]
        assert [(v.id, v.state) for v in views] == [(bad.id, "damaged"), (good.id, "stopped")]
    assert words in views[0].reason
    assert run_list.runs(loaded, "other_bot_en") == []
    funnel = funnels(loaded)[0]
    assert funnel.notes == (f"Run {bad.id} is damaged: {views[0].reason}",)
    with pytest.raises(InputError, match=f"{bad.id} is damaged"):
        train.resume(loaded, bad.id)


@pytest.mark.parametrize(
    "line", ["[]", "{", '{"kind": "state", "at": 1}', '{"kind": "state", "at": 1, "state": "x"}']
)
def test_a_line_that_is_no_event_is_passed_over(
    two_runs: tuple[RunDirectory, RunDirectory], line: str
) -> None:
    with (two_runs[0].path / "events.jsonl").open("a") as file:
        file.write(line + "\n")
    assert two_runs[0].state() == ("stopped", "")


def test_a_damaged_report_is_named_and_the_others_are_read(
    two_runs: tuple[RunDirectory, RunDirectory],
) -> None:
    run = two_runs[0]
    rows = [AnnotatedExemplar(id="1", utterance="fly", function=None)]
    metrics, _ = measure("m", rows, [Prediction(function=None, arguments={}, seconds=0.0)])
    report = EvaluationReport(
        module=MODULE, split="test", run=run.id, created="", rows=1, left_out={}, trained=metrics
    )
    report.save(evaluation.report_path(run, "test"))
    for split, text in (("validation", "{}"), ("train", "[")):
        evaluation.report_path(run, split).write_text(text)
    assert evaluation.reports(run) == {"test": report}
    damaged = evaluation.damaged_reports(run)
    assert sorted(damaged) == ["train", "validation"]
    for split, why in damaged.items():
        assert str(evaluation.report_path(run, split)) in why


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("manifest.json", "{}"),
        ("manifest.json", None),
        ("schema.json", "{}"),
        ("templates.json", "[]"),
        ("index/meta.json", "{}"),
        ("index/vectors.npz", "x"),
    ],
)
def test_what_a_run_needs_to_parse_is_said_when_it_is_damaged(
    loaded: Workspace, two_runs: tuple[RunDirectory, RunDirectory], name: str, text: str | None
) -> None:
    run = two_runs[0]
    view = build(loaded, MODULE)
    train._keep_for_serving(run, train._to_serve(loaded, view.manifest))
    assert train.serving(loaded, run).schema == loaded.store.schema(MODULE)
    path = run.path / "serving" / name
    path.unlink()
    if text is not None:
        path.write_text(text)
    with pytest.raises(RunError, match=f"What run {run.id} needs to parse is damaged"):
        train.serving(loaded, run)


@pytest.mark.parametrize("name", ["../x", "", "nope", "a/b", "x" * 5000])
def test_a_run_that_isnt_one_is_said(loaded: Workspace, name: str) -> None:
    with pytest.raises(RunError):
        run_list.open_run(loaded, name)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("dataset: d\nbase_model: m\nepoch: 3\n", "epoch"),
        ("dataset: d\nbase_model: m\nbatch_size: 0\n", "batch_size.*got 0"),
        ("dataset: d\nbase_model: m\nseed: -1\n", "seed.*got -1"),
        ('dataset: "a\\0b"\nbase_model: m\n', "dataset.*isn't text"),
        ('dataset: d\nbase_model: "\\ud83d"\n', "base_model.*isn't text"),
        ("dataset: 2026-99-99\n", "isn't YAML"),
        ("[" * 20_000, "isn't YAML"),
        ("- 1", "isn't valid"),
        ("a: 1\nb: [", r"isn't YAML \(line 2, column 5: expected the node content.*\)\. Correct"),
    ],
)
def test_a_wrong_config_names_its_field(text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        TrainConfig.from_yaml(text)


def test_a_config_comes_back() -> None:
    made = TrainConfig(dataset=Path("d"), base_model="m", method="full", notes="é: x")
    assert TrainConfig.from_yaml(made.to_yaml()) == made
    assert made.rate == 5e-5


def test_a_backup_restores_into_an_empty_home_only(loaded: Workspace, tmp_path: Path) -> None:
    from datetime import UTC, datetime

    build(loaded, MODULE)
    report = backup(loaded, tmp_path / "b.zip", now=datetime(2026, 1, 1, tzinfo=UTC))
    with pytest.raises(InputError, match="That file exists"):
        backup(loaded, tmp_path / "b.zip", now=datetime(2026, 1, 1, tzinfo=UTC))
    with pytest.raises(InputError, match="database already"):
        restore(tmp_path / "b.zip", loaded.home)
    assert restore(tmp_path / "b.zip", tmp_path / "new").files == report.files
    again = Workspace(tmp_path / "new")
    assert again.store.exemplars(MODULE) == loaded.store.exemplars(MODULE)
    assert [d.manifest for d in datasets(again)] == [d.manifest for d in datasets(loaded)]
    again.store.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, of 1 MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    if shutil.which("mount") is None or subprocess.run(mount, check=False).returncode:
        pytest.skip("nothing can be mounted here")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def fill(disk: Path, run: RunDirectory) -> None:
    """To the last byte: first with another file, then what is left of the events' last page."""
    with suppress(OSError), (disk / "other").open("wb", buffering=0) as other:
        while True:
            other.write(b"x")
    while True:
        run.append("note")


def test_a_run_says_its_last_words_on_a_full_disk(small_disk: Path) -> None:
    config = TrainConfig(dataset=Path("d/m"), base_model="m")
    run = RunDirectory.create(small_disk, config, now=datetime(2026, 1, 1, tzinfo=UTC))
    run.hold_room()
    run.append("state", state="running")
    with pytest.raises(DiskFullError):
        fill(small_disk, run)
    reason = "No space left while saving. Free some and resume."
    tell_end(run, "failed", reason)
    assert run.state() == ("failed", reason)


def test_without_room_held_the_log_has_to_do(small_disk: Path) -> None:
    config = TrainConfig(dataset=Path("d/m"), base_model="m")
    run = RunDirectory.create(small_disk, config, now=datetime(2026, 1, 1, tzinfo=UTC))
    with pytest.raises(DiskFullError):
        fill(small_disk, run)
    tell_end(run, "failed", "why")
    assert run.state()[0] != "failed"
