"""A name whose words stand in another order is asked about as a whole: no part of it decides."""

from __future__ import annotations

import pytest

from radu_core.alignment import align
from radu_core.exemplars import AnnotatedExemplar
from radu_core.schema import parse_schema

SCHEMA = parse_schema(
    {
        "module": "acme_names_en",
        "functions": [
            {
                "name": "go",
                "description": "Go somewhere.",
                "slots": [{"name": "name", "description": "which"}],
            }
        ],
    }
)


@pytest.mark.parametrize(
    ("text", "value", "whole"),
    [
        ("go to Lane 12 Rose", "12 Rose Lane", "Lane 12 Rose"),
        ("shoes red please", "red shoes", "shoes red"),
        ("call Smith, John now", "John Smith", "Smith, John"),
        ("the Rose Lane 12 house", "12 Rose Lane", "Rose Lane 12"),
    ],
)
def test_the_whole_is_offered_and_nothing_decided(text: str, value: str, whole: str) -> None:
    exemplar = AnnotatedExemplar(id="1", utterance=text, function="go", arguments={"name": value})
    found = align(SCHEMA, exemplar)
    assert found.outcome == "unlocated"
    [argument] = found.arguments
    assert [text[c.start : c.end] for c in argument.candidates] == [whole]
    assert whole in found.reason


@pytest.mark.parametrize("text", ["John called a Smith", "Smith. John came", "John and Smith"])
def test_words_that_do_not_stand_together_are_no_name(text: str) -> None:
    exemplar = AnnotatedExemplar(
        id="1", utterance=text, function="go", arguments={"name": "John Smith"}
    )
    places = [c for a in align(SCHEMA, exemplar).arguments for c in a.candidates]
    assert not any(
        text[c.start : c.end].startswith("Smith") and c.end - c.start > 6 for c in places
    )
