"""Prompts by golden file, rows and negatives by rule, templates in their sandbox."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
from conftest import SCHEMA
from prompt_cases import EVERY, GOLDEN, HITS, NONE, hit

from radu_core.errors import TemplateError
from radu_core.exemplars import AnnotatedExemplar, Span
from radu_core.prompts import STRATEGIES, RowOptions, TemplateSet, training_rows
from radu_core.retrieval import DescriptionHit, Retrieved
from radu_core.schema import Schema, parse_schema


@pytest.fixture
def row() -> AnnotatedExemplar:
    return AnnotatedExemplar(
        id="x",
        utterance='fly me to "Oslo" <3',
        function="book_flight",
        arguments={"destination": "Oslo"},
        template=r'fly me to "<destination>" \<3',
        spans=(Span(slot="destination", start=11, end=15, value="Oslo"),),
        outcome="resolved",
    )


def yes_no_row() -> AnnotatedExemplar:
    return AnnotatedExemplar(
        id="y",
        utterance="sure",
        function="book_flight",
        arguments={"refundable": True},
        implied=("refundable",),
        context="book_flight.refundable",
        spans=(),
        template="sure",
        outcome="resolved",
    )


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_rows_are_the_golden_ones(strategy: str, schema: Schema, row: AnnotatedExemplar) -> None:
    """``RADU_GOLDEN=write pytest`` writes them anew; look at the difference before you commit."""
    exemplar = yes_no_row() if strategy == "yes_no" else row
    made = training_rows(strategy, exemplar, schema, HITS, TemplateSet(), options=EVERY)
    text = "".join(
        f"=== {r.strategy}/{r.kind}{' negative' if r.negative else ''}\n"
        f"{r.prompt}⟦{r.completion}⟧\n"
        for r in made.rows
    )
    path = GOLDEN / f"{strategy}.txt"
    if os.environ.get("RADU_GOLDEN") == "write":
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_parts_are_the_prompt(strategy: str, schema: Schema, row: AnnotatedExemplar) -> None:
    exemplar = yes_no_row() if strategy == "yes_no" else row
    for made in training_rows(strategy, exemplar, schema, HITS, TemplateSet(), options=EVERY).rows:
        assert "".join(p.text for p in made.parts) == made.prompt
        assert exemplar.utterance in made.prompt
        assert made.completion.startswith(" ")


def test_the_answer_never_leaks_into_a_removed_row(schema: Schema, row: AnnotatedExemplar) -> None:
    rows = training_rows("rag", row, schema, HITS, TemplateSet(), options=EVERY).rows
    removed = next(r for r in rows if r.kind == "removed")
    assert "book_flight" not in removed.prompt
    assert (removed.completion, removed.negative) == (" none", True)


def test_a_row_whose_answer_was_not_retrieved_is_discarded_with_the_reason(
    schema: Schema, row: AnnotatedExemplar
) -> None:
    hits = Retrieved((HITS.descriptions[1],), (HITS.exemplars[3],))
    made = training_rows("rag", row, schema, hits, TemplateSet(), options=EVERY)
    assert made.rows == []
    assert [d.reason for d in made.discards] == ["the right function wasn't retrieved"]


def test_out_of_scope_teaches_none(schema: Schema) -> None:
    joke = AnnotatedExemplar(id="j", utterance="a joke", template="a joke", spans=())
    (made,) = training_rows("rag", joke, schema, HITS, TemplateSet(), options=NONE).rows
    assert (made.completion, made.kind, made.negative) == (" none", "out_of_scope", True)


def test_knn_negatives_are_other_functions_and_near_duplicates_are_suspects(
    schema: Schema, row: AnnotatedExemplar
) -> None:
    twin = hit("e9", "book_hotel", "fly me to <city>", 1, similarity=0.99)
    hits = Retrieved((), (twin, *HITS.exemplars))
    made = training_rows("knn", row, schema, hits, TemplateSet(), options=NONE)
    assert [(r.kind, r.exemplar_ids) for r in made.rows] == [
        ("knn_yes", ("e1",)),
        ("knn_yes", ("e3",)),
        ("knn_no", ("e4",)),
    ]
    assert [(s.other_id, s.other_function) for s in made.suspects] == [("e9", "book_hotel")]


def test_negative_exemplars_say_no_to_their_function(schema: Schema) -> None:
    row = AnnotatedExemplar(
        id="n",
        utterance="how long is the flight",
        function="book_flight",
        mode="negative",
        template="how long is the flight",
        spans=(),
    )
    made = training_rows("knn", row, schema, HITS, TemplateSet(), options=NONE)
    assert {r.completion for r in made.rows} == {" no"}
    assert training_rows("all", row, schema, HITS, TemplateSet()).discards


def test_the_same_seed_gives_the_same_rows(schema: Schema, row: AnnotatedExemplar) -> None:
    def kinds(seed: int) -> list[list[str]]:
        options = RowOptions(seed=seed, fewer_share=0.5, zero_share=0.5)
        rows = [row.model_copy(update={"id": f"r{i}"}) for i in range(20)]
        made = [training_rows("rag", r, schema, HITS, TemplateSet(), options=options) for r in rows]
        return [[x.kind for x in m.rows] for m in made]

    assert kinds(1) == kinds(1)
    assert kinds(1) != kinds(2)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("{{ nothing }}", "isn't there"),
        ("{% for %}", "line 1"),
        ("{{ utterance.__class__.__mro__ }}", "forbids|isn't there"),
        ("{{ cycler }}", "isn't there"),
        ("{% for i in range(99999999) %}x{% endfor %}", "forbids|isn't there"),
        ("{{ utterance.format(1).__globals__ }}", "forbids|isn't there"),
        ("{{ utterance * 999999999 }}", "forbids"),
        ("{{ '{:999999999}'.format(1) }}", "forbids|isn't there"),
        ("{{ '%999999999d' % 1 }}", "forbids"),
        ("{{ 9 ** 999999 }}", "forbids"),
        ("{% include 'x' %}", "can't be"),
    ],
)
def test_the_sandbox_holds_and_says_why(
    source: str, words: str, schema: Schema, row: AnnotatedExemplar
) -> None:
    with pytest.raises(TemplateError, match=words):
        training_rows("rag", row, schema, HITS, TemplateSet({"rag": source}), options=NONE)


def test_an_override_replaces_the_shipped_template(
    schema: Schema, row: AnnotatedExemplar, make_exemplar: Callable[..., Any]
) -> None:
    templates = TemplateSet({"rag": "{{ utterance }} ?"})
    (made,) = training_rows("rag", row, schema, HITS, templates, options=NONE).rows
    assert made.prompt == 'fly me to "Oslo" <3 ?'
    assert templates.hash != TemplateSet().hash


def test_descriptions_are_shortened_visibly() -> None:
    data = {**SCHEMA, "functions": [{"name": "f", "description": "word " * 30}]}
    hits = Retrieved((DescriptionHit("f", 1, 1.0),), ())
    row = AnnotatedExemplar(id="x", utterance="u", function="f", template="u", spans=())
    (made,) = training_rows("rag", row, parse_schema(data), hits, TemplateSet(), options=NONE).rows
    assert "f: " + "word " * 13 + "word…" in made.prompt


def test_a_question_of_a_function_with_dots_in_its_name_gives_its_row() -> None:
    pets = {"name": "pets", "description": "Do you bring pets?", "type": "boolean"}
    found = parse_schema(
        {
            "module": "acme_x_en",
            "functions": [{"name": "book"}, {"name": "book.hotel", "slots": [pets]}],
        }
    )
    answer = AnnotatedExemplar(
        id="x",
        utterance="yes",
        function="book.hotel",
        context="book.hotel.pets",
        arguments={"pets": True},
        spans=(),
        template="yes",
        outcome="resolved",
    )
    [made] = training_rows("yes_no", answer, found, Retrieved(), TemplateSet()).rows
    assert (made.completion, made.slot) == (" affirmative", "pets")
    assert "Do you bring pets?" in made.prompt
