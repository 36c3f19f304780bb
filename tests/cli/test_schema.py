"""``radu schema``: the effect first, then all or nothing; and a module without a file."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import MODULE, SCHEMA
from typer.testing import CliRunner

from radu_core.cli import app
from radu_core.workflows.frame.workspace import Workspace

Radu = Callable[..., tuple[int, Any]]


@pytest.fixture
def radu(loaded: Workspace, monkeypatch: pytest.MonkeyPatch) -> Radu:
    """Exit code, and the object printed, of a command on the small module."""
    monkeypatch.setenv("RADU_HOME", str(loaded.home))
    monkeypatch.setenv("RADU_USER", "bob")
    monkeypatch.delenv("RADU_DATABASE_URL", raising=False)

    def run(*words: str) -> tuple[int, Any]:
        result = CliRunner().invoke(app, [*words, "--json"])
        return result.exit_code, json.loads(result.stdout)

    return run


def test_a_rename_is_shown_done_and_undone(radu: Radu, loaded: Workspace) -> None:
    rename = ("schema", "rename", "book_flight.origin", "from_city", "-m", MODULE)
    code, out = radu(*rename, "--dry-run")
    assert (code, out["renamed"], out["plan"]["exemplars"]) == (0, False, ["a00"])
    assert loaded.store.schema(MODULE).functions[0].slots[0].name == "origin"
    code, out = radu(*rename)
    assert (code, out["renamed"]) == (0, True)
    assert loaded.store.schema(MODULE).functions[0].slots[0].name == "from_city"
    code, out = radu("schema", "rename", "from_city", "origin", "--of", "book_flight", "-m", MODULE)
    assert (code, out["plan"]["parts"]["arguments"]) == (0, 1)
    code, out = radu("schema", "versions", "-m", MODULE)
    assert [v["note"] for v in out["versions"]] == [
        None,
        "Renamed slot book_flight.origin → from_city",
        "Renamed slot book_flight.from_city → origin",
    ]
    assert {v["who"] for v in out["versions"][1:]} == {"bob"}


def test_what_forbids_a_rename_is_said(radu: Radu) -> None:
    assert radu("schema", "remove", "book_hotel", "-m", MODULE)[0] == 0
    rename = ("schema", "rename", "book_flight", "book_hotel", "-m", MODULE)
    code, out = radu(*rename, "--dry-run")
    assert code == 1
    assert "labelled book_hotel already" in out["plan"]["conflicts"][0]
    assert radu(*rename)[0] == 2
    assert radu("schema", "rename", "nope", "x", "-m", MODULE)[0] == 2


def test_a_removal_moves_exemplars(radu: Radu, loaded: Workspace) -> None:
    remove = ("schema", "remove", "book_hotel", "-m", MODULE, "--to", "book_flight")
    code, out = radu(*remove, "--dry-run")
    assert (code, out["removed"], len(out["plan"]["exemplars"])) == (0, False, 5)
    assert radu(*remove, "--unlabel")[0] == 2
    assert radu(*remove)[0] == 0
    assert loaded.store.exemplar(MODULE, "h00").exemplar.function == "book_flight"
    code, out = radu("schema", "remove", "book_flight", "-m", MODULE)
    assert (code, out["error"]) == (2, "InputError")


def test_a_schema_is_set_against_the_one_that_was_read(
    radu: Radu, loaded: Workspace, tmp_path: Path
) -> None:
    path = tmp_path / "s.json"
    path.write_text(json.dumps({**SCHEMA, "functions": SCHEMA["functions"][:1]}))
    before = radu("schema", "show", "-m", MODULE)[1]["hash"]
    code, out = radu("schema", "set", str(path), "-m", MODULE, "--dry-run")
    assert (code, out["saved"], len(out["cost"]["broken"])) == (0, False, 5)
    assert radu("schema", "set", str(path), "-m", MODULE, "--expect", before)[0] == 0
    code, out = radu("schema", "set", str(path), "-m", MODULE, "--expect", before)
    assert (code, out["error"]) == (2, "ConflictError")
    assert radu("schema", "show", "-m", MODULE)[1]["strays"] == {"book_hotel": 5}
    assert radu("schema", "restore", "1", "-m", MODULE)[1]["saved"] is True
    assert loaded.store.schema(MODULE).hash == before
    assert radu("schema", "restore", "9", "-m", MODULE)[0] == 2


def test_a_module_is_made_without_a_file(radu: Radu, loaded: Workspace) -> None:
    code, out = radu(
        "init", "-m", "acme_hello_de", "--function", "grüßen", "--description", "Sag hallo"
    )
    assert (code, out["functions"]) == (0, 1)
    made = loaded.store.schema("acme_hello_de").functions[0]
    assert (made.name, made.description) == ("grüßen", "Sag hallo")
    assert radu("init", "-m", "acme_hello_de", "--function", "x")[0] == 2
    assert radu("init", "-m", "acme_other_de")[0] == 2
    assert radu("init", "-m", "acme_other_de", "--function", " ")[0] == 2
    assert "acme_other_de" not in loaded.store.modules()


def test_what_a_tools_file_says_besides_is_counted(
    radu: Radu, loaded: Workspace, tmp_path: Path
) -> None:
    good = {"name": "sing", "strict": True, "parameters": {"type": "object", "properties": {}}}
    bad = {"name": "dance", "parameters": {"type": "object", "properties": {"a": {"type": "null"}}}}
    path = tmp_path / "tools.json"
    path.write_text(json.dumps([good, bad]))
    before = loaded.store.schema(MODULE)
    assert radu("schema", "set", str(path), "-m", MODULE)[0] == 2
    assert loaded.store.schema(MODULE) == before
    for more in (["--dry-run"], []):
        code, out = radu("schema", "set", str(path), "-m", MODULE, "--keep-good", *more)
        assert code == 0
        assert sum(out["left_out"].values()) == 1
        assert [(r["line"], r["problem"]) for r in out["rejections"]] == [(2, "is always null")]
    assert [f.name for f in loaded.store.schema(MODULE).functions] == ["sing"]
