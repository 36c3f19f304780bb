"""Where the right answer stands, and every warning, by small rows made for it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args

import pytest
from conftest import SCHEMA

from radu_core.exemplars import AnnotatedExemplar, Span
from radu_core.prompts import RowOptions, TemplateSet, question_rows, training_rows
from radu_core.prompts.asking import Order
from radu_core.prompts.inspect import (
    PromptWarning,
    Subject,
    inspect_row,
    places,
    question_start,
    template_warnings,
    too_long,
    worst,
)
from radu_core.prompts.prompt_row import PromptRow
from radu_core.retrieval import DescriptionHit, ExemplarHit, Retrieved
from radu_core.schema import parse_schema

PLAIN = RowOptions(removed_share=0, fewer_share=0, zero_share=0)
NAMES = ("book_flight", "book_hotel")


def hit(id: str, function: str | None, template: str, rank: int, **more: Any) -> ExemplarHit:
    utterance = more.get("utterance", template)
    return ExemplarHit(id, function, template, utterance, more.get("arguments", {}), (), rank, 1, 1)


HITS = (
    hit("e1", "book_hotel", "a room in <city>", 1),
    hit("e2", "book_flight", "fly to <destination>", 2),
    hit("e3", None, "can pigs fly", 3),
    hit("e4", "book_flight", "a plane from <origin>", 4),
)


def exemplar(utterance: str = "a seat to Oslo", **more: Any) -> AnnotatedExemplar:
    given = {"id": "x", "function": "book_flight", "template": None, **more}
    return AnnotatedExemplar(utterance=utterance, outcome="resolved", **given)


def made(
    own: AnnotatedExemplar,
    *,
    strategy: str = "rag",
    hits: tuple[ExemplarHit, ...] = HITS,
    names: tuple[str, ...] = NAMES,
    template: str | None = None,
    known: bool = True,
    schema: dict[str, Any] = SCHEMA,
    asked: bool = False,
    options: RowOptions = PLAIN,
) -> tuple[PromptRow, Subject]:
    found = parse_schema(schema)
    retrieved = Retrieved(tuple(DescriptionHit(n, i, 1.0) for i, n in enumerate(names, 1)), hits)
    templates = TemplateSet({strategy: template} if template else None)
    make = question_rows if asked else training_rows
    rows = make(strategy, own, found, retrieved, templates, options=options).rows
    return rows[0], Subject(own, found, {h.id: h for h in hits}, known, options)


def kinds(row: PromptRow, subject: Subject) -> list[tuple[str, str]]:
    return [(w.kind, w.severity) for w in inspect_row(row, subject)]


def test_the_right_answer_of_a_rag_prompt_stands_where_it_says() -> None:
    row, subject = made(exemplar())
    found = places(row, subject)
    assert [(p.origin, p.position, p.of, p.exemplar_id) for p in found] == [
        ("descriptions", 1, 2, None),
        ("exemplars", 2, 4, "e2"),
        ("exemplars", 4, 4, "e4"),
    ]
    texts = [row.prompt[p.start : p.end] for p in found]
    assert texts == ["book_flight", "fly to <destination>", "a plane from <origin>"]
    start = question_start(row)
    assert row.prompt[start:] == '"a seat to Oslo" ->'
    assert [p.distance for p in found] == [start - (p.end or 0) for p in found]
    assert found[1].distance == len('" -> book_flight\n"a room in <city>" -> book_hotel\n')


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("order", get_args(Order))
def test_places_are_counted_as_they_stand_in_any_order(order: Order, seed: int) -> None:
    chosen = PLAIN.model_copy(update={"order": order, "seed": seed})
    row, subject = made(exemplar(), options=chosen)
    found = places(row, subject)
    for place in found:
        text = {None: "book_flight", "e2": "fly to <destination>", "e4": "a plane from <origin>"}
        assert row.prompt[place.start : place.end] == text[place.exemplar_id]
        lines = "".join(p.text for p in row.parts if p.origin == place.origin).split("\n")
        own = f'"{text[place.exemplar_id]}"' if place.exemplar_id else "book_flight:"
        shown = [x for x in lines if x.startswith(('"', "book_"))][::-1]
        assert shown[place.position - 1].startswith(own)
    if order == "most_relevant_first":
        assert [(p.position, p.of) for p in found] == [(2, 2), (1, 4), (3, 4)]


def test_a_place_that_the_template_does_not_show_says_so() -> None:
    row, subject = made(exemplar(), template="{{ utterance }}")
    assert {(p.start, p.note) for p in places(row, subject)} == {
        (None, "the template doesn't show it")
    }
    assert ("answer absent", "error") in kinds(row, subject)


def test_values_stand_in_the_utterance_as_they_are_written() -> None:
    spans = (
        Span(slot="destination", start=10, end=14, value="Oslo"),
        Span(slot="passengers", start=0, end=1, value=1),
    )
    own = exemplar(
        arguments={"destination": "Oslo", "passengers": 1, "refundable": True}, spans=spans
    )
    row, subject = made(own, strategy="all", hits=())
    found = {p.what: p for p in places(row, subject)}
    assert row.prompt[found["destination = Oslo"].start : found["destination = Oslo"].end] == "Oslo"
    assert found["passengers = 1"].note == "written “a”"
    assert found["refundable = True"].note == "one of its possible values"
    assert kinds(row, subject) == []


def test_where_it_stands_is_not_said_when_it_is_not_known() -> None:
    row, subject = made(exemplar(), known=False, asked=True)
    assert places(row, subject) == ()
    assert kinds(row, subject) == []


def test_an_answer_that_was_not_retrieved_is_absent() -> None:
    row, subject = made(exemplar(), hits=HITS[:1], names=("book_hotel",), asked=True)
    assert kinds(row, subject) == [("answer absent", "error")]
    out = exemplar(function=None)
    unlike = replace(HITS[0], similarity=0.3)
    assert kinds(*made(out, hits=(unlike,), names=("book_hotel",))) == []


@pytest.mark.parametrize(
    ("arguments", "implied", "expected"),
    [
        ({"destination": "Rome"}, (), [("answer absent", "error")]),
        ({"destination": "oslo"}, (), []),
        ({"destination": "Osl"}, (), [("answer absent", "error")]),
        ({"passengers": 2}, ("passengers",), [("answer absent", "note")]),
        ({"refundable": True}, (), []),
        ({}, (), []),
    ],
)
def test_a_value_that_nobody_wrote_is_absent(
    arguments: dict[str, Any], implied: tuple[str, ...], expected: list[tuple[str, str]]
) -> None:
    own = exemplar(arguments=arguments, implied=implied, spans=())
    assert kinds(*made(own, strategy="all", hits=())) == expected
    for slot in arguments:
        row, subject = made(own, strategy="single", hits=())
        assert row.slot == slot
        assert kinds(row, subject) == expected


def test_a_possible_value_need_not_be_written() -> None:
    slot = {"name": "cabin", "description": "class", "possible_values": ["economy", "first"]}
    schema = {**SCHEMA, "functions": [{"name": "book_flight", "description": "d", "slots": [slot]}]}
    own = exemplar(arguments={"cabin": "first"}, spans=())
    row, subject = made(own, strategy="all", hits=(), names=("book_flight",), schema=schema)
    assert kinds(row, subject) == []
    (place,) = places(row, subject)
    assert row.prompt[place.start : place.end] == "first"


@pytest.mark.parametrize(
    ("leak", "template", "says"),
    [
        (hit("x", "book_flight", "a seat", 1), None, "itself"),
        (
            hit("e9", "book_flight", "a seat to <destination>", 1),
            "a seat to <destination>",
            "same template",
        ),
        (hit("e9", "book_flight", "<a>", 1, utterance="A seat  to oslo."), None, "same utterance"),
    ],
)
def test_an_exemplar_that_gives_the_answer_away_leaks(
    leak: ExemplarHit, template: str | None, says: str
) -> None:
    own = exemplar(template=template)
    (warning,) = inspect_row(*made(own, hits=(leak, *HITS)))
    assert (warning.kind, warning.severity, says in warning.text) == (
        "answer leaked",
        "error",
        True,
    )


def test_a_typed_utterance_that_is_stored_leaks_whatever_it_means() -> None:
    twin = hit("e9", "book_hotel", "a seat to <x>", 1, utterance="a seat to Oslo")
    assert kinds(*made(exemplar(), hits=(twin,), known=False, asked=True)) == [
        ("answer leaked", "error")
    ]
    assert kinds(*made(exemplar(), hits=(twin,))) == []  # another function: a contradiction, not it


def test_names_in_descriptions_and_exemplars_are_no_leak_but_after_the_question_they_are() -> None:
    assert kinds(*made(exemplar())) == []
    tail = TemplateSet().source("rag") + " {{ functions[-1].name }}"
    (warning,) = inspect_row(*made(exemplar(), template=tail))
    assert (warning.kind, "after the utterance" in warning.text) == ("answer leaked", True)


def test_duplicates_and_contradictions_among_the_exemplars() -> None:
    twin = hit("e5", "book_flight", "fly to <destination>", 5)
    wrong = hit("e6", "book_hotel", "a plane from <origin>", 6)
    row, subject = made(exemplar(), hits=(*HITS[1:], twin, wrong)[:4])
    assert kinds(row, subject) == [("duplicate exemplar", "warning")]
    row, subject = made(exemplar(), hits=(HITS[1], HITS[3], wrong))
    (warning,) = inspect_row(row, subject)
    assert (warning.kind, "e4 and e6" in warning.text) == ("contradiction", True)


def test_what_has_no_description_is_named() -> None:
    bare = {
        **SCHEMA,
        "functions": [
            {"name": "book_flight", "slots": [{"name": "destination"}]},
            SCHEMA["functions"][1],
        ],
    }
    (warning,) = inspect_row(*made(exemplar(), schema=bare))
    assert (warning.kind, "book_flight" in warning.text) == ("description missing", True)
    row, subject = made(exemplar(), strategy="all", hits=(), schema=bare)
    assert (
        "1 slot in the prompt without a description: destination"
        in inspect_row(row, subject)[0].text
    )


def test_a_row_over_the_limit_says_by_how_much_and_what_becomes_of_it() -> None:
    warning = too_long(520, 512, (2, 0))
    assert (warning.kind, warning.severity) == ("truncated", "error")
    assert "520 tokens, 8 more than the limit of 512" in warning.text
    assert "least relevant out, 2 of its exemplars, never" in warning.text
    assert "out, 4 of its exemplars and 1 of its functions, never" in (
        too_long(520, 512, (4, 1)).text
    )
    assert "out, 3 of its functions, never" in too_long(520, 512, (0, 3)).text
    assert "lists it as a discard" in too_long(520, 512, None).text


def test_a_changed_utterance_is_told() -> None:
    shouted = TemplateSet().source("rag").replace("{{ utterance }}", "{{ utterance | upper }}")
    assert ("template", "warning") in kinds(*made(exemplar(), template=shouted))


def test_a_template_in_use_that_lacks_a_variable_is_told_with_its_line() -> None:
    assert template_warnings(TemplateSet(), "rag") == ()
    (warning,) = template_warnings(TemplateSet({"rag": "x"}), "rag")
    assert "doesn't show utterance" in warning.text
    (warning,) = template_warnings(TemplateSet({"rag": "{{ utterance }}\n{{ nope }}"}), "rag")
    assert "line 2" in warning.text


def test_the_worst_comes_first_and_once() -> None:
    note, error = PromptWarning("b", "note", "", ""), PromptWarning("a", "error", "", "")
    assert worst([note, error, note]) == (error, note)
