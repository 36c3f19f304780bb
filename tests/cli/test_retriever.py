"""The commands that change what a module retrieves with."""

from __future__ import annotations

import json

import pytest
from conftest import MODULE
from fakes import HashEmbedder
from tuned_run import BASE, make_tuned_run
from typer.testing import CliRunner

from radu_core.cli import app
from radu_core.workflows.frame.workspace import Workspace


def radu(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, list(arguments))
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.stdout


@pytest.fixture
def space(loaded: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A workspace that the shell uses; each embedder is a stand-in of its name."""
    monkeypatch.setenv("RADU_HOME", str(loaded.home))
    monkeypatch.delenv("RADU_DATABASE_URL", raising=False)
    monkeypatch.setattr(Workspace, "embedder", lambda _, name=BASE, **__: HashEmbedder(name))
    return loaded


def test_use_refuses_what_is_worse_and_restore_is_the_way_back(space: Workspace) -> None:
    run = make_tuned_run(space, MODULE, worse=1)
    code, out = radu("retriever", "use", run.id)
    assert code == 1
    assert "It is worse than all-MiniLM-L6-v2 in coverage and kNN accuracy" in out
    assert f"radu retriever use {run.id} --anyway" in out
    code, out = radu("retriever", "use", run.id, "--json")
    data = json.loads(out)
    assert (code, data["done"], data["now"], data["guard"]["ok"]) == (1, False, BASE, False)
    assert data["guard"]["measures"][0]["lost"] == 1
    code, out = radu("retriever", "use", run.id, "--anyway", "--json")
    data = json.loads(out)
    assert (code, data["done"], data["before"], data["now"]) == (0, True, BASE, run.id)
    assert [s["name"] for s in data["steps"]] == ["index", "dataset default"]
    code, out = radu("runs", "show", run.id)
    assert "Out of fold, coverage 100.0 % before, 85.7 % tuned" in out
    code, out = radu("retriever", "show", "-m", MODULE)
    assert (code, out.splitlines()[0]) == (0, f"{MODULE} retrieves with {run.id}.")
    assert f"radu retriever restore --module {MODULE}" in out
    code, out = radu("runs", "delete", run.id)
    assert code != 0
    code, out = radu("retriever", "restore", "-m", MODULE)
    assert code == 0
    assert f"{MODULE} retrieves with {BASE}. Before: {run.id}." in out


def test_what_cant_be_used_is_bad_input(space: Workspace) -> None:
    assert radu("retriever", "restore", "-m", MODULE)[0] == 2
    run = make_tuned_run(space, MODULE)
    run.append("state", state="failed", reason="x")
    assert radu("retriever", "use", run.id)[0] == 2
