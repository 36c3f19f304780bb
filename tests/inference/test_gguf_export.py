"""A GGUF has the model's weights, tokenizer and settings, and what can't be written is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gguf import GGUFReader, TokenType
from gguf.quants import dequantize
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

from radu_core.errors import ModelError
from radu_core.files import read_json, write_json
from radu_core.inference.gguf_export import find_obstacle, write_gguf
from radu_core.models import dequantize_gguf


@pytest.fixture
def model(tiny_model: Path, tmp_path: Path) -> Path:
    import shutil

    return Path(shutil.copytree(tiny_model, tmp_path / "model"))


def change(path: Path, **settings: Any) -> None:
    write_json(path, {**read_json(path), **settings})


def written(model: Path, weights: Any = "f32") -> GGUFReader:
    write_gguf(model, model / "model.gguf", weights=weights, template="{{ messages }}")
    return GGUFReader(model / "model.gguf")


def value(reader: GGUFReader, key: str) -> Any:
    field = reader.get_field(key)
    assert field is not None, key
    return field.contents()


def logits(directory: Path) -> torch.Tensor:
    ids = torch.arange(40).unsqueeze(0)
    model = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32)
    with torch.no_grad():
        return torch.as_tensor(model(ids).logits)


def test_another_reader_finds_the_same_model_in_it(model: Path, tmp_path: Path) -> None:
    wanted = logits(model)
    written(model)
    dequantize_gguf(model, "model.gguf", tmp_path / "back", dtype="float32")
    assert torch.allclose(logits(tmp_path / "back"), wanted, atol=1e-5)


def test_settings_and_tokenizer_are_the_models(model: Path) -> None:
    reader = written(model)
    config, kept = read_json(model / "config.json"), read_json(model / "tokenizer.json")
    assert value(reader, "llama.attention.head_count_kv") == config["num_key_value_heads"] == 2
    assert value(reader, "llama.rope.freq_base") == config["rope_parameters"]["rope_theta"]
    assert value(reader, "tokenizer.ggml.pre") == "gpt-2"
    assert value(reader, "tokenizer.ggml.add_bos_token") is False
    assert value(reader, "tokenizer.chat_template") == "{{ messages }}"
    tokens, types = (value(reader, f"tokenizer.ggml.{n}") for n in ("tokens", "token_type"))
    assert {t: tokens.index(t) for t in kept["model"]["vocab"]} == kept["model"]["vocab"]
    end = tokens.index("<|end|>")
    assert (value(reader, "tokenizer.ggml.eos_token_id"), types[end]) == (end, TokenType.CONTROL)
    merges = [" ".join(m) for m in kept["model"]["merges"]]
    assert value(reader, "tokenizer.ggml.merges") == merges


@pytest.mark.parametrize(("weights", "apart"), [("f32", 0), ("f16", 1e-3), ("bf16", 4e-3)])
def test_matrices_have_the_wanted_type_and_norms_stay(
    model: Path, weights: str, apart: float
) -> None:
    tensors = {t.name: t for t in written(model, weights).tensors}
    assert {t.tensor_type.name for n, t in tensors.items() if "norm" not in n} == {weights.upper()}
    assert {t.tensor_type.name for n, t in tensors.items() if "norm" in n} == {"F32"}
    assert "output.weight" not in tensors  # tied
    found = tensors["token_embd.weight"]
    wanted = LlamaForCausalLM.from_pretrained(model).get_input_embeddings().weight
    difference = dequantize(found.data, found.tensor_type) - wanted.detach().float().numpy()
    assert np.abs(difference).max() <= apart * wanted.abs().max().item()


def test_an_output_layer_of_its_own_is_written(model: Path) -> None:
    config = LlamaConfig.from_pretrained(model)
    config.tie_word_embeddings = False
    torch.manual_seed(3)
    LlamaForCausalLM(config).save_pretrained(model)
    wanted = LlamaForCausalLM.from_pretrained(model).lm_head.weight.detach().numpy()
    found = next(t for t in written(model).tensors if t.name == "output.weight")
    assert np.array_equal(found.data, wanted)


def test_ids_without_a_token_are_unused_and_the_trained_end_comes_first(model: Path) -> None:
    config = LlamaConfig.from_pretrained(model)
    size = config.vocab_size
    config.vocab_size = size + 3
    LlamaForCausalLM(config).save_pretrained(model)
    write_json(model / "generation_config.json", {"eos_token_id": [5, 0]})
    reader = written(model)
    assert value(reader, "tokenizer.ggml.tokens")[size:] == [f"[PAD{size + i}]" for i in range(3)]
    assert value(reader, "tokenizer.ggml.token_type")[-1] == TokenType.UNUSED
    assert value(reader, "tokenizer.ggml.eos_token_id") == 5
    assert value(reader, "tokenizer.ggml.eot_token_id") == 0


def test_a_context_that_was_stretched_as_llama_3_has_its_factors(model: Path) -> None:
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

    rope = {
        "rope_type": "llama3",
        "rope_theta": 500.0,
        "factor": 8.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 64,
    }
    change(model / "config.json", rope_parameters=rope)
    found = next(t for t in written(model).tensors if t.name == "rope_freqs.weight")
    config = LlamaConfig.from_pretrained(model)
    stretched, _ = ROPE_INIT_FUNCTIONS["llama3"](config, device=None)
    plain = 1 / 500.0 ** (np.arange(0, 8, 2) / 8)
    assert np.allclose(plain / found.data, stretched.numpy(), rtol=1e-5)
    assert found.data.max() == pytest.approx(8)


DIGITS = {"type": "Digits", "individual_digits": True}


@pytest.mark.parametrize(
    ("file", "settings", "words"),
    [
        ("config.json", {"architectures": ["Qwen2ForCausalLM"]}, "it is Qwen2ForCausalLM"),
        ("config.json", {"attention_bias": True}, "its layers have biases"),
        ("config.json", {"hidden_act": "gelu"}, "its activation is gelu"),
        ("config.json", {"rope_parameters": {"rope_type": "yarn"}}, r"\(yarn\)"),
        ("tokenizer.json", {"normalizer": {"type": "NFC"}}, "rewrites a text"),
        ("tokenizer.json", {"pre_tokenizer": DIGITS}, "no name for how its tokenizer cuts"),
    ],
)
def test_what_cant_be_written_is_named(
    model: Path, file: str, settings: dict[str, Any], words: str
) -> None:
    assert find_obstacle(model) == ""
    change(model / file, **settings)
    with pytest.raises(ModelError, match=words):
        written(model)
    assert not (model / "model.gguf").exists()


def test_single_digits_are_llama_cpps_smollm(model: Path) -> None:
    kept = json.loads((model / "tokenizer.json").read_text())
    both = {"type": "Sequence", "pretokenizers": [DIGITS, kept["pre_tokenizer"]]}
    change(model / "tokenizer.json", pre_tokenizer=both)
    assert value(written(model), "tokenizer.ggml.pre") == "smollm"
