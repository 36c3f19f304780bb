"""Counting by lines gives what counting whole texts gives, and counts a line once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from fakes import WordTokenizer
from hypothesis import given, settings
from hypothesis import strategies as st

from radu_core.tokenizing import FastTokenizer, load_tokenizer
from radu_core.tokenizing.lines import LineCounter, splits_at_lines


@pytest.fixture(scope="module")
def tokenizer(tiny_model: Path) -> Any:
    return load_tokenizer(tiny_model)


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
    monkeypatch.setattr("radu_core.tokenizing.lines._REMEMBERED", 3)
    others: list[str] = []

    def count(texts: Sequence[str]) -> list[int]:
        if others:
            counter.count([others.pop()])
        return [len(t) for t in texts]

    counter = LineCounter(count)
    assert counter.count(["one\nthree"]) == [9]
    others.append("a\nb\nc\nd")
    assert counter.count(["one\nfour"]) == [8]
