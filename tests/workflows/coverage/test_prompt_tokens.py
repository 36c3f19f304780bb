"""The token view is what the collator feeds, id for id and label for label."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_model import make_tiny_model
from unicode_cases import PARTS

from radu_core.files import content_hash
from radu_core.prompts import Part, PromptRow
from radu_core.tokenizing import IGNORED, Collator, encode_row, load_tokenizer, loading
from radu_core.workflows.coverage import prompt_tokens
from radu_core.workflows.coverage.prompt_tokens import (
    Cell,
    generators,
    token_view,
    token_warnings,
    tokenizer_of,
)
from radu_core.workflows.coverage.report import token_counter
from radu_core.workflows.frame.workspace import Workspace


@pytest.fixture(scope="module")
def tokenizer(tiny_model: Path) -> Any:
    return load_tokenizer(tiny_model)


def row(utterance: str, completion: str = " book_flight") -> PromptRow:
    parts = (
        Part("instruction", "Which function does the user want?\n"),
        Part("exemplars", '"book a flight" -> book_flight\n'),
        Part("utterance", f'"{utterance}" ->'),
    )
    prompt = "".join(p.text for p in parts)
    return PromptRow("rag", "positive", prompt, completion, parts, "book_flight", "x")


@pytest.mark.parametrize("text", ["to Oslo", "我想去北京 👩‍👩‍👧 é", "שלום", "<|end|> x", " \n\t "])
def test_the_view_is_what_the_collator_yields(tokenizer: Any, text: str) -> None:
    view = token_view(tokenizer, row(text))
    one, longer = (
        encode_row(tokenizer, r.prompt, r.completion) for r in (row(text), row("x" * 500))
    )
    rows = [{"input_ids": e.input_ids, "labels": e.labels} for e in (one, longer)]
    batch = Collator(tokenizer.pad_token_id)(rows)
    kept = batch["attention_mask"][0].bool()
    assert list(view.input_ids) == batch["input_ids"][0][kept].tolist()
    assert list(view.labels) == batch["labels"][0][kept].tolist()
    assert view.ids_hash == content_hash(batch["input_ids"][0][kept].tolist())
    assert view.labels_hash == content_hash(batch["labels"][0][kept].tolist())


@given(st.one_of(st.text(max_size=40), st.lists(st.sampled_from(PARTS), max_size=6).map(" ".join)))
@settings(max_examples=60, deadline=None)
def test_cells_are_the_ids_and_the_text_whatever_the_letters(text: str) -> None:
    made = row(text.encode("utf-8", "ignore").decode())
    view = token_view(_TINY[0], made)
    assert [i for c in view.cells for i in c.ids] == list(view.input_ids)
    assert "".join(c.text for c in view.cells[:-1]) == made.prompt + made.completion
    assert all(c.text for c in view.cells)
    assert sum(view.per_part.values()) == view.tokens
    for cell in view.cells:
        assert "�" not in cell.text or "�" in text


_TINY: list[Any] = []


@pytest.fixture(scope="module", autouse=True)
def _tiny(tokenizer: Any) -> None:
    _TINY[:] = [tokenizer]


def test_pieces_of_one_character_are_one_cell(tokenizer: Any) -> None:
    view = token_view(tokenizer, row("東 👧"))
    cells = {c.text: len(c.ids) for c in view.cells}
    assert cells["東"] == 3
    assert cells["👧"] == 4


def test_only_completion_and_end_token_are_learnt(tokenizer: Any) -> None:
    view = token_view(tokenizer, row("to Oslo"))
    learnt = [c for c in view.cells if c.supervised]
    assert "".join(c.text for c in learnt) == " book_flight<|end|>"
    assert {c.origin for c in learnt} == {"completion", "end"}
    assert view.cells[-1].special
    assert view.supervised_tokens == sum(len(c.ids) for c in learnt) == view.per_part["completion"]


def test_a_question_has_neither_labels_nor_an_end(tokenizer: Any) -> None:
    view = token_view(tokenizer, row("to Oslo", ""))
    assert set(view.labels) == {IGNORED}
    assert (view.supervised_tokens, view.per_part["completion"]) == (0, 0)
    assert view.cells[-1].origin == "utterance"


def test_tokens_belong_to_the_part_in_which_they_begin(tokenizer: Any) -> None:
    made = row("to Oslo")
    view = token_view(tokenizer, made)
    for part in made.parts:
        text = "".join(c.text for c in view.cells if c.origin == part.origin)
        assert text.strip() == part.text.strip()
    assert view.between(0, len(made.prompt)) == view.tokens - view.per_part["completion"]
    assert view.between(0, len(made.parts[0].text)) == view.per_part["instruction"]


def test_a_special_token_in_a_text_is_an_error(tokenizer: Any) -> None:
    (warning,) = token_warnings(token_view(tokenizer, row("so <|end|> x")))
    assert (warning.kind, warning.severity) == ("special tokens", "error")
    assert warning.text.startswith("The text '<|end|>' is a special token of ")
    view = token_view(tokenizer, row("so <|end|> x"))
    marks = replace(view, cells=(*view.cells, Cell((0,), "<|pad|>", "utterance", False, True)))
    (both,) = token_warnings(marks)
    assert both.text.startswith("The texts '<|end|>', '<|pad|>' are special tokens of ")
    assert "takes them for the end" in both.text
    assert not list(token_warnings(token_view(tokenizer, row("to Oslo"))))


class _Slow:
    """A tokenizer that doesn't tell its offsets, and one that doesn't know a letter."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.is_fast = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def __call__(self, text: str, **more: Any) -> Any:
        return self._inner(text, **more)


