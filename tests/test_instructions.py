"""Instructions: worded by each border, and no text of a user's is taken for one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radu_core.cli.words import in_shell
from radu_core.instructions import instruct, put_into_words, reword
from studio.frame.words import on_page

WORDS = {"open": lambda what="it": f"open {what}"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (instruct("open", "the file"), "Open the file"),
        (f"It is shut. {instruct('open')}.", "It is shut. Open it."),
        (f"Wrong: {instruct('open')}, or leave it.", "Wrong: open it, or leave it."),
        (f"Two.\n{instruct('open', 'a')}, {instruct('open', 'b')}", "Two.\nOpen a, open b"),
        (instruct("close"), instruct("close")),
    ],
)
def test_it_is_said_as_the_sentence_needs_it(text: str, said: str) -> None:
    assert put_into_words(text, WORDS) == said


def test_each_border_has_its_own_words() -> None:
    text = f"Save it as UTF-8, or {instruct('encoding', 'cp1252')}."
    assert in_shell(text) == "Save it as UTF-8, or say --encoding cp1252."
    assert on_page(text) == "Save it as UTF-8, or choose Windows-1252 (Western) under “Encoding”."
    assert in_shell(instruct("map", "function", "my label")) == "Say --map 'function=my label'"


def test_what_helps_after_lsr_is_said_by_each_border() -> None:
    use, here = instruct("index with", "m", "r"), instruct("launch here")
    assert in_shell(use) == "Index with it: radu index --module m --embedder r"
    assert on_page(use).startswith(
        "Choose r under “Embedding model” on the Coverage page of m, in “Index”"
    )
    tuned = instruct("use retriever", "r")
    assert in_shell(tuned) == "Let its module retrieve with it: radu retriever use r"
    assert on_page(tuned).startswith("Choose r under “3 Runs” on the Train page")
    assert in_shell(here) == "Launch it with --launcher local"
    assert on_page(here) == "Choose “local” under “Where”"


def test_nested_data_is_worded_and_keeps_what_else_it_holds() -> None:
    data = {"a": [instruct("open", "x"), 1, None], "b": ({"c": "text"},)}
    assert reword(data, WORDS) == {"a": ["Open x", 1, None], "b": [{"c": "text"}]}


@given(st.text())
def test_what_a_user_wrote_stays(text: str) -> None:
    assert put_into_words(text, WORDS) == text
