"""What a gazetteer finds, and what it leaves alone."""

from __future__ import annotations

from typing import Any

import pytest
from labelled import TICKETS, exemplar

from radu_core.evaluation.gazetteer import Gazetteer
from radu_core.schema import Schema, parse_schema

SHOP = parse_schema(
    {
        "module": "acme_shop_en",
        "functions": [
            {
                "name": "order",
                "slots": [
                    {"name": "item"},
                    {"name": "size", "possible_values": ["small", "very large"]},
                    {"name": "count", "type": "integer"},
                    {"name": "time"},
                    {"name": "extras", "multi_value": True},
                ],
            },
            {"name": "cancel", "slots": [{"name": "item"}]},
        ],
    }
)


def order(id: str, text: str, **values: str) -> Any:
    return exemplar(id, text, "order", **values)


def test_values_are_whole_words_the_longest_first(schema: Schema) -> None:
    more = [
        exemplar("y", "to York", destination="York"),
        exemplar("n", "to New York", destination="New York"),
    ]
    known = Gazetteer(schema, [*TICKETS, *more])
    assert known.arguments("book_flight", "to new york") == {"destination": "New York"}
    assert known.arguments("book_flight", "to Yorkshire") == {}
    assert known.arguments("book_flight", "BONN!") == {"destination": "Bonn"}
    assert known.arguments("gone", "Bonn") == {}


def test_the_words_beside_it_say_which_slot(schema: Schema) -> None:
    train = [
        exemplar(f"{i}", f"from {a} to {b}", origin=a, destination=b)
        for i, (a, b) in enumerate([("Oslo", "Rome"), ("Rome", "Oslo"), ("Oslo", "Bonn")])
    ]
    found = Gazetteer(schema, train).arguments("book_flight", "to Oslo from Rome")
    assert found == {"destination": "Oslo", "origin": "Rome"}


def test_a_surface_that_mostly_means_nothing_is_dropped() -> None:
    train = [order("1", "a tea", item="tea"), order("2", "get me a cake", item="cake")]
    one = train[0].model_copy(
        update={
            "spans": (
                train[0]
                .spans[0]
                .model_copy(update={"slot": "count", "start": 0, "end": 1, "value": 1}),
                *train[0].spans,
            )
        }
    )
    often = [order(f"o{i}", "get me a cake", item="cake") for i in range(3)]
    assert Gazetteer(SHOP, [one]).arguments("order", "a tea") == {"count": 1, "item": "tea"}
    assert Gazetteer(SHOP, [one, *often]).arguments("order", "a tea") == {"item": "tea"}


def test_the_schemas_values_and_those_of_the_same_slot_elsewhere_are_known() -> None:
    known = Gazetteer(SHOP, [order("1", "a tea", item="tea")])
    assert known.arguments("cancel", "no tea") == {"item": "tea"}
    assert known.arguments("order", "a Very Large tea") == {"item": "tea", "size": "very large"}
    assert Gazetteer(SHOP, []).arguments("order", "small") == {"size": "small"}


def test_a_number_is_known_by_its_shape() -> None:
    train = [order("1", "tea at 7 pm", item="tea", time="7 pm")]
    known = Gazetteer(SHOP, train)
    assert known.arguments("order", "tea at 11 pm") == {"item": "tea", "time": "11 pm"}
    assert known.arguments("order", "tea at 11 km") == {"item": "tea"}


def test_digits_fill_a_numeric_slot_as_a_number() -> None:
    one = order("1", "3 teas")
    span = {"slot": "count", "start": 0, "end": 1, "value": 3}
    counted = one.model_validate({**one.model_dump(), "spans": [span], "template": "<count> teas"})
    assert Gazetteer(SHOP, [counted]).arguments("order", "42 teas") == {"count": 42}
    assert Gazetteer(SHOP, [counted]).arguments("order", "teas") == {}


def test_a_slot_that_takes_many_takes_many() -> None:
    train = [order("1", "with milk", extras="milk"), order("2", "with ice", extras="ice")]
    found = Gazetteer(SHOP, train).arguments("order", "ice, milk and ice")
    assert sorted(found["extras"]) == ["ice", "milk"]


@pytest.mark.parametrize(
    ("seen", "value", "asked"),
    [
        ("去北京", "北京", "我要去北京吧"),
        ("東京まで", "東京", "明日東京へ"),
        ("ไปเชียงใหม่", "เชียงใหม่", "อยากไปเชียงใหม่ค่ะ"),
        ("서울로", "서울", "내일 서울에서 봐"),
        ("в Осло", "Осло", "билет в осло"),
        ("إلى أوسلو", "أوسلو", "تذكرة إلى أوسلو"),
    ],
)
def test_any_writing(schema: Schema, seen: str, value: str, asked: str) -> None:
    known = Gazetteer(schema, [exemplar("1", seen, destination=value)])
    assert known.arguments("book_flight", asked) == {"destination": value}
