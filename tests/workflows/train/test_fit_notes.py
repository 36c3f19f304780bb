"""What fit says of labels that hold the model back."""

from __future__ import annotations

import pytest
from conftest import SCHEMA

from radu_core.exemplars import AnnotatedExemplar
from radu_core.models import DEFAULT_EMBEDDER
from radu_core.schema import Schema, parse_schema
from radu_core.workflows.train.fit_notes import notes_on

GOOD = [
    ("fly to Bonn", "book_flight"),
    ("fly to Oslo", "book_flight"),
    ("a room", "book_hotel"),
    ("a bed", "book_hotel"),
]


def said(
    schema: Schema,
    rows: list[tuple[str, str | None]],
    *,
    base: str = "mine",
    validation: bool = True,
    ended: str = "",
) -> list[str]:
    labels = [
        AnnotatedExemplar(id=f"e{n}", utterance=t, function=f) for n, (t, f) in enumerate(rows)
    ]
    return notes_on(schema, labels, base=base, validation=validation, ended=ended)


def test_nothing_is_said_where_nothing_is_missing(schema: Schema) -> None:
    assert said(schema, GOOD) == []


@pytest.mark.parametrize(
    ("rows", "begins"),
    [
        (GOOD[:2], "1 function (book_hotel) without a label"),
        (GOOD[:3], "1 function (book_hotel) with one label"),
        (GOOD[:2], "Only one function has labels"),
        ([*GOOD, ("Fly  to bonn", "book_hotel")], "1 utterance labelled with different functions"),
        ([*GOOD, ("fly to Bonn", None)], "1 utterance labelled with different functions"),
    ],
)
def test_each_fault_of_labels_is_named(
    schema: Schema, rows: list[tuple[str, str | None]], begins: str
) -> None:
    assert any(note.startswith(begins) for note in said(schema, rows)), said(schema, rows)


def test_one_function_beside_out_of_scope_is_something_to_tell_apart(schema: Schema) -> None:
    notes = said(schema, [*GOOD[:2], ("a joke", None)])
    assert not any("Only one function" in n for n in notes)


def test_an_english_model_for_another_language_is_named(schema: Schema) -> None:
    german = parse_schema({**SCHEMA, "module": "acme_travel_de"})
    [note] = said(german, GOOD, base=DEFAULT_EMBEDDER)
    assert "another language (de)" in note
    assert said(german, GOOD, base="a-multilingual-one") == []
    assert said(schema, GOOD, base=DEFAULT_EMBEDDER) == []


def test_notes_are_plain_text(schema: Schema) -> None:
    """The page shows them as they are."""
    assert not [n for n in said(schema, GOOD[:1], validation=False, ended="Over.") if "`" in n]


def test_no_slots_no_validation_no_time(schema: Schema) -> None:
    bare = parse_schema({**SCHEMA, "functions": [{**f, "slots": []} for f in SCHEMA["functions"]]})
    assert said(bare, GOOD) == ["No function has a slot to learn: only functions are learnt."]
    assert "out of fold" in said(schema, GOOD, validation=False)[0]
    assert said(schema, GOOD, ended="Its time limit ended it.") == [
        "Its time limit ended it. More time lets it learn more."
    ]


def test_many_names_are_counted() -> None:
    functions = [{"name": f"f{n}", "description": "x"} for n in range(2_000)]
    many = parse_schema({"module": "a_b_en", "functions": functions})
    [first, *_] = said(many, [("a", "f0"), ("b", "f0")])
    assert first.startswith("1,999 functions (f1, f2, f3, f4, f5 and 1,994 more) without a label")
