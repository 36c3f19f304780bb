"""What is written is what was trained: a tiny model, its adapter, and faults put into it."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import torch
from adapted_model import adapted
from transformers import AutoModelForCausalLM

from radu_core.errors import RunError
from radu_core.files import write_json
from radu_core.tokenizing import encode_row, load_tokenizer
from radu_core.training.run.config import TrainConfig
from radu_core.training.run.directory import RunDirectory
from radu_core.training.run.encoding import Preflight
from radu_core.training.worker import saving
from radu_core.training.worker.saving import ModelCheck, save_model, supervised_logits
from radu_core.workflows.runs import figures as run_figures


def check(**more: Any) -> ModelCheck:
    figures: dict[str, Any] = {
        "rows": 1,
        "supervised_tokens": 100,
        "equal_argmax": 1.0,
        "loss_trained": 1.0,
        "loss_written": 1.0,
        "max_logit_difference": 0.0,
        "dtype": "bfloat16",
        "computed_in": "bfloat16",
    }
    return ModelCheck(**{**figures, **more})


@pytest.mark.parametrize(
    ("more", "passed"),
    [
        ({}, True),
        ({"equal_argmax": 0.99}, True),
        ({"equal_argmax": 0.98}, False),
        ({"loss_written": 1.0149}, True),
        ({"loss_written": 1.0151}, False),
        ({"loss_written": 0.98}, False),
        ({"loss_trained": 0.0, "loss_written": 0.0049}, True),
        ({"loss_written": float("nan")}, False),
        ({"loss_trained": float("nan"), "loss_written": float("nan")}, False),
    ],
)
def test_what_is_good_enough(more: dict[str, Any], passed: bool) -> None:
    assert check(**more).is_same is passed
    assert bool(saving.shortfalls(asdict(check(**more)))) is not passed


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (
            {"equal_argmax": 0.98},
            "2 of 100 tokens differ from the trained model's, more than the 1 % allowed",
        ),
        (
            {"loss_written": 1.02},
            "the loss is 1.02 instead of 1, further off than the 0.015 allowed",
        ),
        (
            {"loss_written": float("nan")},
            "the loss is nan instead of 1, further off than the 0.015 allowed",
        ),
    ],
)
def test_what_is_said_is_what_was_decided_by(more: dict[str, Any], said: str) -> None:
    assert saving.shortfalls(asdict(check(**more))) == (said,)
    assert said in str(check(**more))


def rows(tiny: Path, *, validation: int = 6) -> Preflight:
    tokenizer = load_tokenizer(tiny)
    made = tuple(encode_row(tokenizer, "fly to " + "x" * i, f"book {i}") for i in range(40))
    return Preflight(made, made[:validation], (), "")


def run_of(tmp_path: Path, **more: Any) -> tuple[RunDirectory, TrainConfig]:
    config = TrainConfig(dataset=Path("d/m"), base_model="tiny", **more)
    return RunDirectory.create(tmp_path / "runs", config, now=datetime(2026, 1, 1, tzinfo=UTC)), (
        config
    )


@pytest.fixture
def exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """bfloat16 is good enough however near the tiny model's untrained logits lie to each other."""
    monkeypatch.setattr(saving, "_LEAST_EQUAL", 0.0)


