"""The shell's commands about overlap, negatives, judged pairs and merging."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from conftest import MODULE, ROWS, SCHEMA
from fakes import HashEmbedder
from typer.testing import CliRunner

from radu_core.cli import app
from radu_core.workflows.frame.workspace import Workspace

TWINS = [
    {"id": "t1", "utterance": "get me something nice soon", "function": "book_flight"},
    {"id": "t2", "utterance": "Get me something nice, soon!", "function": "book_hotel"},
]


@pytest.fixture
def radu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """``radu`` on the small module with a sentence that two functions have."""
    monkeypatch.setenv("RADU_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("RADU_USER", "ann")
    monkeypatch.delenv("RADU_DATABASE_URL", raising=False)
    monkeypatch.setattr(Workspace, "embedder", lambda *_, **__: HashEmbedder())
    (tmp_path / "schema.json").write_text(json.dumps(SCHEMA))
    rows = "".join(json.dumps(r) + "\n" for r in [*ROWS, *TWINS])
    (tmp_path / "rows.jsonl").write_text(rows)
    runner = CliRunner()

    def run(*arguments: str) -> tuple[int, Any]:
        done = runner.invoke(app, [*arguments, "-m", MODULE, "--json"])
        return done.exit_code, json.loads(done.stdout)

    assert (
        runner.invoke(
            app, ["init", "-m", MODULE, "--schema", str(tmp_path / "schema.json")]
        ).exit_code
        == 0
    )
    run("import", "jsonl", str(tmp_path / "rows.jsonl"))
    run("resolve")
    return run


def test_findings_are_a_no_until_they_are_judged(radu: Any) -> None:
    code, found = radu("overlap", "--enough", "1", "--near-duplicate", "1")
    assert (code, found["counts"]) == (1, {"near duplicates": 1})
    [pair] = found["findings"]
    assert {pair["examples"][0]["id"], pair["examples"][0]["other_id"]} == {"t1", "t2"}
    assert radu("pairs", "judge", "t2", "t1", "different")[0] == 0
    assert radu("overlap", "--enough", "1", "--near-duplicate", "1")[0] == 0
    [judged] = radu("pairs", "list")[1]["pairs"]
    assert (judged["verdict"], judged["who"], judged["first"]["id"]) == ("different", "ann", "t1")
    assert radu("pairs", "withdraw", "t1", "t2")[0] == 0
    assert radu("pairs", "list")[1]["pairs"] == []


def test_negatives_of_an_utterance_and_of_the_module(radu: Any) -> None:
    code, found = radu("negatives", "t1", "--id", "--number", "2")
    assert (code, found["function"], found["doubtful"]) == (0, "book_flight", ["book_hotel"])
    [twin] = [n for n in found["negatives"] if n["hit"]["id"] == "t2"]
    assert (twin["use"], "suspected" in twin["why"]) == (False, True)
    assert sum(n["use"] for n in found["negatives"]) == 2
    assert radu("negatives", "t1", "--id", "--number", "20")[0] == 1
    found = radu("negatives")[1]
    assert [p["hardness"] for p in found["points"]] == [n / 10 for n in range(11)]
    assert found["suspected"] == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["negatives", "get me"], "This utterance is unlabelled"),
        (["negatives", "gone", "--id"], "no exemplar of that id"),
        (["pairs", "judge", "t1", "t1", "same"], "two exemplars"),
        (["pairs", "judge", "t1", "t2", "equal"], "same or different"),
        (["pairs", "withdraw", "t1", "t2"], "Nobody has judged"),
        (["merge", "book_flight", "nothing"], "no function of that name"),
    ],
)
def test_bad_input_is_said(radu: Any, arguments: list[str], words: str) -> None:
    code, found = radu(*arguments)
    assert code == 2
    assert words in found["message"]


def test_a_merge_is_looked_at_before_it_is_done(radu: Any) -> None:
    code, found = radu("merge", "book_flight", "book_hotel")
    assert (code, found["done"], sum(found["plan"]["moved"].values())) == (0, False, 6)
    assert radu("merge", "book_flight", "book_hotel")[1] == found
    assert radu("merge", "book_flight", "book_hotel", "--yes")[1]["done"]
    code, found = radu("merge", "book_flight", "book_hotel")
    assert (code, found["error"]) == (2, "InputError")
