"""Prompts and templates in the shell."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from conftest import MODULE
from typer.testing import CliRunner

from radu_core.cli import app
from radu_core.errors import ModelError
from radu_core.prompts import shipped_templates
from radu_core.workflows.coverage.prompt_tokens import BASE
from radu_core.workflows.frame.workspace import Workspace


@pytest.fixture
def radu(loaded: Workspace, tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The shell in a workspace with the small module and a tiny base model."""
    target = loaded.models / BASE
    shutil.copytree(tiny_model, target)
    (target / "radu-model.json").write_text(
        json.dumps({"name": BASE, "source": "t", "licence": "t"})
    )
    embedder = loaded.embedder()
    monkeypatch.setattr(Workspace, "embedder", lambda *_, **__: embedder)
    monkeypatch.setenv("RADU_HOME", str(loaded.home))
    monkeypatch.setenv("RADU_USER", "ann")
    monkeypatch.delenv("RADU_DATABASE_URL", raising=False)

    def run(*arguments: str) -> tuple[int, str, str]:
        done = CliRunner().invoke(app, [*arguments, "-m", MODULE])
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done.exit_code, done.stdout, done.stderr

    return run


def test_tokens_are_a_line_each_with_what_is_learnt_in_brackets(radu: Any) -> None:
    code, out, _ = radu("prompts", "f00", "--id", "--tokens")
    assert code == 0
    lines = out.splitlines()
    assert any(line.endswith("special ⟦<|end|>⟧") for line in lines)
    learnt = [line.rsplit("⟦", 1)[1][:-1] for line in lines if "⟦" in line]
    assert "".join(learnt).split("<|end|>")[0] == " book_flight"
    assert learnt.count("<|end|>") == out.count("── rag/")
    assert any(line.startswith("   instruction ") for line in lines)
    assert "answer: book_flight in descriptions, " in out


def test_json_carries_ids_labels_and_hashes(radu: Any) -> None:
    code, out, _ = radu("prompts", "f00", "--id", "--json", "--max-length", "64")
    data = json.loads(out)
    tokens = data["rows"][0]["tokens"]
    assert len(tokens["input_ids"]) == len(tokens["labels"])
    assert tokens["ids_hash"]
    assert [w["kind"] for w in data["rows"][0]["warnings"]] == ["truncated"]
    assert code == 1  # an error among the warnings


def test_knn_says_that_an_exemplar_is_asked_about(radu: Any) -> None:
    """Its prompt names no function."""
    out = radu("prompts", "f00", "--id", "--strategy", "knn")[1]
    assert "an exemplar of the right function among those asked about: yes" in out
    assert "right function in the prompt" not in out
    assert "right function in the prompt: yes" in radu("prompts", "f00", "--id")[1]


def test_a_yes_no_answer_takes_its_context(radu: Any) -> None:
    ask = ("prompts", "sure", "--strategy", "yes_no", "--context")
    code, out, _ = radu(*ask, "book_flight.refundable")
    assert (code, "Question: money back" in out) == (0, True)
    assert radu(*ask, "book_flight.nope")[0] == 2


def test_a_model_that_is_not_installed_is_told_with_the_remedy(radu: Any) -> None:
    code, out, _ = radu("prompts", "f00", "--id", "--model", "big")
    assert (code, "big isn't installed" in out, "radu models fetch big" in out) == (0, True, True)


def test_templates_are_listed_changed_compared_and_restored(radu: Any, tmp_path: Path) -> None:
    assert json.loads(radu("templates", "list", "--json")[1])["templates"][0] == {
        "name": "all",
        "version": 0,
        "changed": False,
    }
    assert radu("templates", "diff", "rag")[:2] == (0, "They are the same.\n")
    mine = tmp_path / "rag.jinja"
    mine.write_text(shipped_templates()["rag"].replace("Which", "What"))
    code, out, _ = radu("templates", "set", "rag", str(mine))
    assert (code, out) == (0, "Version 1 of rag is saved for the module.\n")
    code, out, _ = radu("templates", "diff", "rag")
    assert code == 1
    assert '+{{ part("instruction") }}What function' in out
    assert "What function" in radu("templates", "show", "rag")[1]
    assert "Which function" in radu("templates", "show", "rag", "--version", "0")[1]
    code, out, _ = radu("templates", "restore", "rag", "0", "--json")
    assert json.loads(out) == {"name": "rag", "version": 2, "old_datasets": []}
    assert radu("templates", "diff", "rag")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("show", "nope"), "No such template"),
        (("show", "rag", "--version", "7"), "There are: 0"),
        (("restore", "rag", "7"), "There are: 0"),
        (("set", "rag", "/nowhere/x"), "Can't read the template"),
    ],
)
def test_bad_input_is_answered(radu: Any, arguments: tuple[str, ...], words: str) -> None:
    code, _, err = radu("templates", *arguments)
    assert (code, words in err) == (2, True)


def test_a_template_that_is_refused_changes_nothing(radu: Any, tmp_path: Path) -> None:
    wrong = tmp_path / "rag.jinja"
    wrong.write_text("{{ utterance }}\n{{ utterance.__class__ }}")
    code, _, err = radu("templates", "set", "rag", str(wrong))
    assert (code, "line 2" in err) == (2, True)
    assert json.loads(radu("templates", "show", "rag", "--json")[1])["version"] == 0
    wrong.write_bytes(b"\xff\xfe")
    assert radu("templates", "set", "rag", str(wrong))[0] == 2


SHIPPED = shipped_templates()["rag"]


def test_a_template_that_fails_on_a_pinned_example_is_refused(radu: Any, tmp_path: Path) -> None:
    mine = tmp_path / "rag.jinja"
    mine.write_text(SHIPPED + "\n{% if 'Oslo' in utterance %}{{ 1 / 0 }}{% endif %}")
    for more in ((), ("--force",)):
        code, _, err = radu("templates", "set", "rag", str(mine), *more)
        assert (code, "can't be rendered on pinned examples" in err, "f00" in err) == (
            2,
            True,
            True,
        )
    assert json.loads(radu("templates", "show", "rag", "--json")[1])["version"] == 0


def test_a_template_that_gives_the_answer_away_needs_force(radu: Any, tmp_path: Path) -> None:
    mine = tmp_path / "rag.jinja"
    mine.write_text(SHIPPED + "\nbook_flight")
    code, _, err = radu("templates", "set", "rag", str(mine))
    assert (code, "answer leaked" in err, "--force" in err) == (2, True, True)
    assert json.loads(radu("templates", "show", "rag", "--json")[1])["version"] == 0
    code, out, _ = radu("templates", "set", "rag", str(mine), "--force")
    assert (code, "Version 1 of rag is saved" in out, "answer leaked" in out) == (0, True, True)


def test_a_template_can_be_set_where_no_model_is_installed(
    radu: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*_: object, **__: object) -> None:
        raise ModelError("No such model is installed", remedy="Fetch it.")

    monkeypatch.setattr(Workspace, "embedder", none)
    mine = tmp_path / "rag.jinja"
    mine.write_text(SHIPPED.replace("Which", "What"))
    code, out, _ = radu("templates", "set", "rag", str(mine))
    assert (code, "not tried on the pinned examples: No such model" in out) == (0, True)