@pytest.mark.usefixtures("exact")
@pytest.mark.parametrize(("native", "used"), [(True, "bfloat16"), (False, "float32")])
def test_the_merged_model_does_what_the_adapter_did(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, native: bool, used: str
) -> None:
    monkeypatch.setattr(saving, "native_bf16", lambda: native)
    run, config = run_of(tmp_path)
    tokenizer = load_tokenizer(tiny_model)
    sample = rows(tiny_model)
    model = adapted(tiny_model).eval()
    trained, tokens = supervised_logits(model, sample.validation, tokenizer.eos_token_id)
    record = save_model(run, config, model, tokenizer, sample)
    assert record == json.loads((run.path / "model_check.json").read_text())
    assert (record["rows"], record["dtype"], record["passed"]) == (6, "bfloat16", True)
    assert (
        record["supervised_tokens"]
        == len(tokens)
        == sum(r.supervised_tokens for r in sample.validation)
    )
    loss = float(torch.nn.functional.cross_entropy(trained, tokens))
    assert record["loss_trained"] == pytest.approx(loss)
    assert 0 < record["max_logit_difference"] < 0.05
    assert (run.path / "adapter" / "adapter_model.safetensors").is_file()
    written = AutoModelForCausalLM.from_pretrained(run.model, dtype="auto")
    assert written.dtype == torch.bfloat16
    assert written.lm_head.weight.data_ptr() == written.get_input_embeddings().weight.data_ptr()
    assert record["computed_in"] == used
    written = AutoModelForCausalLM.from_pretrained(run.model, dtype=getattr(torch, used))
    again, _ = supervised_logits(written.eval(), sample.validation, tokenizer.eos_token_id)
    assert float((again - trained).abs().max()) == pytest.approx(record["max_logit_difference"])
    untrained = AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.float32).eval()
    base, _ = supervised_logits(untrained, sample.validation, tokenizer.eos_token_id)
    assert float((base - trained).abs().max()) > 4 * record["max_logit_difference"]


@pytest.mark.parametrize(
    ("native", "bf16", "passes"),
    # of the trained model 3 s; of the written one 1 s in bfloat16; over a pass as the run does it
    [(True, True, 4 / 1), (True, False, 4 / 3), (False, False, 6 / 3), (False, True, 6 / 1)],
)
def test_checking_is_two_forward_passes(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch, native: bool, bf16: bool, passes: float
) -> None:
    monkeypatch.setattr(saving, "native_bf16", lambda: native)
    seconds = {torch.float32: 3.0, torch.bfloat16: 1.0}
    monkeypatch.setattr(saving, "_product_seconds", lambda dtype: seconds[dtype])
    sample = rows(tiny_model)
    widths = [len(row.input_ids) for row in sample.validation]
    padded = sum(len(widths[i : i + 4]) * max(widths[i : i + 4]) for i in range(0, len(widths), 4))
    assert saving.checking_tokens(sample, 100, bf16=bf16) == pytest.approx(passes * padded)


@pytest.mark.parametrize(("native", "written"), [(True, 2), (False, 4)])
def test_checking_takes_memory_for_both_models(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch, native: bool, written: int
) -> None:
    monkeypatch.setattr(saving, "native_bf16", lambda: native)
    model, sample = adapted(tiny_model), rows(tiny_model)
    weights = sum(p.numel() for p in model.parameters())
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    logits = sum(r.supervised_tokens for r in sample.validation) * model.config.vocab_size
    asked = saving.checking_bytes(sample, model)
    assert asked == (4 + written) * weights + 8 * trained + 8 * logits


def test_logits_of_a_batch_are_those_of_each_row_alone(tiny_model: Path) -> None:
    sample = rows(tiny_model).train[:5]
    model = AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.float32).eval()
    together, tokens = supervised_logits(model, sample, 0)
    alone = []
    for row in sample:
        logits = model(input_ids=torch.tensor([row.input_ids])).logits[0]
        alone.append(logits[-row.supervised_tokens - 1 : -1].detach())
    assert torch.allclose(together, torch.cat(alone), atol=1e-5)
    assert tokens.tolist() == [t for r in sample for t in r.labels if t >= 0]


def test_all_tokens_as_trained_is_never_given_as_the_reason(tmp_path: Path) -> None:
    """Where the loss alone is off, the tokens aren't what was wrong."""
    run, _ = run_of(tmp_path)
    bad, good = check(loss_written=1.5), check(dtype="float32")
    record = {**asdict(good), "passed": True, "before": [{**asdict(bad), "passed": False}]}
    write_json(run.path / saving.CHECK_FILE, record)
    told = run_figures.written_check(run)
    assert told is not None
    assert told.coarse
    first, second = told.text.split(" In float32, ")
    assert first.endswith(
        "bfloat16 was too coarse: the loss is 1.5 instead of 1, further off than the 0.015 allowed."
    )
    assert "tokens" not in first
    assert second == (
        "on 1 row all 100 tokens are as trained, and the loss is 1.0000 (trained: 1.0000)."
    )


