"""Ids and labels of rows, and batches of them: supervised on the completion only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from radu_core.errors import ModelError
from radu_core.tokenizing import IGNORED, Collator, encode_row, load_tokenizer


@pytest.fixture(scope="module")
def tokenizer(tiny_model: Path) -> Any:
    return load_tokenizer(tiny_model)


def test_only_the_completion_and_its_end_are_learnt(tokenizer: Any) -> None:
    row = encode_row(tokenizer, "to Oslo ->", " book_flight")
    text = tokenizer.decode([i for i in row.labels if i != IGNORED])
    assert text == " book_flight<|end|>"
    assert tokenizer.decode(row.input_ids) == "to Oslo -> book_flight<|end|>"
    assert row.supervised_tokens == sum(label != IGNORED for label in row.labels)


def test_the_collator_pads_left_and_counts_positions_from_the_first_token() -> None:
    batch = Collator(0)(
        [
            {"input_ids": [5, 6, 7], "labels": [IGNORED, 6, 7]},
            {"input_ids": [8, 9], "labels": [IGNORED, 9]},
        ]
    )
    assert batch["input_ids"].tolist() == [[5, 6, 7], [0, 8, 9]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1], [0, 1, 1]]
    assert batch["position_ids"].tolist() == [[0, 1, 2], [0, 0, 1]]
    assert batch["labels"].tolist() == [[IGNORED, 6, 7], [IGNORED, IGNORED, 9]]


def test_a_directory_without_a_tokenizer_is_said(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="a tokenizer from"):
        load_tokenizer(tmp_path)
