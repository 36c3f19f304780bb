"""Commands of runs: fork, note, delete, restore, compare."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from conftest import MODULE
from typer.testing import CliRunner

from radu_core.cli import app
from radu_core.training import RunDirectory, TrainConfig


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
    [("seed", "isn't a setting"), ("seed=[", "can't be read"), ("seed=-1", "seed"),
     ("sed=1", "no such setting")],
)  # fmt: skip
def test_a_wrong_setting_of_a_fork_is_refused(two: list[str], setting: str, words: str) -> None:
    code, out = radu("fork", "last", "--set", setting)
    assert code == 2
    assert words in out
