"""Alignment: what is resolved, what is asked, and why."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radu_core.alignment import ContextModel, align
from radu_core.alignment.folding import fold
from radu_core.exemplars import AnnotatedExemplar, Span
from radu_core.schema import Schema, parse_schema

Make = Callable[..., AnnotatedExemplar]


def test_one_reading_is_resolved(schema: Schema, make_exemplar: Make) -> None:
    result = align(schema, make_exemplar("fly to Oslo", arguments={"destination": "Oslo"}))
    assert (result.outcome, result.resolved_by) == ("resolved", "unique")
    assert result.template == "fly to <destination>"
    assert result.spans == (Span(slot="destination", start=7, end=11, value="Oslo"),)


def test_a_value_that_occurs_twice_is_asked_about(schema: Schema, make_exemplar: Make) -> None:
    arguments = {"origin": "Oslo", "destination": "Rome"}
    result = align(schema, make_exemplar("from Oslo, dear Oslo, to Rome", arguments=arguments))
    assert result.outcome == "ambiguous"
    assert result.reason == "'Oslo' occurs twice, for origin."
    assert {r.template for r in result.readings} == {
        "from <origin>, dear Oslo, to <destination>",
        "from Oslo, dear <origin>, to <destination>",
    }


def test_two_slots_with_one_value_have_two_readings(schema: Schema, make_exemplar: Make) -> None:
    arguments = {"origin": "Oslo", "destination": "Oslo"}
    result = align(schema, make_exemplar("Oslo to Oslo", arguments=arguments))
    assert {r.template for r in result.readings} == {
        "<origin> to <destination>",
        "<destination> to <origin>",
    }


def test_resolved_templates_rank_the_readings(schema: Schema, make_exemplar: Make) -> None:
    arguments = {"origin": "Oslo", "destination": "Oslo"}
    context = ContextModel(["<origin> to <destination> please", "from <origin> to <destination>"])
    result = align(schema, make_exemplar("Oslo to Oslo", arguments=arguments), context=context)
    assert result.outcome == "ambiguous"
    assert result.readings[0].template == "<origin> to <destination>"


def test_nested_values_have_one_reading(schema: Schema, make_exemplar: Make) -> None:
    text = "from milwaukee airport to downtown milwaukee"
    arguments = {"origin": "milwaukee airport", "destination": "downtown milwaukee"}
    result = align(schema, make_exemplar(text, arguments=arguments))
    assert result.template == "from <origin> to <destination>"


@pytest.mark.parametrize(
    "value", ["$46", "Alexander G.", "Yahoo!", "Café", "東京", "תל אביב", "👩🏽‍🚀"]
)
def test_punctuation_and_any_script_are_found(
    schema: Schema, make_exemplar: Make, value: str
) -> None:
    text = f"take me to {value} now"
    result = align(schema, make_exemplar(text, arguments={"destination": value}))
    assert result.template == "take me to <destination> now"


def test_a_value_inside_a_word_is_not_found(schema: Schema, make_exemplar: Make) -> None:
    result = align(schema, make_exemplar("fly to Oslofjord", arguments={"destination": "Oslo"}))
    assert result.outcome == "unlocated"
    assert result.reason == "no 'Oslo' in the text for destination."


def test_case_and_composition_do_not_matter(schema: Schema, make_exemplar: Make) -> None:
    text = "fly to CAFE\u0301 ville"
    result = align(schema, make_exemplar(text, arguments={"destination": "Café"}))
    assert result.spans is not None
    assert text[result.spans[0].start : result.spans[0].end] == "CAFE\u0301"


def test_an_expression_stands_for_its_label(schema: Schema, make_exemplar: Make) -> None:
    row = make_exemplar("a bed in NYC", "book_hotel", arguments={"city": "New York"})
    assert align(schema, row).template == "a bed in <city>"


def test_booleans_are_asked_about(schema: Schema, make_exemplar: Make) -> None:
    row = make_exemplar("I want my money back", arguments={"refundable": True})
    assert align(schema, row).reason == (
        "refundable is True, which is usually implied rather than written."
    )
    implied = row.model_copy(update={"implied": ("refundable",)})
    assert align(schema, implied).outcome == "resolved"


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"function": "nope"}, "no function 'nope'"),
        ({"arguments": {"passengers": "two"}}, "takes a value of type integer"),
        ({"arguments": {"meal": "fish"}}, "no slot 'meal'"),
        ({"spans": (Span(slot="origin", start=0, end=3, value="fly"),)}, "the arguments don't"),
        ({"spans": (Span(slot="destination", start=7, end=99, value="Oslo"),),
          "arguments": {"destination": "Oslo"}}, "isn't inside the utterance"),
        ({"template": "go to <destination>", "arguments": {"destination": "Oslo"}},
         "doesn't fit the utterance"),
        ({"template": "fly to <origin>", "arguments": {"destination": "Oslo"}}, "has the slots"),
    ],
)  # fmt: skip
def test_contradictions_are_invalid_with_the_reason(
    schema: Schema, make_exemplar: Make, more: dict[str, Any], words: str
) -> None:
    result = align(schema, make_exemplar("fly to Oslo", **more))
    assert result.outcome == "invalid"
    assert words in result.reason


def test_a_given_template_settles_what_is_ambiguous(schema: Schema, make_exemplar: Make) -> None:
    row = make_exemplar(
        "Oslo to Oslo", arguments={"origin": "Oslo", "destination": "Oslo"},
        template="<destination> to <origin>",
    )  # fmt: skip
    result = align(schema, row)
    assert (result.outcome, result.resolved_by) == ("resolved", "template")
    assert result.spans is not None
    assert [s.slot for s in result.spans] == ["destination", "origin"]


WORD = st.text(alphabet="abcdé東👩🏽\u0301İß", min_size=1, max_size=4)


@given(st.lists(WORD, min_size=1, max_size=6), st.integers(0, 5))
def test_resolved_spans_always_read_like_their_values(words: list[str], pick: int) -> None:
    schema = parse_schema(
        {"module": "a_b_en", "functions": [{"name": "f", "slots": [{"name": "x"}]}]}
    )
    text, value = " ".join(words), words[pick % len(words)]
    row = AnnotatedExemplar(id="x", utterance=text, function="f", arguments={"x": value})
    result = align(schema, row)
    for span in result.spans or ():
        assert fold(text[span.start : span.end]).text == fold(value).text
    if result.outcome == "resolved":
        assert fold(text).text.count(fold(value).text) >= 1


def test_folding_maps_back_to_the_original() -> None:
    folded = fold("İstanbul")  # its lower case is one code point longer
    assert list(folded.find_all(fold("stanbul").text)) == [(1, 8)]
