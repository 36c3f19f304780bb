"""Tests of what counts as an embedding model, and of the answer to what is none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_encoder import make_tiny_encoder

from radu_core.errors import ModelError
from radu_core.retrieval import SentenceEmbedder, check_embedder, why_not_tunable
from radu_core.retrieval.embedding_models import why_no_embedder

TRANSFORMER = {
    "idx": 0,
    "name": "0",
    "path": "",
    "type": "sentence_transformers.models.Transformer",
}


def model(directory: Path, *, weights: str = "model.safetensors", **files: Any) -> Path:
    """A directory with files of JSON (or of a text, as it is)."""
    directory.mkdir()
    for name, content in files.items():
        text = content if isinstance(content, str) else json.dumps(content)
        (directory / f"{name}.json").write_text(text, encoding="utf-8")
    if weights:
        (directory / weights).write_bytes(b"")
    return directory


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({"config": {"architectures": ["LlamaForCausalLM"]}}, "a language model, LlamaForCausalLM"),
        (
            {
                "config": {
                    "architectures": ["BertForSequenceClassification"],
                    "sentence_transformers": {"version": "5"},
                }
            },
            "a cross-encoder",
        ),
        (
            {
                "modules": [TRANSFORMER],
                "config_sentence_transformers": {"model_type": "CrossEncoder"},
            },
            "a cross-encoder",
        ),
        (
            {
                "modules": [TRANSFORMER],
                "config_sentence_transformers": {"model_type": "SparseEncoder"},
            },
            "a sparse encoder",
        ),
        ({"config": "{"}, "damaged: .*config.json isn't readable JSON"),
        ({"config": "[1]"}, "damaged: .*config.json holds no JSON object"),
        ({"modules": "[", "config": {}}, "damaged: .*modules.json isn't readable JSON"),
        ({"modules": [], "config": {}}, "damaged: .*modules.json lists no modules"),
        ({"modules": {"0": 1}, "config": {}}, "damaged: .*modules.json lists no modules"),
        ({"modules": [TRANSFORMER], "config": "{"}, "damaged: .*config.json isn't readable JSON"),
        ({"config": {"architectures": ["BertModel"]}, "weights": ""}, "it has no weights"),
        ({"modules": [TRANSFORMER], "weights": ""}, "it has no weights"),
        ({"tokenizer": {}}, "neither modules.json nor config.json"),
        ({"weights": ""}, "neither modules.json nor config.json"),
    ],
)
def test_what_embeds_nothing_is_refused_with_why(
    tmp_path: Path, files: dict[str, Any], why: str
) -> None:
    directory = model(tmp_path / "m", **files)
    with pytest.raises(
        ModelError, match=rf"That isn't an embedding model \(.*{why}.*: 'm'\. Name a"
    ):
        check_embedder(directory, "m")
    with pytest.raises(ModelError, match="isn't an embedding model"):
        SentenceEmbedder(directory, name="m").load()
    assert why_not_tunable(directory)


@pytest.mark.parametrize(
    "files",
    [
        {"config": {"architectures": ["BertModel"]}},
        {"config": {"architectures": ["BertForMaskedLM"]}},
        {"config": {"architectures": ["MistralModel"]}},
        {"config": {}},
        {"config": {"architectures": None}, "weights": "pytorch_model.bin"},
        # a language model that was made an embedding model has modules
        {"modules": [TRANSFORMER], "config": {"architectures": ["Qwen3ForCausalLM"]}},
        {"modules": [TRANSFORMER]},
    ],
)
def test_what_embeds_is_taken(tmp_path: Path, files: dict[str, Any]) -> None:
    directory = model(tmp_path / "m", **files)
    assert why_no_embedder(directory) == why_not_tunable(directory) == ""


def test_what_has_no_transformer_embeds_and_cant_be_tuned(tmp_path: Path) -> None:
    static = {**TRANSFORMER, "type": "sentence_transformers.models.StaticEmbedding"}
    directory = model(tmp_path / "m", modules=[static])
    assert why_no_embedder(directory) == ""
    assert "begins with StaticEmbedding" in why_not_tunable(directory)


def test_weights_may_lie_deeper(tmp_path: Path) -> None:
    directory = model(tmp_path / "m", modules=[TRANSFORMER], weights="")
    model(directory / "0_Transformer")
    assert why_no_embedder(directory) == ""


@pytest.mark.slow
def test_a_plain_encoder_embeds_by_the_mean_of_its_tokens(tmp_path: Path) -> None:
    whole = make_tiny_encoder(tmp_path, ["fly to Oslo", "book a room"])
    plain = SentenceEmbedder(tmp_path / "plain", name="plain", precision="fp32")
    given = SentenceEmbedder(whole, name="whole", precision="fp32")
    texts = ["fly to Oslo", "a room"]
    np.testing.assert_allclose(plain.embed(texts), given.embed(texts), atol=1e-6)
