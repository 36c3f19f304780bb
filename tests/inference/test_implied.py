"""Values that rows imply, learnt from them."""

from __future__ import annotations

from typing import Any

import pytest
from fakes import HashEmbedder

from radu_core.exemplars import AnnotatedExemplar, Span
from radu_core.inference.implied import Implied
from radu_core.schema import Schema, parse_schema

SCHEMA = parse_schema(
    {
        "module": "acme_trips_en",
        "functions": [
            {
                "name": "book",
                "description": "Book a seat.",
                "slots": [
                    {"name": "people", "description": "how many", "type": "integer"},
                    {"name": "refundable", "description": "money back", "type": "boolean"},
                    {"name": "city", "description": "where to"},
                ],
            }
        ],
    }
)
EMBEDDER = HashEmbedder()


def row(number: int, text: str, spans: tuple[Span, ...] = (), **arguments: Any) -> Any:
    return AnnotatedExemplar(
        id=f"{number}", utterance=text, function="book", arguments=arguments, spans=spans
    )


ROWS = [
    *(row(n, f"my wife and me to place{n}", people=2) for n in range(8)),
    *(row(10 + n, f"a seat for myself to place{n}", people=1) for n in range(8)),
    *(row(20 + n, f"just fly to place{n}") for n in range(8)),
    row(30, "for 3 to Oslo", (Span(slot="people", start=4, end=5, value=3),), people=3),
]


def said(text: str, schema: Schema = SCHEMA, rows: list[Any] = ROWS) -> dict[str, Any]:
    function = schema.function("book")
    assert function is not None
    implied = Implied(schema, rows, EMBEDDER)  # type: ignore[arg-type]
    return implied.values("book", function.slots, EMBEDDER.embed([text])[0])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("my wife and me to Rome", {"people": 2}),
        ("a seat for myself to Rome", {"people": 1}),
        ("just fly to Rome", {}),
    ],
)
def test_a_value_is_implied_where_the_rows_imply_it(text: str, expected: dict[str, int]) -> None:
    assert said(text) == expected


def test_what_is_always_meant_is_implied_always() -> None:
    rows = [row(n, f"ride {n}", refundable=True) for n in range(3)]
    assert said("something else", rows=rows) == {"refundable": True}


def test_one_row_or_values_that_are_written_teach_nothing() -> None:
    spans = (Span(slot="people", start=4, end=5, value=3),)
    rows = [row(n, "for 3 to Oslo", spans, people=3) for n in range(5)]
    assert not Implied(SCHEMA, rows, EMBEDDER)  # type: ignore[arg-type]
    assert not Implied(SCHEMA, [row(0, "us two", people=2)], EMBEDDER)  # type: ignore[arg-type]
    assert not Implied(SCHEMA, [], EMBEDDER)  # type: ignore[arg-type]


def test_free_text_of_many_values_isn_t_learnt() -> None:
    rows = [row(n, f"to place {n}", city=f"City{n}") for n in range(30)]
    assert said("to place 3", rows=rows) == {}
