"""A model is loaded once, answers many, and an exported one answers as the run's does."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from conftest import MODULE
from typer.testing import CliRunner

from radu_core.cli import app
from radu_core.errors import InputError, ModelError, RunError
from radu_core.exemplars import LONGEST
from radu_core.inference import FunctionCall
from radu_core.schema import parse_schema
from radu_core.training.run.directory import RunDirectory
from radu_core.workflows.evaluate import parse as workflow
from radu_core.workflows.evaluate.parse import parse, parse_many, parser_of
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.playground.export_model import export_model

SAID = ["fly me to Oslo", "a hotel in Paris", "tell me a joke"]


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The directories that were loaded."""
    seen: list[Path] = []
    real = workflow.Generator

    def counted(directory: Path, **more: Any) -> Any:
        seen.append(directory)
        return real(directory, **more)

    monkeypatch.setattr(workflow, "Generator", counted)
    return seen


def told(calls: Any) -> list[Any]:
    return [c.model_dump(exclude={"seconds"}) for c in calls]


def test_a_model_is_loaded_once_until_its_files_change(
    loaded: Workspace, run: RunDirectory, loads: list[Path]
) -> None:
    many = parse_many(loaded, run.id, SAID)
    assert told(many) == told(parse(loaded, "last", text) for text in SAID)
    assert loads == [run.model]
    config = run.model / "config.json"
    config.write_text(config.read_text() + "\n")
    parse(loaded, run.id, SAID[0])
    assert loads == [run.model] * 2
    with pytest.raises(InputError, match="wasn't trained on that module"):
        parse(loaded, run.id, SAID[0], module="acme_bank_en")


def test_a_model_in_memory_answers_while_another_one_is_loaded(
    loaded: Workspace, run: RunDirectory, loads: list[Path]
) -> None:
    before = told(parse_many(loaded, run.id, SAID))
    answers: list[Any] = []
    asking = threading.Thread(
        target=lambda: answers.append(told(parse_many(loaded, run.id, SAID))), daemon=True
    )
    with workflow._LOADING:
        asking.start()
        asking.join(timeout=60)
        assert answers == [before]
    assert loads == [run.model]


def test_at_most_two_models_stay_in_memory(
    loaded: Workspace, run: RunDirectory, loads: list[Path], tmp_path: Path
) -> None:
    places = [tmp_path / name for name in "abc"]
    for place in places:
        export_model(loaded, run.id, place)
        parse(loaded, str(place), SAID[0])
    parse(loaded, str(places[2]), SAID[1])
    parse(loaded, str(places[1]), SAID[1])
    assert loads == places
    parse(loaded, str(places[0]), SAID[1])
    assert loads == [*places, places[0]]


def test_an_export_answers_as_its_run_does(
    loaded: Workspace, run: RunDirectory, tmp_path: Path
) -> None:
    export_model(loaded, run.id, tmp_path / "whole")
    assert not list((tmp_path / "whole").rglob("labels.json"))  # nothing needs them there
    wanted = told(parse_many(loaded, run.id, SAID))
    assert told(parse_many(loaded, str(tmp_path / "whole"), SAID)) == wanted
    export_model(loaded, run.id, tmp_path / "adapter", adapter_only=True)
    alone = parse_many(loaded, str(tmp_path / "adapter"), SAID)
    for call, want in zip(alone, wanted, strict=True):
        assert call.scores == pytest.approx(want["scores"], abs=0.05)


