"""Rows that fit: what is counted is what is fed, and what is too long loses what matters least."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from conftest import MODULE
from fakes import WordTokenizer
from hypothesis import given, settings
from hypothesis import strategies as st

from radu_core.dataset import DatasetConfig, read_rows
from radu_core.dataset.fit import FastTokenizer, load_tokenizer
from radu_core.dataset.lines import LineCounter, splits_at_lines
from radu_core.training.encoding import encode_row
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.train.dataset import build

TASKS = ("rag", "knn", "all", "single")


@pytest.fixture(scope="module")
def tokenizer(tiny_model: Path) -> Any:
    return load_tokenizer(tiny_model)


def test_what_is_counted_is_what_is_fed(
    loaded: Workspace, tokenizer: Any, tiny_model: Path
) -> None:
    loaded._tokenizers[str(tiny_model)] = FastTokenizer(tokenizer, name=str(tiny_model))
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


TEXTS = st.lists(
    st.text(alphabet="ab Z9é\u0301.,\"<'>->\n\r\t\x0b\x1c\u2028 \u00a0東🙂1", max_size=30),
    max_size=6,
)


@given(lines=TEXTS)
@settings(max_examples=200, deadline=None)
def test_counting_by_lines_is_counting_whole(tokenizer: Any, lines: list[str]) -> None:
    fast = FastTokenizer(tokenizer, name="tiny")
    text = "\n".join(lines)
    assert fast.count([text, text]) == [len(tokenizer(text)["input_ids"])] * 2


def backend(*, normalizer: Any = None, pre: Any = None, added: tuple[Any, ...] = ()) -> Any:
    data = {"normalizer": normalizer, "pre_tokenizer": pre, "added_tokens": list(added)}
    return type("Backend", (), {"to_str": lambda self: json.dumps(data)})()


BYTES = {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True}
LLAMA = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def sequence(pattern: str) -> dict[str, Any]:
    split = {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated"}
    return {"type": "Sequence", "pretokenizers": [split, {**BYTES, "use_regex": False}]}


@pytest.mark.parametrize(
    ("made", "splits"),
    [
        (backend(pre=BYTES), True),
        (backend(pre=sequence(LLAMA)), True),
        (backend(pre=sequence(LLAMA.replace("{1,3}", "")), normalizer={"type": "NFC"}), True),
        (backend(pre=sequence(r"\n?" + LLAMA)), False),
        (backend(pre={**BYTES, "add_prefix_space": True}), False),
        (backend(pre={**BYTES, "use_regex": False}), False),
        (backend(pre={"type": "Metaspace"}), False),
        (backend(pre=None), False),
        (backend(pre=BYTES, normalizer={"type": "Prepend"}), False),
        (backend(pre=BYTES, added=({"content": "\n\n", "lstrip": False, "rstrip": False},)), False),
        (backend(pre=BYTES, added=({"content": "<x>", "lstrip": True, "rstrip": False},)), False),
    ],
)
def test_lines_are_counted_apart_only_where_that_is_certain(made: Any, splits: bool) -> None:
    assert splits_at_lines(made) is splits


def test_a_line_is_counted_once() -> None:
    words = WordTokenizer()
    counter = LineCounter(words.count)
    assert counter.count(["a b\nc", "a b\nd", " x"]) == [4, 4, 1]
    assert words.counted == 4
    assert counter.count(["c\nd", "\n\nq"]) == [3, 3]
    assert words.counted == 6  # "c\n" and "\n\nq": a break without a sign on both sides isn't one


def test_lines_are_counted_while_another_thread_forgets_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two builds share a tokenizer: the second one counts in the middle of the first."""
    monkeypatch.setattr("radu_core.dataset.lines._REMEMBERED", 3)
    others: list[str] = []

    def count(texts: Sequence[str]) -> list[int]:
        if others:
            counter.count([others.pop()])
        return [len(t) for t in texts]

    counter = LineCounter(count)
    assert counter.count(["one\nthree"]) == [9]
    others.append("a\nb\nc\nd")
    assert counter.count(["one\nfour"]) == [8]
