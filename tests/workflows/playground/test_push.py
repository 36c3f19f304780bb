"""A run is pushed in one commit with a card that a hub reads; what goes wrong is a sentence."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from conftest import MODULE
from hub_fake import TOKEN, Hub, serving
from huggingface_hub import ModelCard, constants
from typer.testing import CliRunner

from radu_core.cli import app
from radu_core.errors import ConflictError, InputError, ModelError, RaduError
from radu_core.files import file_hash, read_json, write_json
from radu_core.training.run.directory import RunDirectory
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.playground import push
from radu_core.workflows.playground.push import push_run


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with serving(Hub()) as made:
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)  # its store isn't stood in for
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setenv("HF_ENDPOINT", made.url)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        yield made


def test_a_model_is_pushed_in_one_commit(loaded: Workspace, run: RunDirectory, hub: Hub) -> None:
    done = push_run(loaded, "last", "me/travel", to="model", private=True)
    kept = hub.repositories["me/travel"]
    assert hub.commits == [f"Add run {run.id} as model"]
    assert kept["model.safetensors"] == (run.model / "model.safetensors").read_bytes()
    assert {"config.json", "tokenizer.json", "radu/schema.json", "README.md"} <= set(kept)
    assert (done.url, done.created, done.files) == (f"{hub.url}/me/travel", True, len(kept))
    assert done.size == sum(map(len, kept.values()))
    assert hub.private == {"me/travel": True}
    assert not list(loaded.home.glob(".push-*"))


def test_the_card_says_what_a_hub_can_read(
    loaded: Workspace, run: RunDirectory, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    share = SimpleNamespace(share=0.91234)
    trained = SimpleNamespace(function=share, slot_f1=0.8, exact_match=SimpleNamespace(share=0.7))
    report = SimpleNamespace(module=MODULE, split="test", rows=30, trained=trained)
    monkeypatch.setattr(push, "reports", lambda run, module: {"test": report})
    push_run(loaded, run.id, "me/travel", to="model")
    card = ModelCard(hub.repositories["me/travel"]["README.md"].decode())
    assert (card.data.language, card.data.library_name) == (["en"], "transformers")
    assert card.data.license == "other"  # the tiny model's files say nothing
    assert "look it up" in str(card.data.license_name)
    assert card.data.base_model is None  # a directory of this machine
    assert {"radu-studio", "function-calling"} <= set(card.data.tags or ())
    results = {r.metric_name: r.metric_value for r in card.data.eval_results or ()}
    assert results == {"function accuracy": 0.9123, "slot F1": 0.8, "exact match": 0.7}
    assert card.text.strip().startswith(f"# {run.id}")


def test_base_and_licence_are_those_of_the_hub(
    loaded: Workspace, run: RunDirectory, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(push, "base_licence", lambda directory: "Apache-2.0")
    config = run.config().model_copy(update={"base_model": "SmolLM2-135M-Instruct"})
    (run.path / "config.yaml").write_text(config.to_yaml())
    push_run(loaded, run.id, "me/travel", to="model")
    data = ModelCard(hub.repositories["me/travel"]["README.md"].decode()).data
    assert data.base_model == "HuggingFaceTB/SmolLM2-135M-Instruct"
    assert data.license == "apache-2.0"


def test_a_bundles_manifest_has_the_hash_of_the_new_card(
    loaded: Workspace, run: RunDirectory, hub: Hub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def written(workspace: Workspace, name: str, out: Path, **_: Any) -> Any:
        out.mkdir()
        (out / "README.md").write_text("# a bundle\n")
        write_json(out / "bundle.json", {"files": {"README.md": [1, "old"], "x": [2, "kept"]}})
        return SimpleNamespace(notes=("a note",))

    monkeypatch.setattr(push, "write_bundle", written)
    done = push_run(loaded, run.id, "me/travel")
    kept = hub.repositories["me/travel"]
    card = tmp_path / "README.md"
    card.write_bytes(kept["README.md"])
    files = json.loads(kept["bundle.json"])["files"]
    assert files == {
        "README.md": [len(kept["README.md"]), file_hash(card)],
        "x": [2, "kept"],
    }
    assert done.notes == ("a note",)
    assert ModelCard(card.read_text()).data.library_name == "radu-studio"


def test_a_repository_that_is_there_is_kept_unless_asked(
    loaded: Workspace, run: RunDirectory, hub: Hub
) -> None:
    hub.repositories["me/travel"] = {"theirs.txt": b"kept"}
    with pytest.raises(ConflictError, match=r"already a repository me/travel.*--update"):
        push_run(loaded, run.id, "me/travel", to="model")
    assert hub.commits == []
    done = push_run(loaded, run.id, "me/travel", to="model", update=True)
    assert not done.created
    assert hub.repositories["me/travel"]["theirs.txt"] == b"kept"


@pytest.mark.parametrize(
    ("repository", "token", "kind", "words"),
    [
        ("travel", TOKEN, InputError, "names no repository of a hub"),
        ("me/travel", "", InputError, "HF_TOKEN isn't set"),
        ("me/travel", "hf_wrong", InputError, "doesn't accept the token"),
        ("you/travel", TOKEN, InputError, "may not write to you/travel"),
    ],
)
def test_what_the_hub_refuses_is_said(
    loaded: Workspace,
    run: RunDirectory,
    hub: Hub,
    monkeypatch: pytest.MonkeyPatch,
    repository: str,
    token: str,
    kind: type[RaduError],
    words: str,
) -> None:
    monkeypatch.setenv("HF_TOKEN", token)
    with pytest.raises(kind, match=words) as found:
        push_run(loaded, run.id, repository, to="model")
    assert "hf_" not in str(found.value)
    assert (found.value.__cause__, hub.commits) == (None, [])


def test_a_hub_that_fails_leaves_no_file_here(
    loaded: Workspace, run: RunDirectory, hub: Hub
) -> None:
    hub.commit_status = 500
    with pytest.raises(ModelError, match=r"answered with status 500: The hub is out of") as new:
        push_run(loaded, run.id, "me/travel", to="model")
    assert "is there by now, empty: then radu push RUN me/travel --update." in str(new.value)
    with pytest.raises(ModelError, match=r"answered with status 500") as again:
        push_run(loaded, run.id, "me/travel", to="model", update=True)
    assert "empty" not in str(again.value)
    assert not list(loaded.home.glob(".push-*"))


def test_without_a_network_nothing_is_exported(
    loaded: Workspace, run: RunDirectory, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(push, "export_model", lambda *a, **k: pytest.fail("exported"))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # nobody listens there
    with pytest.raises(InputError, match=r"The hub at http://127.0.0.1:9 can't be reached"):
        push_run(loaded, run.id, "me/travel", to="model")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(InputError, match="HF_HUB_OFFLINE is set"):
        push_run(loaded, run.id, "me/travel", to="model")


def test_the_command_neither_says_nor_keeps_the_token(
    loaded: Workspace,
    run: RunDirectory,
    hub: Hub,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("RADU_HOME", str(loaded.home))
    with caplog.at_level(logging.DEBUG):
        done = CliRunner().invoke(app, ["push", run.id, "me/travel", "--to", "model"])
    assert done.exit_code == 0, done.output
    assert f"{hub.url}/me/travel: " in done.stdout
    assert TOKEN not in done.output + caplog.text
    assert not any(TOKEN.encode() in v for v in hub.repositories["me/travel"].values())
    files = (p for p in loaded.home.rglob("*") if p.is_file())
    assert not any(TOKEN.encode() in p.read_bytes() for p in files)
    again = CliRunner().invoke(app, ["push", run.id, "me/travel", "--to", "model", "--json"])
    assert (again.exit_code, json.loads(again.stdout)["error"]) == (2, "ConflictError")
    assert read_json(run.path / "report.json")["steps"] == 1
