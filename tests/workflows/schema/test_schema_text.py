"""A schema as text: errors name line and column, and what is written reads back."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
from conftest import MODULE, SCHEMA
from hypothesis import given
from hypothesis import strategies as st

from radu_core.errors import InputError, SchemaError
from radu_core.schema import Schema, SlotType, parse_schema
from radu_core.workflows.load.sample import sample_modules
from radu_core.workflows.schema.text import (
    as_text,
    check_text,
    diff,
    labels_as_lines,
    labels_from_lines,
    position_of,
    values_as_lines,
    values_from_lines,
)

FULL: dict[str, Any] = {
    "module": MODULE,
    "description": "Reisen – 旅行 – السفر",
    "reference_date": "2019-03-01",
    "functions": [
        {
            "name": "täglich",
            "description": "",
            "slots": [
                {"name": "n", "type": "number", "possible_values": [1, 1.5, -2]},
                {"name": "b", "type": "boolean", "possible_values": [True]},
                {"name": "d", "type": "date"},
                {"name": "t", "type": "time", "required": True},
                {"name": "予約", "recognizer": "muster", "multi_value": True},
            ],
        },
        *({"name": f"f{n}", "description": "x" * 5_000} for n in range(200)),
    ],
    "recognizers": [
        {"name": "muster", "kind": "pattern", "pattern": "\\d+"},
        {"name": "stadt", "kind": "list", "labels": {"Köln | Bonn": ["K, B"]}},
    ],
}


@pytest.mark.parametrize("data", [SCHEMA, FULL], ids=["small", "full"])
def test_a_schema_as_text_is_the_same_again(data: dict[str, Any]) -> None:
    schema = parse_schema(data)
    again = check_text(as_text(schema), module=MODULE)
    assert again.model_dump_json() == schema.model_dump_json()


def test_the_samples_own_schemas_are_shown() -> None:
    dates = []
    for path in sample_modules():
        schema = parse_schema(json.loads((path / "schema.json").read_text(encoding="utf-8")))
        dates.append(schema.reference_date)
        assert check_text(as_text(schema), module=schema.module) == schema
    assert any(dates)  # else this tests nothing


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "line 1, column 2"),
        ('{\n "functions": [\n  {"name": "a",}\n ]\n}', "line 3, column 1"),
        (
            '{"functions": [\n {"name": "a"},\n {"name": 3}\n]}',
            "line 3, column 11, functions.1.name",
        ),
        (
            '{"functions": [{"name": "a", "slots": [\n{"name": "s",\n "type": "text"}]}]}',
            "line 3, column 10, functions.0.slots.0.type",
        ),
        ('{"functions": [\n {"nam": "a"}]}', "line 2, column 2, functions.0"),
        ('{"functions": [\n {"name": "a"},\n {"name": "a"}]}', "(line 3)"),
        ('{"functions": [\n {"name": "a", "name": "b"}]}', "'name' twice (line 2)"),
        (
            '{"functions": [{"name": "a"}],\n "recognizers": [{"name": "r", "kind": "list",\n'
            '  "labels": 5}]}',
            "line 3, column 13, recognizers.0.labels",
        ),
        (
            '{"functions": [{"name": "a"}],\n "recognizers": [\n'
            '  {"name": "r", "kind": "pattern", "pattern": "("}]}',
            "(line 3)",
        ),
        ('{"functions": [\n {"description": "x"}]}', "functions.0: the field 'name' is missing"),
        (
            '{"functions": [{"name": "a"}],\n "recognizers": [{"name": "r"}]}',
            "line 2, column 18, recognizers.0: the field 'kind' is missing",
        ),
        ('{"functions": [{"name": "a",\n "x": 1}]}', "no such field as 'x'"),
        (
            '{"functions": [{"name": "a", "slots": [\n'
            '{"name": "s", "possible_values": [1,\n 1e999]}]}]}',
            "line 3, column 2, functions.0.slots.0.possible_values.1: 1e999 isn't a number that",
        ),
        ('{"functions": [{"name": "a",\n "description": NaN}]}', "line 2, column 17"),
        ('{"functions": [{"name": "a",\n "description": "\\ud83d"}]}', "line 2: \\ud83d is a sur"),
        ('{"functions": [{"name": "a",\n "x": ' + 5_000 * "1" + "}]}", "line 2: it has an integer"),
        (
            '{"functions": [{"name": "a", "description": "name"},\n {"name": "b",\n "name": "c"}]}',
            "'name' twice (line 3)",
        ),
        ("", "it is empty"),
        ("[]", "must be a JSON object"),
        ('{"module": "other_bot_en", "functions": [{"name": "a"}]}', "another module"),
        ('{"functions": []}', "no functions"),
    ],
)
def test_an_error_names_the_place(text: str, said: str) -> None:
    with pytest.raises(SchemaError) as error:
        check_text(text, module=MODULE)
    assert said in str(error.value)


def test_a_position_is_that_of_the_value() -> None:
    text = json.dumps(FULL, ensure_ascii=False, indent=1)
    line, column = position_of(text, ["functions", 0, "slots", 4, "recognizer"])
    assert text.splitlines()[line - 1][column - 1 :].startswith('"muster"')
    assert position_of(text, ["nope"]) == (1, 1)
    assert position_of("  [1,\n 2]", [1]) == (2, 2)


def test_a_diff_has_what_was_changed() -> None:
    one = parse_schema(SCHEMA)
    lines = diff(one, one.model_copy(update={"reference_date": date(2020, 1, 2)}))
    assert [line for line in lines[2:] if line[0] in "+-"] == ['+  "reference_date": "2020-01-02",']
    assert diff(one, one) == []


SCALARS = st.one_of(
    st.text(max_size=8).filter(lambda t: not any("\ud800" <= c <= "\udfff" for c in t)),
    st.booleans(),
    st.integers(-1000, 1000),
    st.floats(allow_nan=False, allow_infinity=False, width=32),
)


@given(st.lists(st.text(max_size=8), unique=True, max_size=5))
def test_text_values_read_back(values: list[str]) -> None:
    assert list(values_from_lines(values_as_lines(values, "string"), "string")) == values


@given(st.lists(SCALARS, max_size=5, unique_by=lambda v: (type(v), v)))
def test_numbers_and_yes_no_read_back(values: list[Any]) -> None:
    """Of each type those that it has itself; text in quotes goes with any."""
    for kind, types in (
        ("integer", (int, str)),
        ("number", (int, float, str)),
        ("boolean", (bool, str)),
    ):
        own = [v for v in values if type(v) in types]
        found = values_from_lines(values_as_lines(own, kind), kind)  # type: ignore[arg-type]
        assert [(type(v), v) for v in found] == [(type(v), v) for v in own]


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        ("1\n\ntwo", "integer", "Line 3 of the possible values isn't a whole number"),
        ("1.5", "integer", "whole number"),
        ("1e999", "number", "isn't a number"),
        ("nan", "number", "isn't a number"),
        ("yes", "boolean", "true or false"),
        ("a\nb\na", "string", "Line 3 of the possible values is there twice"),
        ('"open', "string", "isn't text"),
    ],
)
def test_a_value_that_cant_be_one_is_named(text: str, kind: SlotType, said: str) -> None:
    with pytest.raises(InputError, match=said):
        values_from_lines(text, kind)


@given(
    st.dictionaries(
        st.text(max_size=6),
        st.lists(st.text(max_size=6), max_size=3, unique=True),
        min_size=1,
        max_size=4,
    )
)
def test_labels_read_back(labels: dict[str, list[str]]) -> None:
    found = labels_from_lines(labels_as_lines(labels))
    assert found == {label: tuple(expressions) for label, expressions in labels.items()}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "needs a label"),
        ("a | b\n| c", "Line 2 has no label"),
        ("a\nb\na | c", "Line 3 has a label that is there already"),
        ('"a', "Line 1 has a quote that doesn't end"),
        ('"a" b', "Line 1 has text after a quote"),
    ],
)
def test_a_label_that_cant_be_one_is_named(text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        labels_from_lines(text)


def test_a_schema_with_every_type_is_a_schema() -> None:
    assert isinstance(parse_schema(FULL), Schema)
