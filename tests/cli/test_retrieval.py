"""The commands about retrieval: what they answer, write and keep."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from conftest import MODULE, ROWS, SCHEMA
from fakes import HashEmbedder
from typer.testing import CliRunner

from radu_core.cli import app
from radu_core.workflows.frame.workspace import Workspace


@pytest.fixture
def radu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The shell in a workspace with the small module."""
    monkeypatch.setenv("RADU_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("RADU_DATABASE_URL", raising=False)
    monkeypatch.setattr(Workspace, "embedder", lambda *_, **__: HashEmbedder())
    (tmp_path / "schema.json").write_text(json.dumps(SCHEMA))
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(r) + "\n" for r in ROWS))

    def run(*arguments: str) -> tuple[int, str, str]:
        done = CliRunner().invoke(app, list(arguments))
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done.exit_code, done.stdout, done.stderr

    run("init", "-m", MODULE, "--schema", str(tmp_path / "schema.json"))
    run("import", "jsonl", str(tmp_path / "rows.jsonl"), "-m", MODULE)
    run("resolve", "-m", MODULE)
    return run


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_find_k_says_everything_and_writes_it(radu: Any, tmp_path: Path) -> None:
    files = {n: tmp_path / f"{n}.csv" for n in ("surface", "misses", "left-out")}
    options = [o for n, path in files.items() for o in (f"--{n}", str(path))]
    code, out, _ = radu(
        "find-k",
        "-m",
        MODULE,
        "--split",
        "train",
        "--max-desc",
        "0",
        "--max-exemplar",
        "1",
        *options,
        "--json",
    )
    data = json.loads(out)
    assert code == 1
    assert set(data) == {
        "module",
        "split",
        "total",
        "choice",
        "hits",
        "mean_functions",
        "accuracy",
        "per_function",
        "misses",
        "curves",
        "percentiles",
        "causes",
        "left_out",
        "source",
    }
    assert data["curves"]["fused"] == data["hits"][0]
    missed = {m["id"] for m in data["misses"]}
    assert set(data["causes"]) == missed
    assert {r["id"] for r in rows(files["misses"])} == missed
    assert len(rows(files["surface"])) == 2
    assert [r["reason"] for r in rows(files["left-out"])] == ["out of scope"]
    assert data["left_out"] == {"out of scope": 1}
    assert data["source"]["settings"]["dense_weight"] == 0.6
    text = radu("find-k", "-m", MODULE, "--split", "train", "--max-desc", "0")[1]
    assert "Rank at which the right function comes first" in text


def test_a_file_of_no_misses_has_its_head(radu: Any, tmp_path: Path) -> None:
    path, full = tmp_path / "none.csv", tmp_path / "some.csv"
    assert "Missed:" not in radu("find-k", "-m", MODULE, "--misses", str(path))[1]
    radu(
        "find-k",
        "-m",
        MODULE,
        "--split",
        "train",
        "--max-desc",
        "0",
        "--max-exemplar",
        "1",
        "--misses",
        str(full),
    )
    assert path.read_text() == full.read_text().splitlines()[0] + "\n"


def test_what_is_measured_once_is_not_kept(radu: Any) -> None:
    code, out, _ = radu("find-k", "-m", MODULE, "--dense-weight", "0.2", "--json")
    assert json.loads(out)["source"]["settings"]["dense_weight"] == 0.2
    code, out, _ = radu("index", "-m", MODULE, "--json")
    data = json.loads(out)
    assert (code, data["changed"]) == (0, False)
    assert data["source"]["settings"]["dense_weight"] == 0.6


def test_index_keeps_the_weight_that_is_said_or_tuned(radu: Any) -> None:
    code, out, _ = radu("index", "-m", MODULE, "--dense-weight", "0.25")
    assert code == 0
    assert "weight of the dense ranking 0.25" in out
    assert "build its datasets again" in out
    data = json.loads(radu("index", "-m", MODULE, "--json")[1])
    assert data["source"]["settings"]["dense_weight"] == 0.25
    assert sum(data["left_out"].values()) + data["exemplars"] == 15
    tuned = json.loads(radu("index", "-m", MODULE, "--tune", "--json")[1])
    assert tuned["source"]["settings"]["dense_weight"] == tuned["tuning"]["weight"]
    code, _, err = radu("index", "-m", MODULE, "--tune", "--dense-weight", "1")
    assert (code, "contradict each other" in err) == (2, True)


