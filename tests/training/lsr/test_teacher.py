"""What a teacher says of chunks: of a real model, and of one that always copies its exemplar."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from conftest import MODULE
from retrieving import exemplar

from radu_core.generator import Generator
from radu_core.prompts import Asking, TemplateSet
from radu_core.prompts.strategies import rag
from radu_core.retrieval import Query, Retrieved
from radu_core.schema import Schema
from radu_core.training.lsr.teacher import Teacher, answers_of, choose_teacher, keys_of
from radu_core.workflows.coverage.report import load_index
from radu_core.workflows.frame.workspace import Workspace


@pytest.fixture
def retrieved(loaded: Workspace) -> Retrieved:
    return load_index(loaded, MODULE).search(
        [Query("fly home to Kyiv")], k_desc=0, k_exemplar=4, mode="dense"
    )[0]


def files_of(directory: Path) -> dict[str, str]:
    return {
        p.name: hashlib.sha256(p.read_bytes()).hexdigest()
        for p in directory.iterdir()
        if p.is_file()
    }


def test_the_right_answers_share_is_that_of_a_naive_loop(
    schema: Schema, retrieved: Retrieved, tiny_model: Path
) -> None:
    """Each prompt with each name in a forward pass of its own; the model stays as it was."""
    before = files_of(tiny_model)
    model = Generator(tiny_model)
    weights = {n: p.clone() for n, p in model._model.named_parameters()}
    row = exemplar("q", "fly home to Kyiv")
    found = answers_of(model, schema, TemplateSet(), row, retrieved.exemplars)
    names: list[str | None] = [*retrieved.functions, None]
    assert "book_flight" in names
    expected = []
    for prompt in rag.ask_each(Asking(row.utterance, schema, TemplateSet()), retrieved):
        logs = []
        for name in names:
            start, answer = model._encoder.row(prompt.text, rag.completion(name))
            with torch.inference_mode():
                said = model._model(input_ids=torch.tensor([[*start, *answer]])).logits[0].float()
            chosen = said.log_softmax(-1)[
                range(len(start) - 1, len(start) + len(answer) - 1), answer
            ]
            logs.append(float(chosen.sum()))
        shares = torch.tensor(logs, dtype=torch.float64).softmax(0)
        expected.append(float(shares[names.index("book_flight")]))
    assert len(found) == 4
    assert found == pytest.approx(expected, abs=1e-4)
    assert all(torch.equal(p, weights[n]) for n, p in model._model.named_parameters())
    assert all(p.grad is None for p in model._model.parameters())
    assert files_of(tiny_model) == before


class Copying:
    """Finds the name likely that the prompt's exemplar has."""

    def __init__(self) -> None:
        self.prompts: list[str] = []
        self.candidates: list[str] = []

    def score_each(self, prompts: Sequence[str], candidates: Sequence[str]) -> list[list[float]]:
        self.prompts, self.candidates = list(prompts), list(candidates)
        return [[0.0 if f"->{c}\n" in p else -2.0 for c in candidates] for p in prompts]


def test_a_chunk_of_the_rows_function_helps(schema: Schema, retrieved: Retrieved) -> None:
    model = Copying()
    answers = answers_of(model, schema, TemplateSet(), exemplar("q", "fly"), retrieved.exemplars)
    for hit, prompt, answer in zip(retrieved.exemplars, model.prompts, answers, strict=True):
        assert prompt.count("->") == 2
        assert f'"{hit.template}" -> {hit.function or "none"}' in prompt
        assert (answer == max(answers)) == (hit.function == "book_flight")
    assert model.candidates[-1] == " none"
    assert len(set(model.candidates)) == len(model.candidates)


def test_a_row_whose_function_was_not_retrieved_has_its_name_among_the_candidates(
    schema: Schema, retrieved: Retrieved
) -> None:
    flights = tuple(h for h in retrieved.exemplars if h.function == "book_flight")
    model = Copying()
    row = exemplar("q", "a room", "book_hotel")
    answers = answers_of(model, schema, TemplateSet(), row, flights)
    assert model.candidates == [" book_flight", " book_hotel", " none"]
    assert answers == pytest.approx([answers[0]] * len(flights))
    out = exemplar("o", "a joke", None)
    assert all(
        0 < a < 1 for a in answers_of(model, schema, TemplateSet(), out, retrieved.exemplars)
    )


def test_a_row_is_never_taught_by_a_model_that_learnt_it() -> None:
    one, two = exemplar("a", "fly"), exemplar("b", "a plane")
    copy = exemplar("c", "fly")
    teachers = [
        Teacher("first", frozenset({("fly", "book_flight")})),
        Teacher("second", frozenset()),
    ]
    assert [choose_teacher(teachers, e).name for e in (one, two, copy)] == [  # type: ignore[union-attr]
        "second",
        "first",
        "second",
    ]
    assert choose_teacher(teachers[:1], copy) is None


def test_an_utterance_with_another_template_was_learnt_as_well() -> None:
    learnt = exemplar("a", "fly to Oslo").model_copy(update={"template": "fly to <destination>"})
    same = exemplar("b", "fly to Oslo").model_copy(update={"template": "fly to Oslo"})
    alike = exemplar("c", "fly to Rome").model_copy(update={"template": "fly to <destination>"})
    other = exemplar("d", "fly to Rome").model_copy(update={"template": "fly to Rome"})
    teacher = Teacher("one", frozenset(keys_of(learnt)))
    assert [choose_teacher([teacher], e) for e in (learnt, same, alike, other)] == [
        None,
        None,
        None,
        teacher,
    ]
