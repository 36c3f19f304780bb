"""LoRA on the encoder: what learns, what is merged, what is written."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from conftest import MODULE, ROWS
from tiny_encoder import make_tiny_encoder

from radu_core.exemplars import AnnotatedExemplar
from radu_core.schema import Schema
from radu_core.training.joint.fit import JointFitting
from radu_core.training.joint.lora import merge
from radu_core.training.joint.model import JointEncoder
from radu_core.training.joint.rows import Labels
from radu_core.training.joint.run import new_model, settings_of
from radu_core.training.run.config import TrainConfig


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    texts = [str(row["utterance"]) for row in ROWS]
    return make_tiny_encoder(tmp_path_factory.mktemp("encoder"), texts)


def rows() -> list[AnnotatedExemplar]:
    return [
        AnnotatedExemplar(
            id=str(row["id"]),
            utterance=str(row["utterance"]),
            template=str(row["utterance"]),
            function=row["function"],
            spans=[],
        )
        for row in ROWS
    ]


def config(base: Path, **more: object) -> TrainConfig:
    data = {"target": "retriever", "dataset": Path("d") / MODULE, "base_model": str(base)}
    return TrainConfig.validate_data({**data, "method": "lora", "lora_rank": 4, **more})


def made(schema: Schema, base: Path, **more: object) -> JointEncoder:
    return new_model(base, Labels.of(schema, rows()), config(base, **more))


def test_a_retriever_is_tuned_whole_unless_asked_otherwise(base: Path) -> None:
    data = {"target": "retriever", "dataset": "d/m", "base_model": "m"}
    assert TrainConfig.validate_data(data).method == "full"
    assert TrainConfig.validate_data(data).rate == 1e-4
    assert config(base).rate == 1e-3


def test_adapters_and_heads_learn_and_nothing_else(schema: Schema, base: Path) -> None:
    model = made(schema, base)
    before = {n: v.clone() for n, v in model.state_dict().items()}
    fitting = JointFitting(model, rows(), settings_of(config(base)))
    for _ in range(3):
        fitting.make_step()
    after = model.state_dict()
    moved = {n for n, v in after.items() if not torch.equal(v, before[n])}
    assert all("lora_" in n or not n.startswith("encoder.") for n in moved)
    learns = {n for n, v in model.named_parameters() if v.requires_grad}
    assert moved <= learns
    for part in ("query", "value", "intermediate.dense", "output.dense"):
        assert any(part in n and "lora_B" in n for n in moved)
    assert any(n.startswith("tagger") for n in moved)


def test_merged_it_says_the_same_and_is_a_plain_model(
    schema: Schema, base: Path, tmp_path: Path
) -> None:
    model = made(schema, base)
    fitting = JointFitting(model, rows(), settings_of(config(base, learning_rate=1e-2)))
    for _ in range(10):
        fitting.make_step()
    model.eval()
    batch = model.batch([model.row(e.utterance) for e in rows()])
    untuned = made(schema, base).eval()
    with torch.inference_mode():
        trained, plain = model(batch).vectors, untuned(batch).vectors
    merge(model)
    assert not [n for n in model.state_dict() if "lora" in n or "base_layer" in n]
    model.save(tmp_path / "model")
    loaded = JointEncoder.load(tmp_path / "model")
    with torch.inference_mode():
        written = loaded(batch).vectors
    assert torch.allclose(written, trained, atol=2e-2)  # bf16 where the processor has it
    assert not torch.allclose(written, plain, atol=2e-2)
    merge(model)  # nothing is left to merge


def test_the_seed_decides_how_adapters_begin(schema: Schema, base: Path) -> None:
    first, again, other = (made(schema, base, seed=seed).state_dict() for seed in (1, 1, 2))
    assert first.keys() == again.keys()
    assert all(torch.equal(v, again[n]) for n, v in first.items())
    assert any(not torch.equal(v, other[n]) for n, v in first.items() if "lora_A" in n)
