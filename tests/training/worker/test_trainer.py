"""What makes a run fast changes nothing that it learns; and its measures are what they say."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from radu_core.errors import RunError
from radu_core.tokenizing import IGNORED, Collator, Encoded, encode_row, load_tokenizer
from radu_core.training.worker import trainer
from radu_core.training.worker.checkpoints import check_alike
from radu_core.training.worker.clock import FORWARD_SHARE, Clock
from radu_core.training.worker.loss import completion_loss, passes, rate_share
from radu_core.training.worker.measures import measure_rows, slot_pairs

WORDS = ("fly me to Oslo ->", "a hotel in Rome for two nights please ->", "hi ->", "to Bergen ->")


@pytest.fixture(scope="module")
def tokenizer(tiny_model: Path) -> Any:
    return load_tokenizer(tiny_model)


@pytest.fixture
def model(tiny_model: Path) -> Any:
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(str(tiny_model), dtype=torch.float32)


def batch_of(tokenizer: Any, count: int = 4) -> dict[str, torch.Tensor]:
    rows = [encode_row(tokenizer, WORDS[i], " book_flight" * (i + 1)) for i in range(count)]
    return Collator(tokenizer.eos_token_id)(
        [{"input_ids": r.input_ids, "labels": r.labels} for r in rows]
    )


def gradients(model: Any) -> torch.Tensor:
    found = torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])
    model.zero_grad()
    return found


def plain(model: Any, batch: dict[str, torch.Tensor]) -> tuple[float, torch.Tensor]:
    """The padded batch at once with all logits, in fp32, by transformers' own loss: the reference.

    It is told where positions begin, as left padding needs.
    """
    loss = model(**batch).loss
    loss.backward()
    return float(loss.detach()), gradients(model)


@pytest.mark.parametrize("tokens", [1, 24, 40, 10_000])
def test_a_batch_in_passes_has_the_loss_and_the_gradients_of_the_plain_one(
    model: Any, tokenizer: Any, tokens: int
) -> None:
    batch = batch_of(tokenizer)
    wanted, reference = plain(model, batch)
    total = int((batch["labels"] != IGNORED).sum())
    loss = 0.0
    for part in passes(batch, tokens):
        one = completion_loss(model, part, total)
        one.backward()
        loss += float(one.detach())
    assert loss == pytest.approx(wanted, rel=1e-5)
    torch.testing.assert_close(gradients(model), reference, rtol=1e-4, atol=1e-6)


def test_passes_hold_every_row_once_within_their_tokens(tokenizer: Any) -> None:
    batch = batch_of(tokenizer)
    widths = batch["attention_mask"].sum(dim=1)
    parts = list(passes(batch, int(widths.max()) + 1))
    assert sum(p["input_ids"].shape[0] for p in parts) == 4
    assert sum(int(p["attention_mask"].sum()) for p in parts) == int(widths.sum())
    assert all(p["attention_mask"][:, 0].any() for p in parts)  # no column of padding only
    assert all(
        p["input_ids"].shape[0] == 1 or p["input_ids"].numel() <= int(widths.max()) + 1
        for p in parts
    )


def test_bf16_is_near_the_plain_run(model: Any, tokenizer: Any) -> None:
    """Tolerance: loss 1 %, gradient direction 0.99 (cosine)."""
    batch = batch_of(tokenizer)
    wanted, reference = plain(model, batch)
    with torch.autocast("cpu", torch.bfloat16):
        loss = completion_loss(model, batch)
    loss.backward()
    assert float(loss.detach()) == pytest.approx(wanted, rel=0.01)
    assert torch.cosine_similarity(gradients(model), reference, dim=0) > 0.99


def test_checkpointing_changes_nothing(model: Any, tokenizer: Any) -> None:
    batch = batch_of(tokenizer)
    wanted, reference = plain(model, batch)
    model.gradient_checkpointing_enable({"use_reentrant": False})
    model.train()
    loss = completion_loss(model, batch)
    loss.backward()
    assert float(loss.detach()) == pytest.approx(wanted, rel=1e-5)
    torch.testing.assert_close(gradients(model), reference, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("schedule", "progress", "share"),
    [
        ("linear", 0.55, 0.5),
        ("cosine", 0.1, 1.0),
        ("cosine", 0.55, 0.5),
        ("cosine", 1.0, 0.0),
        ("constant", 0.05, 0.5),
        ("constant", 0.9, 1.0),
        ("cosine", 0.325, 0.8535533905932737),
    ],
)
def test_the_schedules(schedule: str, progress: float, share: float) -> None:
    assert rate_share(progress, 0.1, schedule) == pytest.approx(share)


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        (' {"city": "Oslo", "nights": 2}', {("city", '"Oslo"'): 1, ("nights", "2"): 1}),
        (' {"city": ["Oslo", "Rome"]}', {("city", '"Oslo"'): 1, ("city", '"Rome"'): 1}),
        (' "Oslo"', {("", '"Oslo"'): 1}),
        (" null", {}),
        (" {", {}),
        ("{}", {}),
    ],
)
def test_slot_pairs(text: str, pairs: dict[tuple[str, str], int]) -> None:
    assert slot_pairs(text) == Counter(pairs)


def overfitted(model: Any, tokenizer: Any, rows: list[Encoded]) -> None:
    """Train until it knows the rows by heart."""
    batch = Collator(tokenizer.eos_token_id)(
        [{"input_ids": r.input_ids, "labels": r.labels} for r in rows]
    )
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    model.train()
    for _ in range(300):
        loss = completion_loss(model, batch)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        if float(loss.detach()) < 0.01:
            return
    pytest.fail(f"it didn't learn four rows (loss {float(loss)})")


@pytest.mark.slow
def test_the_end_token_is_learnt_and_the_measures_are_those_of_generation(
    model: Any, tokenizer: Any
) -> None:
    torch.manual_seed(0)
    asked = [
        ("fly ->", " book_flight", "rag"),
        ("sleep ->", " book_hotel", "rag"),
        ("to Oslo ->", ' {"city": "Oslo"}', "all"),
        ("two nights ->", ' {"nights": 2}', "all"),
    ]
    rows = [replace(encode_row(tokenizer, p, c), task=t) for p, c, t in asked]
    overfitted(model, tokenizer, rows)
    for prompt, completion, _ in asked:
        ids = torch.tensor([tokenizer(prompt, add_special_tokens=False)["input_ids"]])
        out = model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            do_sample=False,
            max_new_tokens=40,
            pad_token_id=tokenizer.eos_token_id,
            eos_token_id=tokenizer.eos_token_id,
        )[0, ids.shape[1] :]
        assert int(out[-1]) == tokenizer.eos_token_id  # it stops by itself
        assert tokenizer.decode(out[:-1]) == completion

    def found(these: list[Encoded]) -> dict[str, float]:
        return measure_rows(model, tokenizer, these, tokens=64, task_metrics=True)

    right = found(rows)
    assert (right["function_accuracy"], right["slot_f1"]) == (1.0, 1.0)
    # The same prompts with other answers: what is said for them is known now.
    other = [
        rows[0],
        replace(encode_row(tokenizer, "sleep ->", " book_flight"), task="rag"),
        replace(encode_row(tokenizer, "to Oslo ->", ' {"city": "Oslo", "nights": 2}'), task="all"),
        rows[3],
    ]
    wrong = found(other)
    assert wrong["function_accuracy"] == 0.5
    assert wrong["slot_f1"] == pytest.approx(2 * 2 / (2 + 3))  # 2 right, 2 said, 3 labelled
    assert "function_accuracy" not in found(rows[2:])
    assert measure_rows(model, tokenizer, rows, tokens=64, task_metrics=False).keys() == {"loss"}


def test_the_measured_loss_is_that_of_the_whole_batch(model: Any, tokenizer: Any) -> None:
    rows = [encode_row(tokenizer, w, " book") for w in WORDS]
    with torch.no_grad():
        whole = completion_loss(model.eval(), batch_of_rows(tokenizer, rows))
    one = measure_rows(model, tokenizer, rows, tokens=16, task_metrics=True)
    assert one == {"loss": pytest.approx(float(whole), rel=1e-5)}


def batch_of_rows(tokenizer: Any, rows: list[Encoded]) -> dict[str, torch.Tensor]:
    return Collator(tokenizer.eos_token_id)(
        [{"input_ids": r.input_ids, "labels": r.labels} for r in rows]
    )


def test_processes_that_came_apart_are_found_out(model: Any) -> None:
    other = torch.tensor([0.0])
    joined = SimpleNamespace(num_processes=2, gather=lambda sums: torch.cat([sums, sums + other]))
    both = SimpleNamespace(accelerator=joined, model=model)
    check_alike(both)
    other += 1e-9
    with pytest.raises(RunError, match="diverged"):
        check_alike(both)


def test_time_left_goes_by_the_later_half_of_the_steps(tokenizer: Any) -> None:
    clock = Clock()
    clock.tokens = 100
    clock.add_step(10.0)
    assert clock.per_token == pytest.approx(0.1)
    clock.tokens = 300
    clock.add_step(4.0)
    assert clock.per_token == pytest.approx(0.02)
    assert clock.training(100.0) == pytest.approx(2.0)
    assert clock.evaluation(300.0) == pytest.approx(300 * 0.02 * FORWARD_SHARE)
    clock.evaluating, clock.evaluations = 12.0, 2
    assert clock.evaluation(300.0) == 6.0
    for seconds in (1.0, 2.0):
        clock.tokens += 100
        clock.add_step(seconds)
    assert clock.per_token == pytest.approx(3.0 / 200)
    row = encode_row(tokenizer, WORDS[0], " book_flight")
    slots, size = replace(row, task="all"), len(row.input_ids)
    assert trainer.evaluation_tokens([row, slots], answers=False) == 2 * size
    with_answers = trainer.evaluation_tokens([row, slots], answers=True)
    assert with_answers == (2 + trainer._ANSWER_SHARE) * size