@pytest.mark.parametrize("text", ["to Oslo", "我想 👩‍👩‍👧", "é"])
def test_a_tokenizer_without_offsets_gives_the_same_cells(tokenizer: Any, text: str) -> None:
    fast, slow = (token_view(t, row(text)) for t in (tokenizer, _Slow(tokenizer)))
    assert "".join(c.text for c in slow.cells) == "".join(c.text for c in fast.cells)
    assert [i for c in slow.cells for i in c.ids] == list(fast.input_ids)
    assert not any("�" in c.text for c in slow.cells)


def test_what_the_tokenizer_does_not_know_is_told() -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = {w: i for i, w in enumerate(["[UNK]", "[END]", "fly", "to"])}
    raw = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    raw.pre_tokenizer = pre_tokenizers.Whitespace()
    small = PreTrainedTokenizerFast(
        tokenizer_object=raw, unk_token="[UNK]", eos_token="[END]", pad_token="[END]"
    )
    made = PromptRow(
        "rag", "asked", "fly to Ωslo", "", (Part("utterance", "fly to Ωslo"),), None, "x"
    )
    (warning,) = token_warnings(token_view(small, made, model="small"))
    assert (warning.kind, "' Ωslo'" in warning.text) == ("unknown tokens", True)


def test_installed_generators_are_offered_and_loaded_once(
    workspace: Workspace, tmp_path: Path
) -> None:
    assert generators(workspace) == []
    assert tokenizer_of(workspace, prompt_tokens.BASE) is None
    for name in ("tiny", prompt_tokens.BASE, "all-MiniLM-L6-v2"):
        made = make_tiny_model(workspace.models / name)
        record = '{"name": "%s", "source": "t", "licence": "t"}' % name  # noqa: UP031
        (made / "radu-model.json").write_text(record)
    assert generators(workspace) == [prompt_tokens.BASE, "tiny"]
    assert tokenizer_of(workspace, "tiny") is tokenizer_of(workspace, "tiny")


def test_a_prompts_cost_is_counted_with_the_same_tokenizer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = Workspace(tmp_path)
    assert token_counter(workspace)("fly me, please") == 4  # words and signs: none is installed
    make_tiny_model(workspace.models / "tiny")
    record = '{"name": "tiny", "source": "here", "licence": "none"}'
    (workspace.models / "tiny" / "radu-model.json").write_text(record)
    found = tokenizer_of(workspace, "tiny")
    assert found is not None
    monkeypatch.setattr(loading, "load_tokenizer", None)  # it isn't loaded again
    assert workspace.tokenizer("tiny") is found
    loaded = found.encoder.tokenizer
    expected = len(loaded("fly me, please", add_special_tokens=False)["input_ids"])
    assert token_counter(workspace, model="tiny")("fly me, please") == expected
