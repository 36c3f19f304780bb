"""A GGUF is asked what the model is asked; one that says something else is found out."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from radu_core.errors import ModelError
from radu_core.inference import gguf_check
from radu_core.inference.gguf_check import Agreement, AskedRow, compare_gguf, find_runtime
from radu_core.inference.gguf_export import write_gguf
from radu_core.tokenizing import load_tokenizer

ROWS = [
    AskedRow("Which function does the user want?", " book_flight", (" book_flight", " none")),
    AskedRow("Answer none if none fits.", " none", (" book_flight", " none")),
    AskedRow("book a flight to"),
]


@pytest.fixture
def model(tiny_model: Path, tmp_path: Path) -> Path:
    made = Path(shutil.copytree(tiny_model, tmp_path / "model"))
    write_gguf(made, made / "model.gguf", weights="f32", template="x")
    return made


@pytest.fixture(autouse=True)
def no_runtime(monkeypatch: pytest.MonkeyPatch) -> None:
    """None of these tests depends on what is installed."""
    monkeypatch.setitem(sys.modules, "llama_cpp", None)


class Llama:
    """What is used of llama-cpp-python, by transformers; counts the tokens it has read."""

    def __init__(self, path: str, **settings: Any) -> None:
        place = Path(path).parent
        self.model = AutoModelForCausalLM.from_pretrained(place, dtype=torch.float32)
        self.tokenizer = load_tokenizer(place)
        self.settings = settings
        self.ids: list[int] = []
        self.scores = np.zeros((settings["n_ctx"], self.model.config.vocab_size))
        self.n_tokens = self.read = 0

    def reset(self) -> None:
        self.n_tokens = 0

    def eval(self, ids: list[int]) -> None:
        self.ids = [*self.ids[: self.n_tokens], *ids]
        self.read += len(ids)
        assert len(self.ids) <= self.settings["n_ctx"]
        with torch.no_grad():
            found = self.model(torch.tensor([self.ids])).logits[0].numpy()
        self.scores[: len(self.ids)] = found
        self.n_tokens = len(self.ids)

    def tokenize(self, text: bytes, *, add_bos: bool, special: bool) -> list[int]:
        assert (add_bos, special) == (False, True)
        return list(self.tokenizer(text.decode(), add_special_tokens=False)["input_ids"])

    def close(self) -> None:
        self.ids = []


def compare(model: Path, **more: Any) -> Agreement:
    return compare_gguf(model / "model.gguf", model, ROWS, template=None, weights="f32", **more)


def test_read_back_it_says_what_the_model_says(model: Path) -> None:
    assert find_runtime() is None
    found = compare(model)
    answers = [len(load_tokenizer(model)(r.completion)["input_ids"]) + 1 for r in ROWS[:2]]
    assert found.tokens == found.equal_tokens == sum(answers) + 1
    assert (found.rows, found.choices, found.equal_choices) == (3, 2, 2)
    assert (found.runtime, found.equal_texts) == ("transformers", None)
    assert found.log_difference < 1e-4
    assert found.is_usable
    assert sorted(p.name for p in model.glob(".read-*")) == []


def test_other_weights_are_found_out(model: Path) -> None:
    other = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
    with torch.no_grad():
        other.get_input_embeddings().weight.mul_(-20)
    other.save_pretrained(model)
    found = compare(model)
    assert found.loss_gguf < 6 < 10 < found.loss_model  # both say the prompt's last token again
    assert not found.is_usable


def test_where_llama_cpp_is_installed_it_is_asked(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = SimpleNamespace(Llama=Llama, __version__="9.9")
    monkeypatch.setattr(gguf_check, "find_runtime", lambda: runtime)
    found = compare(model)
    assert found.is_usable
    assert found.runtime == "llama.cpp (llama-cpp-python 9.9)"
    assert found.equal_texts == found.rows == 3
    assert found.equal_tokens == found.tokens
    assert "the same token ids for 3 of 3 rows" in str(found)


def test_a_text_that_llama_cpp_cuts_otherwise_fails(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Other(Llama):
        def tokenize(self, text: bytes, **how: Any) -> list[int]:
            return [*super().tokenize(text, **how), 0]

    runtime = SimpleNamespace(Llama=Other, __version__="9.9")
    monkeypatch.setattr(gguf_check, "find_runtime", lambda: runtime)
    found = compare(model)
    assert (found.equal_tokens, found.equal_texts) == (found.tokens, 0)
    assert not found.is_usable


def test_a_file_that_cant_be_loaded_is_said(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (model / "model.gguf").write_bytes(b"GGUF" + bytes(60))
    with pytest.raises(ModelError, match="Can't load the GGUF"):
        compare(model)

    def broken(path: str, **more: Any) -> None:
        raise ValueError("Failed to load model from file")

    runtime = SimpleNamespace(Llama=broken, __version__="9.9")
    monkeypatch.setattr(gguf_check, "find_runtime", lambda: runtime)
    with pytest.raises(ModelError, match=r"llama.cpp can't load the GGUF \(ValueError: Failed"):
        compare(model)


@pytest.mark.parametrize(
    ("changed", "passed"),
    [
        ({}, True),
        ({"equal_tokens": 99}, True),
        ({"equal_tokens": 98}, False),
        ({"loss_gguf": 1.01}, True),
        ({"loss_gguf": 1.02}, False),
        ({"equal_choices": 19}, False),
        ({"equal_texts": 31}, False),
        ({"equal_texts": None}, True),
        ({"choices": 0, "equal_choices": 0}, True),
    ],
)
def test_what_is_good_enough(changed: dict[str, Any], passed: bool) -> None:
    figures: dict[str, Any] = {
        "runtime": "r",
        "weights": "bf16",
        "rows": 32,
        "tokens": 100,
        "equal_tokens": 100,
        "loss_model": 1.0,
        "loss_gguf": 1.0,
        "choices": 20,
        "equal_choices": 20,
        "equal_texts": 32,
        "log_difference": 0.0,
    }
    assert Agreement(**{**figures, **changed}).is_usable is passed
