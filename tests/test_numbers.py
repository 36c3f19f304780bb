"""Numbers that can't be stored are refused at every border, with field, value and remedy."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import MODULE
from deciding import Tab
from hypothesis import given
from hypothesis import strategies as st
from labelled import exemplar
from pydantic import ValidationError

from radu_core.dataset import DatasetConfig
from radu_core.errors import FormatError, InputError, SchemaError
from radu_core.evaluation.gazetteer import Gazetteer
from radu_core.evaluation.metrics import Prediction
from radu_core.exemplars import AnnotatedExemplar, Span
from radu_core.files import parse_json, read_json
from radu_core.formats import read, write
from radu_core.inference.parser import read_slots
from radu_core.numbers import (
    LARGEST_INTEGER,
    NumberError,
    number_problem,
    possible_numbers,
    read_figures,
)
from radu_core.schema import (
    Schema,
    Slot,
    SlotType,
    argument_problems,
    fits_type,
    parse_schema,
    require_function,
)
from radu_core.workflows.annotate.request import parse_operation
from radu_core.workflows.frame.workspace import Workspace
from radu_core.workflows.load.add import add
from radu_core.workflows.load.labels import put_schema

HUGE = 10**400
BAD = [math.nan, math.inf, -math.inf, HUGE, -HUGE, LARGEST_INTEGER + 1]


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (1, ""),
        (-1.5, ""),
        (True, ""),
        ("NaN", ""),
        (None, ""),
        (LARGEST_INTEGER, ""),
        (1.7e308, ""),
        (math.nan, "NaN isn't"),
        (-math.inf, "-Infinity isn't"),
        (LARGEST_INTEGER + 1, "9007199254740992 is an integer so large"),
        (HUGE, "so large"),
    ],
)
def test_which_numbers_can_be_stored(value: object, problem: str) -> None:
    found = number_problem(value)
    assert problem in found
    assert bool(problem) == bool(found)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ('{"a": [1, NaN]}', "a.1"),
        ('{"a": {"b": -Infinity}}', "a.b"),
        ("1e999", ""),
        ("[-1E+400]", "0"),
        (f"[{'9' * 400}.5]", "0"),
    ],
)
def test_json_has_no_such_number(text: str, where: str) -> None:
    with pytest.raises(NumberError, match="isn't a finite number") as caught:
        parse_json(text)
    assert caught.value.where == where


def test_words_that_look_like_such_numbers_are_words(tmp_path: Path) -> None:
    assert parse_json('["NaN", "1e999", 1e10, 1e-999]') == ["NaN", "1e999", 1e10, 0.0]
    path = tmp_path / "state.json"  # of a run that diverged: ours, and no value
    path.write_text('{"loss": NaN}')
    assert math.isnan(read_json(path)["loss"])


@pytest.mark.parametrize("value", BAD)
def test_no_model_takes_one(value: float) -> None:
    slot = {"name": "s", "possible_values": [value]}
    with pytest.raises(SchemaError, match=r"possible_values\.0: .*Write a finite number"):
        parse_schema({"functions": [{"name": "f", "slots": [slot]}]}, module=MODULE)
    for broken in (
        lambda: AnnotatedExemplar(id="x", utterance="x", arguments={"a": value}),
        lambda: AnnotatedExemplar(id="x", utterance="x", arguments={"a": [1, value]}),
        lambda: Span(slot="s", start=0, end=1, value=value),
    ):
        with pytest.raises(ValidationError, match=r"finite number|so large"):
            broken()


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_no_constraint_holds_what_isnt_finite(value: float) -> None:
    for constraints in ({"minimum": value}, {"anyOf": [{"type": "null"}, {"enum": [1, value]}]}):
        slot = {"name": "s", "constraints": constraints}
        with pytest.raises(
            SchemaError, match=r"constraints: .*isn't a finite number.*Write a finite number"
        ):
            parse_schema({"functions": [{"name": "f", "slots": [slot]}]}, module=MODULE)


def test_a_constraint_may_be_as_large_as_a_tool_has_it() -> None:
    slot = {"name": "s", "constraints": {"maximum": 2**64 - 1}}
    schema = parse_schema({"functions": [{"name": "f", "slots": [slot]}]}, module=MODULE)
    text = schema.model_dump_json()
    assert parse_json(text)["functions"][0]["slots"][0]["constraints"] == slot["constraints"]


@pytest.mark.parametrize("value", BAD)
def test_no_argument_is_one(schema: Schema, value: float) -> None:
    function = require_function(schema, "book_flight")
    (problem,) = argument_problems(function, {"passengers": value})
    assert problem.startswith("slot 'passengers'")


@pytest.mark.parametrize("type_", ["integer", "number"])
@pytest.mark.parametrize("value", BAD)
def test_none_fits_a_slot(type_: SlotType, value: float) -> None:
    assert not fits_type(value, Slot(name="s", type=type_))
    assert fits_type(LARGEST_INTEGER, Slot(name="s", type=type_))


@pytest.mark.parametrize("number", ["9" * 16, "9" * 400, "9" * 5000])
def test_no_answer_has_one(schema: Schema, number: str) -> None:
    function = require_function(schema, "book_flight")
    found, problems = read_slots(f'{{"passengers": {number}, "origin": "Oslo"}}', function, None)
    assert "passengers" not in found
    assert len(problems) == 1
    train = [exemplar("t", "for 2", passengers="2")]
    known = Gazetteer(schema, train)
    assert known.arguments("book_flight", "for 3") == {"passengers": 3}
    arguments = known.arguments("book_flight", f"for {number}")
    assert Prediction(function="book_flight", arguments=arguments).arguments == {}


@pytest.mark.parametrize("text", ["NaN", "1e999", "-Infinity", "9" * 30, "9" * 5000])
def test_rows_with_one_are_rejected_alone(schema: Schema, tmp_path: Path, text: str) -> None:
    row = '{"utterance": "for %s", "function": "book_flight", "arguments": {"passengers": %s}}\n'
    path = tmp_path / "rows.jsonl"
    path.write_text(row % (text, text) + row % (2, 2))
    found = read("jsonl", path, module=MODULE, schema=schema)
    (rejection,) = found.rejections
    assert rejection.line == 1
    assert "finite number" in rejection.problem + rejection.remedy
    assert [e.arguments for e in found.exemplars] == [{"passengers": 2}]


@pytest.mark.parametrize("text", ["nan", "inf", "1e999", "9" * 30, "9" * 5000])
def test_a_cell_with_one_is_no_number(tmp_path: Path, text: str) -> None:
    slots = [{"name": "n", "type": "number"}, {"name": "t"}]
    schema = parse_schema({"functions": [{"name": "f", "slots": slots}]}, module=MODULE)
    path = tmp_path / "rows.csv"
    path.write_text(f"utterance,function,n,t\na,f,{text},\nb,f,1.5,{text}\n")
    found = read("csv", path, module=MODULE, schema=schema)
    assert [(r.line, r.field.partition(".")[0]) for r in found.rejections] == [(2, "arguments")]
    assert [e.arguments for e in found.exemplars] == [{"n": 1.5, "t": text}]


@pytest.mark.parametrize("text", ["NaN", "-Infinity", "1e999", "9" * 400])
def test_a_tool_with_one_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "tools.json"
    start = '[{"name": "f", "parameters": {"properties": {"x": {"enum": ['
    path.write_text(f"{start}{text}]}}}}}}}}]")
    try:
        (rejection,) = read("openai", path, module=MODULE, schema=None).rejections
        told = f"{rejection.field} {rejection.problem} {rejection.remedy}"
    except FormatError as error:
        told = str(error)
    assert "x.enum" in told
    assert "Write a finite number" in told


def test_the_annotation_page_can_send_none() -> None:
    operation: dict[str, Any] = {
        "kind": "decide",
        "seq": 1,
        "id": "a",
        "revision": 1,
        "function": "f",
        "arguments": {"n": json.loads("1e999")},
    }
    with pytest.raises(InputError, match=r"arguments\.n.*Infinity isn't a finite number"):
        parse_operation(operation)


@pytest.mark.parametrize("value", [1e20, -1e20, 2.0**60, 2.0])
def test_the_annotation_page_gives_back_what_it_was_sent(loaded: Workspace, value: float) -> None:
    slots = [{"name": "n", "type": "number"}, {"name": "l", "type": "number", "multi_value": True}]
    functions = [{"name": "f", "description": "Count.", "slots": slots}]
    put_schema(loaded, parse_schema({"functions": functions}, module=MODULE), who="t")
    row = AnnotatedExemplar(
        id="x", utterance="a lot", function="f", arguments={"n": value, "l": [value, 0.5]}
    )
    loaded.store.put_exemplars(MODULE, [row], who="t", source="t")
    digits = int(value)  # how JavaScript writes it
    ack = Tab(loaded, "ann").do(
        "decide",
        "x",
        loaded.store.exemplar(MODULE, "x").revision,
        function="f",
        arguments={"n": digits, "l": [digits, 0.5]},
        spans=[{"slot": "n", "start": 0, "end": 5, "value": digits, "text": "a lot"}],
        implied=["l"],
    )
    assert (ack["status"], ack["message"]) == ("stored", "")
    found = loaded.store.exemplar(MODULE, "x").exemplar
    assert repr(found.arguments) == repr(row.arguments)
    assert [repr(span.value) for span in found.spans or ()] == [repr(value)]


def test_it_cant_give_an_integer_that_it_doesnt_hold(loaded: Workspace) -> None:
    item = loaded.store.exemplars(MODULE, functions=["book_flight"])[0]
    ack = Tab(loaded, "ann").do(
        "decide",
        item.exemplar.id,
        item.revision,
        function="book_flight",
        arguments={"passengers": 10**20},
        implied=["passengers"],
    )
    assert ack["status"] == "refused"
    assert "passengers" in ack["message"]


def test_a_text_has_no_digits_that_a_number_didnt_hold(schema: Schema, tmp_path: Path) -> None:
    row = '{"utterance": "to %s", "function": "book_flight", "arguments": {"origin": %s}}\n'
    path = tmp_path / "rows.jsonl"
    given = ["12345678901234567890.0", "1e20", "12345678901234567890", "2.0"]
    path.write_text("".join(row % (text, text) for text in given))
    found = read("jsonl", path, module=MODULE, schema=schema)
    assert [(r.line, r.field) for r in found.rejections] == [(1, "arguments"), (2, "arguments")]
    assert [e.arguments["origin"] for e in found.exemplars] == ["12345678901234567890", "2"]


@pytest.mark.parametrize("name", ["a.csv", "a.xlsx", "a.jsonl"])
def test_large_numbers_come_back(tmp_path: Path, name: str) -> None:
    functions = [{"name": "f", "slots": [{"name": "n", "type": "number"}, {"name": "t"}]}]
    module = parse_schema({"functions": functions}, module=MODULE)
    given = [
        {"n": 1e20, "t": "12345678901234567890"},
        {"n": -(2.0**53), "t": "1e20"},
        {"n": LARGEST_INTEGER, "t": "9007199254740993.0"},
    ]
    rows = tuple(
        AnnotatedExemplar(id=str(n), utterance="u", function="f", arguments=arguments)
        for n, arguments in enumerate(given)
    )
    format = "jsonl" if name.endswith("l") else "csv"
    write(format, tmp_path / name, schema=module, exemplars=rows)
    found = read(format, tmp_path / name, module=MODULE, schema=module)
    assert [repr(e.arguments) for e in found.exemplars] == [repr(e.arguments) for e in rows]


@pytest.mark.parametrize("words", ["9" * 30, "9" * 5000])
def test_nobody_can_type_one(loaded: Workspace, words: str) -> None:
    with pytest.raises(InputError, match="passengers"):
        add(
            loaded,
            MODULE,
            f"for {words}",
            function="book_flight",
            typed={"passengers": words},
            who="t",
        )


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_no_setting_is_one(loaded: Workspace, value: float) -> None:
    with pytest.raises(InputError, match=r"accept_from: .* isn't a finite number"):
        loaded.store.change_settings(MODULE, {"accept_from": value}, who="t")
    assert loaded.store.settings(MODULE) == {}
    with pytest.raises(ValidationError):
        DatasetConfig(out_of_scope_cap=value)


def test_what_couldnt_be_read_again_isnt_stored(
    loaded: Workspace, make_exemplar: Callable[..., Any]
) -> None:
    row = make_exemplar("fly to Oslo", "book_flight")
    broken = row.model_copy(update={"arguments": {"passengers": math.nan}})  # unchecked
    with pytest.raises(InputError, match="can't be stored: it couldn't be read again"):
        loaded.store.put_exemplars(MODULE, [row, broken], who="t", source="t")
    assert row.id not in {i.exemplar.id for i in loaded.store.exemplars(MODULE)}


@pytest.mark.parametrize(
    ("figures", "english", "german"),
    [
        ("1,599", 1599, 1.599),
        ("1.599", 1.599, 1599),
        ("1 599", 1599, 1599),
        ("1'599", 1599, 1599),
        ("1\u202f234,50", 1234.5, 1234.5),
        ("1.599,00", 1599, 1599),
        ("1,599.00", 1599, 1599),
        ("1.599.000", 1599000, 1599000),
        ("1,59,900", 159900, 159900),
        ("48,60", 48.6, 48.6),
        ("0.125", 0.125, 0.125),
        ("٣٫٥", 3.5, 3.5),
        ("１，５９９", 1599, 1.599),
        ("007", None, None),
        ("1.2.3", None, None),
        ("1 2", None, None),
        ("1 234,500", None, 1234.5),
    ],
)
def test_figures_are_read_as_the_language_sets_them(
    figures: str, english: float | None, german: float | None
) -> None:
    assert (read_figures(figures, "en"), read_figures(figures, "de")) == (english, german)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("1,599", (1.599, 1599)),
        ("-1.599", (-1599, -1.599)),
        (" 12 ", (12,)),
        ("1.599,00", (1599,)),
        ("two", ()),
        ("1" * 400, ()),
        ("", ()),
        ("1e5", ()),
        ("−5", (-5,)),
    ],
)
def test_all_that_figures_may_mean_is_given(text: str, meant: tuple[float, ...]) -> None:
    assert possible_numbers(text, "de") == meant


@given(st.floats(allow_nan=False, allow_infinity=False), st.sampled_from(["en", "de", "fr", "ja"]))
def test_a_number_as_a_program_writes_it_is_among_what_it_may_mean(value: float, code: str) -> None:
    text = f"{value:.6f}" if abs(value) < 1e9 else ""
    assert not text or float(text) in possible_numbers(text, code)
