"""Packed rows have the loss and the gradients of the padded batch, and don't read each other."""

from __future__ import annotations

import itertools
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from radu_core.errors import RunError
from radu_core.training.encoding import IGNORED, Collator, Encoded, encode_row, load_tokenizer
from radu_core.training.loss import completion_loss
from radu_core.training.packing import check_apart, packed_logits, packed_passes

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


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("tokens", [1, 60, 10_000])
def test_packed_rows_have_the_loss_and_the_gradients_of_the_padded_batch(
    model: Any, batch: dict[str, torch.Tensor], tokens: int, attention: str
) -> None:
    """Tolerance, float32: loss 1e-5, gradients 1e-4 (relative) or 1e-6. The row without a prompt
    begins with a label: nothing predicts it, here as there."""
    model.set_attn_implementation(attention)
    # with labels, transformers' own loss: the mean over supervised tokens that something predicts
    shifted = int((batch["labels"][:, 1:] != IGNORED).sum())
    batch["labels"][batch["position_ids"] == 0] = IGNORED
    reference = model(**batch).loss
    reference.backward()
    wanted = gradients(model)
    total = int((batch["labels"] != IGNORED).sum())
    assert total < shifted
    loss = 0.0
    for part in packed_passes(batch, tokens):
        one = completion_loss(model, part, total)
        one.backward()
        loss += float(one.detach())
    assert loss == pytest.approx(float(reference), rel=1e-5)
    torch.testing.assert_close(gradients(model), wanted, rtol=1e-4, atol=1e-6)


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


def test_without_flash_attention_a_sequence_is_bounded(batch: dict[str, torch.Tensor]) -> None:
    many = {name: value.repeat(200, 1) for name, value in batch.items()}
    assert max(p["input_ids"].shape[1] for p in packed_passes(many, 10**6)) <= 4096
    [whole] = packed_passes(many, 10**6, flash=True)
    assert whole["input_ids"].shape[1] == int(many["attention_mask"].sum())


def test_logits_are_those_that_predict_the_labels(
    model: Any, batch: dict[str, torch.Tensor]
) -> None:
    [part] = packed_passes(batch, 10_000)
    logits, wanted = packed_logits(model, part)
    assert logits.shape[:2] == wanted.shape
    assert (wanted != IGNORED).all()


def test_a_model_that_lets_rows_read_each_other_is_refused(model: Any, rows: list[Encoded]) -> None:
    check_apart(model, rows)
    check_apart(model, rows[:1])

    class Reading(torch.nn.Module):
        """It takes a sequence for one text, as some kinds of models do."""

        def __init__(self) -> None:
            super().__init__()
            self.inner = model

        def forward(self, input_ids: Any, **_: Any) -> Any:
            return SimpleNamespace(logits=self.inner(input_ids=input_ids).logits)

    with pytest.raises(RunError, match="doesn't keep packed rows apart") as caught:
        check_apart(Reading(), rows)
    assert "packing off" in caught.value.remedy
