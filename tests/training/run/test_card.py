"""The model card says what the model was made from, and doesn't guess."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from conftest import MODULE

from radu_core.dataset import read_dataset
from radu_core.training.run.cards.base_licence import base_licence
from radu_core.training.run.cards.card import model_card
from radu_core.training.run.cards.usage import vllm_command
from radu_core.training.run.config import TrainConfig
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.train.dataset import build

CHECK = {
    "rows": 2,
    "supervised_tokens": 41,
    "equal_argmax": 0.9951,
    "loss_trained": 0.5,
    "loss_written": 0.501,
    "max_logit_difference": 0.0312,
    "dtype": "float32",
    "passed": True,
    "before": [{}],
}
EVALUATION = {
    "module": MODULE,
    "split": "test",
    "rows": 3,
    "trained": {
        "system": "trained",
        "function": {"share": 0.5, "low": 0.25, "high": 0.75},
        "slot_f1": 0.125,
        "exact_match": {"share": 1.0},
    },
}


def report(**more: Any) -> dict[str, Any]:
    return {
        "steps": 4,
        "seconds": 1.5,
        "train_rows": 1234,
        "validation_loss": 1.23456,
        "tokens_hash": "abc",
        "overlong": [["x", "rag", 900]],
        "model_check": CHECK,
        **more,
    }


def test_a_card_says_everything(loaded: Workspace, tmp_path: Path) -> None:
    view = build(loaded, MODULE)
    config = TrainConfig(dataset=view.directory, base_model="m", notes="a | b\nc")
    made = report(dataset=view.manifest.hash, task_metrics={"function_accuracy": 0.5, "note": "x"})
    card = model_card("r1", config, made, base=tmp_path, evaluations=[EVALUATION])
    assert str(view.directory) not in card
    counts = view.manifest
    for words in (
        f"A LoRA fine-tune of **m** that turns an utterance of the module `{MODULE}` into",
        f"- Rows per split: {counts.rows('train')} train, {counts.rows('validation')} validation, "
        f"{counts.rows('test')} test",
        "- Trained: 4 steps of 8 rows, in 1.5 s: 0.0259 epochs of 1,234 rows",
        "- Rows left out for their length: 1",
        f"- Manifest hash: `{view.manifest.hash}`",
        "- Validation loss: 1.235",
        "- On validation rows, function accuracy: 0.5",
        f"| {MODULE} | test | 3 | trained | 50.0 % (25.0 to 75.0 %) | 12.5 % | 100.0 % |",
        "safetensors in float32",
        "base and adapter, in float32, on 2 rows (41 supervised tokens)",
        "- Same most likely token: 99.51 %",
        "- Mean loss: 0.5010 (as trained 0.5000)",
        "bfloat16 was tried first",
        "| notes | a \\| b c |",
        "not stated in the base model's files: look it up",
        "`vllm serve model --max-model-len 512 --dtype float32`",
        'AutoModelForCausalLM.from_pretrained("model", dtype="auto")',
        'radu parse r1 "what somebody says" "and something else"',
        "the index in `serving/`, and checks",
        "those it was trained on.\n\nThe adapter alone lies in `adapter/`.",
    ):
        assert words in card
    assert "note: " not in card


def test_a_card_says_what_the_written_model_computed_in(tmp_path: Path) -> None:
    config = TrainConfig(dataset=tmp_path / "default" / "a_en", base_model="m", method="full")
    card = model_card("r", config, report(model_check={**CHECK, "computed_in": "float32"}))
    assert "loaded again, computing in float32, and compared with the model as trained" in card


def test_a_card_of_a_mixture_names_the_modules(tmp_path: Path) -> None:
    config = TrainConfig(dataset=tmp_path / "default" / "mixture", base_model="m")
    card = model_card("r", config, report(), modules=["a_en", "b_en"])
    assert "an utterance of the modules `a_en`, `b_en` into" in card
    assert "- Modules: `a_en`, `b_en`" in card
    assert "module `mixture`" not in card
    assert "the dataset isn't there any more" in card


def test_a_dataset_that_was_built_again_isnt_counted(loaded: Workspace) -> None:
    view = build(loaded, MODULE)
    config = TrainConfig(dataset=view.directory, base_model="m")
    assert read_dataset(view.directory).hash == view.manifest.hash
    card = model_card("r", config, report(dataset="other"))
    assert "or was built again" in card
    assert "- Manifest hash: `other`" in card


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "not stated in the base model's files: look it up"),
        ({"README.md": "---\nlicense: apache-2.0\n---\n# M\n"}, "apache-2.0"),
        ({"README.md": "---\r\nlicense: mit\r\n---\r\n"}, "mit"),
        ({"README.md": "---\nlicense: [mit, bsd]\n---\n"}, "mit, bsd"),
        ({"README.md": "---\nlicense: other\nlicense_name: acme-1\n---\n"}, "acme-1"),
        ({"README.md": "---\nlicense: other\n---\n"}, "other (see its model card)"),
        (
            {"README.md": "---\nlicense: [\n---\n"},
            "not stated in the base model's files: look it up",
        ),
        ({"README.md": "license: mit"}, "not stated in the base model's files: look it up"),
        ({"LICENSE.txt": "\n  MIT License\n\nwords"}, "MIT License (its file LICENSE.txt)"),
        ({"radu-model.json": '{"licence": "Apache-2.0"}'}, "Apache-2.0"),
        (
            {"radu-model.json": '{"licence": "see its model card"}'},
            "not stated in the base model's files: look it up",
        ),
        ({"radu-model.json": "["}, "not stated in the base model's files: look it up"),
        ({"README.md": "---\nlicense: mit\n---", "LICENSE": "BSD"}, "mit"),
    ],
)
def test_the_licence_is_read_and_never_guessed(
    tmp_path: Path, files: dict[str, str], said: str
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_bytes(text.encode())
    assert base_licence(tmp_path) == said
    assert base_licence(None) == "not stated in the base model's files: look it up"


@pytest.mark.parametrize(("rank", "most"), [(1, 8), (16, 16), (17, 32), (257, 320), (512, 512)])
def test_vllm_is_told_a_rank_that_it_takes(rank: int, most: int) -> None:
    config = TrainConfig(dataset=Path("d/m"), base_model="own er/m", lora_rank=rank)
    assert vllm_command(config, "/a dir", adapter=True) == (
        "vllm serve 'own er/m' --enable-lora --lora-modules 'radu=/a dir' "
        f"--max-lora-rank {most} --max-model-len 512"
    )


def test_a_card_of_an_adapter_loads_it_on_its_base() -> None:
    config = TrainConfig(dataset=Path("d/m"), base_model="own/m", use_dora=True)
    card = model_card("r", config, {}, place="out", form="adapter")
    assert 'base = AutoModelForCausalLM.from_pretrained("own/m", dtype="float32")' in card
    assert 'model = PeftModel.from_pretrained(base, "out")' in card
    assert "`vllm serve own/m --enable-lora --lora-modules radu=out --max-lora-rank 16" in card
    assert "vLLM doesn't serve DoRA adapters" in card
    assert "- Trained: an unknown number of steps of 8 rows, in unknown s" in card
    assert "`adapter/`" not in card
