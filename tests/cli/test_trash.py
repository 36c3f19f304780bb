"""Deleting in the shell: what it says when there is nothing of the kind."""

from __future__ import annotations

import json
from typing import Any

import pytest
from conftest import MODULE
from typer.testing import CliRunner

from radu_core.cli import app
from radu_core.workflows.frame.workspace import Workspace


@pytest.fixture
def radu(loaded: Workspace, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("RADU_HOME", str(loaded.home))
    monkeypatch.delenv("RADU_DATABASE_URL", raising=False)

    def run(*arguments: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, list(arguments))
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done.exit_code, done.stdout + done.stderr

    return run


def test_an_id_that_isnt_in_the_trash_is_named(radu: Any) -> None:
    of = ("--module", MODULE)
    assert "The trash is empty." in radu("exemplars", "trash", *of)[1]
    radu("exemplars", "delete", "f00", "h00", *of)
    code, said = radu("exemplars", "trash", "nope", *of)
    assert (code, "The trash is empty" in said) == (2, False)
    assert "in the trash has that id" in said
    assert "nope" in said
    code, said = radu("exemplars", "trash", "f00", *of, "--json")
    assert [t["exemplar"]["id"] for t in json.loads(said)["items"]] == ["f00"]


def test_a_module_that_isnt_in_the_trash_is_named(radu: Any) -> None:
    assert "The trash is empty." in radu("modules", "trash")[1]
    radu("modules", "delete", MODULE)
    code, said = radu("modules", "trash", "acme_q_en")
    assert (code, "The trash is empty" in said, "acme_q_en" in said) == (2, False, True)
    assert MODULE in radu("modules", "trash", MODULE)[1]


def test_a_search_that_finds_nothing_says_so(radu: Any) -> None:
    code, said = radu("exemplars", "delete", "--search", "zzz", "--module", MODULE)
    assert (code, "No exemplar was found" in said, "would be" in said) == (0, True, False)


def test_deleting_for_good_leaves_the_trash_alone(radu: Any) -> None:
    of = ("--module", MODULE)
    radu("exemplars", "delete", "h00", *of)
    assert "1 exemplar of" in radu("exemplars", "delete", "h01", "--for-good", *of)[1]
    _, said = radu("exemplars", "trash", *of, "--json")
    assert json.loads(said)["ids"] == ["h00"]
