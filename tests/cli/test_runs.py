"""Commands of runs: fork, note, delete, restore, compare."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest
from conftest import MODULE
from measured import MODEL_CHECK
from typer.testing import CliRunner

from radu_core.cli import app
from radu_core.training.run.config import TrainConfig
from radu_core.training.run.directory import RunDirectory


@pytest.fixture
def two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setenv("RADU_HOME", str(tmp_path))
    made = []
    for day in (1, 2):
        wanted = TrainConfig(dataset=Path("d") / MODULE, base_model="m", seed=day)
        now = datetime(2026, 1, day, tzinfo=UTC)
        run = RunDirectory.create(tmp_path / "runs", wanted, now=now)
        run.append("state", state="stopped", reason="")
        made.append(run.id)
    return made


def radu(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["runs", *arguments])
    return result.exit_code, result.output


def test_a_note_and_tags_are_listed_and_shown(two: list[str]) -> None:
    code, out = radu("note", "last", "a try", "--tag", "x", "--tag", "y", "--json")
    assert (code, json.loads(out)["tags"]) == (0, ["x", "y"])
    assert json.loads(radu("list", "--json")[1])["runs"][0]["notes"] == "a try"
    shown = json.loads(radu("show", "last", "--json")[1])
    assert (shown["tags"], shown["waits_for"]) == (["x", "y"], [])
    assert "a try" in radu("show", "last")[1]


def test_a_run_is_renamed_and_found_by_its_name(two: list[str], tmp_path: Path) -> None:
    assert "name" not in radu("list")[1]
    code, out = radu("rename", two[0], "  first\ntry ", "--json")
    assert (code, json.loads(out)) == (0, {"run": two[0], "name": "first try"})
    assert "first try" in radu("list")[1]
    assert [r["name"] for r in json.loads(radu("list", "--json")[1])["runs"]] == ["", "first try"]
    assert f"first try · {two[0]}: stopped" in radu("show", "first try")[1]
    assert (tmp_path / "runs" / two[0]).is_dir()
    radu("note", "first try", "a note")
    assert json.loads(radu("show", two[0], "--json")[1])["name"] == "first try"
    for taken in ("first try", two[0], "last", "x" * 81):
        assert radu("rename", two[1], taken)[0] == 2
    assert radu("rename", "first try", "")[0] == 0
    assert radu("show", "first try")[0] == 2


def test_a_deleted_run_can_be_restored(two: list[str]) -> None:
    assert radu("delete", two[0])[0] == 0
    assert [r["run"] for r in json.loads(radu("list", "--json")[1])["runs"]] == [two[1]]
    assert json.loads(radu("trash", "--json")[1]) == {"runs": [two[0]]}
    assert radu("restore", two[0])[0] == 0
    assert radu("restore", two[0])[0] == 2
    radu("delete", two[0])
    assert json.loads(radu("trash", "--empty", "--json")[1]) == {"deleted": [two[0]]}
    assert "The trash is empty." in radu("trash")[1]


def test_a_comparison_says_what_differs_and_what_isnt_measured(two: list[str]) -> None:
    code, out = radu("compare", *two, "--json")
    found = json.loads(out)
    assert (code, found["settings"]) == (0, {"seed": {two[0]: 1, two[1]: 2}})
    assert found["unpaired"] == [f"{name} hasn't been measured on test." for name in two]
    code, out = radu("compare", *two)
    assert code == 0
    assert "hasn't been measured on test" in out


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("seed", "isn't a setting"),
        ("seed=[", "can't be read"),
        ("seed=-1", "seed"),
        ("sed=1", "no such setting"),
    ],
)
def test_a_wrong_setting_of_a_fork_is_refused(two: list[str], setting: str, words: str) -> None:
    code, out = radu("fork", "last", "--set", setting)
    assert code == 2
    assert words in out


STEP = {
    "step": 3,
    "steps": 4,
    "epoch": 0.3333333,
    "loss": 1.2345678901234567,
    "memory_gb": 1.234,
    "learning_rate": 0.00012345,
    "tokens_per_second": 1234.5678,
    "eta_seconds": 90.0,
}


def run_of(home: Path, name: str) -> RunDirectory:
    return RunDirectory(home / "runs" / name)


def test_what_has_ended_has_no_time_left_and_figures_are_rounded(
    two: list[str], tmp_path: Path
) -> None:
    run = run_of(tmp_path, two[1])
    run.append("asked", loss=12, function_accuracy=8, slot_f1=4)
    run.append("step", **STEP)
    run.append("validation", step=3, loss=1.2345678, function_accuracy=0.625, slot_f1=0.5)
    run.append("state", state="finished", reason="")
    code, out = radu("show", "last")
    lines = out.splitlines()
    assert code == 0
    assert lines[1] == (
        "step 3 of 4 · epoch 0.333 · loss 1.235 · learning rate 1.2e-04 · 1,235 tokens/s · 1.2 GB"
    )
    assert "On validation, step 3: validation loss 1.235 (12 rows)" in lines
    assert "On validation, step 3: function accuracy 62.5 % (8 rows, 95 %: 30.6 to 86.3 %)" in lines
    assert "On validation, step 3: slot F1 50.0 % (4 rows)" in lines
    assert "left" not in out
    measured = json.loads(radu("show", "last", "--json")[1])["measured"]
    assert [(m["name"], m["rows"]) for m in measured] == [
        ("loss", 12),
        ("function_accuracy", 8),
        ("slot_f1", 4),
    ]


def test_what_goes_on_has_its_time_left(two: list[str], tmp_path: Path) -> None:
    import psutil

    run, own = run_of(tmp_path, two[1]), psutil.Process()
    run.write_process(own.pid, own.create_time())
    run.append("state", state="running")
    run.append("step", **STEP)
    assert "1.2 GB · 2 min left" in radu("show", "last")[1]


@pytest.mark.parametrize("width", ["40", "80"])
def test_ids_are_never_broken(
    two: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, width: str
) -> None:
    run_of(tmp_path, two[0]).append("step", **STEP)
    radu("note", two[0], "--tag", "a long tag of many words", "--tag", "another one of them")
    monkeypatch.setenv("COLUMNS", width)
    lines = radu("list")[1].splitlines()
    assert [sum(name in line for line in lines) for name in two] == [1, 1]
    assert "1.235" in next(line for line in lines if two[0] in line)


def test_a_run_on_ray_and_the_check_of_its_model_are_told(two: list[str], tmp_path: Path) -> None:
    assert "where" not in radu("list")[1]
    run = run_of(tmp_path, two[1])
    (run.path / "launcher.json").write_text('{"address": "http://head:8265", "model": null}')
    coarse = {**MODEL_CHECK, "dtype": "bfloat16", "passed": False, "equal_argmax": 0.9}
    (run.path / "model_check.json").write_text(json.dumps({**MODEL_CHECK, "before": [coarse]}))
    assert "Ray," in radu("list")[1]
    out = radu("show", "last")[1]
    assert "On Ray, http://head:8265" in out
    assert (
        "written in float32, which takes twice the disk and memory of bfloat16, because bfloat16 "
        "was too coarse: 5 of 50 tokens differ from the trained model's, more than the 1 % allowed"
        ". In float32, on 4 rows all 50 tokens are as trained, and the loss is 1.0000 (trained: "
        "1.0000)."
    ) in " ".join(out.split())
    (run.path / "model_check.json").write_text("{}")
    assert "doesn't say what the check of the model found" in radu("show", "last")[1]
    (run.path / "model_check.json").write_text("{")
    assert "can't be read" in radu("show", "last")[1]


def test_a_config_may_name_its_dataset_as_a_list_does(tmp_path: Path) -> None:
    from radu_core.cli.model import _config
    from radu_core.workflows.frame.workspace import Workspace

    space, config = Workspace(tmp_path / "home"), tmp_path / "run.yaml"
    config.write_text("dataset: mine/a_en\nbase_model: m\n")
    assert _config(config, space).dataset == Path("mine/a_en")  # there is none: it will be said
    (space.datasets / "mine" / "a_en").mkdir(parents=True)
    assert _config(config, space).dataset == space.datasets / "mine" / "a_en"


def test_show_says_what_a_run_does_before_its_first_step(two: list[str], tmp_path: Path) -> None:
    run = run_of(tmp_path, two[1])
    own = psutil.Process()
    run.write_process(own.pid, own.create_time())
    run.append("state", state="loading")
    run.append("loading", what="Tokenizing every row")
    assert "Tokenizing every row …" in radu("show", two[1])[1]
    run.append("state", state="running")
    assert "Making the first step …" in radu("show", two[1])[1]
    run.append("step", **STEP)
    out = radu("show", two[1])[1]
    assert "…" not in out.split("dataset:")[0]
    assert "step " in out
    run.append("state", state="stopped", reason="")
    run.append("state", state="loading")
    out = radu("show", two[1])[1]
    assert "Starting …" in out
    assert " left" not in out