def test_an_export_is_asked_with_the_template_it_was_trained_with(
    loaded: Workspace, run: RunDirectory, tmp_path: Path
) -> None:
    export_model(loaded, run.id, tmp_path / "o")
    assert parser_of(loaded, str(tmp_path / "o")).generator._encoder.template is None  # type: ignore[attr-defined]
    chat = "{% for m in messages %}[{{ m['content'] }}]{{ eos_token }}{% endfor %}"
    (tmp_path / "o" / "chat_template.jinja").write_text(chat)
    found = parser_of(loaded, str(tmp_path / "o")).generator._encoder.template  # type: ignore[attr-defined]
    assert found == chat


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        ([], "There is no utterance"),
        ([" \t"], "The utterance is empty"),
        (["fly", "", "swim"], "Utterance 2 is empty"),
        (["fly", "x" * (LONGEST + 1)], "10,001 characters"),
    ],
)
def test_what_is_no_utterance_is_said_before_anything_is_loaded(
    loaded: Workspace, texts: list[str], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        parse_many(loaded, "no such run", texts)


def test_what_cant_be_parsed_with_is_said(
    loaded: Workspace, run: RunDirectory, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="The context names no function"):
        parse(loaded, run.id, SAID[0], context="nothing")
    with pytest.raises(InputError, match="holds no exported model"):
        parse(loaded, str(tmp_path), "fly")
    with pytest.raises(RunError, match="no such run"):
        parse(loaded, str(tmp_path / "nowhere"), "fly")
    export_model(loaded, run.id, tmp_path / "a", adapter_only=True)
    config = tmp_path / "a" / "adapter_config.json"
    config.write_text(
        json.dumps({**json.loads(config.read_text()), "base_model_name_or_path": "gone"})
    )
    with pytest.raises(ModelError, match=r"The adapter's base model isn't here.*gone.*merged"):
        parse(loaded, str(tmp_path / "a"), "fly")
    (tmp_path / "a" / "radu" / "schema.json").write_text("{")
    with pytest.raises(RunError, match="needs to parse is damaged"):
        parse(loaded, str(tmp_path / "a"), "fly")


# The shell


@pytest.fixture
def radu(loaded: Workspace, run: RunDirectory, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("RADU_HOME", str(loaded.home))
    monkeypatch.setattr("radu_core.cli.model.workspace", lambda: loaded)

    def call(*arguments: str, given: bytes | None = None) -> tuple[int, str, str]:
        done = CliRunner().invoke(app, ["parse", *arguments], input=given)
        return done.exit_code, done.stdout, done.stderr

    return call


def test_one_utterance_many_or_a_file_of_them(radu: Any, loads: list[Path]) -> None:
    one = json.loads(radu("last", SAID[0], "--json")[1])
    assert set(one) >= {"function", "arguments", "scores", "problems", "cut"}
    many = json.loads(radu("last", *SAID, "--json")[1])["calls"]
    assert [c["utterance"] for c in many] == SAID
    assert many[0]["scores"] == one["scores"]
    text = ("\ufeff" + "\r\n\r\n".join(SAID) + "\n").encode()
    code, out, _ = radu("last", "--json", given=text)
    assert [c["scores"] for c in json.loads(out)["calls"]] == [c["scores"] for c in many]
    assert code == int(any(c["function"] is None for c in many))
    lines = radu("last", given=text)[1].splitlines()
    assert [line for line in lines if line.endswith(":")] == [f"{s}:" for s in SAID]
    assert len(loads) == 1


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (b"", "There is no utterance"),
        (b"\n \n", "There is no utterance"),
        (b"caf\xe9\n", "isn't UTF-8 (byte 3)"),
    ],
)
def test_input_that_holds_none_is_said(radu: Any, given: bytes, words: str) -> None:
    code, out, told = radu("last", given=given)
    assert (code, out) == (2, "")
    assert words in " ".join(told.split())


@pytest.mark.slow
@pytest.mark.parametrize("adapter_only", [False, True])
def test_the_readme_of_an_export_can_be_run_as_it_is_written(
    loaded: Workspace, run: RunDirectory, tmp_path: Path, adapter_only: bool
) -> None:
    """Every block, in the directory that it lies in. Only the embedder is another one."""
    place = tmp_path / "my export"
    export_model(loaded, run.id, place, adapter_only=adapter_only)
    card = (place / "README.md").read_text()
    blocks = re.findall(r"^```(\w+)\n(.*?)^```", card, re.MULTILINE | re.DOTALL)
    assert [kind for kind, _ in blocks] == ["sh", "python"]
    done = subprocess.run(
        [sys.executable, "-c", blocks[1][1]], cwd=place, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Which function" in (place / "radu" / "prompt.txt").read_text()
    command = shlex.split(blocks[0][1].strip())
    assert command[:2] == ["radu", "parse"]
    here = Path.cwd()
    os.chdir(place)
    try:
        calls = parse_many(loaded, command[2], command[3:])
    finally:
        os.chdir(here)
    assert len(calls) == 2
    assert f"`{MODULE}`" in card


def test_arguments_come_back_nested_as_the_caller_has_them(
    loaded: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    street = {"name": "to.street", "description": "where", "path": ["to", "street"]}
    function = {"name": "ship", "description": "Send it.", "slots": [street]}
    schema = parse_schema({"module": MODULE, "functions": [function]})
    said = FunctionCall(function="ship", arguments={"to.street": "Rose Lane"})
    parser = SimpleNamespace(schema=schema, parse_many=lambda *_, **__: [said])
    held = SimpleNamespace(parser=parser, lock=threading.Lock())
    monkeypatch.setattr(workflow, "load", lambda *_, **__: held)
    [call] = parse_many(loaded, "last", ["send it to Rose Lane"])
    assert call.arguments == {"to": {"street": "Rose Lane"}}