@pytest.mark.usefixtures("native")
@pytest.mark.parametrize("method", ["lora", "full"])
def test_float32_is_written_where_bfloat16_is_too_coarse(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    real = saving.shortfalls

    def strict(figures: dict[str, Any]) -> tuple[str, ...]:
        """How far rounding shifts a loss depends on what it is computed in."""
        return ("too coarse",) if figures["dtype"] == "bfloat16" else real(figures)

    monkeypatch.setattr(saving, "shortfalls", strict)
    run, config = run_of(tmp_path, method=method)
    model = adapted(tiny_model)
    model = model if method == "lora" else model.merge_and_unload()
    record = save_model(run, config, model, load_tokenizer(tiny_model), rows(tiny_model))
    assert (record["dtype"], record["passed"], record["equal_argmax"]) == ("float32", True, 1.0)
    assert record["max_logit_difference"] < 1e-4
    assert [(b["dtype"], b["passed"]) for b in record["before"]] == [("bfloat16", False)]
    assert AutoModelForCausalLM.from_pretrained(run.model, dtype="auto").dtype == torch.float32
    assert (run.path / "adapter").is_dir() is (method == "lora")


def test_an_adapter_that_cant_be_merged_is_kept_and_the_model_isnt(
    tiny_model: Path, tmp_path: Path
) -> None:
    """Merging into an output layer that is tied to the embeddings changes these, too."""
    run, config = run_of(tmp_path, lora_targets=("lm_head",))
    model = adapted(tiny_model, targets=["lm_head"], size=1.0)
    with pytest.raises(RunError, match=r"bfloat16: .*float32: .*The adapter is kept"):
        save_model(run, config, model, load_tokenizer(tiny_model), rows(tiny_model))
    assert not run.model.exists()
    assert (run.path / "adapter" / "adapter_model.safetensors").is_file()
    record = json.loads((run.path / "model_check.json").read_text())
    assert (record["passed"], record["dtype"]) == (False, "float32")
    assert not [p.name for p in run.path.iterdir() if p.name.startswith(".")]


def test_a_model_that_was_written_wrong_is_noticed(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, config = run_of(tmp_path, method="full")
    real = saving._write

    def zeroed(new: Path, model: Any, tokenizer: Any, dtype: Any) -> None:
        real(new, model, tokenizer, dtype)
        spoilt = AutoModelForCausalLM.from_pretrained(new, dtype="auto")
        torch.nn.init.normal_(spoilt.model.layers[0].mlp.down_proj.weight, std=1.0)
        spoilt.save_pretrained(new)

    monkeypatch.setattr(saving, "_write", zeroed)
    model = AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.float32)
    with pytest.raises(RunError, match="The written model isn't the trained one"):
        save_model(run, config, model, load_tokenizer(tiny_model), rows(tiny_model))
    assert not run.model.exists()


def test_which_rows_are_checked(tiny_model: Path) -> None:
    every = rows(tiny_model, validation=40)
    assert len(saving._sample(every, 400)) == 32
    assert saving._sample(every, 400)[-1] == every.validation[38]
    none = Preflight(every.train[:3], (), (), "")
    assert saving._sample(none, 400) == list(every.train[:3])
    assert len(saving._sample(every, 2**26)) == 1


@pytest.mark.parametrize("method", ["lora", "full"])
def test_the_reference_is_computed_in_float32_whatever_the_training_was(
    tiny_model: Path, method: str
) -> None:
    """The Trainer leaves a bfloat16 autocast around the model's forward."""
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState

    AcceleratorState._reset_state(reset_partial_state=True)  # of a Trainer that another test made
    model = adapted(tiny_model)
    model = model if method == "lora" else model.merge_and_unload()
    sample = rows(tiny_model).train[:5]
    before, _ = supervised_logits(model.eval(), sample, 0)
    wrapped = Accelerator(mixed_precision="bf16", cpu=True).prepare(model)
    rounded, _ = supervised_logits(wrapped.eval(), sample, 0)
    after, _ = supervised_logits(saving._plain(wrapped.train()), sample, 0)
    assert torch.equal(after, before)
    assert not torch.equal(rounded, before)