WHAT_IF = (
    f"what-if -m {MODULE} --split train --function book_flight --k-desc 1 --k-exemplar 0"
).split()


def test_what_if_answers_and_keeps_only_when_told(radu: Any) -> None:
    ask = (*WHAT_IF, "--description")
    code, out, _ = radu(*ask, "fly me to please", "--json")
    data = json.loads(out)
    assert (code, data["kept"], data["point"]) == (0, False, [1, 0])
    assert data["covered"][1] - data["covered"][0] == len(data["gained"]) - len(data["lost"])
    assert json.loads(radu(*ask, "fly me to please", "--keep", "--json")[1])["kept"]
    code, out, _ = radu(*ask, "fly me to please")  # it is so now
    assert code == 1
    assert "0 gained, 0 lost" in out


def test_a_description_that_covers_less_is_kept_only_by_force(radu: Any) -> None:
    ask = (
        *WHAT_IF,
        "--description",
        "zzz qqq",
        "--keep",
    )
    assert radu(*ask[:-3], "--description", "fly me to please", "--keep")[0] == 0
    code, out, _ = radu(*ask, "--exemplar", "fly me off", "--json")
    assert (code, json.loads(out)["kept"]) == (1, False)
    assert "isn't stored: by itself it covers" in radu(*ask)[1].replace("\n", " ")
    assert json.loads(radu(*ask, "--force", "--json")[1])["kept"]


def test_compare_retrieval_is_no_unless_significant(radu: Any) -> None:
    code, out, _ = radu(
        "compare-retrieval", "-m", MODULE, "--dense-weight", "0", "--keep", "--json"
    )
    data = json.loads(out)
    assert (code, data["better"], data["kept"]) == (1, False, False)
    assert data["settings"][1]["dense_weight"] == 0.0
    code, out, _ = radu("compare-retrieval", "-m", MODULE, "--dense-weight", "0", "--keep")
    assert "Not kept." in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("compare-retrieval", "-m", MODULE), "the settings that the module has"),
        (
            ("compare-retrieval", "-m", MODULE, "--dense-weight", "1", "--k-desc", "9"),
            "were measured",
        ),
        (("what-if", "-m", MODULE, "--function", "book_flight"), "Nothing would change"),
        (("what-if", "-m", MODULE, "--function", "x", "--description", "y"), "no function of that"),
        (
            ("what-if", "-m", MODULE, "--function", "book_flight", "--exemplar", "<x>", "--keep"),
            "--keep stores a description",
        ),
        (
            ("what-if", "-m", MODULE, "--function", "book_flight", "--description", " ", "--keep"),
            "description is empty",
        ),
        (
            ("what-if", "-m", MODULE, "--function", "book_flight", "--description", "x", "--force"),
            "--force is for --keep",
        ),
        (("find-k", "-m", MODULE, "--split", "dev"), "No such split"),
        (("find-k", "-m", MODULE, "--surface", "/proc/x/y.csv"), "/proc/x"),
    ],
)
def test_bad_input_is_a_message(radu: Any, arguments: tuple[str, ...], words: str) -> None:
    code, _, err = radu(*arguments)
    assert (code, words in err, "Traceback" in err) == (2, True, False), err


def test_what_isnt_indexed_is_written_with_its_reason(radu: Any, tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    code, out, _ = radu("index", "-m", MODULE, "--left-out", str(path))
    assert code == 0
    assert "not indexed 2: not resolved" in out
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    assert lines[0] == "id,utterance,function,split,reason"
    assert '"from Oslo, lovely Oslo, to Rome",book_flight,train,not resolved' in lines[1]
    assert len(lines) == 1 + 7
