"""Which layers an adapter can be put on, by the headers of the weights' files alone."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from radu_core.training.run.layers import layer_names, wrong_targets

SHAPES = {
    "model.embed_tokens.weight": (9, 4),
    "model.layers.0.self_attn.q_proj.weight": (4, 4),
    "model.layers.0.self_attn.q_proj.bias": (4,),
    "model.layers.0.mlp.up_proj.weight": (8, 4),
    "model.layers.0.input_layernorm.weight": (4,),
    "lm_head.weight": (9, 4),
}


def write(path: Path, shapes: Mapping[str, Sequence[int]]) -> None:
    """A safetensors file's header; the weights themselves are never looked at."""
    header = {"__metadata__": {"format": "pt"}}
    header |= {
        n: {"dtype": "F32", "shape": [*s], "data_offsets": [0, 0]} for n, s in shapes.items()
    }  # type: ignore[misc]
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    write(tmp_path / "model.safetensors", SHAPES)
    return tmp_path


def test_linear_layers_are_offered(model: Path) -> None:
    assert layer_names(model) == ("q_proj", "up_proj")


def test_layers_of_all_parts_of_a_model(tmp_path: Path) -> None:
    names = list(SHAPES)
    write(tmp_path / "model-00001-of-00002.safetensors", {n: SHAPES[n] for n in names[:3]})
    write(tmp_path / "model-00002-of-00002.safetensors", {n: SHAPES[n] for n in names[3:]})
    write(tmp_path / "consolidated.safetensors", {"layers.0.wq.weight": (4, 4)})
    assert layer_names(tmp_path) == ("q_proj", "up_proj")


def test_the_tiny_models_layers_are_those_that_torch_has(tiny_model: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    loaded = AutoModelForCausalLM.from_pretrained(tiny_model, dtype="auto")
    linear = (n for n, m in loaded.named_modules() if isinstance(m, torch.nn.Linear))
    expected = {name.rpartition(".")[2] for name in linear} - {"lm_head"}
    assert set(layer_names(tiny_model)) == expected


@pytest.mark.parametrize(
    "targets",
    [
        "all-linear",
        "All-Linear",
        ("q_proj",),
        ["q_proj", "up_proj"],
        ("self_attn.q_proj",),
        ("lm_head",),
        ("embed_tokens",),
        r".*\.q_proj",
        r"model\..*_proj",
    ],
)
def test_what_peft_takes_isnt_refused(model: Path, targets: str | Sequence[str]) -> None:
    assert wrong_targets(targets, model) == ""


@pytest.mark.parametrize(
    ("targets", "words"),
    [
        (("query",), "query isn't a layer of the base model; choose among q_proj, up_proj, or all"),
        (("q_proj", "a", "b"), "a and b aren't layers"),
        (("proj",), "proj isn't a layer"),  # peft wants a whole part of the path
        ((), "no layer is named; choose among"),
        (("all-linear", "q_proj"), "all-linear stands alone"),
        (("all-linear",), "all-linear stands alone"),
        ("q_proj", "no layer's whole path fits it; write [q_proj] for the layers of that name"),
        (".*[", "that is no regular expression"),
        (r".*\.query", "no layer's whole path fits it; choose among"),
    ],
)
def test_what_peft_would_refuse_or_leave_out_is_named(
    model: Path, targets: str | Sequence[str], words: str
) -> None:
    assert words in wrong_targets(targets, model)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff" * 20,
        b"\x02" + b"\0" * 7 + b"[]",
        b"\x02" + b"\0" * 7 + b"{",
        b"\x07" + b"\0" * 7 + b'{"a":1}',
    ],
)
def test_a_file_that_doesnt_say_refuses_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.safetensors").write_bytes(content)
    assert layer_names(tmp_path) == ()
    assert wrong_targets(("q_proj",), tmp_path) == ""
    assert wrong_targets("q_proj", tmp_path) == ""
    assert "no layer is named" in wrong_targets((), tmp_path)
