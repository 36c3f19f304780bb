"""Words → the value that is stored."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from radu_core.alignment.inverse import Inverse
from radu_core.exemplars import AnnotatedExemplar, Span
from radu_core.schema import Schema, parse_schema

TODAY = date(2026, 3, 2)  # a Monday
SCHEMA = parse_schema(
    {
        "module": "acme_house_en",
        "functions": [
            {
                "name": "book",
                "description": "Book a table.",
                "slots": [
                    {"name": "people", "description": "how many", "type": "integer"},
                    {"name": "price", "description": "at most", "type": "number"},
                    {"name": "day", "description": "when", "type": "date"},
                    {"name": "at", "description": "when", "type": "time"},
                    {"name": "place", "description": "where"},
                    {
                        "name": "class",
                        "description": "which",
                        "possible_values": ["Premium Economy", "Business"],
                    },
                    {
                        "name": "gate",
                        "description": "which",
                        "possible_values": ["Gate 1", "Gate 2", "Gate 12"],
                    },
                    {"name": "number", "description": "stored in figures"},
                    {"name": "outside", "description": "in the open", "type": "boolean"},
                    {"name": "when", "description": "stored as a date"},
                ],
            }
        ],
    }
)


def row(text: str, said: str, slot: str, value: Any) -> AnnotatedExemplar:
    start = text.index(said)
    span = Span(slot=slot, start=start, end=start + len(said), value=value)
    return AnnotatedExemplar(
        id=text, utterance=text, function="book", arguments={slot: value}, spans=(span,)
    )


TAUGHT = [
    row("go to the Big Apple", "the Big Apple", "place", "New York"),
    row("go to Oslo", "Oslo", "place", "Oslo"),
    row("come on the 5th of March", "the 5th of March", "when", "2026-03-05"),
    row("come today", "today", "when", "2026-03-02"),
    row("to number ten", "ten", "number", "10"),
    row("to number six", "six", "number", "6"),
    row("for a couple of us", "a couple", "people", 2),
]


def value(slot: str, words: str, schema: Schema = SCHEMA, today: date | None = TODAY) -> Any:
    function = schema.function("book")
    assert function is not None
    known = function.slot(slot)
    assert known is not None
    return Inverse(schema, TAUGHT, reference=today).value(function, known, words)


@pytest.mark.parametrize(
    ("slot", "words", "expected"),
    [
        ("people", "four", 4),
        ("people", "4", 4),
        ("people", "a couple", 2),
        ("people", "some friends", None),
        ("people", "2.5", None),
        ("price", "$12.50", 12.5),
        ("day", "tomorrow", "2026-03-03"),
        ("day", "next Friday", "2026-03-06"),
        ("day", "2026-03-09", "2026-03-09"),
        ("day", "soon", None),
        ("at", "7 pm", "19:00"),
        ("at", "half past nine in the morning", "09:30"),
        ("place", "the big apple", "New York"),
        ("place", "Kyiv", "Kyiv"),
        ("class", "premium economy", "Premium Economy"),
        ("class", "busines", "Business"),
        ("class", "a bed", None),
        ("gate", "gate 12", "Gate 12"),
        ("gate", "Gate 3", None),
        ("gate", "gate 21", None),
        ("outside", "yes", True),
        ("outside", "nope", False),
        ("outside", "outside", True),
        ("number", "twenty", "20"),
        ("number", "twenty main street", "twenty main street"),
        ("when", "tomorrow", "2026-03-03"),
        ("when", "whenever", "whenever"),
    ],
)
def test_words_stand_for_what_is_stored(slot: str, words: str, expected: Any) -> None:
    found = value(slot, words)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("words", "today", "expected"),
    [
        ("today", date.max, "9999-12-31"),
        ("tomorrow", date.max, None),
        ("next Monday", date.max, None),
        ("the 5th", date(9999, 12, 20), None),
        ("February 30th 9999", TODAY, None),
        ("yesterday", date.min, None),
        ("in 99999999999 days", TODAY, None),
        ("in 99999999999 weeks", TODAY, None),
    ],
)
def test_a_date_beyond_the_calendar_is_none(words: str, today: date, expected: str | None) -> None:
    assert value("day", words, today=today) == expected


def test_another_day_gives_another_date_whatever_rows_had() -> None:
    assert value("when", "today", today=date(2027, 1, 1)) == "2027-01-01"


def test_a_day_that_is_given_counts_this_time_only() -> None:
    function = SCHEMA.function("book")
    assert function is not None
    slot = function.slot("day")
    assert slot is not None
    for inverse in (
        Inverse(SCHEMA, TAUGHT, reference=TODAY),
        Inverse.read(SCHEMA, Inverse(SCHEMA, TAUGHT).data(), reference=TODAY),
    ):
        assert inverse.value(function, slot, "tomorrow", today=date(2027, 1, 1)) == "2027-01-02"
        assert inverse.value(function, slot, "tomorrow") == "2026-03-03"


def test_without_a_day_to_count_from_a_date_slot_takes_no_relative_one() -> None:
    assert value("day", "tomorrow", today=None) is None
    assert value("day", "9 March 2027", today=None) == "2027-03-09"
