"""Tokens and loss: supervised on the completion only, nothing truncated, checked by hand."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import MODULE
from transformers import get_linear_schedule_with_warmup

from radu_core.dataset import DatasetRow, read_rows
from radu_core.errors import DatasetError
from radu_core.tokenizing import IGNORED, Collator, encode_row, load_tokenizer
from radu_core.training.run import encoding
from radu_core.training.run.config import TrainConfig
from radu_core.training.run.encoding import preflight
from radu_core.training.worker.loss import completion_loss, rate_share
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.train.dataset import build


@pytest.fixture(scope="module")
def tokenizer(tiny_model: Path) -> Any:
    return load_tokenizer(tiny_model)


class TableModel:
    """Logits by hand: at every position token 1 has 2.0, all others 0.0."""

    def __call__(self, *, logits_to_keep: int, input_ids: torch.Tensor, **_: Any) -> Any:
        logits = torch.zeros(input_ids.shape[0], logits_to_keep, 4)
        logits[:, :, 1] = 2.0
        return type("Output", (), {"logits": logits})


def test_the_loss_is_the_hand_computed_one() -> None:
    batch = Collator(0)([{"input_ids": [3, 2, 1, 2], "labels": [IGNORED, IGNORED, 1, 2]}])
    loss = completion_loss(TableModel(), batch)
    normaliser = math.log(math.exp(2.0) + 3.0)
    assert float(loss.detach()) == pytest.approx(((normaliser - 2.0) + normaliser) / 2, rel=1e-6)
    whole = completion_loss(TableModel(), batch, num_items=8)
    assert float(whole) == pytest.approx((2 * normaliser - 2.0) / 8, rel=1e-6)


def test_the_short_loss_equals_the_full_one_on_a_real_model(
    tiny_model: Path, tokenizer: Any
) -> None:
    """The reference is transformers' own loss on right-padded rows with all logits."""
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(str(tiny_model), dtype=torch.float32).eval()
    rows = [encode_row(tokenizer, p, c) for p, c in [("fly to Oslo ->", " book"), ("hi", " none")]]
    batch = Collator(tokenizer.eos_token_id)(
        [{"input_ids": list(r.input_ids), "labels": list(r.labels)} for r in rows]
    )
    loss = completion_loss(model, batch)
    total = 0.0
    for row in rows:
        out = model(input_ids=torch.tensor([row.input_ids]), labels=torch.tensor([row.labels]))
        total += float(out.loss.detach()) * row.supervised_tokens
    assert float(loss.detach()) == pytest.approx(
        total / sum(r.supervised_tokens for r in rows), rel=1e-4
    )


def test_the_preview_is_what_the_collator_feeds(
    loaded: Workspace, tiny_model: Path, tokenizer: Any
) -> None:
    from radu_core.dataset import read_rows

    view = build(loaded, MODULE)
    found = preflight(TrainConfig(dataset=view.directory, base_model=str(tiny_model)), tokenizer)
    rows = list(read_rows(view.directory, "train"))
    assert [e.input_ids for e in found.train] == [
        encode_row(tokenizer, r.prompt, r.completion).input_ids for r in rows
    ]
    assert found.train_tokens == sum(len(e.input_ids) for e in found.train)


def test_over_long_rows_block_or_are_listed_but_never_cut(
    loaded: Workspace, tiny_model: Path, tokenizer: Any
) -> None:
    view = build(loaded, MODULE)
    config = TrainConfig(dataset=view.directory, base_model=str(tiny_model), max_length=150)
    with pytest.raises(DatasetError, match="longer than max_length=150"):
        preflight(config, tokenizer)
    found = preflight(config.model_copy(update={"skip_overlong": True}), tokenizer)
    rows = view.manifest.rows("train") + view.manifest.rows("validation")
    assert len(found.train) + len(found.validation) + len(found.overlong) == rows
    assert all(tokens > 150 for _, _, tokens, _ in found.overlong)
    assert {split for *_, split in found.overlong} <= {"train", "validation"}


def test_rows_with_a_special_token_in_their_text_are_left_out_and_listed(
    loaded: Workspace, tiny_model: Path, tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = build(loaded, MODULE)
    config = TrainConfig(dataset=view.directory, base_model=str(tiny_model))
    whole = preflight(config, tokenizer)
    assert whole.special == ()

    def changed(directory: Path, split: str) -> list[DatasetRow]:
        first, *others = read_rows(directory, split)
        return [replace(first, prompt=f"<|end|>{first.prompt}"), *others]

    monkeypatch.setattr(encoding, "read_rows", changed)
    found = preflight(config, tokenizer)
    assert found.train == whole.train[1:]
    assert found.validation == whole.validation[1:]
    rows = [next(iter(read_rows(view.directory, split))) for split in ("train", "validation")]
    longer = [len(whole.train[0].input_ids) + 1, len(whole.validation[0].input_ids) + 1]
    assert found.special == tuple(
        (row.exemplar_id, row.task, tokens, split, "<|end|>")
        for row, tokens, split in zip(rows, longer, ("train", "validation"), strict=True)
    )
    monkeypatch.setattr(encoding, "read_rows", lambda *a: changed(*a)[:1])
    with pytest.raises(
        DatasetError, match=r"No training row is left: <\|end\|> is in the text of 2"
    ):
        preflight(config, tokenizer)


@pytest.mark.parametrize("warmup", [0, 1, 4])
def test_the_rate_is_transformers_linear_one(warmup: int) -> None:
    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    theirs = get_linear_schedule_with_warmup(optimizer, warmup, 20).lr_lambdas[0]
    for step in range(21):
        assert rate_share(step / 20, warmup / 20) == pytest.approx(theirs(step))


def test_the_rate_is_zero_once_the_time_is_over() -> None:
    assert rate_share(1.0, 0.05) == rate_share(1.3, 0.05) == 0.0
