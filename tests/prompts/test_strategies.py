"""Every strategy asks at inference what it teaches, and reads what it teaches as it is meant."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from prompt_cases import EVERY, HITS, NONE

from radu_core.errors import InputError, TemplateError
from radu_core.exemplars import AnnotatedExemplar
from radu_core.prompts import (
    BY_NAME,
    STRATEGIES,
    Asking,
    TemplateSet,
    check_template,
    question_rows,
    require_strategy,
    shipped_templates,
    template_variables,
    training_rows,
)
from radu_core.prompts.strategies import all_slots, knn, rag, single_slot, yes_no
from radu_core.schema import Schema, require_function

T = TemplateSet()
ROW = AnnotatedExemplar(
    id="q",
    utterance="fly two of us to Oslo, sure",
    function="book_flight",
    arguments={"destination": "Oslo", "passengers": 2, "refundable": True},
    context="book_flight.refundable",
    spans=(),
    template="fly two of us to Oslo, sure",
    outcome="resolved",
)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_what_is_asked_is_what_was_taught(strategy: str, schema: Schema) -> None:
    """Nearly all rows show what is asked at inference.

    Not those made to vary the prompt, and those about exemplars that are mined: they show others
    than the nearest.
    """
    taught = training_rows(strategy, ROW, schema, HITS, T, options=NONE).rows
    asked = question_rows(strategy, ROW, schema, HITS, T, options=NONE).rows
    assert asked
    assert {r.kind for r in asked} == {"asked"}
    assert {(r.completion, r.function) for r in asked} == {("", None)}
    prompts = {r.prompt for r in asked}
    assert {r.prompt for r in taught} <= prompts or strategy == "knn"
    assert prompts & {r.prompt for r in taught}


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_row_is_asked_once_whatever_is_drawn(strategy: str, schema: Schema) -> None:
    asked = [question_rows(strategy, ROW, schema, HITS, T, options=o).rows for o in (NONE, EVERY)]
    assert [r.prompt for r in asked[0]] == [r.prompt for r in asked[1]]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_right_completion_is_among_the_choices(strategy: str, schema: Schema) -> None:
    for row in training_rows(strategy, ROW, schema, HITS, T, options=EVERY).rows:
        choices = require_strategy(strategy).choices(row.candidates)
        assert not choices or row.completion in choices


def test_every_strategy_has_a_template_and_says_what_it_must_show() -> None:
    assert set(BY_NAME) == set(shipped_templates())
    for name, strategy in BY_NAME.items():
        assert template_variables(name) == (tuple(strategy.trial), strategy.must_show)
        check_template(T, name)
    with pytest.raises(InputError, match="Use one of knn, rag, single, all, yes_no"):
        require_strategy("nearest")
    with pytest.raises(TemplateError, match="There are all, knn, rag, single, yes_no"):
        template_variables("nearest")


def test_rag_reads_a_mean_of_distributions() -> None:
    """By hand: softmax([0, ln 3]) is (1/4, 3/4), softmax([0, 0]) is (1/2, 1/2)."""
    alone = rag.read(["book"], [[0.0, math.log(3)]])
    assert alone == {"book": pytest.approx(0.25), "none": pytest.approx(0.75)}
    mixed = rag.read(["book"], [[0.0, math.log(3)], [0.0, 0.0]], [0.4, 0.6])
    assert mixed["book"] == pytest.approx(0.4 * 0.25 + 0.6 * 0.5)
    assert rag.choices(["book", "ask"]) == (" book", " ask", " none")


def test_knn_reads_the_likeliest_yes_of_each_function() -> None:
    """By hand: yes of 3/4 and 1/2 for one function, 1/4 for the other; none is 1 - 3/4."""
    one, two = HITS.exemplars[0], replace(HITS.exemplars[1], function="book_hotel")
    hits = [one, replace(one, id="again"), two]
    found = knn.read(hits, [[math.log(3), 0.0], [0.0, 0.0], [0.0, math.log(3)]])
    total = 0.75 + 0.25 + 0.25
    assert found == {
        "book_flight": pytest.approx(0.75 / total),
        "book_hotel": pytest.approx(0.25 / total),
        "none": pytest.approx(0.25 / total),
    }
    assert knn.read([], []) == {"none": 1.0}


def test_slots_are_read_back(schema: Schema) -> None:
    function = require_function(schema, "book_flight")
    said = all_slots.completion(function, ROW.arguments)
    assert all_slots.read(said, function) == (ROW.arguments, [])
    for slot in function.slots:
        value = ROW.arguments.get(slot.name)
        if slot.recognizer is None:
            expected = {} if value is None else {slot.name: value}
            said = single_slot.completion(value)
            assert single_slot.read(said, function, slot) == (expected, [])
    for answer in ("no JSON", "[1]"):
        values, problems = all_slots.read(answer, function)
        assert values == {}
        assert "isn't" in problems[0]


@pytest.mark.parametrize(
    ("best", "value"),
    [(" affirmative", True), (" negative", False), (" indifferent", None), (" irrelevant", None)],
)
def test_an_answer_is_a_value_or_none(best: str, value: bool | None) -> None:
    assert yes_no.read([0.0 if c == best else -1.0 for c in yes_no.CHOICES]) is value


def test_only_a_boolean_slot_is_a_question(schema: Schema) -> None:
    found = yes_no.find_slot(schema, "book_flight.refundable")
    assert found is not None
    assert (found[0].name, found[1].name) == ("book_flight", "refundable")
    others = (None, "", "book_flight", "book_flight.destination", "book_flight.nothing", "x.y")
    assert [yes_no.find_slot(schema, context) for context in others] == [None] * 6
    flight = found[0]
    slots = [s.model_copy(update={"recognizer": "city"}) for s in flight.slots]
    filled = flight.model_copy(update={"slots": tuple(slots)})
    recognized = schema.model_copy(update={"functions": (filled, *schema.functions[1:])})
    assert yes_no.find_slot(recognized, "book_flight.refundable") is None
    prompt = yes_no.ask(Asking("sure", schema, T), found[1]).text
    assert 'Question: money back\nAnswer: "sure" ->' in prompt
