"""Loading a model: whatever is damaged in its directory is said."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from radu_core.errors import ModelError
from radu_core.inference import Generator
from radu_core.retrieval import SentenceEmbedder
from radu_core.training.encoding import load_tokenizer


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("model.safetensors", 1000),
        ("model.safetensors", 4),
        ("model.safetensors", 0),
        ("config.json", 40),
        ("tokenizer.json", 40),
    ],
)
def test_a_truncated_file_is_said(tiny_model: Path, tmp_path: Path, name: str, size: int) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(tiny_model, broken)
    (broken / name).write_bytes((broken / name).read_bytes()[:size])
    with pytest.raises(ModelError, match=f"Can't load a model from {broken}"):
        Generator(broken)
    if name == "tokenizer.json":
        with pytest.raises(ModelError, match=f"Can't load a tokenizer from {broken}"):
            load_tokenizer(broken)


@pytest.mark.slow
def test_an_embedder_that_is_damaged_is_said(tiny_model: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(tiny_model, broken)
    (broken / "model.safetensors").write_bytes(b"not weights")
    with pytest.raises(ModelError, match=f"Can't load the embedder e from {broken}"):
        SentenceEmbedder(broken, name="e").embed(["x"])
