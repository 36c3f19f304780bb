"""Rows that fit: what is counted is what is fed, and what is too long loses what matters least."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from conftest import MODULE
from fakes import WordTokenizer

from radu_core.dataset import DatasetConfig, read_rows
from radu_core.tokenizing import encode_row, load_tokenizer
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.train.dataset import build

TASKS = ("rag", "knn", "all", "single")


@pytest.fixture(scope="module")
def tokenizer(tiny_model: Path) -> Any:
    return load_tokenizer(tiny_model)


def test_what_is_counted_is_what_is_fed(
    loaded: Workspace, tokenizer: Any, tiny_model: Path
) -> None:
    config = DatasetConfig.of(strategies=TASKS, tokenizer=str(tiny_model), max_length=2048)
    view = build(loaded, MODULE, config=config)
    rows = list(read_rows(view.directory, "train"))
    assert [r.tokens for r in rows] == [
        len(encode_row(tokenizer, r.prompt, r.completion).input_ids) for r in rows
    ]
    sizes = view.manifest.tokens["train/rag"]
    tokens = sorted(r.tokens for r in rows if r.task == "rag")
    assert (sizes.rows, sizes.total, sizes.max) == (len(tokens), sum(tokens), tokens[-1])
    assert sizes.median == tokens[(len(tokens) - 1) // 2]


@pytest.mark.parametrize("limit", [70, 60, 50, 40, 30, 20])
def test_over_long_rows_lose_the_least_relevant_and_are_counted(
    loaded: Workspace, limit: int
) -> None:
    whole = build(loaded, MODULE, name="whole", config=DatasetConfig.of(strategies=TASKS))
    fit = build(
        loaded, MODULE, name="fit", config=DatasetConfig.of(strategies=TASKS, max_length=limit)
    )
    assert isinstance(loaded.tokenizer("SmolLM2-135M-Instruct"), WordTokenizer)
    before = {
        r.id: r for s in ("train", "validation", "test") for r in read_rows(whole.directory, s)
    }
    after = {r.id: r for s in ("train", "validation", "test") for r in read_rows(fit.directory, s)}
    lists = {
        n: [json.loads(line) for line in (fit.directory / f"{n}.jsonl").read_text().splitlines()]
        for n in ("shortened", "discards")
    }
    shortened = {line["id"]: line for line in lists["shortened"]}
    too_long = [d for d in lists["discards"] if d["reason"].startswith("longer than max_length")]
    assert set(after) <= set(before)
    assert len(before) - len(after) == len(too_long)
    for id, row in after.items():
        old = before[id]
        assert row.tokens <= limit
        assert row.completion == old.completion
        assert (id in shortened) == (old.tokens > limit) == (row.prompt != old.prompt)
        if id in shortened:
            line = shortened[id]
            kept = [*row.exemplar_ids, *reversed(line["dropped_exemplars"])]
            assert tuple(kept) == old.exemplar_ids
            assert (line["tokens_before"], line["tokens_after"]) == (old.tokens, row.tokens)
            if row.task == "rag" and not row.negative:
                assert row.function in row.candidates
    assert all(d["tokens"] > limit for d in too_long)
    assert fit.manifest.shortened == {
        k: n
        for k in {f"{r['task']}/{r['kind']}" for r in shortened.values()}
        if (n := sum(f"{r['task']}/{r['kind']}" == k for r in shortened.values()))
    }


def test_without_a_tokenizer_nothing_is_counted_or_shortened(loaded: Workspace) -> None:
    view = build(loaded, MODULE, config=DatasetConfig.of(tokenizer="none", max_length=16))
    assert (view.manifest.tokenizer, view.manifest.tokens, view.manifest.shortened) == (
        None,
        {},
        {},
    )
    assert all(row.tokens is None for row in read_rows(view.directory, "train"))
