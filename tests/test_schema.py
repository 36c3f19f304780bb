"""Schemas: what is refused, what lint says, and what recognizers find."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from radu_core.errors import SchemaError
from radu_core.schema import (
    OUT_OF_SCOPE,
    Slot,
    argument_problems,
    check_module_id,
    fits_type,
    lint,
    parse_schema,
    recognize,
    require_function,
)
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.load.files import init_module


def minimal(**function: Any) -> dict[str, Any]:
    return {"module": "a_b_en", "functions": [{"name": "f", **function}]}


@pytest.mark.parametrize("id", ["../evil_x_en", "a/b_c_en", "Acme_x_en", "acme_en", "", "a_b_en\n"])
def test_a_module_id_that_isnt_one_is_refused(id: str) -> None:
    with pytest.raises(SchemaError, match="Not a module id"):
        check_module_id(id)


def test_a_module_id_cannot_leave_the_workspace(workspace: Workspace) -> None:
    with pytest.raises(SchemaError):
        workspace.index("../../etc_x_en")


def test_a_wrong_field_is_named_with_its_value() -> None:
    with pytest.raises(SchemaError, match=r"functions\.0\.slots\.0\.type.*'int'"):
        parse_schema(minimal(slots=[{"name": "n", "type": "int"}]))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"module": "a_b_en", "functions": []}, "no functions"),
        (minimal(slots=[{"name": "x"}, {"name": "x"}]), "Two of the same"),
        (minimal(slots=[{"name": "x", "recognizer": "no"}]), "unknown recognizer"),
        ({"module": "a_b_en", "functions": [{"name": "none"}]}, "can't be used"),
        (
            {**minimal(), "recognizers": [{"name": "p", "kind": "pattern", "pattern": "("}]},
            "doesn't compile",
        ),
    ],
)
def test_a_schema_that_contradicts_itself_is_refused(data: dict[str, Any], words: str) -> None:
    with pytest.raises(SchemaError, match=words):
        parse_schema(data)


def test_a_schema_without_descriptions_loads_and_is_warned_about(
    workspace: Workspace, tmp_path: Path
) -> None:
    path = tmp_path / "schema.json"
    path.write_text(json.dumps(minimal(slots=[{"name": "x"}])))
    schema = init_module(workspace, "a_b_en", path, who="test").schema
    found = [(f.level, f.where) for f in lint(schema)]
    assert found == [("warning", "f"), ("note", "f.x")]


@pytest.mark.parametrize(
    ("value", "kind", "fits"),
    [
        (1, "integer", True),
        (True, "integer", False),
        ("1", "integer", False),
        (1.5, "number", True),
        (float("nan"), "number", False),
        (True, "boolean", True),
        ("2026-03-02", "date", True),
        ("2026-3-2", "date", False),
        ("2026-02-30", "date", False),
        ("19:30", "time", True),
        ("7pm", "time", False),
        ("x", "string", True),
        (1, "string", False),
    ],
)
def test_values_are_checked_by_type(value: Any, kind: Any, fits: bool) -> None:
    assert fits_type(value, Slot(name="s", type=kind)) is fits


def test_argument_problems_name_slot_and_expectation(schema: Any) -> None:
    function = require_function(schema, "book_flight")
    problems = argument_problems(
        function, {"passengers": "two", "seat": "1A", "origin": ["a", "b"]}
    )
    assert problems == [
        "slot 'passengers' takes a value of type integer, not 'two'",
        "book_flight has no slot 'seat' (it has origin, destination, passengers, refundable)",
        "slot 'origin' takes one value, not a list: ['a', 'b']",
    ]


def test_a_list_recognizer_finds_whole_words_in_any_case(schema: Any) -> None:
    found = recognize(schema.recognizer("city"), "nyc, Parisian, PARIS")
    assert [(r.start, r.end, r.value) for r in found] == [(0, 3, "New York"), (15, 20, "Paris")]


def test_a_pattern_that_explodes_is_no_match_in_bounded_time() -> None:
    data = {**minimal(), "recognizers": [{"name": "p", "kind": "pattern", "pattern": "(a+)+$"}]}
    begun = time.monotonic()
    assert recognize(parse_schema(data).recognizers[0], "a" * 40 + "b") == []
    assert time.monotonic() - begun < 5


DOTTED = parse_schema(
    {
        "module": "a_b_en",
        "functions": [
            {"name": "book", "slots": [{"name": "hotel"}, {"name": "hotel.pets"}]},
            {"name": "book.hotel", "slots": [{"name": "pets"}]},
            {"name": "book.taxi", "slots": [{"name": "seats"}]},
        ],
    }
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("book", ("book", "")),
        ("book.hotel", ("book.hotel", "")),  # a function before a slot of the shorter one
        ("book.hotel.pets", ("book.hotel", "pets")),
        ("book.taxi.seats", ("book.taxi", "seats")),
        ("book.taxi.gone", ("book.taxi", "gone")),
        ("book.other", ("book", "other")),
        ("booking", None),
        ("", None),
        (".pets", None),
    ],
)
def test_a_context_names_a_function_and_a_slot_whatever_dots_they_have(
    text: str, expected: tuple[str, str] | None
) -> None:
    found = DOTTED.context_of(text)
    assert (found and (found[0].name, found[1])) == expected


def test_no_function_can_have_the_name_that_means_out_of_scope() -> None:
    with pytest.raises(SchemaError, match="'none' means out of scope"):
        parse_schema({"module": "a_b_en", "functions": [{"name": OUT_OF_SCOPE}]})
