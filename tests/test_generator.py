"""Loading a model: whatever is damaged in its directory is said."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from tiny_encoder import make_tiny_encoder

from radu_core.errors import ModelError
from radu_core.inference import Generator
from radu_core.retrieval import SentenceEmbedder
from radu_core.tokenizing import load_tokenizer


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
def test_an_embedder_that_is_damaged_is_said(tmp_path: Path) -> None:
    broken = make_tiny_encoder(tmp_path, ["fly to Oslo"])
    (broken / "model.safetensors").write_bytes(b"not weights")
    with pytest.raises(ModelError, match=f"Can't load the embedder e from {broken}"):
        SentenceEmbedder(broken, name="e").embed(["x"])


@pytest.mark.parametrize(
    "prompts",
    [
        ["Which? a b ->", "Which? c ->", "Which? the long one ->"],
        ["x ->", "y ->"],
        ["one ->"],
        ["same ->", "same ->"],
    ],
)
def test_what_follows_each_of_several_prompts_is_scored_as_after_it_alone(
    tiny_model: Path, prompts: list[str]
) -> None:
    """Against a naive loop: a forward pass for each prompt with each candidate."""
    generator = Generator(tiny_model)
    candidates = [" book_flight", " none", " a", " book_hotel"]
    naive = [
        [log_likelihood(generator, prompt, candidate) for candidate in candidates]
        for prompt in prompts
    ]
    found = generator.score_each(prompts, candidates)
    for row, expected in zip(found, naive, strict=True):
        assert row == pytest.approx(expected, abs=1e-3)


def log_likelihood(generator: Generator, prompt: str, candidate: str) -> float:
    start, answer = generator._encoder.row(prompt, candidate)
    ids = torch.tensor([[*start, *answer]])
    with torch.inference_mode():
        logs = torch.log_softmax(generator._model(input_ids=ids).logits[0].float(), -1)
    return sum(float(logs[len(start) + n - 1, token]) for n, token in enumerate(answer))
