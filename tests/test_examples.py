"""The scripts in examples/ do what they say, and import nothing private."""

from __future__ import annotations

import ast
import json
import os
import runpy
import sys
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from conftest import MODULE, ROWS, SCHEMA
from fitted_run import fit_fast
from installed import Installed, free_port
from studio_process import ROOT
from tiny_encoder import make_tiny_encoder

from radu_core.retrieval import RetrievalSettings
from radu_core.schema import parse_schema
from radu_core.training.run.directory import list_runs
from radu_core.workflows.coverage.indexing import set_retrieval
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.load.files import import_file
from radu_core.workflows.load.outcomes import resolve
from radu_core.workflows.playground.bundle import write_bundle

EXAMPLES = ROOT / "examples"
LIBRARY = EXAMPLES / "library"
SCRIPTS = sorted(EXAMPLES.glob("*.py"))
TEXTS = [str(row["utterance"]) for row in ROWS]


def main(name: str) -> Callable[[Sequence[str]], None]:
    """What the script ``name`` does."""
    found: Callable[[Sequence[str]], None] = runpy.run_path(str(EXAMPLES / f"{name}.py"))["main"]
    return found


@pytest.fixture
def space(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write_jsonl: Callable[..., Path]
) -> Iterator[Workspace]:
    """The workspace that ``RADU_HOME`` names, with the small module."""
    monkeypatch.setenv("RADU_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("RADU_DATABASE_URL", raising=False)
    found = Workspace.from_environment()
    found.store.put_schema(parse_schema(SCHEMA), who="test")
    import_file(found, "jsonl", write_jsonl(ROWS), module=MODULE, who="test")
    resolve(found, MODULE, who="test")
    yield found
    found.store.close()


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda p: p.stem)
def test_it_says_who_it_is_for_and_imports_what_is_public(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    assert (ast.get_docstring(tree) or "").startswith("For whoever ")
    assert f"({path.name})" in (EXAMPLES / "README.md").read_text("utf-8")
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("radu"):
            public = import_module(str(node.module)).__all__
            assert {alias.name for alias in node.names} <= set(public), node.module


def test_an_annotation_lead_sees_what_is_for_people(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RADU_HOME", str(tmp_path / "home"))
    out = tmp_path / "resolved.jsonl"
    files = [str(LIBRARY / name) for name in ("schema.json", "utterances.csv")]
    main("annotation_lead")(["lindby_library_en", *files, "--out", str(out)])
    said = capsys.readouterr().out
    assert "111 of 112 rows imported." in said
    assert "  line 61: slot 'branch' takes one of" in said
    assert "107 of 111 resolved." in said
    assert "  14 (ambiguous): reserve Rebecca, the film of Rebecca" in said
    rows = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    assert len(rows) == 107
    (row,) = [r for r in rows if r["id"] == "9"]
    assert row["template"] == "I want <title> at <branch>"


@pytest.mark.slow
def test_a_developer_of_models_sees_a_run_beside_the_baselines(
    space: Workspace, tmp_path: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    encoder = make_tiny_encoder(tmp_path / "encoder", TEXTS)
    set_retrieval(space, MODULE, RetrievalSettings(embedder=str(encoder)), who="test")
    options = ["--base-model", str(tiny_model), "--max-length", "2048"]
    main("ml_developer")([MODULE, *options])
    said = capsys.readouterr().out
    assert (space.datasets / "example" / MODULE / "train.jsonl").is_file()
    (run,) = (r.id for r in list_runs(space.runs))
    assert f"Run: {run}" in said
    systems = [line.partition("  ")[0] for line in said.splitlines() if "exact match" in line]
    assert "after training" in systems
    assert "nearest exemplar + gazetteer" in systems


@pytest.mark.slow
def test_a_developer_of_apps_asks_a_bundle_and_a_server(
    space: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = fit_fast(space, MODULE, tmp_path, TEXTS)
    bundle = write_bundle(space, run, tmp_path / "bundle").directory
    tried: list[dict[str, Any]] = json.loads((bundle / "self-test.json").read_text("utf-8"))
    said = [each["utterance"] for each in tried]
    ask = main("app_developer")
    ask([str(bundle), *said])
    here = capsys.readouterr().out
    names = [line.partition("(")[0] for line in here.splitlines()]
    sorry = "Sorry, I can't help with that."
    assert names == [each["function"] or sorry for each in tried]
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    ours = Installed(Path(sys.executable).parent.parent)
    with ours.started(
        *("radu", "serve", str(bundle), "--port", str(port)),
        cwd=tmp_path,
        log=tmp_path / "serve.log",
        health=f"{address}/ready",
        PYTHONPATH=str(ROOT),
        PATH=os.environ["PATH"],
    ):
        ask([address, *said])
    assert capsys.readouterr().out == here
