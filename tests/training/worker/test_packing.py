"""Packed rows have the loss and the gradients of the padded batch, and don't read each other."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model

from radu_core.tokenizing import IGNORED, Collator, Encoded, encode_row, load_tokenizer
from radu_core.training.worker.loss import completion_loss
from radu_core.training.worker.packing import (
    attend_by_row,
    packed_logits,
    packed_passes,
    packer,
    why_not_apart,
)

WORDS = ("fly me to Oslo ->", "a hotel in Rome for two nights please ->", "hi ->", "", "to ->")


@pytest.fixture(scope="module")
def tokenizer(tiny_model: Path) -> Any:
    return load_tokenizer(tiny_model)


@pytest.fixture
def model(tiny_model: Path) -> Any:
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(str(tiny_model), dtype=torch.float32)


@pytest.fixture(scope="module")
def rows(tokenizer: Any) -> list[Encoded]:
    return [encode_row(tokenizer, w, " book_flight" * (i + 1)) for i, w in enumerate(WORDS)]


@pytest.fixture
def batch(tokenizer: Any, rows: list[Encoded]) -> dict[str, torch.Tensor]:
    return Collator(tokenizer.eos_token_id)(
        [{"input_ids": r.input_ids, "labels": r.labels} for r in rows]
    )


def gradients(model: Any) -> torch.Tensor:
    found = torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])
    model.zero_grad()
    return found


@pytest.mark.parametrize("tokens", [1, 60, 10_000])
def test_packed_rows_have_the_loss_and_the_gradients_of_the_padded_batch(
    model: Any, batch: dict[str, torch.Tensor], rows: list[Encoded], tokens: int
) -> None:
    """Tolerance, float32: loss 1e-5, gradients 1e-4 (relative) or 1e-6.

    The row without a prompt begins with a label: nothing predicts it, here as there.
    """
    # with labels, transformers' own loss: the mean over supervised tokens that something predicts
    shifted = int((batch["labels"][:, 1:] != IGNORED).sum())
    batch["labels"][batch["position_ids"] == 0] = IGNORED
    reference = model(**batch).loss
    reference.backward()
    wanted = gradients(model)
    total = int((batch["labels"] != IGNORED).sum())
    assert total < shifted
    split, why = packer(model, rows)
    assert split is not None, why
    loss = 0.0
    for part in split(batch, tokens):
        one = completion_loss(model, part, total)
        one.backward()
        loss += float(one.detach())
    assert loss == pytest.approx(float(reference), rel=1e-5)
    torch.testing.assert_close(gradients(model), wanted, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("how", ["lora", "dora", "checkpointed", "checkpointed lora", "bf16"])
def test_packing_goes_with_everything_else(
    model: Any, batch: dict[str, torch.Tensor], rows: list[Encoded], how: str
) -> None:
    """Tolerance, float32: as above; bf16: loss 1 %, direction of the gradients 0.99 (cosine)."""
    if "ora" in how:
        lora = LoraConfig(r=4, target_modules="all-linear", use_dora="dora" in how)
        model = get_peft_model(model, lora)
        torch.manual_seed(0)
        for name, weight in model.named_parameters():
            if "lora_B" in name:  # they begin at 0, and then nothing reaches lora_A
                torch.nn.init.normal_(weight, std=0.1)
    batch["labels"][batch["position_ids"] == 0] = IGNORED
    reference = model(**batch).loss
    reference.backward()
    wanted = gradients(model)
    if "checkpointed" in how:
        model.gradient_checkpointing_enable({"use_reentrant": False})
        model.enable_input_require_grads()
    model.train()
    split, why = packer(model, rows)
    assert split is not None, why
    total, loss = int((batch["labels"] != IGNORED).sum()), 0.0
    for part in split(batch, 60):
        with torch.autocast("cpu", torch.bfloat16, enabled=how == "bf16"):
            one = completion_loss(model, part, total)
        one.backward()
        loss += float(one.detach())
    found = gradients(model)
    if how == "bf16":
        assert loss == pytest.approx(float(reference), rel=0.01)
        assert torch.cosine_similarity(found, wanted, dim=0) > 0.99
    else:
        assert loss == pytest.approx(float(reference), rel=1e-5)
        torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("widths", "most", "sizes"),
    [
        ([5, 5, 5, 5, 5, 5], 12, [10, 10, 10]),
        ([9, 8, 7, 3, 2, 1], 24, [15, 15]),  # filled up one by one it would be 24 and 6
        ([30, 4, 3], 10, [30, 7]),  # above it, but alone
        ([30, 30], 10, [30, 30]),
        ([4], 512, [4]),
    ],
)
def test_sequences_are_few_and_alike(widths: list[int], most: int, sizes: list[int]) -> None:
    mask = torch.tensor([[0] * (max(widths) - n) + [1] * n for n in widths])
    given = {
        "attention_mask": mask,
        "position_ids": (mask.cumsum(1) - 1).clamp(0),
        "input_ids": mask,
        "labels": mask,
    }
    parts = list(packed_passes(given, most))
    assert [part["input_ids"].shape[1] for part in parts] == sizes
    assert sorted(n for part in parts for n in part["row_sizes"]) == sorted(widths)


def test_every_row_is_in_one_sequence_within_its_tokens(
    batch: dict[str, torch.Tensor], rows: list[Encoded]
) -> None:
    sizes = sorted((len(r.input_ids) for r in rows), reverse=True)
    parts = list(packed_passes(batch, sizes[0] + sizes[-1]))
    assert len(parts) < len(rows)
    seen = []
    for part in parts:
        starts = [*(part["position_ids"][0] == 0).nonzero()[:, 0].tolist(), None]
        assert part["input_ids"].shape[1] <= sizes[0] + sizes[-1]
        for start, end in itertools.pairwise(starts):
            seen.append(tuple(part["input_ids"][0, start:end].tolist()))
            assert part["position_ids"][0, start:end].tolist() == [*range(len(seen[-1]))]
    assert sorted(seen) == sorted(r.input_ids for r in rows)


def test_logits_are_those_that_predict_the_labels(
    model: Any, batch: dict[str, torch.Tensor]
) -> None:
    attend_by_row(model)
    [part] = packed_passes(batch, 10_000)
    assert part["row_sizes"] == sorted(batch["attention_mask"].sum(dim=1).tolist(), reverse=True)
    logits, wanted = packed_logits(model, part)
    assert logits.shape[:2] == wanted.shape
    assert (wanted != IGNORED).all()


class Reading(torch.nn.Module):
    """It takes a sequence for one text, as some kinds of models do."""

    def __init__(self, inner: Any) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, input_ids: Any, logits_to_keep: int, **_: Any) -> Any:
        return self.inner(input_ids=input_ids, logits_to_keep=logits_to_keep)


def test_a_model_that_lets_rows_read_each_other_is_found_out(
    model: Any, rows: list[Encoded]
) -> None:
    attend_by_row(model)
    assert why_not_apart(model, rows) == ""
    assert why_not_apart(model, rows[:1]) == ""
    assert "doesn't keep packed rows apart" in why_not_apart(Reading(model), rows)


def test_a_model_with_attention_to_the_last_few_tokens_is_found_out(
    tiny_model: Path, rows: list[Encoded]
) -> None:
    """Causal attention over a whole row isn't what it does."""
    from transformers import AutoConfig, MistralConfig, MistralForCausalLM

    plain = AutoConfig.from_pretrained(str(tiny_model)).to_dict()
    names = (
        "vocab_size",
        "hidden_size",
        "intermediate_size",
        "num_hidden_layers",
        "num_attention_heads",
        "num_key_value_heads",
    )
    torch.manual_seed(0)
    model = MistralForCausalLM(
        MistralConfig(**{n: plain[n] for n in names}, sliding_window=2, initializer_range=0.5)
    )
    split, why = packer(model, rows)
    assert split is None
    assert "doesn't keep packed rows apart" in why
    assert model.config._attn_implementation == "sdpa"


def test_a_model_that_was_set_up_is_packed_again(model: Any, rows: list[Encoded]) -> None:
    """Check makes several Trainers of one model: all have to go the same way."""
    assert [packer(model, rows)[0] for _ in range(2)] == [packed_passes, packed_passes]


def test_where_attention_cant_go_row_by_row_rows_are_padded(
    model: Any, rows: list[Encoded]
) -> None:
    model.set_attn_implementation("eager")
    split, why = packer(model, rows)
    assert split is None
    assert "takes a CPU" in why
