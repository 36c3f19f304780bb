"""An utterance that a person writes, with what was typed for its slots."""

from __future__ import annotations

from typing import Any

import pytest

from radu_core.errors import InputError
from radu_core.schema import parse_schema
from radu_core.workflows.load.add import arguments_of

SLOTS = [
    {"name": "pieces", "type": "integer"},
    {"name": "price", "type": "number"},
    {"name": "day", "type": "date"},
    {"name": "at", "type": "time"},
    {"name": "gift", "type": "boolean"},
    {"name": "extras", "multi_value": True},
]
FUNCTION = parse_schema(
    {"module": "a_b_en", "functions": [{"name": "order", "slots": SLOTS}]}
).functions[0]


@pytest.mark.parametrize(
    ("language", "typed", "taken"),
    [
        ("en", {"pieces": "1,599", "price": "2.5"}, {"pieces": 1599, "price": 2.5}),
        ("de", {"pieces": "1.599", "price": "1.599,00"}, {"pieces": 1599, "price": 1599}),
        ("de", {"day": "9.3.2026", "at": "18 Uhr"}, {"day": "2026-03-09", "at": "18:00"}),
        ("en", {"gift": "yes", "extras": ["a", " ", "b"]}, {"gift": True, "extras": ["a", "b"]}),
        ("en", {"pieces": "  "}, {}),
    ],
)
def test_what_is_typed_becomes_what_the_slots_take(
    language: str, typed: dict[str, Any], taken: dict[str, Any]
) -> None:
    assert repr(arguments_of(FUNCTION, typed, language)) == repr(taken)


@pytest.mark.parametrize(
    ("language", "typed", "problem", "remedy"),
    [
        (
            "de",
            {"price": "1.599"},
            "Slot 'price': '1.599' may mean 1599 or 1.599",
            "Write 1599 or 1.5990.",
        ),
        (
            "en",
            {"day": "3/9/2026"},
            "Slot 'day': '3/9/2026' may mean 2026-09-03 or 2026-03-09",
            "Write 2026-09-03 or 2026-03-09.",
        ),
        (
            "en",
            {"at": "7"},
            "slot 'at' takes a time (HH:MM), not '7'",
            "Correct the values or the function.",
        ),
    ],
)
def test_what_may_mean_several_values_or_none_is_refused(
    language: str, typed: dict[str, Any], problem: str, remedy: str
) -> None:
    with pytest.raises(InputError) as caught:
        arguments_of(FUNCTION, typed, language)
    assert problem in str(caught.value)
    assert caught.value.remedy == remedy
